"""Runs the real binary, named by $SORAGEN_BINARY, on the tiny checkpoints of tests/golden."""
import array
import atexit
import functools
import json
import os
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

BINARY = os.environ["SORAGEN_BINARY"]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MODEL = GOLDEN / "wan21-tiny"
TINY = ["--size", "48x32", "--frames", "5", "--steps", "2"]
# One thread and the exact precision: the same numbers on every machine.
EXACT = ["--dtype", "fp32", "--threads", "1"]
# Two films of one seed differ in their watermarks' ids and in their signatures; without those they are the same bytes.
UNMARKED = ["--no-watermark", "--no-credentials"]
ARRAY_VARIABLES = ("SLURM_", "JOB_COMPLETION", "SORAGEN_")


@functools.cache
def user() -> dict[str, str]:
    """Folders of a user of this test's own, who has an identity to sign with."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    folders = {"HOME": folder.name, "XDG_CONFIG_HOME": f"{folder.name}/config", "XDG_DATA_HOME": f"{folder.name}/data"}
    subprocess.run([BINARY, "keygen", "--name", "Test studio"], env={**os.environ, **folders}, capture_output=True, check=True)
    return folders


def environment(**changes: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ARRAY_VARIABLES)}
    return {**clean, **user(), "SORAGEN_MODEL": str(MODEL), **changes}


def soragen(*args, cwd=None, env=None, stdin=None, timeout=300, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *map(os.fspath, args)], cwd=cwd, env=env or environment(), input=stdin,
                          capture_output=True, timeout=timeout, **kwargs)


def read_safetensors(path: Path) -> tuple[dict[str, array.array], dict]:
    """float32 tensors and metadata, by the format's own description."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            tensors[name] = array.array("f", data[8 + length + begin:8 + length + end])
    return tensors, metadata


def probe(path: Path) -> dict:
    result = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", path], capture_output=True, check=True)
    return json.loads(result.stdout)["streams"][0]


class SoragenTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_ok(self, *args, **kwargs) -> subprocess.CompletedProcess:
        result = soragen(*args, cwd=self.folder, **kwargs)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result

    def expect_error(self, code: int, message: str, *args, **kwargs) -> str:
        """Fails with the code and exactly one line of error, which ends with (or is) the message."""
        result = soragen(*args, cwd=self.folder, **kwargs)
        errors = [line for line in result.stderr.decode().splitlines() if "soragen: info:" not in line]
        self.assertEqual((result.returncode, len(errors)), (code, 1), result.stderr.decode())
        self.assertTrue(errors[0].startswith("soragen: error: "), errors[0])
        self.assertIn(message, errors[0])
        self.assertEqual(result.stdout, b"")
        return errors[0]

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
