"""The objects as signed distance fields in their own frame: x to the right, y down, unit radius, looking right.

A shape function returns layers, back to front: (distance, paint). Paint None is the object's own colour, otherwise
an RGB. Distances are negative inside and near enough to exact for an edge of one pixel.
"""

import numpy as np

CREAM = (0.99, 0.95, 0.86)
GLASS = (0.72, 0.87, 0.94)
DARK = (0.17, 0.18, 0.25)
WICKER = (0.45, 0.30, 0.20)


def _circle(x, y, cx, cy, r):
    return np.hypot(x - cx, y - cy) - r


def _box(x, y, cx, cy, w, h, r=0.0):
    dx, dy = np.abs(x - cx) - (w - r), np.abs(y - cy) - (h - r)
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - r


def _polygon(x, y, points, r=0.0):
    """A polygon, its corners rounded by r."""
    nearest = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
        ex, ey, px, py = bx - ax, by - ay, x - ax, y - ay
        h = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (px - h * ex) ** 2 + (py - h * ey) ** 2)
        if ey != 0:
            inside ^= ((ay > y) != (by > y)) & (px < ex * py / ey)
    return np.where(inside, -1, 1) * np.sqrt(nearest) - r


def ball(x, y):
    disc = _circle(x, y, 0, 0, 1.0)
    return [(disc, None), (np.maximum(disc, np.abs(y) - 0.2), CREAM)]


def box(x, y):
    body = _box(x, y, 0, 0, 0.88, 0.88, 0.16)
    ribbon = np.minimum(np.abs(x), np.abs(y)) - 0.14
    return [(body, None), (np.maximum(body, ribbon), CREAM)]


_STAR = [
    (r * np.sin(k * np.pi / 5), -r * np.cos(k * np.pi / 5))
    for k, r in enumerate([0.98, 0.46] * 5)
]


def star(x, y):
    return [(_polygon(x, y, _STAR, 0.08), None)]


def heart(x, y):
    lobes = np.minimum(_circle(x, y, -0.46, -0.32, 0.53), _circle(x, y, 0.46, -0.32, 0.53))
    point = _polygon(x, y, [(-0.87, 0.0), (0, -0.3), (0.87, 0.0), (0.0, 0.9)], 0.05)
    return [(np.minimum(lobes, point), None)]


def boat(x, y):
    hull = _polygon(x, y, [(-0.95, 0.38), (0.95, 0.38), (0.58, 0.85), (-0.62, 0.85)], 0.06)
    sail = _polygon(x, y, [(-0.02, -0.92), (0.82, 0.14), (-0.02, 0.14)], 0.05)
    jib = _polygon(x, y, [(-0.24, -0.62), (-0.24, 0.14), (-0.82, 0.14)], 0.05)
    return [(_box(x, y, -0.13, -0.2, 0.06, 0.75), WICKER), (jib, CREAM), (np.minimum(hull, sail), None)]


def car(x, y):
    body = _box(x, y, 0, 0.14, 1.0, 0.33, 0.2)
    cabin = _polygon(x, y, [(-0.62, -0.1), (-0.42, -0.52), (0.28, -0.52), (0.6, -0.1)], 0.08)
    window = _polygon(x, y, [(-0.42, -0.1), (-0.32, -0.4), (0.2, -0.4), (0.4, -0.1)], 0.02)
    wheels = np.minimum(_circle(x, y, -0.55, 0.45, 0.27), _circle(x, y, 0.55, 0.45, 0.27))
    return [(np.minimum(body, cabin), None), (window, GLASS), (wheels, DARK)]


def rocket(x, y):
    side = np.hypot(np.abs(x) + 0.62, y + 0.05) - 1.05  # two arcs that meet in a tip
    body = np.maximum(side, y - 0.62)
    fins = _polygon(np.abs(x), y, [(0.22, 0.2), (0.72, 0.72), (0.72, 0.95), (0.2, 0.62)], 0.05)
    return [(np.minimum(body, fins), None), (_box(x, y, 0, 0.72, 0.22, 0.11, 0.03), DARK), (_circle(x, y, 0, -0.16, 0.22), GLASS)]


def balloon(x, y):
    envelope = np.minimum(_circle(x, y, 0, -0.28, 0.7), _polygon(x, y, [(-0.6, -0.05), (0.6, -0.05), (0.18, 0.56), (-0.18, 0.56)], 0.04))
    stripe = np.maximum(envelope, np.abs(x) - 0.17)
    return [(_box(x, y, 0, 0.82, 0.2, 0.17, 0.05), WICKER), (_box(x, y, 0, 0.6, 0.13, 0.14), WICKER), (envelope, None), (stripe, CREAM)]


def fish(x, y):
    body = np.hypot((x - 0.18) / 0.8, y / 0.56)
    body = (body - 1) * 0.6
    tail = _polygon(x, y, [(-0.45, 0.0), (-0.92, -0.5), (-0.8, 0.0), (-0.92, 0.5)], 0.06)
    return [(np.minimum(body, tail), None), (_circle(x, y, 0.54, -0.12, 0.17), CREAM), (_circle(x, y, 0.58, -0.12, 0.08), DARK)]


SHAPES = {f.__name__: f for f in (ball, box, star, heart, boat, car, rocket, balloon, fish)}
