"""Where the object is at a moment. Everything is in units of the picture: x to the right, y down, both in [0, 1]."""

from dataclasses import dataclass
from math import cos, pi, sin

RADIUS = {"small": 0.15, "large": 0.23}


@dataclass(frozen=True)
class Pose:
    x: float
    y: float
    radius: float
    angle: float  # clockwise on the screen, radians
    facing: int  # 1: looks to the right, -1: to the left


def pose(scene, t):
    """The object's pose at t in [0, 1], the clip's first to last frame."""
    a, b, c, d = scene.chance[:4]
    r = RADIUS[scene.size] * (0.94 + 0.12 * a)
    x, y = 0.5 + 0.16 * (b - 0.5), 0.5 + 0.14 * (c - 0.5)
    path = 0.36 + 0.12 * d  # how far it goes
    facing, angle = (1 if a * 10 % 1 < 0.5 else -1), 0.0
    match scene.motion:
        case "left":
            x, facing = x + path * (0.5 - t), -1
        case "right":
            x, facing = x + path * (t - 0.5), 1
        case "rise":
            y += path * (0.5 - t)
        case "fall":
            y += path * (t - 0.5)
        case "bounce":
            y = 0.86 - r - (0.72 * path) * abs(sin(2 * pi * t + pi * b))
        case "circle":
            turn = 2 * pi * (t + c)
            x, y = x + 0.16 * cos(turn), y + 0.16 * sin(turn)
        case "spin":
            angle = pi * t * (1 if d < 0.5 else -1)  # from upright, half a turn
        case "grow":
            r *= 0.55 + 0.65 * t
        case "shrink":
            r *= 1.2 - 0.65 * t
    return Pose(x, y, r, angle, facing)
