"""Drafts: cuts of a whole clip's latents, and what the transformer makes of a clip."""

import unittest

import numpy as np
import torch

from mini.train.decoder import draw_cut, example
from mini.train.drafts import STEPS, redraw
from mini.train.latent import GRID, PIXELS, STRIDE, LatentCode, Z
from mini.world import draw_scene, render


def random_code():
    rng = np.random.default_rng(0)
    matrices = [rng.standard_normal(shape).astype(np.float32) for shape in ((768,), (768, Z), (Z, 768))]
    return LatentCode(*matrices)


class Perfect:
    """Knows the clean latents; the velocity of every state is the one that leads there."""

    def __init__(self, clean):
        self.clean, self.seen = clean, []

    def rows(self, texts):
        return texts, None

    def velocity(self, x, sigma, rows, bias):
        self.seen.append(sigma)
        return (x - self.clean) / sigma.view(-1, 1, 1, 1, 1)


class Drafts(unittest.TestCase):
    def test_a_cut_of_the_whole_clip_is_the_code_of_the_cut(self):
        code, rng = random_code(), np.random.default_rng(1)
        for seed in range(4):
            scene = draw_scene(seed)
            whole = code.encode(render(scene, size=PIXELS))
            for cells, steps in ((4, 2), (GRID, 4)):
                cut = draw_cut(scene, rng, cells, steps, STRIDE)
                own, pixels, _ = example(code, scene, cut)
                cut_out, same, _ = example(code, scene, cut, whole)
                self.assertTrue(torch.equal(own, cut_out), cut)
                self.assertTrue(torch.equal(pixels, same))

    def test_a_perfect_transformer_draws_the_clip_itself(self):
        clean, start = torch.randn(2, Z, 3, 2, 2), torch.tensor([0.5, 0.8])
        denoiser = Perfect(clean)
        drawn = redraw(denoiser, clean, ["a", "b"], start)
        self.assertLess((drawn - clean).abs().max(), 1e-4)
        self.assertTrue(torch.equal(denoiser.seen[0], start))
        self.assertLess((denoiser.seen[-1] - start / STEPS).abs().max(), 1e-6)


if __name__ == "__main__":
    unittest.main()
