#!/usr/bin/env python3
"""A denoising step and a decoded film of Wan 2.1 1.3B's shape on a card: soragen beside diffusers, in one run.

    python scripts/gpu_stages.py --bench BUILD/bin/soragen_bench --work DIR [--out FILE]

scripts/gpu_check.sh runs it with the Python that holds torch. Weights are random; numpy writes them. diffusers' rows are
left out where it is not installed: then the path without our kernels is what is compared with. Prints a Markdown table,
and a line on stderr for what could not be measured; exit code 1 if that is one of the rows that every card has. --size,
--frames, --layers and --device cpu are for trying it out.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LIMIT = 150  # seconds for one measurement, with loading and compiling
BEGIN = time.monotonic()

SMALL = ("256x256", 17)  # 1,280 tokens: few enough for a step to be one launch

OURS = [  # row, flags of soragen_bench, stages
    ("soragen, ATen alone", ["--plain"], ("denoise", "denoise small", "decode")),
    ("soragen, cuDNN attention, our fused kernels", [], ("denoise", "denoise small", "decode")),
    ("soragen, the same as one CUDA graph", ["--graphs"], ("denoise small",)),
    ("soragen, --attention sm80", ["--attention", "sm80"], ("denoise",)),
    ("soragen, --attention sm90", ["--attention", "sm90"], ("denoise",)),
    ("soragen, --attention int8 (not exact)", ["--attention", "int8"], ("denoise",)),
    ("soragen, --attention int8-sparse (half of the keys)", ["--attention", "int8-sparse"], ("denoise",)),
]
MUST_RUN = {OURS[0][0], OURS[1][0], OURS[2][0]}  # the others depend on the card
REFERENCE = [
    ("diffusers, eager", []),
    ("diffusers, compiled", ["--compiled"]),
]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, required=True, help="soragen_bench")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the random checkpoint, 3.5 GB")
    parser.add_argument("--out", type=Path, help="the table goes there, too")
    parser.add_argument("--size", default="832x480")
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3600, help="what is not measured after so long is left out")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    return parser.parse_args()


def checkpoint(options):
    folder = options.work / f"wan2.1-1.3b-{options.layers}-layers-no-text"
    if not folder.exists():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)  # of a run that was interrupted
        command = [sys.executable, ROOT / "make_random_model.py", "--like", "wan2.1-t2v-1.3b", "--layers", options.layers,
                   "--weights", "transformer", "vae", "-o", part]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        part.rename(folder)
    return folder


def measure(options, row, command):
    """The last JSON line of a program, or None with the reason on stderr."""
    limit = min(LIMIT, options.seconds - (time.monotonic() - BEGIN))
    if limit <= 0:
        print(f"gpu_stages: {row}: not begun, the {options.seconds:.0f} s are over", file=sys.stderr)
        return None
    try:
        run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        print(f"gpu_stages: {row}: no result within {limit:.0f} s", file=sys.stderr)
        return None
    if run.returncode != 0:
        reason = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
        print(f"gpu_stages: {row}: {reason}", file=sys.stderr)
        return None
    return json.loads(run.stdout.strip().splitlines()[-1])


def measurements(options, stage):
    """Pairs of a row's name and what was measured, the reference first."""
    step, *small = stage.split()
    size, frames = SMALL if small else (options.size, options.frames)
    width, height = size.split("x")
    common = ["--frames", frames, "--dtype", "bf16", "--repeats", options.repeats, "--device", options.device]
    if importlib.util.find_spec("diffusers"):
        layers = ["--layers", options.layers] if step == "denoise" else []
        for row, flags in REFERENCE[:1] if small else REFERENCE:
            command = [sys.executable, ROOT / "bench_reference.py", step, "--width", width, "--height", height]
            yield row, measure(options, row, command + common + layers + flags)
    folder = checkpoint(options)
    for row, flags, stages in OURS:
        if stage in stages:
            yield row, measure(options, row, [options.bench, step, folder, "--size", size, *common, *flags])


def table(options):
    film = f"{options.size}, {options.frames} frames"
    step = f"denoising step with guidance, {options.layers} layers"
    titles = {
        "denoise": f"{step}, {film}, bf16",
        "denoise small": f"{step}, {SMALL[0]}, {SMALL[1]} frames, bf16",
        "decode": f"decoding, {film}, bf16",
    }
    lines = ["| what | by | seconds | faster than the first | TFLOP/s | memory of the card, GiB |", "|---|---|---|---|---|---|"]
    missing = False
    for stage, title in titles.items():
        first = None
        for row, found in measurements(options, stage):
            missing |= found is None and row in MUST_RUN
            if found is None:
                lines.append(f"| {title} | {row} | not measured | | | |")
                continue
            first = first or found["seconds"]
            rate = f"{found['gflops'] / 1000:.0f}" if "gflops" in found else ""
            memory = f"{found['peak_card_mib'] / 1024:.2f}" if "peak_card_mib" in found else ""
            lines.append(f"| {title} | {row} | {found['seconds']:.3f} | {first / found['seconds']:.2f}x | {rate} | {memory} |")
    if not importlib.util.find_spec("diffusers"):
        lines.append("\ndiffusers is not installed here; the rows without our kernels are compared with.")
    return "\n".join(lines), missing


def main():
    options = parse()
    options.work.mkdir(parents=True, exist_ok=True)
    text, missing = table(options)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
