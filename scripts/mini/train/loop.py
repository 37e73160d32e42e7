"""The loop of every stage that trains for long: steps until the budget is used, an average of the weights, a curve,
and a file from which the next run goes on.
"""

from pathlib import Path

import numpy as np
import torch

from .curve import Average, Curve, load, save, warmup_cosine
from .muon import Optimizers

BETWEEN_SAVES = 4  # minutes


def precision(device):
    """Products in bf16 where the processor has instructions for it."""
    bf16 = device != "cpu" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device, torch.bfloat16, enabled=bf16)


def train(options, stage, module, optimizers: Optimizers, loss_of, measure, decay=0.998):
    """loss_of(rng, done) is a batch's loss, with `done` in [0, 1) the share of the budget used; measure() is called with
    the averaged weights in place and returns the number on held-out clips that the curve shows."""
    out = Path(options.out)
    average, step = Average(module, decay), 0
    if state := load(out / f"{stage}.pt"):
        module.load_state_dict(state["weights"])
        if state["optimizers"]:
            optimizers.restore(state["optimizers"])
        average.values, average.count, step = state["average"], state["count"], state["step"]
    curve = Curve(out / f"{stage}.csv", ["loss", "held_out"])
    rng = np.random.default_rng(step)
    torch.manual_seed(step)
    minutes = curve.before + 0.15 if options.check else options.minutes
    saved, losses = curve.minutes(), []
    while (done := curve.minutes() / minutes) < 1 or losses:
        loss = loss_of(rng, min(done, 1.0))
        optimizers.step(loss, warmup_cosine(done * 1000, 1000, warmup=min(10, 1000 / minutes)))
        average.update(module)
        step += 1
        losses.append(loss.item())
        if curve.minutes() - saved > BETWEEN_SAVES or curve.minutes() >= minutes:
            weights = {k: v.clone() for k, v in module.state_dict().items()}
            module.load_state_dict(average.values)
            curve.add(step, np.mean(losses), measure())
            module.load_state_dict(weights)
            save({"weights": weights, "average": average.values, "count": average.count, "optimizers": optimizers.state(),
                  "step": step}, out / f"{stage}.pt")
            saved, losses = curve.minutes(), []
