"""The few-step form's lessons: what the teacher shows, and where the student is when it asks."""

import unittest

import numpy as np
import torch

from mini.train.distill import GUIDANCE, LEARNED, STEPS, Films, Lessons, step_sigmas, teach


class Linear:
    """A denoiser whose velocity is sigma times a number of the text's: its films are known in closed form."""

    def velocity(self, x, sigma, number):
        return (number * sigma).view(-1, 1, 1, 1, 1).expand_as(x)


class Teacher(unittest.TestCase):
    def test_goes_the_straight_way_to_where_guidance_leads(self):
        x = torch.randn(2, 3, 1, 2, 2)
        start, end = torch.tensor([1.0, 0.5]), torch.tensor([0.9, 0.2])
        named, empty = torch.tensor([2.0, 3.0]), torch.tensor([1.0, -1.0])
        slope = empty + GUIDANCE * (named - empty)  # dx/dsigma = slope * sigma
        want = slope * (end**2 - start**2) / 2 / (end - start)
        torch.testing.assert_close(teach(Linear(), x, start, end, [named], [empty]), want.view(-1, 1, 1, 1, 1).expand_as(x))

    def test_the_step_that_is_not_learned_moves_next_to_nothing(self):
        sigmas = step_sigmas()
        self.assertEqual(len(sigmas), STEPS + 1)
        self.assertLess(sigmas[LEARNED] - sigmas[STEPS], 0.01)


class Walk(unittest.TestCase):
    def test_films_go_on_where_the_student_is_and_begin_with_noise_of_their_own(self):
        torch.manual_seed(0)
        rng, films, met = np.random.default_rng(0), Films(16), np.zeros(LEARNED)
        for _ in range(100):
            films.begin(rng)
            met += np.bincount(films.steps, minlength=LEARNED)
            before, texts = films.steps.clone(), list(films.texts)
            moved = torch.full_like(films.x, 7.0)
            films.move(moved, rng)
            self.assertEqual(films.fresh, torch.nonzero(films.steps == 0).flatten().tolist())
            going = films.steps > 0
            self.assertTrue((films.steps[going] == before[going] + 1).all())
            films.begin(rng)
            for i in range(16):
                if going[i]:
                    self.assertTrue((films.x[i] == 7.0).all())
                    self.assertEqual(films.texts[i], texts[i])
                else:
                    self.assertAlmostEqual(films.x[i].std().item(), 1.0, delta=0.1)
        self.assertGreater(met[-1], 0)
        self.assertGreater(met[0], 1.5 * met[-1])


class Memory(unittest.TestCase):
    def test_holds_the_latest_lessons_each_with_its_own_text_step_and_target(self):
        rng, count, size = np.random.default_rng(0), 16, 64
        lessons = Lessons(size)
        for first in range(0, size + 3 * count, count):  # the last three batches take the place of the first three
            marks = torch.arange(first, first + count)
            x = marks.float().view(-1, 1, 1, 1, 1).expand_as(lessons.x[:count])
            lessons.add(x, marks, [str(m) for m in marks.tolist()], -x)
        x, steps, texts, targets = lessons.draw(size, rng)
        self.assertEqual(sorted(steps.tolist()), list(range(3 * count, size + 3 * count)))
        self.assertEqual(texts, [str(s) for s in steps.tolist()])
        self.assertTrue((x == steps.view(-1, 1, 1, 1, 1)).all())
        self.assertTrue((targets == -x).all())


if __name__ == "__main__":
    unittest.main()
