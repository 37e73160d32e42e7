"""The places: soft colours and a few large forms, so that the object in front is what has saturation and edges.

A backdrop is drawn in layers on a canvas. `u` is [1, W] and `v` [H, 1], in units of the picture; `px` is the size of a
pixel in the same units and sets how soft an edge is. What moves (waves) is a second function that takes the time.
"""

import numpy as np

from .scene import Scene

# top of the sky, its lower edge, the tint of everything under it, sun or moon
SKIES = {
    "day": ((0.42, 0.70, 0.90), (0.84, 0.94, 0.96), (1.0, 1.0, 1.0), (1.0, 0.97, 0.82)),
    "sunset": ((0.42, 0.36, 0.60), (0.98, 0.72, 0.58), (0.90, 0.72, 0.72), (1.0, 0.86, 0.66)),
    "night": ((0.07, 0.09, 0.22), (0.20, 0.25, 0.46), (0.34, 0.41, 0.68), (0.90, 0.91, 0.84)),
}
GROUND = {"studio": 0.86, "hills": 0.86, "desert": 0.86, "city": 0.90}  # where shadows fall


def cover(distance, px):
    """How much of a pixel lies inside a distance field: a straight edge through a box filter."""
    return np.clip(0.5 - distance / px, 0, 1).astype(np.float32)


def over(image, alpha, paint):
    """Paints onto image [.., H, W, 3] where alpha [.., H, W] says."""
    image += alpha[..., None] * (np.asarray(paint, np.float32) - image)


def _mix(a, b, w):
    return np.asarray(a, np.float32) * (1 - w[..., None]) + np.asarray(b, np.float32) * w[..., None]


def _tinted(paint, scene):
    return tuple(p * q for p, q in zip(paint, SKIES[scene.time][2]))


def _layer(image, edge, top, bottom, v, px):
    """Everything below `edge` [1, W]: a vertical gradient from top to bottom."""
    depth = np.clip((v - edge) / 0.35, 0, 1)
    over(image, cover(edge - v, px), _mix(top, bottom, depth))


def _sky(scene, u, v, px, horizon):
    top, low, _, light = SKIES[scene.time]
    image = _mix(top, low, np.broadcast_to(np.clip(v / horizon, 0, 1), np.broadcast_shapes(u.shape, v.shape)))
    e, f = scene.chance[4:6]
    x = 0.14 + 0.72 * e
    y, r = (horizon - 0.02, 0.12) if scene.time == "sunset" else (0.13 + 0.05 * f, 0.075)
    distance = np.hypot(u - x, v - y) - r
    over(image, 0.55 * np.exp(-np.maximum(distance, 0) / 0.09), light)
    over(image, cover(distance, px), light)
    return image


def _wave(u, count, phase, height):
    return height * np.sin(2 * np.pi * (count * u + phase))


def studio(scene, u, v, px):
    tones = ((0.80, 0.86, 0.88), (0.90, 0.85, 0.78), (0.84, 0.81, 0.88), (0.80, 0.87, 0.80))
    wall = np.array(tones[int(scene.chance[4] * 4)], np.float32)
    glow = np.exp(-(((u - 0.5) / 0.6) ** 2 + ((v - 0.35) / 0.6) ** 2))
    image = _mix(wall * 0.78, wall * 1.02, glow)
    _layer(image, 0.76 + 0 * u, wall * 0.72, wall * 0.60, v, px)
    return image


def sea(scene, u, v, px):
    image = _sky(scene, u, v, px, 0.5)
    _layer(image, 0.5 + 0 * u, _tinted((0.36, 0.66, 0.76), scene), _tinted((0.28, 0.56, 0.70), scene), v, px)
    return image


def sea_waves(scene, image, u, v, px, t):
    """Two bands of swell that drift; image is [H, W, 3], t in [0, 1]."""
    e, f = scene.chance[6:8]
    for level, count, drift, paint in ((0.66, 1.5, 0.30, (0.30, 0.60, 0.73)), (0.82, 1.0, -0.25, (0.22, 0.50, 0.67))):
        edge = level + _wave(u, count, e + drift * t, 0.022)
        crest = tuple(min(1, p + 0.07) for p in paint)
        _layer(image, edge, _tinted(crest, scene), _tinted(paint, scene), v, px)
        e = f


