"""What is in a clip: named slots (what a caption can say) and chance (what it cannot).

A scene is drawn from a seed alone, so a data set is a range of integers. Some combinations of slots are never drawn
for training; they are kept for measuring composition and chosen by a hash, so that nobody picks favourites:
    pair    one (colour, object) pair in 13
    triple  one (object, motion, background) triple in 13, every pair of which is seen
"""

import hashlib
from dataclasses import dataclass

import numpy as np

COLOURS = {
    "red": (0.86, 0.13, 0.16),
    "orange": (0.97, 0.50, 0.06),
    "yellow": (0.99, 0.85, 0.12),
    "green": (0.10, 0.62, 0.24),
    "blue": (0.10, 0.30, 0.88),
    "purple": (0.50, 0.16, 0.74),
    "pink": (0.98, 0.42, 0.70),
    "white": (0.98, 0.98, 0.98),
}
OBJECTS = ("ball", "box", "star", "heart", "boat", "car", "rocket", "balloon", "fish")
MOTIONS = ("left", "right", "rise", "fall", "bounce", "circle", "spin", "grow", "shrink")
SIZES = ("small", "large")
BACKGROUNDS = ("studio", "sea", "hills", "desert", "city", "space")
TIMES = ("day", "sunset", "night")
INDOORS = ("studio", "space")  # have no time of day

SLOTS = {
    "colour": tuple(COLOURS),
    "object": OBJECTS,
    "size": SIZES,
    "motion": MOTIONS,
    "background": BACKGROUNDS,
    "time": TIMES,
}


@dataclass(frozen=True)
class Scene:
    colour: str
    object: str
    size: str
    motion: str
    background: str
    time: str | None  # None where the background has no time of day
    chance: tuple[float, ...]  # 16 numbers in [0, 1): places, speeds, layouts

    def slots(self):
        """The slots that are set, by name."""
        return {name: value for name in SLOTS if (value := getattr(self, name)) is not None}


def _bucket(*words):
    return hashlib.sha256("|".join(words).encode()).digest()[0] % 13


def held_out(scene):
    """Returns "pair" or "triple" for a scene that training must not see, else None."""
    if _bucket(scene.colour, scene.object) == 0:
        return "pair"
    if _bucket(scene.object, scene.motion, scene.background) == 0:
        return "triple"
    return None


def _draw(rng):
    pick = {name: str(rng.choice(values)) for name, values in SLOTS.items()}
    if pick["background"] in INDOORS:
        pick["time"] = None
    return Scene(**pick, chance=tuple(float(x) for x in rng.random(16)))


def draw_scene(seed, split=None):
    """The scene of a seed. `split` None: what training may see; "pair" or "triple": only what is held out there."""
    rng = np.random.default_rng([seed, {None: 0, "pair": 1, "triple": 2}[split]])
    while held_out(scene := _draw(rng)) != split:
        pass
    return scene
