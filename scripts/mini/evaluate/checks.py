"""Reads the slots back from a film: what colour, which object, how it moves, where, when. No network, only arithmetic,
and no knowledge of the prompt. On true renders it is right in more than 99 of 100 (tests/test_checks.py).

    film [T, H, W, 3] in [0, 1], square, sides a multiple of 64  ->  {slot: value}

The film is averaged to 64x64. Backgrounds of the world have little saturation, so the object is what has a palette
colour; white is believed only when no other colour is there.
"""

from functools import cache
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..world import draw_scene, object_mask, render
from ..world.backdrop import cover
from ..world.motion import RADIUS
from ..world.scene import BACKGROUNDS, COLOURS, INDOORS, OBJECTS, TIMES
from ..world.shapes import SHAPES
from .motion import read_motion

SIDE = 64
NEAR = 0.15  # distance in RGB that still counts as a palette colour
WELL_INSIDE = 0.3  # of that distance: objects of the films looked at are at 0.6 to 0.9, a night sea at 0.1
SHADES = (0.78, 1.04)  # of a palette colour, from the dark side of an object at night to its light side by day
FEWEST = 0.006  # share of the picture that the object's own colour must fill, on the mean
REACH = 20  # pixels of 64: the largest object's radius and a little more


def shrink_to(film, side=SIDE):
    t, h, w, c = film.shape
    return film.reshape(t, side, h // side, side, w // side, c).mean((2, 4))


def _window_sums(mask, reach):
    """How many pixels of the mask lie within `reach` pixels, in a square."""
    sums = np.pad(mask.astype(np.float32), ((0, 0), (reach + 1, reach), (reach + 1, reach))).cumsum(1).cumsum(2)
    wide = 2 * reach + 1
    return sums[:, wide:, wide:] - sums[:, :-wide, wide:] - sums[:, wide:, :-wide] + sums[:, :-wide, :-wide]


def _densest_part(mask):
    """Keeps what lies around the densest place, as far as an object can reach: no windows, no stars, no moon."""
    t, h, w = mask.shape
    rows, columns = np.mgrid[:h, :w]
    place = _window_sums(mask, 6).reshape(t, -1).argmax(1)
    y, x = np.divmod(place, w)
    for _ in range(2):
        near = (rows - y[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2 < REACH**2
        part = mask & near
        count = np.maximum(part.sum((1, 2)), 1)
        y, x = (part * rows).sum((1, 2)) / count, (part * columns).sum((1, 2)) / count
    return part


def colour_mask(film):
    """Returns (colour or None, [T, 64, 64] bool of the object's pixels that have it)."""
    names = [c for c in COLOURS if c != "white"]
    palette = np.array([COLOURS[c] for c in names], np.float32)
    # The nearest point on the colour's own line of shades.
    shade = np.clip(film @ palette.T / (palette**2).sum(1), *SHADES)
    distance = np.linalg.norm(film[..., None, :] - shade[..., None] * palette, axis=-1)
    nearest = distance.argmin(-1)
    masks = [_densest_part((nearest == k) & (distance[..., k] < NEAR)) for k in range(len(names))]
    # A pixel counts by how near it is, and on the mean they must be well inside: the sea at night lies just outside blue's
    # reach, and a film's just inside.
    nearness = [mask * (1 - distance[..., k] / NEAR) for k, mask in enumerate(masks)]
    shares = [n.mean() if n.sum() > WELL_INSIDE * m.sum() else 0.0 for n, m in zip(nearness, masks)]
    k = int(np.argmax(shares))
    if shares[k] > FEWEST:
        return names[k], masks[k]
    white = _densest_part((film.max(-1) - film.min(-1) < 0.06) & (film.mean(-1) > 0.70))
    return ("white" if white.mean() > FEWEST else None), white


def _normal_view(mask):
    """The mask moved to its centroid and scaled to one size, [24, 24]."""
    ys, xs = np.nonzero(mask)
    cy, cx = ys.mean(), xs.mean()
    spread = np.sqrt(((ys - cy) ** 2 + (xs - cx) ** 2).mean()) + 1e-6
    steps = (np.arange(24) - 11.5) / 11.5 * 2.1 * spread
    rows, cols = np.rint(cy + steps).astype(int), np.rint(cx + steps).astype(int)
    inside = ((rows >= 0) & (rows < mask.shape[0]))[:, None] & ((cols >= 0) & (cols < mask.shape[1]))[None]
    view = mask[np.clip(rows, 0, mask.shape[0] - 1)][:, np.clip(cols, 0, mask.shape[1] - 1)]
    return (view & inside).ravel().astype(np.float32)


def _filled(views):
    """Views [n, 576] whose gaps of up to five places are closed: outlines without ribbons, stripes and windows."""
    wide = np.pad(views.reshape(-1, 24, 24), ((0, 0), (4, 4), (4, 4)))
    for extreme in (np.max, np.min):
        wide = extreme(sliding_window_view(wide, (5, 5), (1, 2)), (3, 4))
    return wide.reshape(views.shape)


def _overlap(views, view):
    return np.minimum(views, view).sum(1) / np.maximum(views, view).sum(1)


@cache
def _templates():
    """The own colour's places of every object as the checks see it, at three radii in pixels: names, whether upright,
    views [n, 576], the same filled, and the area in squared radii."""
    names, upright, views, areas = [], [], [], {}
    for radius, name, k, facing in product((8, 11, 15), OBJECTS, range(24), (1, -1)):
        axis = (np.arange(48) - 23.3) / radius
        u, v = np.meshgrid(axis, axis)
        c, s = np.cos(k * np.pi / 12), np.sin(k * np.pi / 12)
        own = np.zeros(u.shape, np.float32)
        for distance, paint in SHAPES[name](facing * (c * u + s * v), c * v - s * u):
            alpha = cover(distance, 1 / radius)
            own = own * (1 - alpha) + (alpha if paint is None else 0)
        names.append(name)
        upright.append(k == 0)
        views.append(_normal_view(own > 0.75))  # a mixed pixel has no palette colour
        areas.setdefault(name, []).append((own > 0.75).sum() / radius**2)
    views = np.stack(views)
    return np.array(names), np.array(upright), views, _filled(views), {n: float(np.mean(a)) for n, a in areas.items()}


def read_object(masks, turning):
    """The object that fits best, over the frames where it is large; any angle only if it is turning. The outline counts
    twice: a ribbon that is a little wider or off the middle makes no box a ball."""
    names, upright, views, filled, _ = _templates()
    usable = np.ones(len(names), bool) if turning else upright
    areas = masks.sum((1, 2))
    frames = [t for t in np.argsort(-areas)[:12] if areas[t] > 20]
    if not frames:
        return None
    seen = np.stack([_normal_view(masks[t]) for t in frames])
    if not turning:
        seen = seen.mean(0, keepdims=True)  # finer than any one of them
    score = dict.fromkeys(OBJECTS, 0.0)
    for view, outline in zip(seen, _filled(seen)):
        both = _overlap(views, view) + 2 * _overlap(filled, outline)
        for name in OBJECTS:
            score[name] += both[usable & (names == name)].max()
    return max(score, key=score.get)


def read_size(masks, name, motion):
    """Small or large, from the area of the own colour."""
    area = np.median(masks.sum((1, 2)))
    radius = np.sqrt(area / _templates()[-1][name]) / SIDE
    middle = np.sqrt(RADIUS["small"] * RADIUS["large"])
    return "large" if radius > middle * (0.875 if motion in ("grow", "shrink") else 1) else "small"


def _surroundings(film, masks):
    """Mean colour of an 8x8 grid of cells without the object, and how much of each cell was seen."""
    seen = ~masks
    for axis in (1, 2):
        for step in (-2, -1, 1, 2):
            seen = seen & ~np.roll(masks, step, axis)
    cell = lambda a: a.reshape(len(a), 8, 8, 8, 8, -1).mean((0, 2, 4))
    weight = cell(seen.astype(np.float32))
    return cell(film * seen[..., None]) / np.maximum(weight, 1e-6), weight


@cache
def _places(count=24):
    """Surroundings of true scenes, with what they are."""
    labels, pictures = [], []
    for background in BACKGROUNDS:
        for time in (None,) if background in INDOORS else TIMES:
            seed = 50_000_000
            while sum(label == (background, time) for label in labels) < count:
                scene = draw_scene(seed)
                seed += 1
                if (scene.background, scene.time) == (background, time):
                    t = np.array([0.0, 0.5, 1.0])
                    labels.append((background, time))
                    pictures.append(_surroundings(render(scene, t, SIDE), object_mask(scene, t, SIDE) > 0.05))
    colours, weights = (np.stack(a) for a in zip(*pictures))
    return labels, colours, weights


def read_place(film, masks):
    labels, colours, weights = _places()
    here, seen = _surroundings(film, masks)
    weight = np.minimum(weights, seen)
    distance = (np.abs(colours - here) * weight).sum((1, 2, 3)) / np.maximum(weight.sum((1, 2, 3)), 1e-6)
    return labels[int(distance.argmin())]


def read_film(film):
    """Every slot that can be read; a slot that cannot is None."""
    film = shrink_to(np.asarray(film, np.float32))
    colour, masks = colour_mask(film)
    background, time = read_place(film, masks)
    slots = {"colour": colour, "object": None, "size": None, "motion": None, "background": background, "time": time}
    if colour is not None:
        slots["motion"] = read_motion(film, masks)
        slots["object"] = read_object(masks, slots["motion"] == "spin")
        if slots["object"]:
            slots["size"] = read_size(masks, slots["object"], slots["motion"])
    return slots
