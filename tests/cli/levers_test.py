"""Step cache, guidance interval and LoRA files from the command line: what changes, what is refused, what is recorded."""
import hashlib
import json
import shutil
import unittest
from soragen_process import EXACT, GOLDEN, UNMARKED, SoragenTest, read_safetensors

FILM = ["--prompt", "a red ball", "--seed", "7", "--size", "48x32", "--frames", "5", *EXACT, *UNMARKED]
REPLAY = ["--prompt", "a red ball", *EXACT, "-q"]
LORA = GOLDEN / "lora/peft.safetensors"


class Levers(SoragenTest):
    def latents(self, *flags):
        self.run_ok(*FILM, "--steps", "6", *flags, "-o", "film.mkv", "--save-latents", "kept.safetensors")
        return read_safetensors(self.folder / "kept.safetensors")[0]["latents"]

    def record_of(self, name):
        return json.loads(self.run_ok("inspect", name, "--json").stdout)["record"]

    def test_each_changes_the_film(self):
        exact = self.latents()
        self.assertEqual(self.latents("--step-cache", "0", "--guidance-interval", "0-1"), exact)
        for flags in (["--step-cache", "1"], ["--guidance-interval", "0-0.5"], ["--guidance-interval", "0-0.5:reuse"], ["--lora", LORA]):
            self.assertNotEqual(self.latents(*flags), exact, flags)

    def test_a_decoded_film_names_its_lora_files_too(self):
        shutil.copy(LORA, self.folder / "style.safetensors")
        self.latents("--lora", "style.safetensors:0.5")
        (self.folder / "style.safetensors").unlink()
        self.run_ok("decode", "kept.safetensors", "-o", "again.mkv", *EXACT, *UNMARKED)
        expected = [{"file": "style.safetensors", "sha256": hashlib.sha256(LORA.read_bytes()).hexdigest(), "strength": 0.5}]
        for name in ("film.mkv", "again.mkv"):
            record = self.record_of(name)
            self.assertEqual(record["loras"], expected, name)
            self.assertEqual(record["settings"]["lora"], ["style.safetensors:0.5"], name)

    def test_replay_wants_the_same_lora_file(self):
        style = self.folder / "style.safetensors"
        shutil.copy(LORA, style)
        self.latents("--lora", "style.safetensors:0.5")
        self.assertIn(b"the frames agree: all 5 are identical", self.run_ok("replay", "film.mkv", *REPLAY).stdout)
        data = bytearray(style.read_bytes())
        data[-1] ^= 0x40  # a weight, not a shape
        style.write_bytes(data)
        error = self.expect_error(3, "style.safetensors is not the LoRA file that the film was made with", "replay", "film.mkv", *REPLAY)
        for content in (LORA.read_bytes(), data):
            self.assertIn(hashlib.sha256(content).hexdigest(), error)
        style.unlink()
        self.expect_error(3, "--lora: cannot open style.safetensors", "replay", "film.mkv", *REPLAY)

    def test_plan_shows_them(self):
        plan = self.run_ok("plan", "--step-cache", "0.1", "--guidance-interval", "0-0.5", "--steps", "6", "--lora", LORA).stdout.decode()
        for row in (r"step-cache +0.1 +given", r"guidance-interval +0-0.5 +given", r"lora +.+ +given"):
            self.assertRegex(plan, row)

    def test_refused(self):
        self.expect_error(2, "--guidance-interval: '1-0' is not valid", *FILM, "-o", "a.mp4", "--guidance-interval", "1-0")
        self.expect_error(2, "nothing to save in 2 steps", *FILM, "-o", "a.mp4", "--steps", "2", "--step-cache", "0.1")
        self.expect_error(3, "--lora: cannot open gone.safetensors", *FILM, "-o", "a.mp4", "--lora", "gone.safetensors")
        self.expect_error(3, "match no tensor of", *FILM, "-o", "a.mp4", "--lora", self.stranger())
        self.assertEqual(self.files(), {"stranger.safetensors"})

    def stranger(self):
        """A LoRA of a layer that the model does not have."""
        header = json.dumps({"m.diff": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
        (self.folder / "stranger.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        return "stranger.safetensors"


if __name__ == "__main__":
    unittest.main()
