"""scripts/soragen on a small tree: what it brings, when it builds, what it passes on and what it refuses.

Real: bash, pip (offline, from wheels made here), sha256sum, unzip, flock. Stand-ins on PATH: cmake, dpkg-query,
apt-get, sudo; each notes how it was called.
"""
import hashlib
import os
import resource
import shutil
import stat
import subprocess
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
TORCH = "torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl"
C2PA = "c2pa_python-0.38.1-py3-none-manylinux_2_28_x86_64.whl"
STAND_INS = {
    "cmake": """
        if [[ $1 == --build ]]; then
          [[ -e $CALLS/fail-build ]] && exit 1
          sleep 0.2
          mkdir -p "$2/bin"
          printf '#!/bin/bash\\nprintf "<%%s>" "$@"; exit ${EXIT_WITH:-0}\\n' >"$2/bin/soragen"
          chmod +x "$2/bin/soragen"
        else
          echo "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" >"build/$2/CMakeCache.txt"
        fi
        """,
    "dpkg-query": """
        sed -n 's/^debian [a-z]* //p' "$TREE/cmake/pins.txt" | tr ' ' '\\n' | grep -vxF -- "${MISSING:-none}" | sed 's/^/installed /'
        """,
    "apt-get": "",
    "sudo": """
        [[ ${SUDO_WORKS:-} ]] || exit 1
        [[ $1 == -n ]] && shift
        "$@"
        """,
}


