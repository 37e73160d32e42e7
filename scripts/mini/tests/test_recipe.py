"""The whole recipe in about a minute (`all --check`), and a film from the directory that it makes."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from mini.evaluate.table import read_video
from mini.train.curve import load

BINARY = os.environ.get("SORAGEN_BINARY")


def mini(*arguments, processes=1):
    many = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    subprocess.run([sys.executable, *many, "-m", "mini", *arguments], check=True, stdout=subprocess.DEVNULL)


class Recipe(unittest.TestCase):
    def test_from_nothing_to_a_film(self):
        with tempfile.TemporaryDirectory() as folder:
            mini("all", "--check", "--out", folder)
            for stage in ("text", "decoder", "encoder", "dit", "distill"):
                self.assertTrue((Path(folder) / f"{stage}.csv").read_text().count("\n") > 1, stage)
            self.check_going_on(folder)
            if not BINARY:
                self.skipTest("SORAGEN_BINARY names no binary")
            film = Path(folder) / "film.mkv"
            subprocess.run([BINARY, "--model", f"{folder}/soragen-mini", "--prompt", "a red ball", "-o", film, "--no-watermark",
                            "--no-credentials", "--progress", "none"], check=True, stdout=subprocess.DEVNULL)
            self.assertEqual(read_video(film).shape, (33, 256, 256, 3))

    def check_going_on(self, folder):
        """Training goes on from the shipped files, with the weights and the curves that they had: the few-step form, and
        then its teacher, the form of many steps."""
        again = f"{folder}/again"
        for stage in ("distill", "dit"):
            mini("export", "--out", folder, "--transformer", stage)
            mini("start", "--out", again, "--start", f"{folder}/soragen-mini")
            before, after = load(f"{folder}/{stage}.pt")["average"], load(f"{again}/{stage}.pt")["average"]
            for name, values in before.items():
                self.assertLessEqual((values - after[name]).abs().max(), 1e-3 * values.abs().max(), name)  # fp16
            for trained in (stage, "decoder", "encoder"):
                self.assertEqual((Path(again) / f"{trained}.csv").read_text(), (Path(folder) / f"{trained}.csv").read_text())
                self.assertTrue((Path(again) / f"{trained}.pt").exists(), trained)
            if stage == "distill":
                self.assertFalse((Path(again) / "dit.csv").exists())
                with self.assertRaises(subprocess.CalledProcessError):  # no teacher yet
                    mini("distill", "--check", "--out", again)
        mini("data", "--check", "--out", again)
        for stage, processes in (("dit", 2), ("distill", 1)):
            mini(stage, "--check", "--out", again, processes=processes)
            rows = [(Path(f) / f"{stage}.csv").read_text().splitlines() for f in (folder, again)]
            self.assertEqual(rows[1][:-1], rows[0])


if __name__ == "__main__":
    unittest.main()