def hills(scene, u, v, px):
    image = _sky(scene, u, v, px, 0.6)
    e, f, g = scene.chance[6:9]
    far = 0.52 + _wave(u, 1.1, e, 0.06) + _wave(u, 0.6, f, 0.03)
    near = 0.66 + _wave(u, 0.8, g, 0.05)
    _layer(image, far, _tinted((0.56, 0.74, 0.66), scene), _tinted((0.50, 0.70, 0.58), scene), v, px)
    _layer(image, near, _tinted((0.60, 0.76, 0.46), scene), _tinted((0.46, 0.64, 0.36), scene), v, px)
    return image


def desert(scene, u, v, px):
    image = _sky(scene, u, v, px, 0.6)
    e, f, g = scene.chance[6:9]
    peaks = np.abs(((u * 1.2 + e) % 1) - 0.5)  # a far pyramid
    far = 0.50 + 0.22 * peaks
    near = 0.70 + _wave(u, 0.7, g, 0.06)
    _layer(image, np.minimum(far, 0.6), _tinted((0.86, 0.72, 0.58), scene), _tinted((0.84, 0.70, 0.54), scene), v, px)
    _layer(image, 0.60 + 0.02 * np.sin(2 * np.pi * (u + f)), _tinted((0.93, 0.82, 0.62), scene), _tinted((0.88, 0.75, 0.55), scene), v, px)
    _layer(image, near, _tinted((0.92, 0.79, 0.57), scene), _tinted((0.80, 0.66, 0.46), scene), v, px)
    return image


def city(scene, u, v, px):
    image = _sky(scene, u, v, px, 0.8)
    e, f = scene.chance[6:8]
    walls = ((0.70, 0.74, 0.82), (0.58, 0.63, 0.73))
    rows = ((0.28, 0.20, 0.32, walls[0], e), (0.46, 0.16, 0.25, walls[1], f))
    for top, spread, width, paint, phase in rows:
        house = np.floor(u / width + phase)
        height = top + spread * np.modf(np.sin(house * 12.9898 + phase * 7) * 43758.5453)[0] ** 2
        left = np.abs(((u / width + phase) % 1) - 0.5) * width - 0.5 * width
        over(image, cover(np.maximum(height - v, left), px), _tinted(paint, scene))
    lit = (0.98, 0.90, 0.66) if scene.time != "day" else (0.80, 0.88, 0.93)
    x, y = ((u / 0.25 + f) % 1 - 0.5) * 0.25, v - 0.71
    window = np.maximum(np.abs(x) - 0.055, np.abs(y) - 0.04)
    over(image, cover(window, px), lit)
    _layer(image, 0.82 + 0 * u, _tinted((0.52, 0.53, 0.58), scene), _tinted((0.42, 0.43, 0.49), scene), v, px)
    return image


def space(scene, u, v, px):
    e, f, g = scene.chance[4:7]
    cloud = np.exp(-(((u - e) / 0.5) ** 2 + ((v - f) / 0.4) ** 2))
    image = _mix((0.06, 0.05, 0.14), (0.24, 0.15, 0.38), cloud)
    for k in range(6):
        x, y = (g + k * 0.61803) % 1, (f + k * 0.38197 + 0.13 * (k % 2)) % 1
        over(image, 0.8 * np.exp(-((u - x) ** 2 + (v - y) ** 2) / 0.020**2), (0.95, 0.95, 0.85))
    x, y = (0.14 if e < 0.5 else 0.86), 0.16 + 0.1 * g
    planet = np.hypot(u - x, v - y) - 0.11
    over(image, cover(planet, px), _mix((0.62, 0.70, 0.72), (0.34, 0.40, 0.50), np.clip((u - x + v - y) / 0.3 + 0.5, 0, 1)))
    return image


PLACES = {f.__name__: f for f in (studio, sea, hills, desert, city, space)}


def backdrop(scene: Scene, u, v, px):
    """The still part of the place, [H, W, 3]."""
    return PLACES[scene.background](scene, u, v, px)
