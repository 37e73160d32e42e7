"""How the object moves, from its mask in every frame."""

import numpy as np

SHORTEST = 0.14  # of the picture: a shorter way is no movement


def _track(masks):
    """Centroids (x, y) in units of the picture and areas, of the frames in which there is an object."""
    side = masks.shape[1]
    areas = masks.sum((1, 2)).astype(np.float64)
    there = areas > 8
    steps = (np.arange(side) + 0.5) / side
    with np.errstate(invalid="ignore", divide="ignore"):
        x = (masks.sum(1) * steps).sum(1) / areas
        y = (masks.sum(2) * steps).sum(1) / areas
    return x[there], y[there], areas[there], there


def read_motion(film, masks):
    """One of the world's motions, "still", or None where the object is not seen in half of the frames."""
    x, y, areas, there = _track(masks)
    if len(x) < len(masks) / 2:
        return None
    few = max(1, len(x) // 8)
    ends = lambda a: a[-few:].mean() - a[:few].mean()
    growth = np.sqrt(areas[-few:].mean() / areas[:few].mean())
    wide, high = np.ptp(x), np.ptp(y)
    if growth > 1.4 or growth < 1 / 1.4:
        return "grow" if growth > 1 else "shrink"
    if wide > 0.2 and high > 0.2:
        return "circle"
    if max(wide, high) > SHORTEST:
        if wide > high:
            return "right" if ends(x) > 0 else "left"
        way = np.abs(np.diff(y)).sum()
        if abs(ends(y)) < 0.6 * way:
            return "bounce"
        return "fall" if ends(y) > 0 else "rise"
    inside = masks[there].mean(0) > 0.2
    change = np.abs(film[len(film) // 4 :] - film[: -(len(film) // 4)]).mean(-1)[:, inside].mean()
    return "spin" if change > 0.02 else "still"
