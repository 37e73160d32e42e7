"""Stage `start`: training goes on from a shipped model (--start DIR) instead of from nothing.

A model directory holds what its pipeline needs, and in DIR/training the linear code and the curves. What training knows
beyond that (the optimizers' memory, the text encoder's slot reader) begins anew; fp16 is what the weights come back from.
A directory of the few-step form gives the student (distill.pt); its teacher comes from one of the form of many steps.
"""

import shutil
from pathlib import Path

from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch.nn import ModuleList
from transformers import UMT5EncoderModel

from .curve import save
from .text import STEPS, SlotReader
from .tokens import Tokens
from .vae import parts


def trained(module):
    """What a stage of train/loop.py left, as far as its weights tell."""
    weights = module.float().state_dict()
    return {"weights": weights, "average": weights, "count": 0, "optimizers": None, "step": 0}


def run(options):
    out, model = Path(options.out), Path(options.start)
    if not (model / "training").is_dir():
        raise SystemExit(f"--start {model}: no folder `training` there; the stage `export` writes one")
    stage = "distill" if (model / "training/distill.csv").exists() else "dit"
    for file in (model / "training").iterdir():
        if stage == "dit" or file.name != "dit.csv":  # the curve of a teacher that is not here
            shutil.copy(file, out / file.name)
    shutil.copy(model / "tokenizer/spiece.model", out / "spiece.model")
    reader = SlotReader(len(Tokens(out)))
    reader.encoder = UMT5EncoderModel.from_pretrained(model / "text_encoder").float()
    save({"reader": reader.state_dict(), "step": STEPS}, out / "text.pt")
    save(trained(WanTransformer3DModel.from_pretrained(model / "transformer")), out / f"{stage}.pt")
    vae = AutoencoderKLWan.from_pretrained(model / "vae")
    for stage in ("decoder", "encoder"):
        if (out / f"{stage}.csv").exists():  # that was trained, not only initialised
            save(trained(ModuleList(parts(vae, stage))), out / f"{stage}.pt")
