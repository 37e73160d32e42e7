"""A second opinion beside checks.py: a small network that reads the slots of a film, trained on the training clips and,
as it judges films of them, on what the transformer must not see.

    python -m mini.evaluate.probe --out DIR --minutes 20        # trains, DIR/probe.pt; goes on from there

It sees every fourth frame at 64x64. Training pictures are the linear pictures of the stored latents, some blurred, some
with noise; on true renders, which it never saw, it has to be right in 99 of 100 slots to be worth asking.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..train.curve import load
from ..train.data import load_shards, make_clip
from ..train.latent import LatentCode
from ..train.loop import precision, train
from ..train.muon import Optimizers
from ..world import SLOTS, draw_scene, render
from .checks import shrink_to

FRAMES = slice(0, None, 4)
SPLITS = (None, "pair", "triple")


class Probe(nn.Module):
    """[B, 3, 9, 64, 64] in [0, 1] -> {slot: logits}."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv3d(3, 24, (1, 3, 3), (1, 2, 2), (0, 1, 1)), nn.GELU(),
            nn.Conv3d(24, 48, 3, (1, 2, 2), 1), nn.GELU(),
            nn.Conv3d(48, 96, 3, (1, 2, 2), 1), nn.GELU(),
            nn.Conv3d(96, 96, 3, (2, 2, 2), 1), nn.GELU(),
            nn.Flatten(), nn.Linear(96 * 5 * 4 * 4, 192), nn.GELU(),
        )
        self.heads = nn.ModuleDict({slot: nn.Linear(192, len(values)) for slot, values in SLOTS.items()})

    def forward(self, film):
        x = self.features(film * 2 - 1)
        return {slot: head(x) for slot, head in self.heads.items()}


def labels(scenes):
    """{slot: [B]}; -1 where a scene has no such slot."""
    return {
        slot: torch.tensor([values.index(s.slots()[slot]) if slot in s.slots() else -1 for s in scenes])
        for slot, values in SLOTS.items()
    }


def as_input(films):
    """Films [33, H, W, 3] -> [B, 3, 9, 64, 64]."""
    return torch.from_numpy(np.stack([shrink_to(f[FRAMES]) for f in films]).astype(np.float32)).permute(0, 4, 1, 2, 3)


def spoil(films, rng):
    """Some of the films blurred, all with a little noise: what a generator may do to them."""
    blurred = nn.functional.avg_pool3d(films, (1, 3, 3), 1, (0, 1, 1), count_include_pad=False)
    share = torch.from_numpy(rng.random((len(films), 1, 1, 1, 1)).astype(np.float32).clip(0.4) - 0.4) / 0.6
    films = films + share * (blurred - films)
    return films + 0.03 * float(rng.random()) * torch.randn_like(films)


@torch.no_grad()
def read(probe, films):
    """[{slot: value}] of films; a slot that a scene does not have is answered all the same."""
    answers = {slot: logits.argmax(1).tolist() for slot, logits in probe(as_input(films)).items()}
    return [{slot: SLOTS[slot][answers[slot][i]] for slot in SLOTS} for i in range(len(films))]


def load_probe(path):
    probe = Probe().eval()
    probe.load_state_dict(load(path)["average"])
    return probe


def share_right(probe, scenes, films):
    found = [f[slot] == value for s, f in zip(scenes, read(probe, films)) for slot, value in s.slots().items()]
    return float(np.mean(found))


def training_clips(folder, code, count):
    """Latents and scenes: the shards', and `count` of each kind that is held out there."""
    latents, _, seeds = load_shards(folder)
    scenes = [draw_scene(int(seed)) for seed in seeds]
    held_out = [draw_scene(50_000_000 + i, split) for split in SPLITS[1:] for i in range(count)]
    return np.concatenate([latents, [make_clip(code, s)[0] for s in held_out]]), scenes + held_out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    probe, code = Probe(), LatentCode.load(Path(options.out) / "code.safetensors")
    latents, scenes = training_clips(Path(options.out) / "data", code, 4 if options.check else 1500)
    unseen = [draw_scene(40_000_000 + i, split) for split in SPLITS for i in range(4 if options.check else 80)]
    true = [render(s, size=64) for s in unseen]

    def loss_of(rng, done):
        picks = rng.integers(0, len(scenes), 32)
        films = as_input([code.decode(latents[i].astype(np.float32)) for i in picks])
        with precision("cpu"):
            answers = probe(spoil(films, rng))
        truth = labels([scenes[i] for i in picks])
        return sum(nn.functional.cross_entropy(answers[s].float(), truth[s], ignore_index=-1) for s in SLOTS)

    optimizers = Optimizers(probe, lambda name, p: name.startswith("features") and p.ndim > 1, lr=2e-3, weight_decay=0.02)
    train(options, "probe", probe, optimizers, loss_of, lambda: share_right(probe, unseen, true))


if __name__ == "__main__":
    main()
