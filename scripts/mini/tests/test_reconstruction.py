"""The linear code that the VAE is measured against: its error is that of the picture it gives."""

import unittest

import numpy as np
import torch

from mini.evaluate.reconstruction import SIDE, TIME, blocks, linear_errors, picture
from mini.world import draw_scene


def drawn(flat):
    """[1+n, h, w, D] -> [1+4n, H, W, 3], the first cell by its last frame."""
    t, h, w, _ = flat.shape
    split = flat.numpy().reshape(t, h, w, TIME, SIDE, SIDE, 3).transpose(0, 3, 1, 4, 2, 5, 6)
    return split.reshape(t * TIME, h * SIDE, w * SIDE, 3)[TIME - 1 :]


class Linear(unittest.TestCase):
    def test_blocks_hold_the_whole_picture(self):
        clip = picture(draw_scene(5))
        np.testing.assert_array_equal(drawn(blocks(clip)), clip)

    def test_error_is_the_pictures(self):
        torch.manual_seed(0)
        scene = draw_scene(5)
        clip = picture(scene)
        flat = blocks(clip)
        basis = torch.linalg.qr(torch.cat([flat[:2].flatten(0, 2).T, torch.randn(flat.shape[-1], 8)], 1))[0]
        mean = flat.mean((0, 1, 2))
        linear = mean + (flat - mean) @ basis @ basis.T
        # Frames of the first cell are equal in the clip, and so in any linear code that a block of equal frames spans.
        want = np.square((drawn(linear) - clip) / 2).mean()
        self.assertAlmostEqual(linear_errors(mean, basis, [scene])[0] / want, 1, delta=0.02)


if __name__ == "__main__":
    unittest.main()
