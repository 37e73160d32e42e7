"""The loop of every stage that trains for long: steps until the budget is used, an average of the weights, a curve,
and a file from which the next run goes on.
"""

import ctypes
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from .curve import Average, Curve, load, save, warmup_cosine
from .muon import Optimizers

BETWEEN_SAVES = 4  # minutes


def precision(device):
    """Products in bf16 where the processor has instructions for it."""
    bf16 = device != "cpu" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device, torch.bfloat16, enabled=bf16)


def keep_memory():
    """Makes the C library keep what is freed: to fetch every large tensor's pages anew took a third of a step."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(-4, 0)  # M_MMAP_MAX: no mapping of its own for a large block
        library.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def join():
    """This process's number and how many train together: `torchrun --standalone --nproc-per-node 2 -m mini ...` starts two."""
    if dist.is_torchelastic_launched() and not dist.is_initialized():
        dist.init_process_group("gloo")
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def agreed(value):
    """The first process's value, so that all stop at the same step."""
    if not dist.is_initialized():
        return value
    dist.broadcast(shared := torch.tensor(value, dtype=torch.float64), 0)
    return shared.item()


def train(options, stage, module, optimizers: Optimizers, loss_of, measure, decay=0.998):
    """loss_of(rng, done) is a batch's loss, with `done` in [0, 1) the share of the budget used; measure() is called with
    the averaged weights in place and returns the number on held-out clips that the curve shows."""
    keep_memory()
    rank, processes = join()
    out = Path(options.out)
    average, step = Average(module, decay), 0
    if state := load(out / f"{stage}.pt"):
        module.load_state_dict(state["weights"])
        if state["optimizers"]:
            optimizers.restore(state["optimizers"])
        average.values, average.count, step = state["average"], state["count"], state["step"]
    curve = Curve(out / f"{stage}.csv", ["loss", "held_out"], processes)
    rng = np.random.default_rng([step, rank])
    torch.manual_seed(step * processes + rank)
    minutes = curve.before + 0.15 if options.check else options.minutes
    saved, losses = curve.minutes(), []

    def write():
        weights = {k: v.clone() for k, v in module.state_dict().items()}
        module.load_state_dict(average.values)
        curve.add(step, np.mean(losses), measure())
        module.load_state_dict(weights)
        save({"weights": weights, "average": average.values, "count": average.count, "optimizers": optimizers.state(),
              "step": step}, out / f"{stage}.pt")

    while (done := agreed(curve.minutes() / minutes)) < 1:
        loss = loss_of(rng, done)
        optimizers.step(loss, warmup_cosine(done * 1000, 1000, warmup=min(10, 1000 / minutes)))
        average.update(module)
        step += 1
        losses.append(loss.item())
        if rank == 0 and curve.minutes() - saved > BETWEEN_SAVES * processes:
            write()
            saved, losses = curve.minutes(), []
    if rank == 0 and losses:
        write()
