"""Stage `distill`: the transformer learns to do in few steps and alone what it does in many with guidance.

The few steps are the scheduler's own, so that any pipeline that runs the exported directory takes them. The student
makes films from noise; wherever it stands at a step's beginning, the teacher (stage `dit`, averaged) goes on from there
to the step's end under guidance by the midpoint rule, second order, and the student learns the straight velocity of that
way. So it learns where it comes to itself, its own errors included (Ross et al. 2011, DAgger), and needs no clips. What the
teacher shows costs more than half of a step, and is learned from REPEATS times. The student stays a plain velocity model.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from ..world import draw_scene
from ..world.captions import caption
from .dit import Denoiser, load_denoiser, make_dit, muon_takes
from .latent import GRID, Z
from .loop import precision, train
from .muon import Optimizers

STEPS = 8
LEARNED = 7  # of the eight: the scheduler's last goes from 0.009 to 0 and moves next to nothing
GUIDANCE = 5.0
SHIFT = 3.0
REPEATS = 3  # steps that learn from one batch of the teacher's, the later ones mixed from what it showed lately
LESSONS = 256  # films of which that is remembered
NO_TEXT = 0.03  # share of films without a caption, so that those stay what they are


def step_sigmas():
    """The scheduler's sigmas, [STEPS + 1] from 1 to 0."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    scheduler.set_timesteps(STEPS)
    return scheduler.sigmas


def noise(count, random=None):
    return torch.randn(count, Z, 9, GRID, GRID, generator=random)  # [B, Z, T, H, W]


def along(x, velocity, distance):
    """x [B, Z, T, H, W] moved by distance [B]."""
    return x + distance.view(-1, 1, 1, 1, 1) * velocity.float()


@torch.no_grad()
def guided(denoiser, x, sigma, named, empty):
    v0 = denoiser.velocity(x, sigma, *empty)
    return v0 + GUIDANCE * (denoiser.velocity(x, sigma, *named) - v0)


@torch.no_grad()
def teach(teacher, x, start, end, named, empty):
    """The velocity of the straight way from sigma `start` to where the teacher is at `end`, both [B]."""
    half = (start + end) / 2
    return guided(teacher, along(x, guided(teacher, x, start, named, empty), half - start), half, named, empty).float()


class Films:
    """Films of the student on their way from noise. Half are given up after the fourth step: the first ones decide what a
    film shows, and there the student has most to learn. So they soon are at different steps, and a batch has them all."""

    def __init__(self, count):
        self.steps = torch.zeros(count, dtype=torch.int64)
        self.x, self.texts = noise(count), [""] * count
        self.fresh = range(count)

    def begin(self, rng):
        """New noise and captions for films that are done."""
        for i in self.fresh:
            self.x[i] = noise(1)[0]
            self.texts[i] = "" if rng.random() < NO_TEXT else caption(draw_scene(int(rng.integers(20_000_000))), rng)[0]

    def move(self, x, rng):
        self.x, self.steps = x, (self.steps + 1) % LEARNED
        self.steps[(self.steps == 4) & torch.from_numpy(rng.random(len(x)) < 0.5)] = 0
        self.fresh = torch.nonzero(self.steps == 0).flatten().tolist()


class Lessons:
    """What the teacher showed lately: where films were and the velocities from there."""

    def __init__(self, size):
        self.steps = torch.zeros(size, dtype=torch.int64)
        self.x, self.targets, self.texts = noise(size), noise(size), [""] * size
        self.shown = 0

    def __len__(self):
        return min(self.shown, len(self.texts))

    def add(self, x, steps, texts, targets):
        for i in range(len(x)):
            at = self.shown % len(self.texts)
            self.x[at], self.steps[at], self.texts[at], self.targets[at] = x[i], steps[i], texts[i], targets[i]
            self.shown += 1

    def draw(self, count, rng):
        picks = rng.choice(len(self), count, replace=False)
        return self.x[picks], self.steps[picks], [self.texts[i] for i in picks], self.targets[picks]


class HeldOut:
    """How far the student's films end from the teacher's, the same captions and noise every time."""

    def __init__(self, teacher, count):
        rng, random = np.random.default_rng(3), torch.Generator().manual_seed(3)
        texts = [caption(draw_scene(s), rng, partial=False)[0] for s in range(30_000_000, 30_000_000 + count)]
        self.device, self.noise = teacher.device, noise(count, random).to(teacher.device)
        self.rows, empty = teacher.rows(texts), teacher.rows([""] * count)
        self.films = self.run(lambda x, start, end: teach(teacher, x, start, end, self.rows, empty))

    @torch.no_grad()
    def run(self, velocity):
        x = self.noise
        sigmas = step_sigmas().to(self.device)
        with precision(self.device):
            for start, end in zip(sigmas[:-1].split(1), sigmas[1:].split(1)):
                start, end = start.expand(len(x)), end.expand(len(x))
                x = along(x, velocity(x, start, end), end - start)
        return x

    def error(self, student):
        films = self.run(lambda x, start, end: student.velocity(x, start, *self.rows))
        return (films - self.films).square().mean().item()


def run(options):
    out, device = Path(options.out), options.device
    teacher = load_denoiser(out, device)
    model = make_dit().to(device)
    model.load_state_dict(teacher.model.state_dict())
    student = Denoiser(model, teacher.tokens, teacher.encoder, device)
    if not options.check:
        teacher.compile()
        student.compile()
    count = 8 if options.check else 16
    films, lessons, held_out = Films(count), Lessons(LESSONS), HeldOut(teacher, 2 if options.check else count)
    sigmas = step_sigmas().to(device)
    turns = itertools.cycle(range(REPEATS))

    def velocities(x, steps, texts):
        return student.velocity(x.to(device), sigmas[steps], *teacher.rows(texts)).float()

    def loss_of_new(rng):
        films.begin(rng)
        x, start, end = films.x.to(device), sigmas[films.steps], sigmas[films.steps + 1]
        target = teach(teacher, x, start, end, teacher.rows(films.texts), teacher.rows([""] * count))
        lessons.add(films.x, films.steps, films.texts, target.cpu())
        velocity = velocities(films.x, films.steps, films.texts)
        films.move(along(x, velocity.detach(), end - start).cpu(), rng)
        return (velocity - target).square().mean()

    def loss_of_old(rng):
        x, steps, texts, targets = lessons.draw(count, rng)
        return (velocities(x, steps, texts) - targets.to(device)).square().mean()

    def loss_of(rng, done):
        with precision(device):
            return loss_of_new(rng) if next(turns) == 0 else loss_of_old(rng)

    optimizers = Optimizers(model, muon_takes, lr=options.rate / 3, weight_decay=0.01)
    train(options, "distill", model, optimizers, loss_of, lambda: held_out.error(student), decay=0.99)
