"""Contact sheets: a row a clip, a few frames each, as one PNG to look at."""

import numpy as np
from PIL import Image


def sheet(clips, path, frames=6, gap=4):
    """clips: arrays [T, H, W, 3] in [0, 1], all of one size. Writes a PNG, a clip a row."""
    rows = []
    for clip in clips:
        picks = np.linspace(0, len(clip) - 1, frames).round().astype(int)
        rows.append(np.concatenate([np.pad(clip[i], ((0, gap), (0, gap), (0, 0)), constant_values=1) for i in picks], 1))
    image = (np.concatenate(rows, 0).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(image).save(path)
