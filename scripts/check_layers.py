#!/usr/bin/env python3
"""Holds every #include against the architecture in src/CMakeLists.txt; prints each breach, exits 1 on any.

check_layers.py [source tree]

- a module includes itself, include/soragen/ and what it DEPENDS on, directly or through those;
- kernels/ includes core, include/soragen/ includes only the standard library and itself;
- libav only in the module that LINKS it, LibTorch only in modules built on it, neither where both halves meet;
- LibTorch's umbrella headers nowhere, tests included;
- the name of a model family only in its own folder and in the registry.
"""
import re
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

SUFFIXES = {".h", ".cpp", ".cu", ".cuh", ".in"}
BANNED = re.compile(r"torch/(torch|script|extension|all)\.h|torch/nn\b.*|torch/csrc/api/.*|ATen/ATen\.h")
LIBTORCH = re.compile(r"(ATen|c10|torch)/")
LIBAV = re.compile(r"lib(av|sw)[a-z]+/")
STANDARD = re.compile(r"[a-z_0-9]+")  # <vector>, <cstdint>: no dot, no folder


class Module(NamedTuple):
    depends: list[str]
    links: list[str]


class Include(NamedTuple):
    line: int
    path: str
    quoted: bool


def read_modules(root: Path) -> dict[str, Module]:
    """Every soragen_module() call, plus kernels, which may know core alone."""
    text = re.sub(r"#.*", "", (root / "src/CMakeLists.txt").read_text())
    modules = {"kernels": Module(["core"], [])}
    for call in re.findall(r"soragen_module\(([^)]*)\)", text):
        words = call.split()
        lists: dict[str, list[str]] = {"": [], "DEPENDS": [], "LINKS": []}
        key = ""
        for word in words:
            key = word if word in lists else key
            if word not in lists:
                lists[key].append(word)
        modules[lists[""][0]] = Module(lists["DEPENDS"], lists["LINKS"])
    for name, module in modules.items():
        for used in module.depends:
            if used not in modules:
                raise SystemExit(f"src/CMakeLists.txt: {name} DEPENDS {used}, which is no module")
    return modules


def closure(name: str, modules: dict[str, Module]) -> set[str]:
    """The module and everything below it."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += modules[module].depends
    return reached


def module_of(path: str, modules: dict[str, Module]) -> str | None:
    """'src/families/wan/dit.cpp' -> 'families/wan'; the deepest module that contains the path."""
    inside = path[len("src/"):] if path.startswith("src/") else path
    owners = [name for name in modules if inside.startswith(name + "/")]
    return max(owners, key=len, default=None)


def includes_of(text: str) -> Iterator[Include]:
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r"\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", line)
        if found:
            yield Include(number, found[2], found[1] == '"')


def sources_under(root: Path, *folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in SUFFIXES and file.is_file():
                yield file.relative_to(root).as_posix(), file.read_text()


def resolve(root: Path, includer: str, path: str) -> str | None:
    """Where the compiler finds a quoted include, relative to the tree, with soragen_module()'s -I folders."""
    for folder in (Path(includer).parent, Path("include"), Path("src"), Path(".")):
        if (root / folder / path).is_file():
            return (root / folder / path).resolve().relative_to(root).as_posix()
    return None


def check_public_include(include: Include) -> str | None:
    if include.path.startswith("soragen/") or (not include.quoted and STANDARD.fullmatch(include.path)):
        return None
    return f"a public header may include only the standard library and soragen/, not {include.path}"


def check_module_include(root: Path, file: str, module: str, include: Include, modules: dict[str, Module],
                         generated: set[str]) -> str | None:
    below = closure(module, modules)
    links = {link for name in below for link in modules[name].links}
    both_halves = "LibTorch::cpu" in links and "PkgConfig::LIBAV" in links
    if LIBTORCH.match(include.path) and (both_halves or "LibTorch::cpu" not in links):
        why = "it joins the two halves, and the tensor half should say it" if both_halves else "it is not built on LibTorch::cpu"
        return f"{module} may not include LibTorch ({include.path}); {why}"
    if LIBAV.match(include.path) and "PkgConfig::LIBAV" not in modules[module].links:
        return f"{module} may not include libav ({include.path}); only the module that LINKS it may"
    if not include.quoted or include.path in generated:
        return None
    found = resolve(root, file, include.path)
    if found is None:
        return f'"{include.path}" is not in this tree; other people\'s headers are included with <>'
    if found.startswith("include/soragen/"):
        return None
    owner = module_of(found, modules)
    if owner in below:
        return None
    allowed = ", ".join(sorted(below - {module})) or "nothing else of ours"
    return f"{module} may not include {found}; it DEPENDS on {allowed}"


def check_family_names(file: str, text: str, families: list[str]) -> Iterator[tuple[int, str]]:
    for family in families:
        if file.startswith((f"src/families/{family}/", "src/families/registry/")):
            continue
        # wan, wan_dit, Wan2.1, WanVae; but not want or swan.
        word = re.compile(rf"(?<![A-Za-z])((?i:{family})(?![A-Za-z])|{family.title()}(?=[A-Z]))")
        for number, line in enumerate(text.splitlines(), 1):
            if word.search(line):
                yield number, f'says "{family}"; only src/families/{family}/ and the registry may'


def check(root: Path) -> list[str]:
    """Every breach, as 'file:line: what'."""
    root = root.resolve()
    modules = read_modules(root)
    families = [name.split("/")[1] for name in modules if name.startswith("families/") and name != "families/registry"]
    generated = set(re.findall(r"configure_file\([^)]*/generated/([^\s)]+)", (root / "src/CMakeLists.txt").read_text()))
    breaches = []
    for file, text in sources_under(root, "include", "kernels", "src"):
        module = module_of(file, modules)
        if module is None and not file.startswith("include/soragen/"):
            breaches.append(f"{file}:1: belongs to no soragen_module() of src/CMakeLists.txt")
            continue
        for include in includes_of(text):
            breach = (check_public_include(include) if module is None else
                      check_module_include(root, file, module, include, modules, generated))
            if breach:
                breaches.append(f"{file}:{include.line}: {breach}")
        breaches += [f"{file}:{number}: {breach}" for number, breach in check_family_names(file, text, families)]
    for file, text in sources_under(root, "include", "kernels", "src", "tests"):
        breaches += [f"{file}:{include.line}: {include.path} takes in all of LibTorch; include ATen/core/Tensor.h and ATen/ops/*.h"
                     for include in includes_of(text) if BANNED.fullmatch(include.path)]
    return breaches


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    breaches = check(root)
    for breach in breaches:
        print(breach)
    print(f"{len(breaches)} includes or names against the architecture" if breaches else "the architecture holds")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
