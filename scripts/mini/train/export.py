"""Stage `export`: the trained parts as a model directory in diffusers' layout, fp16, with soragen's own soragen.json."""

import json
import shutil
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from transformers import T5Tokenizer

from ..world import SLOTS
from ..world.words import WORDS
from .curve import load
from .dit import make_dit
from .text import load_encoder
from .vae import make_vae

DEFAULTS = {"size": "256x256", "frames": 33, "fps": 12, "steps": 20, "guidance": 3.0, "negative_prompt": ""}
SHIFT = 3.0
EXAMPLES = (
    "a large red ball bounces over the hills by day",
    "a small yellow star spins in space",
    "a large orange boat moves right over the sea at sunset",
    "a large blue car moves left in the city at night",
    "a large pink heart grows in a studio",
    "a large green balloon rises over the desert at sunset",
)
PARTS = {
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "tokenizer": ["transformers", "T5Tokenizer"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": [None, None],
    "vae": ["diffusers", "AutoencoderKLWan"],
}


def vocabulary():
    """What the model knows: the values of each slot, the words for each value, prompts to try."""
    words = {
        slot: {value: sorted({w for item in choices for w in (item if isinstance(item, tuple) else (item,))})
               for value, choices in values.items()}
        for slot, values in WORDS.items()
    }
    return {"slots": {slot: list(values) for slot, values in SLOTS.items()}, "words": words, "examples": list(EXAMPLES)}


def load_vae(out):
    """The VAE of averaged weights; an encoder that was not trained yet keeps its start."""
    torch.manual_seed(0)
    vae = make_vae()
    for name, parts in (("decoder", [vae.decoder, vae.post_quant_conv]), ("encoder", [vae.encoder, vae.quant_conv])):
        state = load(Path(out) / f"{name}.pt")
        if state:
            torch.nn.ModuleList(parts).load_state_dict(state["average"])
    return vae.eval().requires_grad_(False)


def _write_tokenizer(out, folder):
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(out / "spiece.model", folder / "spiece.model")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": [], "pad_token": "<pad>",
        "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": 512}, indent=1))
    # diffusers wants tokenizer.json beside the SentencePiece model.
    T5Tokenizer.from_pretrained(folder).backend_tokenizer.save(str(folder / "tokenizer.json"))


def run(options):
    out = Path(options.out)
    folder = out / "soragen-mini"
    _write_tokenizer(out, folder / "tokenizer")
    load_encoder(out).half().save_pretrained(folder / "text_encoder")
    transformer = make_dit()
    transformer.load_state_dict(load(out / "dit.pt")["average"])
    transformer.half().save_pretrained(folder / "transformer")
    load_vae(out).half().save_pretrained(folder / "vae")
    FlowMatchEulerDiscreteScheduler(shift=SHIFT).save_pretrained(folder / "scheduler")
    index = {"_class_name": "WanPipeline", "_diffusers_version": "0.42.1", "boundary_ratio": None, "expand_timesteps": False, **PARTS}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    soragen = {"defaults": DEFAULTS, "vocabulary": vocabulary()}
    (folder / "soragen.json").write_text(json.dumps(soragen, indent=1) + "\n")
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"export: {folder}, {size / 1e6:.1f} MB")
