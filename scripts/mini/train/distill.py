"""Stage `distill`: the transformer learns to do in few steps and alone what it does in many with guidance.

The few steps are the scheduler's own, so that any pipeline that runs the exported directory takes them. For a clip
noised to a step's beginning, the teacher (stage `dit`, averaged) goes to the step's end under guidance by the midpoint
rule, second order; the student learns the straight velocity from beginning to end. It stays a plain velocity model.
"""

from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from .dit import Denoiser, HeldOut, draw_batch, load_clips, load_denoiser, make_dit, muon_takes
from .latent import LatentCode
from .loop import precision, train
from .muon import Optimizers

STEPS = 8
GUIDANCE = 5.0
SHIFT = 3.0


def step_sigmas():
    """The scheduler's sigmas, [STEPS + 1] from 1 to 0."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    scheduler.set_timesteps(STEPS)
    return scheduler.sigmas


@torch.no_grad()
def guided(denoiser, x, sigma, named, empty):
    v0 = denoiser.velocity(x, sigma, *empty)
    return v0 + GUIDANCE * (denoiser.velocity(x, sigma, *named) - v0)


@torch.no_grad()
def teach(teacher, x, start, end, named, empty):
    """The velocity of the straight way from sigma `start` to where the teacher is at `end`, both [B]."""
    half = (start + end) / 2
    v = guided(teacher, x, start, named, empty)
    return guided(teacher, x + (half - start).view(-1, 1, 1, 1, 1) * v, half, named, empty)


def mean_error(student, teacher, clean, noise, steps, rows, empty, weight=1.0):
    """steps [B]: which of the scheduler's steps each clip is at."""
    sigmas = step_sigmas().to(clean.device)
    start, end = sigmas[steps], sigmas[steps + 1]
    s = start.view(-1, 1, 1, 1, 1)
    x = (1 - s) * clean + s * noise
    target = teach(teacher, x, start, end, rows, empty).float()
    errors = (student.velocity(x, start, *rows).float() - target).square().mean(1)
    return (errors * weight).mean()


def run(options):
    out, device = Path(options.out), options.device
    teacher = load_denoiser(out, device)
    model = make_dit().to(device)
    model.load_state_dict(teacher.model.state_dict())
    student = Denoiser(model, teacher.tokens, teacher.encoder, device)
    held_out = HeldOut(LatentCode.load(out / "code.safetensors"), student, 8 if options.check else 32)
    data = load_clips(out / "data")
    if not options.check:
        teacher.compile()
        student.compile()
    count = 8 if options.check else 16

    def loss_of(rng, done):
        clean, weight, texts = draw_batch(*data, rng, 9, count)
        clean, weight = clean.to(device), weight.to(device)
        steps = torch.from_numpy(rng.integers(0, STEPS, count)).to(device)
        with precision(device):
            rows, empty = teacher.rows(texts), teacher.rows([""] * count)
            return mean_error(student, teacher, clean, torch.randn_like(clean), steps, rows, empty, weight / weight.mean())

    def measure():
        count = len(held_out.clean)
        steps = torch.arange(count, device=device) % STEPS
        with torch.no_grad(), precision(device):
            return mean_error(student, teacher, held_out.clean, held_out.noise, steps, held_out.rows, teacher.rows([""] * count)).item()

    train(options, "distill", model, Optimizers(model, muon_takes, lr=options.rate / 3, weight_decay=0.01), loss_of, measure)
