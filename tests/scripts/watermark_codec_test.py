"""A marked film through H.264 and back, by ffmpeg: watermark_codec_test.py DRIVER. The full table: scripts/bench_watermark."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

FRAMES_OUT = ["-f", "image2pipe", "-c:v", "ppm", "-"]
FRAMES_IN = ["-f", "image2pipe", "-c:v", "ppm", "-framerate", "24", "-i", "-"]
SCENE = "mandelbrot=s=640x480:r=24"


def ffmpeg(*words, stdin=b""):
    return subprocess.run(["ffmpeg", "-v", "error", "-y", "-threads", "1", *words], input=stdin, capture_output=True,
                          check=True).stdout


def driver(*words, stdin):
    return subprocess.run([DRIVER, *words], input=stdin, capture_output=True, check=True).stdout


class Codec(unittest.TestCase):
    def read_after(self, frames, crf):
        with tempfile.TemporaryDirectory() as folder:
            film = str(Path(folder) / "film.mp4")
            ffmpeg(*FRAMES_IN, "-c:v", "libx264", "-crf", crf, "-pix_fmt", "yuv420p", film, stdin=frames)
            return json.loads(driver("detect", "--effort", "fixed", stdin=ffmpeg("-i", film, *FRAMES_OUT)))

    def test_the_mark_survives_and_nothing_else_is_one(self):
        frames = ffmpeg("-f", "lavfi", "-i", SCENE, "-frames:v", "12", *FRAMES_OUT)
        marked = driver("embed", "--id", "3405691582", stdin=frames)
        result = self.read_after(marked, "28")
        self.assertTrue(result["found"], result)
        self.assertEqual(result["id"], 3405691582)
        self.assertFalse(self.read_after(frames, "28")["found"])


if __name__ == "__main__":
    DRIVER = sys.argv.pop(1)
    unittest.main()