class Launcher(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = Path(folder.name)
        self.tree = self.base / "a source tree"
        self.wheels = self.base / "wheels"
        self.cache = self.base / "cache"
        self.calls = self.base / "calls"
        for path in (self.wheels, self.cache, self.calls, self.base / "bin"):
            path.mkdir()
        for path in ("scripts/soragen", "scripts/setup.sh"):
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, self.tree / path)
        for path in ("CMakeLists.txt", "CMakePresets.json", "configs/x.json", "include/x.h", "kernels/x.cpp", "src/core/x.cpp"):
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / path).touch()
        (self.tree / "cmake").mkdir()
        self.write_pins()
        for name, body in STAND_INS.items():
            self.write_program(self.base / "bin" / name, f'echo "{name} $*" >>"$CALLS/all"\n{body}')
        for path in [self.base, *self.base.rglob("*")]:  # so that another user can run it too
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o777 if path.is_dir() else 0o644))

    def write_program(self, path, body):
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def make_wheel(self, file, tag, *libraries):
        name, version = file.split("-")[:2]
        with zipfile.ZipFile(self.wheels / file, "w") as wheel:
            for library in libraries:
                wheel.writestr(library, "a library")
            wheel.writestr(f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{name}-{version}.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        return hashlib.sha256((self.wheels / file).read_bytes()).hexdigest()

    def write_pins(self, torch=None):
        torch_is = self.make_wheel(TORCH, "cp312-cp312-manylinux_2_28_x86_64", "torch/lib/libc10.so", "torch/lib/libtorch_python.so")
        c2pa_is = self.make_wheel(C2PA, "py3-none-manylinux_2_28_x86_64", "c2pa/libs/libc2pa_c.so")
        (self.tree / "cmake/pins.txt").write_text(
            "debian build g++ cmake\ndebian test ccache\n"
            f"wheel c2pa c2pa-python 0.38.1 {C2PA} {c2pa_is} 1 c2pa/libs/libc2pa_c.so\n"
            f"wheel libtorch torch 2.11.0 {TORCH} {torch or torch_is} 1 torch/lib/libc10.so\n")

    def start(self, *arguments, program=None, cwd="/", user=None, **variables):
        environment = {
            "PATH": f"{self.base}/bin:/usr/bin:/bin", "HOME": str(self.base), "XDG_CACHE_HOME": str(self.cache),
            "CALLS": str(self.calls), "TREE": str(self.tree), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels),
            "TMPDIR": str(self.base), **variables}
        return subprocess.Popen([program or self.tree / "scripts/soragen", *arguments], cwd=cwd, env=environment, user=user,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_it(self, *arguments, **options):
        """(exit code, stdout, stderr, the calls of the stand-ins)"""
        (self.calls / "all").unlink(missing_ok=True)
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=300)
        calls = (self.calls / "all").read_text().splitlines() if (self.calls / "all").exists() else []
        return process.returncode, out, err, calls

    def as_other_user(self):
        return NOBODY if os.geteuid() == 0 else None

    def libtorch(self):
        return self.cache / "soragen/libtorch-2.11.0"

    def c2pa(self):
        return self.cache / "soragen/c2pa-0.38.1"

    def test_first_call_brings_everything_and_runs(self):
        code, out, err, calls = self.run_it("--prompt", "a red  ball", "", "-o", "-")
        self.assertEqual((code, out), (0, "<--prompt><a red  ball><><-o><->"), err)
        self.assertEqual(sorted(path.name for path in (self.libtorch() / "torch/lib").iterdir()), ["libc10.so"])
        self.assertTrue((self.c2pa() / "c2pa/libs/libc2pa_c.so").exists())
        self.assertIn(f"cmake --preset release -DLIBTORCH_ROOT={self.libtorch()} -DC2PA_ROOT={self.c2pa()}", calls)
        self.assertTrue(any("--target soragen" in call for call in calls), calls)
        self.assertRegex(err, r"\[2/3\] libtorch c2pa: 2 MB to download \(about \d+ s left\)")
        self.assertRegex(err, r"\[3/3\] building soragen \(about \d+ s left\)")

    def test_second_call_goes_straight_to_the_binary(self):
        self.run_it()
        code, out, err, calls = self.run_it("x", EXIT_WITH="6")
        self.assertEqual((code, out, err, calls), (6, "<x>", "", []))

    def test_second_call_is_quick(self):
        self.run_it()
        def seconds():  # of processor time, since a busy machine stretches the clock: the launcher and the stand-in binary
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.run_it()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.assertLess(min(seconds() for _ in range(10)), 0.05)

    def test_link_and_other_folder(self):
        (self.base / "link").symlink_to(self.tree / "scripts/soragen")
        code, out, err, _ = self.run_it("x", program=self.base / "link", cwd=self.base)
        self.assertEqual((code, out), (0, "<x>"), err)

    def test_changed_new_and_removed_sources_are_built(self):
        self.run_it()
        changes = [lambda: (self.tree / "src/core/x.cpp").write_text("int x;"),
                   lambda: (self.tree / "src/core/y.cpp").touch(),
                   lambda: (self.tree / "src/core/y.cpp").unlink(),
                   lambda: (self.tree / "configs/x.json").touch()]
        for change in changes:
            change()
            _, _, err, calls = self.run_it()
            self.assertIn("building what changed", err)
            self.assertTrue(any(call.startswith("cmake --build") for call in calls))
            self.assertEqual(self.run_it()[3], [])

    def test_change_during_a_build_is_seen_by_the_next_call(self):
        process = self.start()
        while not (self.calls / "all").exists() or "--build" not in (self.calls / "all").read_text():
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        (self.tree / "src/core/x.cpp").touch()
        process.communicate()
        self.assertIn("building what changed", self.run_it()[2])

    def test_moved_tree_is_configured_anew(self):
        self.run_it()
        moved = self.base / "moved"
        self.tree.rename(moved)
        code, out, _, calls = self.run_it("x", program=moved / "scripts/soragen", TREE=str(moved))
        self.assertEqual((code, out), (0, "<x>"))
        self.assertTrue(any("--fresh" in call for call in calls), calls)

    def test_failed_build_is_tried_again(self):
        (self.calls / "fail-build").touch()
        code, out, err, _ = self.run_it()
        self.assertEqual((code, out), (1, ""))
        self.assertIn("the build in", err)
        (self.calls / "fail-build").unlink()
        self.assertEqual(self.run_it("x")[:2], (0, "<x>"))

    def test_two_calls_at_once_build_once(self):
        both = [self.start(name) for name in ("a", "b")]
        results = [process.communicate() for process in both]
        self.assertEqual([out for out, _ in results], ["<a>", "<b>"])
        calls = (self.calls / "all").read_text().splitlines()
        self.assertEqual(sum(call.startswith("cmake --build") for call in calls), 1, calls)

    def test_wrong_hash_is_refused_and_leaves_nothing(self):
        self.write_pins("0" * 64)
        code, out, err, _ = self.run_it()
        self.assertEqual((code, out), (3, ""))
        self.assertIn(f"torch 2.11.0: expected {TORCH} with sha256 {'0' * 64}; found: ", err)
        self.assertEqual([path.name for path in (self.cache / "soragen").iterdir()], ["lock"])

    def test_interrupted_unpacking_is_begun_again(self):
        half = self.cache / "soragen/libtorch-2.11.0.part/tree/torch/lib"
        half.mkdir(parents=True)
        (half / "libjunk.so").touch()
        self.assertEqual(self.run_it()[0], 0)
        self.assertFalse((self.cache / "soragen/libtorch-2.11.0.part").exists())
        self.assertFalse((self.libtorch() / "torch/lib/libjunk.so").exists())

    def test_changed_pins_replace_the_folder(self):
        self.run_it()
        pins = self.tree / "cmake/pins.txt"
        pins.write_text(pins.read_text().rstrip() + " torch/lib/libtorch_python.so\n")
        self.run_it()
        self.assertTrue((self.libtorch() / "torch/lib/libtorch_python.so").exists())

    def test_libtorch_root_means_no_download(self):
        (self.base / "my torch").mkdir()
        code, _, err, calls = self.run_it(cwd=self.base, LIBTORCH_ROOT="my torch")
        self.assertEqual(code, 0, err)
        self.assertIn(f"cmake --preset release -DLIBTORCH_ROOT={self.base}/my torch -DC2PA_ROOT={self.c2pa()}", calls)
        self.assertFalse(self.libtorch().exists())
        self.assertEqual(self.run_it(cwd=self.base, LIBTORCH_ROOT="my torch")[3], [])

    def test_libtorch_root_that_does_not_exist(self):
        code, _, err, _ = self.run_it(LIBTORCH_ROOT="/nowhere")
        self.assertEqual(code, 3)
        self.assertIn("LIBTORCH_ROOT is /nowhere, which does not exist", err)

    def test_missing_package_without_root_or_sudo(self):
        code, out, err, calls = self.run_it(user=self.as_other_user(), MISSING="g++")
        self.assertEqual((code, out), (5, ""))
        self.assertIn("apt-get update && apt-get install --yes --no-install-recommends g++\n", err)
        self.assertFalse(any(call.startswith("apt-get") for call in calls), calls)

    def test_missing_package_with_sudo(self):
        code, _, err, calls = self.run_it(user=self.as_other_user(), MISSING="g++", SUDO_WORKS="1")
        self.assertEqual(code, 0, err)
        self.assertTrue(any(call.startswith("apt-get") and call.endswith("install --no-install-recommends g++") for call in calls))
        self.assertFalse(any("ccache" in call for call in calls), "a package that only the tests need")

    def test_read_only_tree(self):
        for path in (self.tree, *self.tree.iterdir()):
            path.chmod(stat.S_IREAD | stat.S_IEXEC | 0o055)
        self.addCleanup(self.tree.chmod, 0o755)
        code, _, err, _ = self.run_it(user=self.as_other_user())
        self.assertEqual(code, 5)
        self.assertIn("cannot write to", err)


if __name__ == "__main__":
    unittest.main()
