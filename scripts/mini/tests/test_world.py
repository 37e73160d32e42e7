"""The world: scenes are reproducible, frames are pure functions of (scene, t), held-out combinations never train."""

import unittest
from dataclasses import replace

import numpy as np

from mini.train.latent import PIXELS, blocks, unblocks
from mini.world import SLOTS, draw_scene, object_mask, render
from mini.world.captions import SPLITS, caption
from mini.world.scene import COLOURS, OBJECTS, held_out


class Scenes(unittest.TestCase):
    def test_a_seed_is_a_scene(self):
        self.assertEqual(draw_scene(5), draw_scene(5))
        self.assertNotEqual(draw_scene(5), draw_scene(6))

    def test_held_out_combinations_are_not_drawn_for_training(self):
        self.assertTrue(all(held_out(draw_scene(s)) is None for s in range(300)))
        self.assertEqual({held_out(draw_scene(s, "pair")) for s in range(20)}, {"pair"})
        self.assertEqual({held_out(draw_scene(s, "triple")) for s in range(20)}, {"triple"})

    def test_few_pairs_are_held_out_and_every_value_is_seen(self):
        scene = draw_scene(0)
        pairs = [held_out(replace(scene, colour=c, object=o)) == "pair" for c in COLOURS for o in OBJECTS]
        self.assertTrue(0 < np.mean(pairs) < 0.1)
        seen = {(slot, value) for s in range(400) for slot, value in draw_scene(s).slots().items()}
        self.assertEqual(seen, {(slot, v) for slot, values in SLOTS.items() for v in values})


class Frames(unittest.TestCase):
    def test_any_frame_alone_equals_the_frame_of_the_clip(self):
        for seed in range(12):
            scene = draw_scene(seed)
            clip = render(scene, np.array([0.0, 0.5, 1.0]), 64)
            np.testing.assert_array_equal(clip[1], render(scene, np.array([0.5]), 64)[0])

    def test_a_window_equals_the_same_part_of_the_whole(self):
        for seed in range(12):
            scene = draw_scene(seed)
            whole = render(scene, np.array([0.3]), 128)
            part = render(scene, np.array([0.3]), 64, (0.25, 0.5, 0.5))
            np.testing.assert_allclose(part[0], whole[0, 64:, 32:96], atol=2e-3)

    def test_a_small_picture_is_the_average_of_a_large_one(self):
        # The latent code is computed from 64x64 pictures and the decoder is trained on 256x256 ones.
        for seed in range(12):
            scene = draw_scene(seed)
            large = render(scene, np.array([0.3]), 256)[0].reshape(64, 4, 64, 4, 3).mean((1, 3))
            error = ((large - render(scene, np.array([0.3]), 64)[0]) ** 2).mean()
            self.assertLess(error, 10**-3.7, f"seed {seed}: {-10 * np.log10(error):.1f} dB")

    def test_the_object_is_in_the_picture(self):
        for seed in range(40):
            cover = object_mask(draw_scene(seed), np.array([0.0, 0.5, 1.0]), 64).mean((1, 2))
            self.assertGreater(cover.min(), 0.005)

    def test_blocks_come_back(self):
        clip = np.random.default_rng(0).random((9, PIXELS, PIXELS, 3))
        np.testing.assert_allclose(unblocks(blocks(clip)), clip)


class Captions(unittest.TestCase):
    def test_a_full_caption_names_every_slot(self):
        rng = np.random.default_rng(0)
        for seed in range(50):
            scene = draw_scene(seed)
            text, named = caption(scene, rng, synonyms=0.0, fillers=0.0, partial=False)
            self.assertEqual(named, scene.slots())
            for word in (scene.colour, scene.size, scene.object):
                self.assertIn(word, text.lower())

    def test_phrasings_are_held_out(self):
        self.assertFalse(set(SPLITS["train"]) & set(SPLITS["held_out"]))
        self.assertGreaterEqual(len(SPLITS["held_out"]), 3)

    def test_captions_are_tidy(self):
        rng = np.random.default_rng(0)
        for seed in range(300):
            text = caption(draw_scene(seed), rng, split=("train", "held_out")[seed % 2])[0]
            self.assertTrue(text)
            self.assertNotRegex(text, r"  | ,|,,|\{|\.\.|^[ ,.]|: *$")


if __name__ == "__main__":
    unittest.main()
