"""Stage `data`: latents of training clips on disk, in shards, so that the transformer never waits for a picture.

Shard k holds the clips of seeds k*SHARD .. (k+1)*SHARD-1: latents [SHARD, Z, 9, 8, 8] float16 and how much of each
latent cell the object covers, [SHARD, 9, 8, 8] uint8. Slots are not stored: they are draw_scene(seed).
"""

from pathlib import Path

import numpy as np

from ..world import draw_scene, object_mask, render
from .latent import PIXELS, LatentCode, blocks

SHARD = 1000


def make_clip(code, scene):
    """One clip's latent and object cover."""
    latent = code.encode(render(scene, size=PIXELS)).astype(np.float16)
    cover = blocks(object_mask(scene, size=PIXELS)[..., None]).mean(-1)
    return latent, (cover * 255).astype(np.uint8)


def write_shard(code, folder, k, size=SHARD):
    path = folder / f"shard_{k:04d}.npz"
    if path.exists():
        return
    latents, covers = zip(*(make_clip(code, draw_scene(k * size + i)) for i in range(size)))
    part = path.with_suffix(".part.npz")
    np.savez(part, latents=np.stack(latents), covers=np.stack(covers))
    part.rename(path)


def load_shards(folder):
    """All shards on disk: latents, covers, the seed of each clip."""
    latents, covers, seeds = [], [], []
    for path in sorted(Path(folder).glob("shard_????.npz")):
        with np.load(path) as shard:
            size = len(shard["covers"])
            latents.append(shard["latents"])
            covers.append(shard["covers"])
            seeds.append(int(path.stem[-4:]) * size + np.arange(size))
    if not latents:
        raise SystemExit(f"no shards in {folder}: run the stage `data` first")
    return np.concatenate(latents), np.concatenate(covers), np.concatenate(seeds)


def run(options):
    code = LatentCode.load(Path(options.out) / "code.safetensors")
    folder = Path(options.out) / "data"
    folder.mkdir(exist_ok=True)
    for k in range(2 if options.check else options.shards):
        write_shard(code, folder, k, 32 if options.check else SHARD)
