"""inspect, plan and doctor: what they say is what is there, in text and in JSON."""
import json
import shutil
import unittest
from soragen_process import EXACT, GOLDEN, MODEL, TINY, SoragenTest, probe, soragen


class Models(SoragenTest):
    def inspect(self, path, code=0):
        result = soragen("inspect", path, "--json", cwd=self.folder)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return json.loads(result.stdout)

    def test_components(self):
        found = self.inspect(MODEL)
        self.assertEqual((found["kind"], found["family"], found["class"], found["problems"]), ("model", "wan", "WanPipeline", []))
        parts = {part["name"]: part for part in found["components"]}
        index = json.loads((MODEL / "transformer/diffusion_pytorch_model.safetensors.index.json").read_text())
        self.assertEqual((parts["transformer"]["files"], parts["transformer"]["tensors"], parts["transformer"]["bytes"]),
                         (3, len(index["weight_map"]), index["metadata"]["total_size"]))
        self.assertEqual(set(parts["transformer"]["bytes_by_dtype"]), {"F32"})
        self.assertIn("BF16", {dtype for part in self.inspect(GOLDEN / "wan22-tiny")["components"] for dtype in part.get("bytes_by_dtype", {})})

    def test_two_experts(self):
        self.assertIn("transformer_2", [part["name"] for part in self.inspect(GOLDEN / "a14b-tiny")["components"]])

    def test_what_is_missing(self):
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        (model / "transformer/diffusion_pytorch_model-00002-of-00003.safetensors").unlink()
        shutil.rmtree(model / "vae")
        text = " ".join(self.inspect(model, code=3)["problems"])
        self.assertIn("diffusion_pytorch_model-00002-of-00003.safetensors", text)
        self.assertIn("model/vae is missing: model_index.json names it", text)
        self.assertIn("problem: ", soragen("inspect", model).stdout.decode())

    def test_component_outside_the_model(self):
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        index = json.loads((model / "model_index.json").read_text())
        index["../../etc"] = ["diffusers", "AutoencoderKLWan"]
        (model / "model_index.json").write_text(json.dumps(index))
        self.assertIn("component '../../etc' is not a plain folder name", " ".join(self.inspect(model, code=3)["problems"]))

    def test_no_model(self):
        self.expect_error(3, "is not a model directory: model_index.json is missing", "inspect", ".")
        self.expect_error(3, "'nowhere' does not exist", "inspect", "nowhere")


class Films(SoragenTest):
    def test_film_and_latents(self):
        self.run_ok("--prompt", "a\x1b[2J ball", "--seed", "7", *TINY, *EXACT, "-o", "a.mp4", "--save-latents", "a.safetensors", "--include-prompt")
        film = json.loads(self.run_ok("inspect", "a.mp4", "--json").stdout)
        stream = probe(self.folder / "a.mp4")
        self.assertEqual(film["video"], {"codec": "h264", "size": "48x32", "fps": "16", "frames": int(stream["nb_read_frames"]), "pixel_format": stream["pix_fmt"],
                                         "color_range": "tv", "color_space": "bt709", "color_primaries": "bt709", "color_transfer": "bt709"})
        self.assertEqual(film["record"]["settings"]["seed"], 7)
        self.assertEqual(film["credentials"], {"state": "valid", "signer": "Test studio"})
        latents = json.loads(self.run_ok("inspect", "a.safetensors", "--json").stdout)
        self.assertEqual((latents["shape"], latents["record"]["settings"]), ([16, 2, 4, 6], film["record"]["settings"]))
        for name in ("a.mp4", "a.safetensors"):
            text = self.run_ok("inspect", name).stdout.decode()
            self.assertIn("a\\x1b[2J ball", text)
            self.assertNotIn("\x1b", text)

    def test_no_film(self):
        (self.folder / "a.mp4").write_bytes(b"nonsense")
        self.expect_error(3, "a.mp4", "inspect", "a.mp4")


class Plans(SoragenTest):
    def test_json(self):
        found = json.loads(self.run_ok("--dry-run", "--json", "--size", "48x32", "--frames", "9", "--steps", "3", "--preset", "draft").stdout)
        self.assertEqual((found["latent_shape"], len(found["timesteps"]), found["settings"]["seed"]), ([16, 3, 4, 6], 3, None))
        self.assertEqual((found["origins"]["size"], found["origins"]["shift"], found["origins"]["fps"]), ("given", "scheduler_config.json", "built-in"))
        self.assertEqual([stage["name"] for stage in found["stages"]], ["text", "denoise", "decode"])
        again = json.loads(self.run_ok("plan", "--json", "--size", "48x32", "--frames", "9", "--steps", "3", "--preset", "draft").stdout)
        for plan in (found, again):
            plan.pop("stages"), plan.pop("memory_limit")  # of this moment
        self.assertEqual(found, again)

    def test_table(self):
        text = self.run_ok("plan", "--size", "48x32", "--frames", "9", "--seed", "5").stdout.decode()
        self.assertRegex(text, r"(?m)^  size +48x32 +given$")
        self.assertRegex(text, r"(?m)^  seed +5 +given$")
        self.assertRegex(text, r"(?m)^  decode +cpu +(fp32|bf16) ")
        self.assertEqual(self.files(), set())

    def test_a_card_that_is_not_here(self):
        found = json.loads(self.run_ok("plan", "--json", "--size", "48x32", "--frames", "9", "--vram", "2G").stdout)
        self.assertEqual((found["settings"]["device"], found["card_limit"]), ("cuda", 2 << 30))
        self.assertEqual({stage["place"] for stage in found["stages"]}, {"cuda"})
        text = self.run_ok("plan", "--size", "48x32", "--frames", "9", "--vram", "2G").stdout.decode()
        self.assertIn("assumed, not measured", text)
        self.expect_error(5, "larger --vram", "plan", "--size", "48x32", "--frames", "9", "--vram", "900M")
        self.expect_error(2, "--vram", "plan", "--vram", "8GB")

    def test_defaults_of_the_directory(self):
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        (model / "soragen.json").write_text('{"defaults": {"size": "64x32", "frames": 5, "output": "stolen.mp4"}}')
        found = json.loads(self.run_ok("plan", "--json", "--model", model).stdout)
        self.assertEqual((found["settings"]["size"], found["origins"]["size"]), ("64x32", "soragen.json"))
        self.expect_error(2, "no output", "--prompt", "x", "--model", model)
        (model / "soragen.json").write_text('{"defaults": {"sise": "64x32"}}')
        self.expect_error(2, "soragen.json: 'sise' is not an option; did you mean 'size'?", "plan", "--model", model)


class Doctor(SoragenTest):
    def test_doctor(self):
        found = json.loads(self.run_ok("doctor", "--json").stdout)
        self.assertTrue(found["libtorch"].startswith("2."))
        self.assertTrue(all(test["passed"] for test in found["self_tests"]))
        self.assertEqual({test["name"].split()[0] for test in found["self_tests"]}, {"layer_norm", "rms_rope", "rms_silu"})
        self.assertEqual(sum("libgomp" in path for path in found["libraries"]), 1)
        self.assertEqual(found["encoders"]["h264"], "works")
        text = self.run_ok("doctor").stdout.decode()
        self.assertIn("self-test", text)
        self.assertRegex(text, r"(?m)^card        (none: \S|\S)")
        if "problem" in found["card"] and "name" not in found["card"]:  # no card, and why, where one is asked for
            self.expect_error(4, "--device cuda: " + found["card"]["problem"], "--prompt", "x", "-o", "a.mp4", "--device", "cuda")


if __name__ == "__main__":
    unittest.main()
