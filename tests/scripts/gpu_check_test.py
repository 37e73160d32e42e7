"""scripts/gpu_check.sh on a small tree: what it asks of a machine, how it refuses, and what it makes of failures.

Real: bash and its tools. Stand-ins on PATH: cmake, ctest, nvcc, nvidia-smi, compute-sanitizer, python3 and the
program that is built; each notes how it was called.
"""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = {
    "cmake": """
        if [[ $1 == --build ]]; then
          [[ -e $CALLS/fail-build ]] && { echo "x.cu(1): error: no such thing"; exit 1; }
          [[ -e $CALLS/fail-stages && $2 == */stages ]] && { echo "y.cpp:1: error: nor this"; exit 1; }
          cp "$CALLS/../program" "$2/soragen_gpu_check"
        else
          [[ -e $CALLS/fail-configure ]] && { echo "CMake Error: no compiler"; exit 1; }
          [[ -e $CALLS/fail-packages && $4 == */stages ]] && { echo "CMake Error: Could NOT find spdlog"; exit 1; }
          mkdir -p "$4"
        fi
        exit 0
        """,
    "ctest": 'echo "9 tests"; [[ ! -e $CALLS/fail-checks ]]',
    "nvcc": 'echo "Cuda compilation tools, release ${CUDA:-13.0}, V13.0.88"',
    "nvidia-smi": '[[ ${CARD-} ]] || exit 9; printf "%s\\n" "$CARD"',
    "compute-sanitizer": '[[ ! -e $CALLS/fail-$2 ]] || { echo "========= Invalid read"; exit 9; }',
    "python3": """
        [[ $1 == */gpu_stages.py ]] || { echo "${TORCH-}"; exit; }
        [[ $2 == --bench && $4 == --work && $6 == --out ]] || exit 9
        echo "| decoding |" | tee "$7"
        [[ ! -e $CALLS/fail-timing ]]
        """,
    "ninja": "",
}
PROGRAM = """
    [[ $1 == --bench ]] || exit 0
    [[ -e $CALLS/fail-bench ]] && exit 1
    echo "| attention_sm80 | 1560 |" >"$2"
    """
H100 = "NVIDIA H100, 9.0, 580.1"


class GpuCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = Path(folder.name)
        self.tree = self.base / "a source tree"
        self.calls = self.base / "calls"
        self.bin = self.base / "bin"
        for path in (self.tree / "scripts", self.calls, self.bin):
            path.mkdir(parents=True)
        shutil.copy(ROOT / "scripts/gpu_check.sh", self.tree / "scripts")
        for name, body in STAND_INS.items():
            self.script(self.bin / name, f'echo "$@" >>"$CALLS/{name}"\n{body}')
        self.script(self.base / "program", f'echo "$@" >>"$CALLS/program"\n{PROGRAM}')
        self.torch = self.make_torch("venv/lib/python3.12/site-packages/torch")

    def script(self, path, body):
        path.write_text("#!/bin/bash\n" + body)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def make_torch(self, path, minor=11, cuda=True):
        torch = self.base / path
        header = torch / "include/torch/headeronly/version.h"
        header.parent.mkdir(parents=True)
        header.write_text(f"#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR {minor}\n")
        (torch / "lib").mkdir()
        if cuda:
            (torch / "lib/libtorch_cuda.so").touch()
        return torch

    def run_check(self, *arguments, **environment):
        for name in list(environment):
            environment[name] = str(environment[name])
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "CALLS": str(self.calls), "CARD": H100, "TORCH": str(self.torch),
                       "CUDA_HOME": str(self.base / "no-cuda")} | environment
        return subprocess.run([self.tree / "scripts/gpu_check.sh", *arguments], env=environment, cwd=self.base,
                              capture_output=True, text=True, check=False)

    def expect(self, code, words, *arguments, **environment):
        run = self.run_check(*arguments, **environment)
        self.assertEqual(run.returncode, code, run.stderr)
        self.assertIn(words, run.stderr)
        return run

    def called(self, name):
        path = self.calls / name
        return path.read_text().splitlines() if path.exists() else []

    def let_fail(self, what):
        (self.calls / f"fail-{what}").touch()

    def test_passes_and_prints_the_table(self):
        run = self.expect(0, "in all")
        self.assertIn("| attention_sm80 | 1560 |", run.stdout)
        self.assertIn("| decoding |", run.stdout)
        configure, build, *stages = self.called("cmake")
        self.assertIn("-DSORAGEN_MEDIA=OFF", stages[0])
        self.assertIn("--target soragen_bench", stages[1])
        self.assertIn("tests/kernels/cuda", configure)
        self.assertIn(f"-DLIBTORCH_ROOT={self.torch}", configure)
        self.assertIn("-DCMAKE_CUDA_ARCHITECTURES=90a-real", configure)
        self.assertIn("--target soragen_gpu_check", build)
        self.assertEqual(self.called("ctest"), ["-L cuda --output-on-failure"])
        self.assertEqual([line.split()[1] for line in self.called("compute-sanitizer")], ["memcheck", "racecheck"])

    def test_writes_the_table_and_logs_where_it_is_told(self):
        self.expect(0, "in all", "--out", "a folder/results")
        self.assertEqual(sorted(path.name for path in (self.base / "a folder/results").iterdir()),
                         ["checks.log", "kernels.md", "memcheck.log", "racecheck.log", "stages.md"])

    def test_builds_for_the_card(self):
        for card, architecture in (("A, 8.6, 580", "86-real"), ("B, 12.0, 580", "120-real"), ("C, 10.0, 580", "100-real")):
            self.expect(0, card, CARD=card)
            self.assertIn(f"-DCMAKE_CUDA_ARCHITECTURES={architecture}", self.called("cmake")[-2])
        self.expect(4, "compute capability 7.5; the kernels need 8.0", CARD="Old, 7.5, 580")

    def test_takes_the_torch_that_it_is_given(self):
        self.expect(0, "in all", LIBTORCH_ROOT=self.base / "venv", TORCH="")
        self.assertIn(f"-DLIBTORCH_ROOT={self.torch}", self.called("cmake")[0])
        self.expect(0, "in all", LIBTORCH_ROOT=self.torch, TORCH="")

    def test_refuses_other_torches(self):
        self.expect(4, "has no torch; install torch 2.11", TORCH="")
        self.expect(4, "no LibTorch headers", LIBTORCH_ROOT=self.base / "nowhere")
        self.expect(4, "is 2.12; 2.11 is needed", TORCH=self.make_torch("newer", minor=12))
        self.expect(4, "it is a CPU build", TORCH=self.make_torch("cpu", cuda=False))
        self.assertEqual(self.called("cmake"), [])

    def test_refuses_other_compilers(self):
        self.expect(4, "is of CUDA 12", CUDA="12.9")
        (self.bin / "nvcc").unlink()
        self.expect(4, "no nvcc on PATH")
        self.assertEqual(self.called("cmake"), [])

    def test_says_that_there_is_no_card(self):
        self.expect(4, "no NVIDIA card is found", CARD="")
        (self.bin / "nvidia-smi").unlink()
        self.expect(4, "no NVIDIA card is found")
        self.assertEqual(self.called("cmake"), [])

    def test_rehearses_without_a_card(self):
        self.expect(4, "nothing was proved or timed", "--rehearse", CARD="")
        self.assertIn("-DCMAKE_CUDA_ARCHITECTURES=90a-real", self.called("cmake")[0])
        self.assertEqual(self.called("program"), [])

    def test_a_failed_check_fails_but_the_rest_is_timed(self):
        self.let_fail("checks")
        run = self.expect(1, "failed: ctest -L cuda")
        self.assertIn("attention_sm80", run.stdout)

    def test_a_finding_of_the_sanitizer_fails(self):
        self.let_fail("racecheck")
        run = self.expect(1, "failed: compute-sanitizer racecheck")
        self.assertIn("Invalid read", run.stderr)

    def test_runs_without_the_sanitizer(self):
        (self.bin / "compute-sanitizer").unlink()
        self.expect(0, "no compute-sanitizer")

    def test_says_why_it_could_not_build(self):
        self.let_fail("build")
        self.expect(1, "error: no such thing")
        self.let_fail("configure")
        self.expect(1, "CMake Error: no compiler")

    def test_a_failed_timing_fails(self):
        self.let_fail("bench")
        self.expect(1, "failed: the timing of the kernels")

    def test_says_why_the_stages_are_not_timed(self):
        self.let_fail("packages")
        run = self.expect(0, "no step and no decoding are timed, cmake says: CMake Error: Could NOT find spdlog")
        self.assertNotIn("| decoding |", run.stdout)

    def test_stages_that_do_not_build_or_run_fail(self):
        self.let_fail("timing")
        self.expect(1, "failed: the timing of the stages")
        self.let_fail("stages")
        self.expect(1, "failed: the build of the stages")

    def test_refuses_what_it_does_not_know(self):
        self.expect(2, "--fast is none of", "--fast")
        self.expect(2, "--out needs a folder", "--out")


if __name__ == "__main__":
    unittest.main()
