"""The visible label of --label: where it is drawn, when its errors come, and what goes with China's."""
import json
import shutil
import subprocess
import unittest
from soragen_process import EXACT, MODEL, UNMARKED, SoragenTest, soragen

SIZE = 128
FILM = ["--prompt", "x", "--seed", "3", "--size", f"{SIZE}x{SIZE}", "--frames", "5", "--steps", "1", *EXACT]


class Label(SoragenTest):
    def frames(self, name) -> bytes:
        return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", name, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], cwd=self.folder, check=True,
                              capture_output=True).stdout

    def tags(self, name) -> dict:
        found = subprocess.run(["ffprobe", "-v", "error", "-show_format", "-of", "json", name], cwd=self.folder, check=True, capture_output=True).stdout
        return json.loads(found)["format"]["tags"]

    def different_pixels(self, a, b):
        """Of every frame: the same ones."""
        first, second = self.frames(a), self.frames(b)
        self.assertEqual(len(first), 5 * SIZE * SIZE * 3)
        found = [set() for _ in range(5)]
        for i, (x, y) in enumerate(zip(first, second, strict=True)):
            if x != y:
                frame, place = divmod(i // 3, SIZE * SIZE)
                found[frame].add(divmod(place, SIZE))
        return found

    def test_it_is_in_every_frame_and_nowhere_else(self):
        self.run_ok(*FILM, *UNMARKED, "-o", "plain.mkv")
        self.run_ok(*FILM, *UNMARKED, "-o", "a.mkv", "--label", "Made with AI")
        for pixels in self.different_pixels("plain.mkv", "a.mkv"):
            rows, columns = [y for y, _ in pixels], [x for _, x in pixels]
            self.assertGreater(min(rows), SIZE * 2 // 3)
            self.assertLess(max(rows), SIZE - 1)
            self.assertLess(max(columns), SIZE - 1)
            self.assertGreater(len(pixels), 500)
        record = json.loads(self.run_ok("inspect", "a.mkv", "--json").stdout)["record"]
        self.assertEqual(record["settings"]["label"], "Made with AI")
        self.run_ok(*FILM, "-o", "b.mp4", "--label", "Made with AI", "--include-prompt")
        self.assertIn(b"the frames agree: all 5 are identical", self.run_ok("replay", "b.mp4").stdout)

    def test_on_every_way_to_a_film(self):
        self.run_ok(*FILM, *UNMARKED, "-o", "a.mkv", "--label", "AI", "--save-latents", "a.safetensors")
        self.run_ok("decode", "a.safetensors", "-o", "b.mkv", *UNMARKED, *EXACT)  # what was asked for stays asked for
        self.assertEqual(self.frames("b.mkv"), self.frames("a.mkv"))
        self.run_ok("decode", "a.safetensors", "-o", "c.mkv", *UNMARKED, *EXACT, "--label", "Made with AI")
        self.assertNotEqual(self.frames("c.mkv"), self.frames("a.mkv"))
        (self.folder / "jobs.jsonl").write_text('{"prompt": "x", "label": "AI", "output": "d.mkv"}\n{"prompt": "x", "label": 7}\n')
        result = soragen("batch", "jobs.jsonl", "-o", ".", *FILM[2:], *UNMARKED, cwd=self.folder)
        self.assertEqual({line["line"]: line["status"] for line in map(json.loads, result.stdout.splitlines())}, {1: "done", 2: "failed"}, result.stderr)
        self.assertEqual(self.frames("d.mkv"), self.frames("a.mkv"))
        self.run_ok(*FILM, *UNMARKED, "-o", "plain.mkv")
        self.run_ok("mark", "plain.mkv", "-o", "e.mkv", "--no-watermark", "--label", "AI")
        self.assertEqual(self.frames("e.mkv"), self.frames("a.mkv"))

    def test_errors_come_before_any_weight_is_read(self):
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        for weights in model.rglob("*.safetensors"):
            weights.write_bytes(b"")
        flags = ["--model", model, "-o", "a.mp4"]
        self.expect_error(2, "--label has 201 bytes", *FILM, *flags, "--label", "x" * 201, "--no-credentials", "--no-watermark", "-q")
        self.expect_error(2, "--label is empty", *FILM, *flags, "--label", "", "-q")
        self.expect_error(2, "a shorter one fits", *FILM, *flags, "--label", "A label " * 20, "-q")
        self.expect_error(2, "control character", *FILM, *flags, "--label", "a\x1b[2Jb", "-q")
        self.expect_error(4, "no font on this machine has", *FILM, *flags, "--label", "\U00100000", "-q")

    def test_china(self):
        for name in ("a.mp4", "a.mkv", "a.webm"):
            self.run_ok(*FILM, "-o", name, "--label", "cn")
            identity = json.loads(self.run_ok("inspect", name, "--json").stdout)["record"]["marks"]["watermark"]["id"]
            self.assertEqual(json.loads(self.tags(name)["AIGC"]), {
                "Label": "1", "ContentProducer": "soragen", "ProduceID": identity, "ReservedCode1": "", "ContentPropagator": "",
                "PropagateID": "", "ReservedCode2": ""})
            self.assertEqual(soragen("verify", name, cwd=self.folder).returncode, 0)
        self.run_ok(*FILM, "-o", "a.mp4", "--label", "AI")
        self.assertNotIn("AIGC", self.tags("a.mp4"))
        result = self.run_ok(*FILM, "-o", "a.gif", "--label", "cn")
        self.assertIn(b"a.gif cannot hold the metadata AIGC", result.stderr)
        self.expect_error(2, "--label cn names the film by its watermark's id", *FILM, "-o", "b.mp4", "--label", "cn", "--no-watermark", "-q")
        self.run_ok("mark", "a.mkv", "-o", "marked.mp4")  # what others labelled stays labelled
        self.assertEqual(self.tags("marked.mp4")["AIGC"], self.tags("a.mkv")["AIGC"])


if __name__ == "__main__":
    unittest.main()
