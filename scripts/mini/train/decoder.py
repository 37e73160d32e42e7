"""Stage `decoder`: the VAE's decoder learns to draw 256x256 films from the linear code of latent.py.

It sees crops of 4x4 latent cells, mostly around the object, of short clips; in the last sixth whole pictures. A little
noise on the latents makes it forgive what a diffusion model gets wrong, and so does every second latent of drafts.py, once
there are some: drawn by the transformer, judged by the true picture.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

from ..world import draw_scene, object_mask, render
from ..world.motion import pose
from .drafts import FILE as DRAFTS
from .latent import GRID, PIXELS, STRIDE, LatentCode
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

    def latents(self):
        """The whole clip's latent frames after this cut's first, which stands for one picture; for starts at a latent."""
        first = 1 + round(self.start * 32) // STRIDE
        return slice(first, first + self.steps)

    def window(self):
        return (self.column / GRID, self.row / GRID, self.cells / GRID)


def draw_cut(scene, rng, cells, steps, every=1):
    """A cut that starts at a multiple of `every` frames."""
    start = every * rng.integers(0, (32 - 4 * steps) // every + 1) / 32
    place = pose(scene, start + steps / 16)
    free = GRID - cells
    row, column = rng.integers(0, free + 1, 2)
    if rng.random() < 0.6:
        row, column = (int(np.clip(round(c * GRID - cells / 2), 0, free)) for c in (place.y, place.x))
    return Cut(int(row), int(column), cells, float(start), steps)


def example(code, scene, cut, draft=None):
    """The code of a cut, [Z, 1+n, cells, cells], its pixels in [-1, 1], [3, T, H, W], and the object's cover. A draft of
    the whole clip, [Z, 9, 8, 8], stands in for all but the first latent frame."""
    if draft is None:
        z = code.encode(render(scene, cut.times(), PIXELS))
    else:
        z = np.concatenate([code.encode(render(scene, cut.times()[:1], PIXELS)), draft[:, cut.latents()]], 1)
    z = z[:, :, cut.row : cut.row + cut.cells, cut.column : cut.column + cut.cells]
    size = SIDE * cut.cells // GRID
    pixels = render(scene, cut.times(), size, cut.window()).transpose(3, 0, 1, 2) * 2 - 1
    mask = object_mask(scene, cut.times(), size, cut.window())[None]
    return tuple(torch.from_numpy(np.ascontiguousarray(a, np.float32)) for a in (z, pixels, mask))


class Examples:
    def __init__(self, code, drafts=None):
        """drafts: the file of stage `drafts`; where it is not there, all latents are true."""
        self.code, self.seeds = code, []
        if drafts and drafts.exists():
            with np.load(drafts) as file:
                self.latents, self.seeds = file["latents"].astype(np.float32), file["seeds"]

    def draw(self, rng, cells, steps):
        if len(self.seeds) and rng.random() < 0.5:
            k = rng.integers(0, len(self.seeds))
            scene = draw_scene(int(self.seeds[k]))
            return example(self.code, scene, draw_cut(scene, rng, cells, steps, STRIDE), self.latents[k])
        scene = draw_scene(int(rng.integers(0, 10_000_000)))
        return example(self.code, scene, draw_cut(scene, rng, cells, steps))

    def batch(self, rng, count, cells, steps):
        return [torch.stack(a) for a in zip(*(self.draw(rng, cells, steps) for _ in range(count)))]


def picture_loss(drawn, pixels, mask):
    """Distance of colours and of edges, the object counting three times."""
    difference = drawn - pixels
    weight = 1 + 2 * mask
    colour = (weight * torch.sqrt(difference**2 + 1e-4)).mean()
    edges = (weight[..., 1:] * (difference[..., 1:] - difference[..., :-1]).abs()).mean()
    edges = edges + (weight[..., 1:, :] * (difference[..., 1:, :] - difference[..., :-1, :]).abs()).mean()
    return colour + 0.5 * edges


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
    return (GRID, 4, 2) if done > 0.83 else (4, 2, 8)


def run(options):
    device = options.device
    code = LatentCode.load(Path(options.out) / "code.safetensors")
    examples = Examples(code, Path(options.out) / DRAFTS)
    torch.manual_seed(0)
    vae = make_vae().to(device)
    trained = torch.nn.ModuleList(parts(vae, "decoder"))

    def loss_of(rng, done):
        cells, steps, count = cut_size(done)
        z, pixels, mask = (a.to(device) for a in examples.batch(rng, count, cells, steps))
        z = z + NOISE * 2 * torch.rand(count, 1, 1, 1, 1, device=device) * torch.randn_like(z)
        with precision(device):
            drawn = unpatchify(decode(vae, z), PATCH).float()
        return picture_loss(drawn, pixels, mask)

    def measure():
        return held_out_psnr(vae, code, 1 if options.check else 4, device)

    train(options, "decoder", trained, Optimizers(trained, is_kernel, lr=2e-3), loss_of, measure)
