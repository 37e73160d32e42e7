"""The model's numbers: films made by the soragen binary, read by the checks, as a table per slot and test set.

    PYTHONPATH=scripts python -m mini.evaluate.table --soragen build/release/bin/soragen --model models/soragen-mini \
        --folder /tmp/films --count 64

Test sets: seen combinations, held-out (colour, object) pairs, held-out (object, motion, background) triples, held-out
phrasings, synonyms. Two more rows are the most that can be reached: true renders, and true renders after the model's
VAE. Flicker is the mean change from frame to frame, in 1/1000, of what the object never
covers (without the sea, which moves). Films that are already in the folder are not made again; beside them come contact
sheets, one for each test set and each background.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan

from ..world import SLOTS, draw_scene, render
from ..world.captions import caption
from ..world.scene import BACKGROUNDS
from .checks import colour_mask, read_film, shrink_to
from .probe import load_probe, read
from .sheet import sheet

FIRST_SEED = 70_000_000
SETS = {
    "seen": ({}, {}),
    "held-out pairs": ({"split": "pair"}, {}),
    "held-out triples": ({"split": "triple"}, {}),
    "held-out phrasing": ({}, {"split": "held_out"}),
    "synonyms": ({}, {"synonyms": 1.0}),
}


def prompts(name, count):
    """Scenes of a test set and their full captions."""
    how_scene, how_caption = SETS[name]
    rng = np.random.default_rng(11)
    scenes = [draw_scene(FIRST_SEED + i, **how_scene) for i in range(count)]
    how = {"synonyms": 0.0, "fillers": 0.0, **how_caption}
    return scenes, [caption(s, rng, partial=False, **how)[0] for s in scenes]


def make_films(options, name, texts):
    folder = Path(options.folder) / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = folder / "jobs.jsonl"
    lines = [json.dumps({"prompt": t, "seed": i, "output": f"{i:04d}.mkv"}) for i, t in enumerate(texts)]
    jobs.write_text("\n".join(lines) + "\n")
    command = [options.soragen, "batch", str(jobs), "-o", str(folder), "--model", options.model, "--resume"]
    subprocess.run([*command, *options.flags.split()], check=True, stdout=subprocess.DEVNULL)
    return [folder / f"{i:04d}.mkv" for i in range(len(texts))]


def read_video(path):
    """[T, H, W, 3] in [0, 1], through ffmpeg."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", str(path)]
    width, height = map(int, subprocess.run(probe, check=True, capture_output=True, text=True).stdout.strip().split(","))
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True,
                         capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3).astype(np.float32) / 255


def flicker(scenes, films):
    """Mean change of the still surroundings from one frame to the next, in 1/1000."""
    changes = []
    for scene, film in zip(scenes, films):
        if scene.background != "sea":
            film = shrink_to(film)
            near = object_area(film)
            changes.append(np.abs(np.diff(film, axis=0)).mean(-1)[:, ~near].mean())
    return 1000 * float(np.mean(changes))


def object_area(film):
    """Where the object and its shadow ever are, [64, 64] bool, with a margin."""
    area = colour_mask(film)[1].any(0)
    area[-16:] |= area.any(0)  # the shadow lies under the object
    for axis in (0, 1):
        area = np.any([np.roll(area, k, axis) for k in range(-4, 5)], 0)
    return area


def round_trip(model, scenes):
    """True films after the VAE's encoder and decoder, [T, H, W, 3] in about [0, 1]."""
    vae = AutoencoderKLWan.from_pretrained(Path(model) / "vae", torch_dtype=torch.float32).eval()
    for scene in scenes:
        clip = torch.from_numpy(render(scene, size=256)).permute(3, 0, 1, 2)[None] * 2 - 1
        with torch.no_grad():
            drawn = vae.decode(vae.encode(clip).latent_dist.mean).sample
        yield (drawn[0].permute(1, 2, 3, 0).numpy() + 1) / 2


def accuracies(scenes, seen):
    """Per slot over the scenes that have it, and the share of films with every slot right; seen: {slot: value} a film."""
    right = {slot: [r[slot] == s.slots()[slot] for s, r in zip(scenes, seen) if slot in s.slots()] for slot in SLOTS}
    joint = [all(r[slot] == v for slot, v in s.slots().items()) for s, r in zip(scenes, seen)]
    return {**{slot: float(np.mean(r)) for slot, r in right.items()}, "joint": float(np.mean(joint))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--soragen", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--probe", help="probe.pt of evaluate/probe.py: a second row for each set, by that network")
    parser.add_argument("--flags", default="", help="more flags for soragen, e.g. '--steps 8 --guidance 1'")
    options = parser.parse_args()
    probe = options.probe and load_probe(options.probe)
    print("| test set | films |", " | ".join([*SLOTS, "joint", "flicker"]), "|")
    print("|---|---|" + "---|" * (len(SLOTS) + 2))

    def line(name, scenes, films):
        def row(name, seen, *more):
            cells = [name, options.count, *(f"{100 * v:.1f}" for v in accuracies(scenes, seen).values()), *more]
            print("|", " | ".join(map(str, cells)), "|", flush=True)

        row(name, [read_film(f) for f in films], f"{flicker(scenes, films):.2f}")
        if probe:
            row(f"{name}, probe", read(probe, films), "")

    folder, families = Path(options.folder), {background: [] for background in BACKGROUNDS}
    for name in SETS:
        scenes, texts = prompts(name, options.count)
        films = [read_video(p) for p in make_films(options, name, texts)]
        line(name, scenes, films)
        sheet(films[:12], folder / f"{name.replace(' ', '-')}.png")
        for scene, film in zip(scenes, films):
            if len(families[scene.background]) < 12:
                families[scene.background].append(film[::8])
    for background, clips in families.items():
        if clips:
            sheet(clips, folder / f"family-{background}.png", frames=5)
    scenes, _ = prompts("seen", options.count)
    line("true renders", scenes, [render(s, size=64) for s in scenes])
    line("true renders, VAE", scenes, list(round_trip(options.model, scenes)))


if __name__ == "__main__":
    main()
