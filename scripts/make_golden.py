#!/usr/bin/env python3
"""Makes the golden checkpoints of tests/golden from the Python reference.

Needs torch, diffusers, transformers and sentencepiece (the versions are written into each golden.json). One thread,
CPU, so that a second run gives the same numbers on the same machine:

    OMP_NUM_THREADS=1 python scripts/make_golden.py --all
"""

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import diffusers
import safetensors.torch
import torch
import transformers

sys.path.insert(0, str(Path(__file__).resolve().parent))

from golden import checkpoint, precise, reference
from golden.cases import CASES

PACKAGES = ("torch", "diffusers", "transformers", "tokenizers", "sentencepiece", "ftfy", "numpy")
GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"


def error(tensor, exact):
    """How far `tensor` is from the float64 run: largest difference, and the relative L2 norm."""
    exact = exact.double()
    difference = tensor.double() - exact
    norm = exact.norm().item()
    return {"max_abs": float(f"{difference.abs().max().item():.3g}"),
            "rel_l2": float(f"{difference.norm().item() / norm if norm else 0.0:.3g}")}


def make(case, directory):
    checkpoint.save(case, directory)
    tensors = reference.record(case, directory)
    with precise.float64_world():
        exact = reference.record(case, directory, torch.float64)
    half = reference.record(case, directory, torch.bfloat16)
    assert tensors.keys() == exact.keys() == half.keys()

    entries = {}
    for name, tensor in sorted(tensors.items()):
        entry = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
        if tensor.is_floating_point():
            assert tensor.isfinite().all(), f"{case.name}: {name} is not finite"
            entry |= {"max": float(f"{tensor.abs().max().item():.4g}"), "err64": error(tensor, exact[name]),
                      "err64_bf16": error(half[name], exact[name])}
        entries[name] = entry
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()},
                                directory / "golden.safetensors")
    about = {"case": case.name, "command": f"OMP_NUM_THREADS=1 python scripts/make_golden.py {case.name}",
             "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
             **reference.describe(case), "tensors": entries}
    (directory / "golden.json").write_text(dump(about))


def dump(about):
    """JSON with one line for each tensor."""
    tensors = about.pop("tensors")
    head = json.dumps(about, indent=2, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in tensors.items())
    return f'{head},\n  "tensors": {{\n{lines}\n  }}\n}}\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", help=", ".join(CASES))
    parser.add_argument("--all", action="store_true", help="every case")
    parser.add_argument("-o", "--output", type=Path, default=GOLDEN, help="folder of the cases (default: tests/golden)")
    arguments = parser.parse_args()
    names = list(CASES) if arguments.all else arguments.case
    unknown = [name for name in names if name not in CASES]
    if unknown or not names:
        parser.error(f"{'no case ' + unknown[0] if unknown else 'no case given'}; cases: {', '.join(CASES)}; or --all")
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.logging.disable_progress_bar()
    for name in names:
        make(CASES[name], arguments.output / name)
        print(name, sum(f.stat().st_size for f in (arguments.output / name).rglob("*") if f.is_file()) // 1000, "KB")


if __name__ == "__main__":
    main()
