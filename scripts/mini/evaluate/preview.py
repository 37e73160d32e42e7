"""Films straight from the training folder, to see how far it is: a contact sheet and the checks' accuracy.

    python -m mini.evaluate.preview --out DIR --count 24 --png sheet.png [--linear]

The linear picture needs no VAE. This is for looking while training runs; the numbers of the model card come from films
that the soragen binary made (evaluate/table.py).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

from ..train.dit import load_denoiser
from ..train.distill import SHIFT
from ..train.export import load_vae
from ..train.latent import Z, LatentCode
from ..train.vae import PATCH, decode
from ..world import SLOTS, draw_scene
from ..world.captions import caption
from .checks import read_film
from .sheet import sheet


@torch.no_grad()
def sample(denoiser, texts, steps=20, guidance=3.0, seed=0):
    """Euler steps with guidance; latents [B, Z, 9, 8, 8]."""
    count = len(texts)
    x = torch.randn(count, Z, 9, 8, 8, generator=torch.Generator().manual_seed(seed))
    scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    scheduler.set_timesteps(steps)
    sigmas = scheduler.sigmas
    named, empty = denoiser.rows(texts), denoiser.rows([""] * count)
    for here, there in zip(sigmas[:-1], sigmas[1:]):
        sigma = here.expand(count)
        v = denoiser.velocity(x, sigma, *named)
        if guidance != 1:
            v0 = denoiser.velocity(x, sigma, *empty)
            v = v0 + guidance * (v - v0)
        x = x + (there - here) * v
    return x


@torch.no_grad()
def films(out, latents, linear):
    if linear:
        code = LatentCode.load(Path(out) / "code.safetensors")
        return [code.decode(z.numpy()).clip(0, 1) for z in latents]
    vae = load_vae(out)
    drawn = (unpatchify(decode(vae, z[None]), PATCH)[0] for z in latents)
    return [(d.clamp(-1, 1).permute(1, 2, 3, 0).numpy() + 1) / 2 for d in drawn]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--stage", default="dit", choices=["dit", "distill"])
    parser.add_argument("--png", required=True)
    parser.add_argument("--linear", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(7)
    scenes = [draw_scene(s) for s in range(60_000_000, 60_000_000 + options.count)]
    texts = [caption(s, rng, partial=False)[0] for s in scenes]
    clips = films(options.out, sample(load_denoiser(options.out, "cpu", options.stage), texts, options.steps, options.guidance), options.linear)
    sheet(clips, options.png)
    right = {slot: [] for slot in SLOTS}
    for scene, text, clip in zip(scenes, texts, clips):
        seen = read_film(clip)
        wrong = [f"{s}: {seen[s]} for {v}" for s, v in scene.slots().items() if seen[s] != v]
        for slot, value in scene.slots().items():
            right[slot].append(seen[slot] == value)
        print(text, "|", "; ".join(wrong) or "all right")
    print({slot: round(float(np.mean(r)), 3) for slot, r in right.items()}, "of", options.count)


if __name__ == "__main__":
    main()
