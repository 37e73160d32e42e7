"""Stage `encoder`: the VAE's encoder learns to compute the linear code from 256x256 films.

Nothing in text-to-video needs it; whatever starts from a film does. The error is in units of the latent, whose channels
have a size near 1.
"""

from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify

from ..world import draw_scene
from .decoder import Cut, batch, cut_size, example, is_kernel
from .latent import GRID, LatentCode
from .loop import precision, train
from .muon import Optimizers
from .vae import PATCH, encode, make_vae, parts


@torch.no_grad()
def held_out_error(vae, code, count, device):
    """Root mean square error of the latent on held-out whole clips."""
    errors = []
    for seed in range(20_000_000, 20_000_000 + count):
        z, pixels, _ = example(code, draw_scene(seed), Cut(0, 0, GRID, 0.0, 8))
        ours = encode(vae, patchify(pixels[None].to(device), PATCH)).cpu()[0]
        errors.append((ours - z).square().mean().item())
    return float(np.sqrt(np.mean(errors)))


def run(options):
    device = options.device
    code = LatentCode.load(Path(options.out) / "code.safetensors")
    torch.manual_seed(0)
    vae = make_vae().to(device)
    trained = torch.nn.ModuleList(parts(vae, "encoder"))

    def loss_of(rng, done):
        cells, steps, count = cut_size(done)
        z, pixels, _ = (a.to(device) for a in batch(code, rng, count, cells, steps))
        with precision(device):
            ours = encode(vae, patchify(pixels, PATCH)).float()
        return (ours - z).abs().mean()

    def measure():
        return held_out_error(vae, code, 1 if options.check else 4, device)

    train(options, "encoder", trained, Optimizers(trained, is_kernel, lr=2e-3), loss_of, measure)
