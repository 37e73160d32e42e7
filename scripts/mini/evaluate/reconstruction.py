"""How well the VAE keeps a film, beside a linear code of the same blocks and as many numbers, on the same scenes.

    PYTHONPATH=scripts python -m mini.evaluate.reconstruction --model models/soragen-mini --count 48

The linear code is PCA of blocks of 32x32x4 pixels, as a latent cell covers them; the first frame, which has a cell of its
own, is coded as four equal ones. PSNR in dB is a film's own, then the mean over films.
"""

import argparse

import numpy as np
import torch

from ..train.latent import Z
from ..world import draw_scene, render
from .table import prompts, round_trip

SIDE, TIME = 32, 4  # of a block: pixels a side, frames
FIRST_SEED, CLIPS, BLOCKS = 10_000_000, 300, 48  # what PCA is fitted to: clips that train, blocks of each


def blocks(clip):
    """[1+4n, H, W, 3] -> [1+n, h, w, 4*32*32*3]."""
    clip = np.concatenate([np.repeat(clip[:1], TIME, 0), clip[1:]])
    t, height, width, _ = clip.shape
    split = clip.reshape(t // TIME, TIME, height // SIDE, SIDE, width // SIDE, SIDE, 3)
    return torch.from_numpy(split.transpose(0, 2, 4, 1, 3, 5, 6).reshape(t // TIME, height // SIDE, width // SIDE, -1))


def picture(scene):
    """[33, 256, 256, 3] in [-1, 1]."""
    return render(scene, size=256).astype(np.float32) * 2 - 1


def principal_components():
    """The mean block and the first Z directions, [D] and [D, Z]."""
    rng, rows = np.random.default_rng(0), []
    for seed in range(FIRST_SEED, FIRST_SEED + CLIPS):
        flat = blocks(picture(draw_scene(seed))).flatten(0, 2)
        rows.append(flat[torch.from_numpy(rng.choice(len(flat), BLOCKS, replace=False))])
    rows = torch.cat(rows)
    mean = rows.mean(0)
    torch.manual_seed(0)
    return mean, torch.svd_lowrank(rows - mean, q=Z + 32, niter=4)[2][:, :Z]


def linear_errors(mean, basis, scenes):
    """Mean square error of each film under the linear code, of pixels in [0, 1]."""
    errors = []
    for scene in scenes:
        flat = blocks(picture(scene)) - mean
        cells = ((flat - flat @ basis @ basis.T) / 2).square().mean((1, 2, 3))  # [1+n]
        frames = torch.tensor([1.0] + [TIME] * (len(cells) - 1))  # the first cell's four frames are one
        errors.append(((cells * frames).sum() / frames.sum()).item())
    return errors


def vae_errors(model, scenes):
    return [np.square(film - render(scene, size=256)).mean() for scene, film in zip(scenes, round_trip(model, scenes))]


def line(name, scenes, errors):
    psnr = -10 * np.log10(errors)
    families = {}
    for scene, value in zip(scenes, psnr):
        families.setdefault(scene.background, []).append(value)
    means = ", ".join(f"{family} {np.mean(values):.1f}" for family, values in sorted(families.items()))
    print(f"{name}: mean {np.mean(psnr):.2f} dB, worst film {np.min(psnr):.1f} ({means})", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, default=48)
    options = parser.parse_args()
    scenes, _ = prompts("seen", options.count)
    line("VAE", scenes, vae_errors(options.model, scenes))
    line("linear", scenes, linear_errors(*principal_components(), scenes))


if __name__ == "__main__":
    main()
