"""Seeded weights for the golden checkpoints."""

import torch

from .scales import scale_of


@torch.no_grad()
def randomize(model, seed):
    """Draws every parameter of `model` in the order of their names."""
    generator = torch.Generator("cpu").manual_seed(seed)
    for name, tensor in sorted(model.named_parameters()):
        mean, deviation = scale_of(name, tensor.shape)
        tensor.copy_(mean + deviation * torch.randn(tensor.shape, generator=generator))
    return model.eval().requires_grad_(False)


def latent_statistics(channels, seed):
    """latents_mean and latents_std of a VAE config, off zero and one."""
    generator = torch.Generator("cpu").manual_seed(seed)
    mean = 0.5 * torch.randn(channels, generator=generator)
    deviation = 0.7 + 0.6 * torch.rand(channels, generator=generator)
    return [round(float(v), 4) for v in mean], [round(float(v), 4) for v in deviation]
