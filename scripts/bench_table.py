#!/usr/bin/env python3
"""What scripts/bench runs: both programs in turn, then the table. Standard library only."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "a red ball bounces over the blue sea at night"


def arguments():
    parser = argparse.ArgumentParser(description="soragen against the Python reference, as ratios in one run.")
    parser.add_argument("--python", default=sys.executable, help="a Python with torch, diffusers and transformers")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="build folder with bin/")
    parser.add_argument("--model", type=Path, default=ROOT / "models/soragen-mini", help="for the whole process")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "soragen-bench")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="no 33-frame decode, no directory of real size")
    return parser.parse_args()


class Bench:
    def __init__(self, options):
        self.options = options
        options.work.mkdir(parents=True, exist_ok=True)
        self.log = (options.work / "bench.jsonl").open("a")

    def run(self, command):
        """Runs a command; returns its last JSON line with wall seconds and peak memory of the process."""
        print("  " + " ".join(map(str, command)), file=sys.stderr)
        environment = os.environ | {"OMP_NUM_THREADS": str(self.options.threads)}
        start = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"bench: failed: {' '.join(map(str, command))}")
        result = json.loads(output.strip().splitlines()[-1])
        result |= {"command": " ".join(map(str, command)), "wall": wall, "peak_mib": usage.ru_maxrss / 1024}
        self.log.write(json.dumps(result) + "\n")
        self.log.flush()
        return result

    def ours(self, *words, repeats=None):
        return self.run([self.options.build / "bin/soragen_bench", *words, "--threads", self.options.threads,
                         "--repeats", self.options.repeats if repeats is None else repeats])

    def reference(self, *words, repeats=None):
        return self.run([self.options.python, ROOT / "scripts/bench_reference.py", *words, "--threads",
                         self.options.threads, "--repeats", self.options.repeats if repeats is None else repeats])


def checkpoint(bench, layers):
    """A directory of Wan 2.1 1.3B's shapes; 0 layers: all of them."""
    folder = bench.options.work / (f"wan2.1-1.3b-{layers}-layers" if layers else "wan2.1-1.3b")
    if not (folder / "model_index.json").exists():
        command = [bench.options.python, ROOT / "scripts/make_random_model.py", "--like", "wan2.1-t2v-1.3b", "-o", folder]
        subprocess.run(list(map(str, command + (["--layers", layers] if layers else []))), check=True, stdout=sys.stderr)
    return folder


def stage_rows(bench, peaks):
    folder = checkpoint(bench, layers=4)
    rows = []
    stages = [("denoise step, 1.3B width, 4 layers, 256x256x17", "denoise", ["--frames", 17], "gemm_gflops", None)]
    for frames in (9,) if bench.options.quick else (9, 33):  # the long one takes minutes: one cold call each
        stages.append((f"VAE decode, Wan 2.1 size, {frames} frames 256x256", "decode", ["--frames", frames], "conv3d_96_gflops",
                       0 if frames > 9 else None))
    for name, stage, words, peak, repeats in stages:
        exact = bench.reference(stage, *words, "--dtype", "fp32", repeats=repeats)
        half = bench.reference(stage, *words, "--dtype", "bf16", repeats=repeats)
        for dtype in ("fp32", "bf16"):
            ours = bench.ours(stage, folder, *words, "--dtype", dtype, repeats=repeats)
            rows.append([f"{name}, {dtype}", f"{exact['seconds']:.2f} s fp32, {half['seconds']:.2f} s bf16", f"{ours['seconds']:.2f} s",
                         f"{exact['seconds'] / ours['seconds']:.2f}x", f"{ours['peak_mib'] / exact['peak_mib']:.2f}x",
                         f"{ours['gflops'] / peaks[dtype][peak]:.0%} of {peaks[dtype][peak]:.0f} GFLOP/s"])
    return rows


def attention_rows(bench, peaks):
    """Our kernel against the library's, D 128 and 64, on the same numbers in one process."""
    rows = []
    for dtype in ("fp32", "bf16"):
        for head_dim in (128, 64):
            found = bench.ours("attention", "--head-dim", head_dim, "--dtype", dtype)
            peak = peaks[dtype]["gemm_gflops"]
            rows.append([f"attention, 7,800 tokens, D {head_dim}, {dtype}, against ATen", f"{found['aten_gflops']:.0f} GFLOP/s",
                         f"{found['tiled_gflops']:.0f} GFLOP/s", f"{found['tiled_gflops'] / found['aten_gflops']:.2f}x", "",
                         f"{found['tiled_gflops'] / peak:.0%} of {peak:.0f} GFLOP/s"])
    return rows


def process_rows(bench):
    """Cold start to finished file: the best of three on each side."""
    options, rows = bench.options, []
    common = ["--model", options.model, "--prompt", PROMPT, "--seed", 42]
    output = options.work / "film"
    best = lambda command: min((bench.run(command) for _ in range(options.repeats)), key=lambda result: result["wall"])
    reference = best([options.python, ROOT / "scripts/bench_reference.py", "process", *common, "-o", f"{output}.npy"])
    for dtype in ("fp32", "auto"):
        ours = best([options.build / "bin/soragen", *common, "--dtype", dtype, "-o", f"{output}.mp4", "--json", "--progress", "none"])
        rows.append([f"whole process, cold, {options.model.name}, {dtype}", f"{reference['wall']:.2f} s, {reference['peak_mib']:.0f} MiB",
                     f"{ours['wall']:.2f} s, {ours['peak_mib']:.0f} MiB", f"{reference['wall'] / ours['wall']:.2f}x",
                     f"{ours['peak_mib'] / reference['peak_mib']:.2f}x", ""])
    return rows


def real_size(bench):
    folder = checkpoint(bench, layers=0)
    result = bench.run([bench.options.build / "bin/soragen", "--model", folder, "--prompt", PROMPT, "--size", "256x256", "--frames", 5,
                        "--steps", 2, "--seed", 1, "-o", bench.options.work / "real.mp4", "--json", "--progress", "none"])
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result["timings"].items())
    return ["1.3B + UMT5-XXL of real size, 256x256, 5 frames, 2 steps", "", f"{result['wall']:.1f} s ({stages})", "",
            f"{result['peak_mib'] / 1024:.2f} GiB", ""]


def main():
    bench = Bench(arguments())
    peaks = {dtype: bench.ours("peak", "--dtype", dtype) for dtype in ("fp32", "bf16")}
    rows = attention_rows(bench, peaks) + stage_rows(bench, peaks) + (process_rows(bench) if bench.options.model.exists() else [])
    if not bench.options.quick:
        rows.append(real_size(bench))
    header = ["what", "diffusers", "soragen", "faster than fp32", "memory", "share of the machine's peak"]
    for row in [header, ["---"] * len(header), *rows]:
        print("| " + " | ".join(row) + " |")
    for dtype, peak in peaks.items():
        print(f"\nPeak {dtype}: product {peak['gemm_gflops']:.0f}, conv3d "
              + ", ".join(f"{channels} channels {peak[f'conv3d_{channels}_gflops']:.0f}" for channels in (96, 192, 384)) + " GFLOP/s", end="")
    print()


if __name__ == "__main__":
    main()
