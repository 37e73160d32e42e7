"""Stage `decoder`: the VAE's decoder learns to draw 256x256 films from the linear code of latent.py.

It sees crops of 4x4 latent cells, mostly around the object, of short clips; in the last third whole pictures. A little
noise on the latents makes it forgive what a diffusion model gets wrong.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

from ..world import draw_scene, object_mask, render
from ..world.motion import pose
from .latent import GRID, PIXELS, LatentCode
from .loop import precision, train
from .muon import Optimizers
from .vae import PATCH, decode, make_vae, parts

SIDE = 256
NOISE = 0.06


@dataclass(frozen=True)
class Cut:
    """A part of a clip: `cells` x `cells` latent cells from (row, column), 1 + 4 * `steps` frames from time `start`."""

    row: int
    column: int
    cells: int
    start: float
    steps: int

    def times(self):
        return self.start + np.arange(1 + 4 * self.steps) / 32

    def window(self):
        return (self.column / GRID, self.row / GRID, self.cells / GRID)


def draw_cut(scene, rng, cells, steps):
    start = rng.integers(0, 33 - 4 * steps) / 32
    place = pose(scene, start + steps / 16)
    free = GRID - cells
    row, column = rng.integers(0, free + 1, 2)
    if rng.random() < 0.6:
        row, column = (int(np.clip(round(c * GRID - cells / 2), 0, free)) for c in (place.y, place.x))
    return Cut(int(row), int(column), cells, float(start), steps)


def example(code, scene, cut):
    """The code of a cut, [Z, 1+n, cells, cells], its pixels in [-1, 1], [3, T, H, W], and the object's cover."""
    z = code.encode(render(scene, cut.times(), PIXELS))
    z = z[:, :, cut.row : cut.row + cut.cells, cut.column : cut.column + cut.cells]
    size = SIDE * cut.cells // GRID
    pixels = render(scene, cut.times(), size, cut.window()).transpose(3, 0, 1, 2) * 2 - 1
    mask = object_mask(scene, cut.times(), size, cut.window())[None]
    return tuple(torch.from_numpy(np.ascontiguousarray(a, np.float32)) for a in (z, pixels, mask))


def batch(code, rng, count, cells, steps):
    items = []
    for seed in rng.integers(0, 10_000_000, count):
        scene = draw_scene(int(seed))
        items.append(example(code, scene, draw_cut(scene, rng, cells, steps)))
    return [torch.stack(a) for a in zip(*items)]


def picture_loss(drawn, pixels, mask):
    """Distance of colours and of edges, the object counting three times, and the logarithm of a clip's mean square."""
    difference = drawn - pixels
    clip = 0.05 * torch.log(difference.square().mean((1, 2, 3, 4)) + 1e-4).mean()
    weight = 1 + 2 * mask
    colour = (weight * torch.sqrt(difference**2 + 1e-4)).mean()
    edges = (weight[..., 1:] * (difference[..., 1:] - difference[..., :-1]).abs()).mean()
    edges = edges + (weight[..., 1:, :] * (difference[..., 1:, :] - difference[..., :-1, :]).abs()).mean()
    return colour + 0.5 * edges + clip


@torch.no_grad()
def held_out_psnr(vae, code, count, device):
    """Mean over held-out whole clips, in dB."""
    values = []
    for seed in range(20_000_000, 20_000_000 + count):
        z, pixels, _ = example(code, draw_scene(seed), Cut(0, 0, GRID, 0.0, 8))
        drawn = unpatchify(decode(vae, z[None].to(device)), PATCH).clamp(-1, 1).cpu()[0]
        values.append(-10 * torch.log10(((drawn - pixels) / 2).square().mean()).item())
    return float(np.mean(values))


def is_kernel(name, parameter):
    """The weights that Muon trains: convolutions over more than a point."""
    return parameter.ndim == 4 or (parameter.ndim == 5 and parameter.shape[2:].numel() > 1)


def cut_size(done):
    """Crops first, whole pictures at the end: only there do the convolutions see the picture's edge."""
    return (GRID, 4, 2) if done > 0.67 else (4, 2, 8)


def run(options):
    device = options.device
    code = LatentCode.load(Path(options.out) / "code.safetensors")
    torch.manual_seed(0)
    vae = make_vae().to(device)
    trained = torch.nn.ModuleList(parts(vae, "decoder"))

    def loss_of(rng, done):
        cells, steps, count = cut_size(done)
        z, pixels, mask = (a.to(device) for a in batch(code, rng, count, cells, steps))
        z = z + NOISE * 2 * torch.rand(count, 1, 1, 1, 1, device=device) * torch.randn_like(z)
        with precision(device):
            drawn = unpatchify(decode(vae, z), PATCH).float()
        return picture_loss(drawn, pixels, mask)

    def measure():
        return held_out_psnr(vae, code, 1 if options.check else 4, device)

    train(options, "decoder", trained, Optimizers(trained, is_kernel, lr=2e-3), loss_of, measure)
