"""Draws a scene. Every frame is a function of (scene, t) and every pixel of its place, so that any frame, size or crop
can be drawn alone: `window` = (x0, y0, width) in units of the picture draws a square part of it at full size.

Values are display RGB in [0, 1], float32, [T, H, W, 3].
"""

import numpy as np

from .backdrop import GROUND, backdrop, cover, over, sea_waves
from .motion import pose
from .scene import COLOURS
from .shapes import CREAM, SHAPES

FRAMES = 33  # of a clip; 12 a second
WHOLE = (0.0, 0.0, 1.0)
SLATE = (0.42, 0.50, 0.64)  # details of a white object, where cream would not be seen


def clip_times(frames=FRAMES):
    return np.arange(frames) / (frames - 1)


def _grid(size, window):
    x0, y0, width = window
    steps = ((np.arange(size) + 0.5) / size * width).astype(np.float32)
    return (x0 + steps)[None, :], (y0 + steps)[:, None], width / size


def _shadow(scene, image, place, u, v):
    ground = GROUND.get(scene.background)
    if ground is None:
        return
    height = max(0.0, ground - place.y - place.radius)
    width = place.radius * (0.9 + height)
    dark = 0.42 * np.exp(-4 * height) * np.exp(-((u - place.x) / width) ** 2 - ((v - ground) / 0.035) ** 2)
    over(image, dark.astype(np.float32), (0.10, 0.10, 0.16))


def _local(place, u, v, px):
    """The rows and columns that the object can touch, and its own coordinates there."""
    reach = 1.4 * place.radius + 2 * px
    cols = np.flatnonzero(np.abs(u[0] - place.x) < reach)
    rows = np.flatnonzero(np.abs(v[:, 0] - place.y) < reach)
    if not (len(cols) and len(rows)):
        return None
    area = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    x = (u[:, area[1]] - place.x) / place.radius
    y = (v[area[0]] - place.y) / place.radius
    c, s = np.cos(place.angle), np.sin(place.angle)
    return area, np.float32(place.facing) * (c * x + s * y), c * y - s * x


def _light(colour, x, y):
    """The object's colour, a little lighter towards the upper left."""
    shade = 1.03 - 0.13 * np.clip((x + y) * 0.5 + 0.5, 0, 1)
    return np.clip(np.asarray(colour, np.float32) * shade[..., None], 0, 1)


def _object(scene, image, place, u, v, px):
    local = _local(place, u, v, px)
    if local is None:
        return
    area, x, y = local
    dim = {"night": 0.88, "sunset": 0.95}.get(scene.time, 1.0)
    for distance, paint in SHAPES[scene.object](x, y):
        if paint is None:
            colour = _light(COLOURS[scene.colour], x, y)
        else:
            colour = np.float32(SLATE if paint == CREAM and scene.colour == "white" else paint)
        over(image[area], cover(distance, px / place.radius), colour * dim)


def render(scene, times=None, size=128, window=WHOLE):
    """Frames of a scene at the given times in [0, 1] (default: a whole clip)."""
    times = clip_times() if times is None else times
    u, v, px = _grid(size, window)
    still = backdrop(scene, u, v, px)
    frames = np.repeat(still[None], len(times), 0)
    for image, t in zip(frames, times):
        if scene.background == "sea":
            sea_waves(scene, image, u, v, px, t)
        place = pose(scene, float(t))
        _shadow(scene, image, place, u, v)
        _object(scene, image, place, u, v, px)
    return frames


def object_mask(scene, times=None, size=128, window=WHOLE):
    """How much of each pixel the object covers, [T, H, W] in [0, 1]."""
    times = clip_times() if times is None else times
    u, v, px = _grid(size, window)
    masks = np.zeros((len(times), size, size), np.float32)
    for mask, t in zip(masks, times):
        place = pose(scene, float(t))
        if (local := _local(place, u, v, px)) is not None:
            area, x, y = local
            for distance, _ in SHAPES[scene.object](x, y):
                mask[area] = np.maximum(mask[area], cover(distance, px / place.radius))
    return masks
