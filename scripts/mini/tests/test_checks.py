"""The checks against true renders, and against films that are not the world's."""

import unittest
from dataclasses import replace

import numpy as np

from mini.evaluate.checks import read_film, read_object
from mini.world import SLOTS, draw_scene, render

COUNT = 60


class TrueRenders(unittest.TestCase):
    def test_every_slot_is_read_back(self):
        wrong = {slot: [] for slot in SLOTS}
        for seed in range(40_000_000, 40_000_000 + COUNT):
            scene = draw_scene(seed)
            seen = read_film(render(scene, np.linspace(0, 1, 17), size=64))
            for slot in SLOTS:
                if seen[slot] != getattr(scene, slot):
                    wrong[slot].append((seed, seen[slot], getattr(scene, slot)))
        for slot, cases in wrong.items():
            self.assertLessEqual(len(cases), 1, f"{slot}: {cases}")


class Outlines(unittest.TestCase):
    def test_a_box_with_a_crooked_ribbon_is_a_box(self):
        """As a film of the model shows it; by its parts alone it overlaps more with a ball and its stripe."""
        box = np.zeros((64, 64), bool)
        box[18:46, 22:44] = True
        box[:, 31:36] = box[26:31] = False
        self.assertEqual(read_object(np.repeat(box[None], 12, 0), turning=False), "box")


class Colours(unittest.TestCase):
    def test_a_sea_at_night_that_is_a_little_too_blue_is_no_object(self):
        """As films of the model show it: within blue's reach, but barely."""
        for colour in ("green", "white"):
            scene = replace(draw_scene(0), colour=colour, object="car", motion="left", size="large", background="sea", time="night")
            film = render(scene, np.linspace(0, 1, 17), size=64)
            film[..., 2] += np.where(film[..., 2] < 0.56, 0.05, 0)  # the sea's, not the object's
            self.assertEqual(read_film(film)["colour"], colour)


class OtherFilms(unittest.TestCase):
    def test_a_film_without_an_object_has_no_colour(self):
        seen = read_film(np.full((17, 64, 64, 3), (0.5, 0.55, 0.6), np.float32))
        self.assertEqual([seen[s] for s in ("colour", "object", "motion")], [None] * 3)

    def test_noise_is_read_without_a_crash(self):
        read_film(np.random.default_rng(0).random((17, 128, 128, 3)))

    def test_a_still_object_is_still(self):
        scene = draw_scene(3)
        frame = render(scene, np.array([0.5]), 64)
        self.assertEqual(read_film(np.repeat(frame, 17, 0))["motion"], "still")


if __name__ == "__main__":
    unittest.main()
