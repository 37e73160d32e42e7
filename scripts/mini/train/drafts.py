"""Stage `drafts`: clips as the transformer draws them, whose true pictures are known, for the decoder to learn from.

Latents of training clips get noise up to a sigma in FROM and are denoised from there as a film is, under their caption.
Where the object is and what it looks like survives that (README.md), but the latents have the transformer's mistakes.
"""

from pathlib import Path

import numpy as np
import torch

from ..world import draw_scene
from ..world.captions import caption
from .data import load_shards
from .distill import GUIDANCE, guided
from .dit import load_denoiser
from .loop import precision

FROM = (0.5, 0.8)
STEPS = 6
COUNT = 1000
FILE = "drafts.npz"


@torch.no_grad()
def redraw(denoiser, clean, texts, start):
    """Latents [B, Z, T, H, W] with noise of level start [B], denoised in STEPS equal steps under guidance."""
    column = start.view(-1, 1, 1, 1, 1)
    x = (1 - column) * clean + column * torch.randn_like(clean)
    named, empty = denoiser.rows(texts), denoiser.rows([""] * len(texts))
    for step in range(STEPS):
        x = x - column / STEPS * guided(denoiser, x, start * (1 - step / STEPS), named, empty).float()
    return x


def run(options):
    out, device = Path(options.out), options.device
    if (out / FILE).exists():
        return
    torch.manual_seed(0)
    denoiser = load_denoiser(out, device)
    if not options.check:
        denoiser.compile()
    latents, _, seeds = load_shards(out / "data")
    rng = np.random.default_rng(0)
    size, count = 8, 8 if options.check else COUNT
    picks = rng.choice(len(seeds), count, replace=False)
    drafts = []
    for some in np.split(picks, count // size):
        clean = torch.from_numpy(latents[some].astype(np.float32)).to(device)
        texts = [caption(draw_scene(int(s)), rng, partial=False)[0] for s in seeds[some]]
        start = torch.empty(size, device=device).uniform_(*FROM)
        with precision(device):
            drafts.append(redraw(denoiser, clean, texts, start).cpu().numpy().astype(np.float16))
    part = (out / FILE).with_suffix(".part.npz")
    np.savez(part, latents=np.concatenate(drafts), seeds=seeds[picks])
    part.rename(out / FILE)
