"""A procedural world of captioned clips: `Scene` says what is in a clip, `render` draws any frame of it."""

from .render import FRAMES, object_mask, render
from .scene import SLOTS, Scene, draw_scene

__all__ = ["FRAMES", "SLOTS", "Scene", "draw_scene", "object_mask", "render"]
