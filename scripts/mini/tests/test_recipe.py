"""The whole recipe in about a minute (`all --check`), and a film from the directory that it makes."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from mini.evaluate.table import read_video

BINARY = os.environ.get("SORAGEN_BINARY")


class Recipe(unittest.TestCase):
    def test_from_nothing_to_a_film(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "mini", "all", "--check", "--out", folder], check=True, stdout=subprocess.DEVNULL)
            for stage in ("text", "decoder", "encoder", "dit", "distill"):
                self.assertTrue((Path(folder) / f"{stage}.csv").read_text().count("\n") > 1, stage)
            if not BINARY:
                self.skipTest("SORAGEN_BINARY names no binary")
            film = Path(folder) / "film.mkv"
            subprocess.run([BINARY, "--model", f"{folder}/soragen-mini", "--prompt", "a red ball", "-o", film, "--no-watermark",
                            "--no-credentials", "--progress", "none"], check=True, stdout=subprocess.DEVNULL)
            self.assertEqual(read_video(film).shape, (33, 256, 256, 3))


if __name__ == "__main__":
    unittest.main()
