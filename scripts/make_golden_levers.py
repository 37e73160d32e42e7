#!/usr/bin/env python3
"""Makes tests/golden/levers.json: the denoising loop with step cache and guidance interval, written in numpy.

    OMP_NUM_THREADS=1 python scripts/make_golden_levers.py

No other program has exactly these levers on an Euler sampler, so this is a second one: nothing of it is shared with the
C++ code. Sigmas come from diffusers' FlowMatchEulerDiscreteScheduler. The model is the one of
make_golden_schedules.py, a few smooth elementwise functions. Every case holds the evaluations in order, the final
latent, and how far float32 is from float64; `margin` is how near any decision came to its threshold, relatively, so
that rounding cannot have made it.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import diffusers
import numpy as np

FILE = Path(__file__).resolve().parent.parent / "tests/golden/levers.json"
SHAPE, SEED = (2, 2, 4, 4), 11
WAVES = {"high prompt": 0.25, "high negative": -0.1, "low prompt": 0.4, "low negative": 0.15}

CASES = [
    dict(steps=50, shift=3.0, guidance=[4.0, 4.0], cache=0.05),
    dict(steps=50, shift=3.0, guidance=[4.0, 4.0], cache=0.2),
    dict(steps=24, shift=2.0, guidance=[1.0, 1.0], cache=0.1),
    dict(steps=4, shift=5.0, guidance=[3.0, 3.0], cache=1.0),
    dict(steps=24, shift=2.0, guidance=[3.0, 3.0], interval=[0.25, 0.75]),
    dict(steps=24, shift=2.0, guidance=[3.0, 3.0], interval=[0.0, 0.5], reuse=True),
    dict(steps=30, shift=5.0, guidance=[5.0, 5.0], interval=[0.1, 0.4], reuse=True, cache=0.1),
    dict(steps=30, shift=5.0, guidance=[5.0, 5.0], interval=[0.5, 1.0], cache=0.3),
    dict(steps=40, shift=12.0, guidance=[4.0, 3.0], boundary=0.875, cache=0.1),
    dict(steps=40, shift=12.0, guidance=[4.0, 3.0], boundary=0.875, interval=[0.0, 0.3], reuse=True),
]


def model(latent, timestep, wave, kind):
    return np.tanh(latent * kind(1.5)) * kind(0.5 + timestep / 1000) + np.cos(latent * kind(3.0)) * kind(wave)


class EasyCache:
    """The published rule for when to skip; one state per film and expert. The answer is the last velocity itself."""

    def __init__(self, threshold):
        self.threshold, self.margin = threshold, np.inf
        self.reset()

    def reset(self):
        self.k, self.sum, self.last = None, 0.0, None      # last: latent and velocities of the last computed step
        self.previous = None

    def skips(self, latent, may_skip):
        previous, self.previous = self.previous, latent
        if not self.threshold or not may_skip or self.k is None:
            return False
        self.sum += self.k * np.abs(latent - previous).mean() / np.abs(self.last[1]).mean()
        self.margin = min(self.margin, abs(self.sum - self.threshold) / self.threshold)
        return self.sum < self.threshold

    def computed(self, latent, cond, uncond):
        if self.last is not None:
            self.k = np.abs(cond - self.last[1]).mean() / np.abs(latent - self.last[0]).mean()
        self.last, self.sum = (latent, cond, uncond), 0.0


def run(case, noise, sigmas, timesteps, kind):
    steps, (high, low) = case["steps"], case["guidance"]
    begin, end = (round(share * steps) for share in case.get("interval", (0.0, 1.0)))
    cache, latent, calls, working, difference = EasyCache(case.get("cache", 0)), noise.astype(kind), [], None, None

    def ask(text):
        calls.append(f"{expert} {text}")
        return model(latent, timestep, WAVES[calls[-1]], kind)

    for step in range(steps):
        timestep = float(timesteps[step])
        expert = "high" if "boundary" not in case or timestep >= case["boundary"] * 1000 else "low"
        if expert != working:
            cache.reset()
            working = expert
        scale = high if expert == "high" else low
        both = scale != 1 and begin <= step < end
        skip = cache.skips(latent, may_skip=step >= steps / 5 and step != steps - 1)
        if skip and both and cache.last[2] is None:
            skip = False
        if skip:
            cond, uncond = cache.last[1:]
        else:
            cond = ask("prompt")
            uncond = ask("negative") if both else None
            cache.computed(latent, cond, uncond)
        if both:
            difference = cond - uncond
            velocity = uncond + kind(scale) * difference
        elif scale != 1 and step >= end and case.get("reuse"):
            velocity = cond + kind(scale - 1) * difference
        else:
            velocity = cond
        latent = latent + kind(sigmas[step + 1] - sigmas[step]) * velocity
    return latent, calls, cache.margin


def main():
    noise = np.random.default_rng(SEED).standard_normal(SHAPE).astype(np.float32)
    cases = []
    for case in CASES:
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=case["shift"])
        scheduler.set_timesteps(case["steps"])
        sigmas, timesteps = scheduler.sigmas.numpy(), scheduler.timesteps.numpy()
        single, calls, margin = run(case, noise, sigmas, timesteps, np.float32)
        exact, calls_64, _ = run(case, noise, sigmas, timesteps, np.float64)
        assert calls == calls_64 and margin > 1e-4, case
        cases.append(case | {"calls": calls, "latent": [float(v) for v in exact.ravel()],
                             "max_abs": float(f"{np.abs(single - exact).max():.3g}"),
                             "margin": None if np.isinf(margin) else float(f"{margin:.3g}")})
        print(f"{len(calls):3d} evaluations, float32 within {cases[-1]['max_abs']}, margin {cases[-1]['margin']}: {case}")
    about = {"command": "OMP_NUM_THREADS=1 python scripts/make_golden_levers.py",
             "versions": {"python": platform.python_version(), "numpy": np.__version__,
                          "diffusers": version("diffusers")},
             "waves": WAVES, "shape": SHAPE, "noise": [float(v) for v in noise.ravel()], "cases": cases}
    rows = [f'"{key}": ' + ("[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]" if key == "cases"
                            else json.dumps(value)) for key, value in about.items()]
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
