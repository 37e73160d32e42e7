"""What every training stage shares: a clock, a curve in CSV, files that are whole or absent, a moving average."""

import csv
import math
import time
from pathlib import Path

import torch


class Curve:
    """Rows of numbers appended to a CSV. Minutes are of processor time, of all runs and processes together."""

    def __init__(self, path, columns, processes=1):
        self.path, self.columns, self.processes = Path(path), ["minutes", "step", *columns], processes
        self.before = 0.0
        if self.path.exists():
            rows = list(csv.reader(self.path.open()))
            self.before = float(rows[-1][0]) if len(rows) > 1 else 0.0
        else:
            self.path.write_text(",".join(self.columns) + "\n")
        self.start = time.process_time()

    def minutes(self):
        """Processor time, so that other jobs on the machine don't count; on a GPU its host thread's, which waits busily."""
        return self.before + self.processes * (time.process_time() - self.start) / 60

    def add(self, step, *values):
        row = [f"{self.minutes():.2f}", str(step), *(f"{v:.5g}" for v in values)]
        with self.path.open("a") as file:
            file.write(",".join(row) + "\n")
        print("  ".join(f"{c} {v}" for c, v in zip(self.columns, row)), flush=True)


def save(state, path):
    part = Path(path).with_suffix(".part")
    torch.save(state, part)
    part.rename(path)


def load(path):
    """The state of an earlier run, or None."""
    return torch.load(path, weights_only=True) if Path(path).exists() else None


class Average:
    """An exponential moving average of a module's parameters, with a short memory at the start."""

    def __init__(self, module, decay):
        self.decay, self.count = decay, 0
        self.values = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module):
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        for k, v in module.state_dict().items():
            self.values[k].lerp_(v.detach(), 1 - decay) if v.is_floating_point() else self.values[k].copy_(v)


def warmup_cosine(step, total, warmup=100, floor=0.05):
    """A factor for the learning rate."""
    if step < warmup:
        return max(0.02, step / warmup)
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))
