"""Captions from a grammar. A caption names all, some or one of a scene's slots; `caption` also returns which.

Frames (sentence patterns) are split by hash: those of split "held_out" are never used in training.
"""

import hashlib

import numpy as np

from .words import FILLERS, MANNERS, OPENERS, WORDS

FRAMES = (
    "{np} {does} {place} {time}",
    "{np} {doing} {place} {time}",
    "{time}, {np} {does} {place}",
    "{place}, {np} {does} {time}",
    "{place} {time}, {np} {does}",
    "{opener} {np} {doing} {place} {time}",
    "{opener} {np} that {does} {place} {time}",
    "{np}, {doing}, {place}, {time}",
    "{np} {place} {time}, {doing}",
    "there is {np} {doing} {place} {time}",
    "{time} {np} is {doing} {place}",
    "{np} {does}. it is {place} {time}",
    "show me {np} {doing} {place} {time}",
    "watch {np} as it {does} {place} {time}",
    "{place} we see {np} {doing} {time}",
    "{np} that {does} {place}, {time}",
    "{np} is {doing} {place} {time}",
    "a scene {place} {time} with {np} {doing}",
    "{doing} {place} {time}: {np}",
    "imagine {np} which {does} {place} {time}",
)


def _held_out(frame):
    return hashlib.sha256(frame.encode()).digest()[1] % 5 == 0


SPLITS = {
    "train": tuple(f for f in FRAMES if not _held_out(f)),
    "held_out": tuple(f for f in FRAMES if _held_out(f)),
}


def _named(scene, rng, partial):
    """The slots that a caption names: all of them in 2 of 3."""
    slots = scene.slots()
    kind = rng.random() if partial else 0.0
    if kind < 0.68:
        return slots
    if kind < 0.88:
        drop = rng.choice(list(slots), rng.integers(1, 4), replace=False)
        return {k: v for k, v in slots.items() if k not in drop} or slots
    keep = {"object", "colour"} if rng.random() < 0.5 else {"object", str(rng.choice(list(slots)))}
    return {k: v for k, v in slots.items() if k in keep}


def _word(slot, value, rng, synonyms):
    words = WORDS[slot][value]
    return words[0 if rng.random() > synonyms else rng.integers(len(words))]


def _noun_phrase(named, rng, synonyms, fillers):
    parts = [_word(s, named[s], rng, synonyms) for s in ("size", "colour") if s in named]
    if rng.random() < fillers:
        parts.insert(0, str(rng.choice(FILLERS)))
    parts.append(_word("object", named["object"], rng, synonyms) if "object" in named else "thing")
    article = "the" if rng.random() < 0.1 else "an" if parts[0][0] in "aeiou" else "a"
    return " ".join([article, *parts])


def _tidy(text):
    text = " ".join(text.split())
    for wrong, right in ((" ,", ","), (" .", "."), (" :", ":"), (",,", ","), (". it is.", "."), (": ", ": ")):
        text = text.replace(wrong, right)
    return text.strip(" ,:")


def caption(scene, rng, split="train", synonyms=0.4, fillers=0.12, partial=True):
    """Returns (text, {slot: value} of what the text says). `synonyms`: how often any of a value's words may be taken, not only the first."""
    named = _named(scene, rng, partial)
    motion = ("", "")
    if "motion" in named:
        motion = _word("motion", named["motion"], rng, synonyms)
        if rng.random() < fillers:
            motion = tuple(f"{m} {rng.choice(MANNERS)}" for m in motion)
    place = _word("background", named["background"], rng, synonyms) if "background" in named else ""
    time = _word("time", named["time"], rng, synonyms) if "time" in named else ""
    if split == "train" and rng.random() < 0.06:
        tags = [_noun_phrase(named, rng, synonyms, fillers).split(" ", 1)[1], motion[1], place.split(" the ")[-1], time.split(" ")[-1]]
        return ", ".join(t for t in tags if t), named
    frame = SPLITS[split][rng.integers(len(SPLITS[split]))]
    if "motion" not in named:
        frame = "{np} {place} {time}" if split == "train" else "{opener} {np}, {place} {time}"
    text = frame.format(np=_noun_phrase(named, rng, synonyms, fillers), does=motion[0], doing=motion[1], place=place, time=time,
                        opener=rng.choice(OPENERS))
    text = _tidy(text)
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:] + ("." if rng.random() < 0.7 else "")
    return text, named


def caption_of_seed(scene, seed, **kwargs):
    return caption(scene, np.random.default_rng([seed, 77]), **kwargs)
