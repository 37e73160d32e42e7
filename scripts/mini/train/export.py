"""Stage `export`: the trained parts as a model directory in diffusers' layout, fp16, with soragen's own soragen.json."""

import json
import re
import shutil
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from transformers import T5Tokenizer

from ..world import SLOTS
from ..world.lexicon import nearest
from ..world.words import WORDS
from .curve import load
from .distill import GUIDANCE, SHIFT, STEPS
from .dit import load_denoiser
from .text import load_encoder
from .vae import make_vae, parts

FILM = {"size": "256x256", "frames": 33, "fps": 12, "negative_prompt": ""}
SAMPLING = {  # by the stage whose transformer is exported
    "dit": {"steps": 20, "guidance": GUIDANCE},
    "distill": {"steps": STEPS, "guidance": 1.0},
}
EXAMPLES = (
    "a large red ball bounces over the hills by day",
    "a small yellow star spins in space",
    "a large orange boat moves right over the sea at sunset",
    "a large blue car moves left in the city at night",
    "a large pink heart grows in a studio",
    "a large green balloon rises over the desert at sunset",
    "a white rocket rises in space",
    "a small purple fish circles over the sea by day",
    "a large white box falls in a studio",
    "a big yellow car moves right in the desert by day",
    "a small red boat moves left over the sea at night",
    "a purple balloon shrinks over the hills at sunset",
    "an orange ball circles in a studio",
    "a little green star falls over the city at night",
    "a blue rocket grows in space",
    "a small pink fish bounces over the sea at sunset",
    "a large red heart spins over the city by day",
    "a small blue box bounces over the hills at night",
)
FUNCTION_WORDS = {"a", "an", "at", "by", "in", "of", "on", "to", "the", "from", "over", "under", "above", "against", "among", "around",
                  "between", "during", "front", "into", "out", "up", "and", "is", "tall", "plain", "off", "away", "gets", "getting"}
PARTS = {
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "tokenizer": ["transformers", "T5Tokenizer"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": [None, None],
    "vae": ["diffusers", "AutoencoderKLWan"],
}


def vocabulary():
    """What the model knows: the values of each slot, prompts to try, and for hints the words that mean something."""
    phrases = " ".join(
        part for values in WORDS.values() for choices in values.values() for item in choices
        for part in (item if isinstance(item, tuple) else (item,)))
    words = sorted(set(re.findall("[a-z]+", phrases.lower())) - FUNCTION_WORDS)
    slots = {slot: list(values) for slot, values in SLOTS.items()}
    return {"slots": slots, "examples": list(EXAMPLES), "words": words, "nearest": nearest(words)}


def load_vae(out):
    """The VAE of averaged weights; an encoder that was not trained yet keeps its start."""
    torch.manual_seed(0)
    vae = make_vae()
    for stage in ("decoder", "encoder"):
        if state := load(Path(out) / f"{stage}.pt"):
            torch.nn.ModuleList(parts(vae, stage)).load_state_dict(state["average"])
    return vae.eval().requires_grad_(False)


def _write_tokenizer(out, folder):
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(out / "spiece.model", folder / "spiece.model")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": [], "pad_token": "<pad>",
        "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": 512}, indent=1))
    # diffusers wants tokenizer.json beside the SentencePiece model.
    T5Tokenizer.from_pretrained(folder).backend_tokenizer.save(str(folder / "tokenizer.json"))


def _write_training(out, folder, stages):
    """What the stage `start` needs beside the weights, and how they came about."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    curves = [out / f"{stage}.csv" for stage in stages]
    for file in (out / "code.safetensors", *filter(Path.exists, curves)):
        shutil.copy(file, folder / file.name)


def best_stage(out):
    """The few-step form where there is one."""
    return "distill" if (Path(out) / "distill.pt").exists() else "dit"


def run(options):
    out = Path(options.out)
    folder, stage = out / "soragen-mini", options.transformer or best_stage(out)
    _write_tokenizer(out, folder / "tokenizer")
    load_encoder(out).half().save_pretrained(folder / "text_encoder")
    transformer = load_denoiser(out, "cpu", stage).model
    transformer.half().save_pretrained(folder / "transformer")
    load_vae(out).half().save_pretrained(folder / "vae")
    FlowMatchEulerDiscreteScheduler(shift=SHIFT).save_pretrained(folder / "scheduler")
    _write_training(out, folder / "training", ["text", "decoder", "encoder", "dit", *(["distill"] if stage == "distill" else [])])
    index = {"_class_name": "WanPipeline", "_diffusers_version": "0.42.1", "boundary_ratio": None, "expand_timesteps": False, **PARTS}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    soragen = {"defaults": {**FILM, **SAMPLING[stage]}, "vocabulary": vocabulary()}
    (folder / "soragen.json").write_text(json.dumps(soragen, indent=1) + "\n")
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"export: {folder}, {size / 1e6:.1f} MB")
