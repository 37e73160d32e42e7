#!/usr/bin/env python3
"""Reads the compiled CUDA kernels and fails on registers spilled to memory, arrays in local memory, a kernel
missing for a card, and a matrix kernel without the matrix instructions it promises.

check_kernels.py [--tools DIR] [--table] object.o...

--tools   where cuobjdump and nvdisasm are; else PATH, beside nvcc, or the triton package (exit 77 without)
--table   prints a row a kernel with its registers, for kernels/README.md
"""
import argparse
import collections
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CARDS = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_120"]
# Per kernel, what its machine code must hold: else the compiler took another way than the source says.
PROMISED = {
    "attention_kernel": ["HMMA", "LDSM", "LDGSTS", "MUFU.EX2"],
    "attention_sm90_kernel": ["HGMMA", "UTMALDG", "USETMAXREG", "MUFU.EX2"],
    "attention_int8_kernel": ["IMMA", "HMMA", "LDSM", "LDGSTS", "MUFU.EX2"],
    "layer_norm_kernel": ["LDG.E.128", "STG.E.128"],
    "rms_rope_kernel": ["LDG.E.128", "STG.E.128"],
    "rms_rope_int8_kernel": ["LDG.E.128", "STG.E.64"],
    "rms_silu_kernel": ["LDG.E.128", "STG.E.128", "MUFU.EX2"],
    "gelu_kernel": ["LDG.E.128", "STG.E.128", "MUFU.EX2"],
    "causal_cache_kernel": ["LDG.E.128", "STG.E.128"],
}
# Kernels whose instructions only some cards have.
ONLY_FOR = {"attention_sm90_kernel": ["sm_90a"]}
SKIPPED = 77


def find_tools(given: str | None) -> Path | None:
    candidates = [Path(given)] if given else []
    candidates += [Path(tool).parent for name in ("cuobjdump", "nvcc") if (tool := shutil.which(name))]
    candidates.append(Path("/usr/local/cuda/bin"))
    spec = importlib.util.find_spec("triton")
    roots = [Path(spec.origin).parent] if spec and spec.origin else []
    if root := os.environ.get("LIBTORCH_ROOT"):
        roots += Path(root).glob("lib/python3*/site-packages/triton")
    candidates += [package / "backends/nvidia/bin" for package in roots]
    return next((folder for folder in candidates if all((folder / tool).is_file() for tool in ("cuobjdump", "nvdisasm"))), None)


def dump(tools: Path, what: str, file: Path) -> str:
    environment = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}")
    run = subprocess.run([tools / "cuobjdump", what, file], env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"cuobjdump {what} {file}: {run.stderr.strip()}")
    return run.stdout


def readable(names: set[str]) -> dict[str, str]:
    """Mangled -> 'attention_kernel<Bf16, 128, 48>'."""
    ordered = sorted(names)
    lines = subprocess.run(["c++filt"], input="\n".join(ordered), capture_output=True, text=True, check=True).stdout.splitlines()
    short = [re.sub(r"soragen::kernels::|\(anonymous namespace\)::|^void ", "", line) for line in lines]
    return {name: re.sub(r"\(int\)", "", line.split(">(")[0] + ">" if ">(" in line else line.split("(")[0])
            for name, line in zip(ordered, short)}


def resources(text: str) -> dict[tuple[str, str], dict[str, int]]:
    """(card, mangled name) -> REG, STACK, LOCAL."""
    found, card, name = {}, "", ""
    for line in text.splitlines():
        if arch := re.match(r"arch = (sm_\w+)", line):
            card = arch[1]
        elif function := re.match(r"\s*Function (\S+):", line):
            name = function[1]
        elif "REG:" in line:
            found[card, name] = {key: int(value) for key, value in re.findall(r"(\w+(?:\[0\])?):(\d+)", line)}
    return found


def instructions(text: str) -> dict[tuple[str, str], collections.Counter]:
    """(card, mangled name) -> how often each opcode occurs."""
    found, card, name = collections.defaultdict(collections.Counter), "", ""
    for line in text.splitlines():
        if arch := re.match(r"arch = (sm_\w+)", line):  # "code for" further on leaves out the a of 90a
            card = arch[1]
        elif function := re.match(r"\s*Function : (\S+)", line):
            name = function[1]
        elif code := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]+)", line):
            found[card, name][code[1]] += 1
    return found


def breaches(kernel: str, usage: dict[str, int], code: collections.Counter) -> list[str]:
    found = [f"{usage[key]} bytes of {key.lower()} memory" for key in ("STACK", "LOCAL") if usage.get(key)]
    found += [f"{code[opcode]} {opcode}" for opcode in code if opcode.split(".")[0] in ("LDL", "STL")]
    for promised in PROMISED.get(kernel.split("<")[0], []):
        if not any(opcode.startswith(promised) for opcode in code):
            found.append(f"no {promised}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools")
    parser.add_argument("--cards", default=",".join(CARDS))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("objects", nargs="+", type=Path)
    arguments = parser.parse_args()
    tools = find_tools(arguments.tools)
    if not tools:
        print("skipped: no cuobjdump and nvdisasm (a full CUDA toolkit or the triton package has them)")
        return SKIPPED
    usages, codes = {}, {}
    for file in [file for file in arguments.objects if file.name.endswith(".cu.o")]:
        usages |= resources(dump(tools, "-res-usage", file))
        codes |= instructions(dump(tools, "-sass", file))
    if not usages:
        print(f"no kernel in {len(arguments.objects)} files")
        return 1
    names = readable({name for _, name in usages})
    cards = arguments.cards.split(",")
    failures = 0
    for name, kernel in sorted(names.items(), key=lambda item: item[1]):
        for card in [card for card in cards if card in ONLY_FOR.get(kernel.split("<")[0], cards)]:
            found = ["not compiled"] if (card, name) not in usages else breaches(kernel, usages[card, name], codes[card, name])
            failures += bool(found)
            if found:
                print(f"{kernel} for {card}: {', '.join(found)}")
        if arguments.table:
            print(f"| `{kernel}` | " + " | ".join(str(usages.get((card, name), {}).get("REG", "-")) for card in cards) + " |")
    missing = set(PROMISED) - {kernel.split("<")[0] for kernel in names.values()}
    for kernel in sorted(missing):
        print(f"{kernel}: no such kernel was compiled")
    print(f"{len(names)} kernels for {len(cards)} cards, {failures + len(missing)} wrong")
    return 1 if failures or missing else 0


if __name__ == "__main__":
    sys.exit(main())
