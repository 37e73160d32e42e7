"""Films from prompts and from latents: files, numbers against the reference, and what is left after failures."""
import json
import resource
import shutil
import struct
import subprocess
import unittest
from soragen_process import BINARY, EXACT, GOLDEN, MODEL, TINY, UNMARKED, SoragenTest, environment, probe, read_safetensors, soragen

FILM = ["--prompt", "a red ball", "--seed", "7", *TINY, *EXACT]


class Film(SoragenTest):
    def test_mp4(self):
        result = self.run_ok(*FILM, "-o", "a.mp4", "--fps", "24000/1001")
        self.assertRegex(result.stdout.decode(), r"^a\.mp4: 48x32, 5 frames at 24000/1001 fps, seed 7, [\d.]+ s\n$")
        stream = probe(self.folder / "a.mp4")
        found = [stream[key] for key in ("codec_name", "width", "height", "nb_read_frames", "r_frame_rate", "color_space", "color_range")]
        self.assertEqual(found, ["h264", 48, 32, "5", "24000/1001", "bt709", "tv"])
        self.assertEqual(self.files(), {"a.mp4"})

    def test_same_seed_same_bytes(self):
        for name in ("a.mp4", "b.mp4"):
            self.run_ok(*FILM, *UNMARKED, "-o", name)
        self.assertEqual((self.folder / "a.mp4").read_bytes(), (self.folder / "b.mp4").read_bytes())

    def test_latents_are_those_of_the_reference(self):
        golden = json.loads((MODEL / "golden.json").read_text())
        self.run_ok("--prompt", golden["prompt"], "--negative-prompt", golden["negative_prompt"], "--size", f"{golden['width']}x{golden['height']}",
                    "--frames", "5", "--steps", "8", "--guidance", str(golden["guidance"]), "--seed", str(golden["seed"]), *EXACT,
                    "-o", "a.mp4", "--save-latents", "kept.safetensors")
        latents = read_safetensors(self.folder / "kept.safetensors")[0]["latents"]
        expected = read_safetensors(MODEL / "golden.safetensors")[0]["f5s8.latent"]
        self.assertEqual(len(latents), len(expected))
        difference = sum((a - b) ** 2 for a, b in zip(latents, expected)) ** 0.5
        self.assertLess(difference / sum(b * b for b in expected) ** 0.5, 1e-4)

    def test_decode_gives_the_same_film(self):
        self.run_ok(*FILM, *UNMARKED, "-o", "a.mkv", "--save-latents", "kept.safetensors")
        self.run_ok("decode", "kept.safetensors", "-o", "b.mkv", *EXACT, *UNMARKED)
        frames = [subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", self.folder / name, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
                  for name in ("a.mkv", "b.mkv")]
        self.assertEqual(len(frames[0]), 4 * 48 * 32 * 5)  # ffv1 as bgr0
        self.assertEqual(frames[0], frames[1])
        self.assertEqual(self.files(), {"a.mkv", "b.mkv", "kept.safetensors"})

    def test_images(self):
        self.run_ok(*FILM, "-o", "frames/%03d.png")
        self.assertEqual(self.files(), {f"frames/{i:03}.png" for i in range(1, 6)})

    def test_stdout_carries_y4m_alone(self):
        result = self.run_ok(*FILM, *UNMARKED, "-o", "-", "--json")
        self.assertTrue(result.stdout.startswith(b"YUV4MPEG2 W48 H32 F16:1"))
        self.assertEqual(json.loads(result.stderr.decode().splitlines()[-1])["output"], "-")
        self.run_ok(*FILM, *UNMARKED, "-o", "a.y4m")
        self.assertEqual(result.stdout, (self.folder / "a.y4m").read_bytes())
        encoded = subprocess.run(["ffmpeg", "-v", "error", "-i", "-", "-c:v", "ffv1", self.folder / "piped.mkv"], input=result.stdout, capture_output=True)
        self.assertEqual((encoded.returncode, encoded.stderr), (0, b""))
        self.assertEqual(probe(self.folder / "piped.mkv")["nb_read_frames"], "5")

    def test_json(self):
        result = json.loads(self.run_ok(*FILM, "-o", "a.mp4", "--json").stdout)
        self.assertEqual([result[key] for key in ("output", "seed", "size", "frames", "fps")], ["a.mp4", 7, "48x32", 5, "16"])
        self.assertEqual(result["record"]["settings"]["prompt"], "a red ball")
        self.assertEqual(set(result["timings"]), {"load", "text", "denoise", "decode"})
        self.assertGreaterEqual(result["seconds"], result["timings"]["denoise"])

    def test_count(self):
        result = self.run_ok(*FILM, *UNMARKED, "-o", "a.mkv", "--count", "3", "--json")
        results = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([(entry["output"], entry["seed"]) for entry in results], [("a-7.mkv", 7), ("a-8.mkv", 8), ("a-9.mkv", 9)])
        self.run_ok("--prompt", "a red ball", "--seed", "8", *TINY, *EXACT, *UNMARKED, "-o", "b.mkv")
        self.assertEqual((self.folder / "a-8.mkv").read_bytes(), (self.folder / "b.mkv").read_bytes())
        self.assertNotEqual((self.folder / "a-7.mkv").read_bytes(), (self.folder / "b.mkv").read_bytes())
        self.expect_error(2, "leaves the range of seeds", "--prompt", "x", "-o", "a.mkv", *TINY, "--seed", str(2**63 - 1), "--count", "1000000")

    def test_seed_is_drawn_and_told(self):
        seeds = {json.loads(self.run_ok("--prompt", "x", *TINY, "-o", "a.mp4", "--json").stdout)["seed"] for _ in range(2)}
        self.assertEqual(len(seeds), 2)


class Failures(SoragenTest):
    def limited(self, limit: int, *args, **kwargs):
        """With a limit on the size of files, which fails writes as a full disk does, in the middle of a file."""
        return soragen(*args, cwd=self.folder, restore_signals=False,  # Python ignores SIGXFSZ, and so must the program
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)), **kwargs)

    def test_unwritable_output_is_refused_before_loading(self):
        self.expect_error(3, "cannot write missing/a.mp4: folder missing: No such file or directory", *FILM, "-o", "missing/a.mp4")
        (self.folder / "taken.mp4").mkdir()
        self.expect_error(3, "cannot write 'taken.mp4': it names a folder", *FILM, "-o", "taken.mp4")
        self.expect_error(3, "cannot write missing/l.safetensors", *FILM, "-o", "a.mp4", "--save-latents", "missing/l.safetensors")

    def test_full_disk_keeps_the_latents_and_the_old_film(self):
        film = self.folder / "a.y4m"
        film.write_bytes(b"precious")
        result = self.limited(8192, *FILM, "-o", "a.y4m")  # latents of 3 KiB fit, a film of 11 KiB does not
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(b"the latents are kept: soragen decode a.y4m.latents.safetensors -o a.y4m", result.stderr)
        self.assertEqual(film.read_bytes(), b"precious")
        self.assertEqual(self.files(), {"a.y4m", "a.y4m.latents.safetensors"})
        self.run_ok("decode", "a.y4m.latents.safetensors", "-o", "a.y4m", *EXACT, *UNMARKED)
        self.run_ok(*FILM, *UNMARKED, "-o", "b.y4m")
        self.assertEqual(film.read_bytes(), (self.folder / "b.y4m").read_bytes())

    def test_no_room_even_for_latents(self):
        result = self.limited(1024, *FILM, *UNMARKED, "-o", "a.mp4", env=environment(TMPDIR=str(self.folder)))
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_latents_of_a_full_disk_go_to_the_temporary_folder(self):
        full, elsewhere = self.folder / "full", self.folder / "tmp"
        full.mkdir(), elsewhere.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", full], capture_output=True).returncode != 0:
            self.skipTest("mounting a small file system needs root")
        self.addCleanup(subprocess.run, ["umount", full])
        (full / "filler").write_bytes(bytes(16384))
        result = soragen(*FILM, "-o", "full/a.mp4", cwd=self.folder, env=environment(TMPDIR=str(elsewhere)))
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(b"No space left on device", result.stderr)
        (kept,) = elsewhere.rglob("latents.safetensors")
        self.assertIn(f"soragen decode {kept} -o full/a.mp4".encode(), result.stderr)
        self.run_ok("decode", kept, "-o", "a.mp4")

    def test_closed_pipe(self):
        process = subprocess.Popen([BINARY, *FILM, "-o", "-"], env=environment(TMPDIR=str(self.folder)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        error = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(), 5, error)
        self.assertIn(b"cannot write to standard output: the program that reads it has ended", error)
        self.assertIn(b"the latents are kept: soragen decode ", error)

    def test_full_device_on_stdout(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([BINARY, *FILM, "-o", "-"], env=environment(TMPDIR=str(self.folder)), stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(b"cannot write standard output: No space left on device; the latents are kept: ", result.stderr)
        (kept,) = self.folder.rglob("latents.safetensors")
        self.run_ok("decode", kept, "-o", "a.mp4")

    def test_missing_weights(self):
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        (model / "vae/diffusion_pytorch_model.safetensors").unlink()
        self.expect_error(3, "no weights in ", *FILM, "-o", "a.mp4", "--model", model)


class Decode(SoragenTest):
    def setUp(self):
        super().setUp()
        self.run_ok(*FILM, "-o", "a.mp4", "--save-latents", "good.safetensors")
        (self.folder / "a.mp4").unlink()
        self.good = (self.folder / "good.safetensors").read_bytes()

    def reject(self, code, message, data, *args):
        (self.folder / "bad.safetensors").write_bytes(data)
        self.expect_error(code, message, "decode", "bad.safetensors", *(args or ("-o", "a.mp4")))
        self.assertNotIn("a.mp4", self.files())

    def with_record(self, change) -> bytes:
        (length,) = struct.unpack("<Q", self.good[:8])
        header = json.loads(self.good[8:8 + length])
        record = json.loads(header["__metadata__"]["soragen.record"])
        change(record)
        header["__metadata__"]["soragen.record"] = json.dumps(record)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + self.good[8 + length:]

    def test_damaged_files(self):
        self.reject(3, "bad.safetensors", b"")
        self.reject(3, "bad.safetensors", self.good[:-4])
        self.reject(3, "bad.safetensors", self.good + b"\0")
        self.reject(3, "NaN", self.good[:-4] + struct.pack("<f", float("nan")))
        self.expect_error(3, "none.safetensors", "decode", "none.safetensors", "-o", "a.mp4")

    def test_not_latents(self):
        self.reject(3, "is not a latent file", (MODEL / "vae/diffusion_pytorch_model.safetensors").read_bytes())

    def test_damaged_records(self):
        self.reject(3, 'key "settings" is missing', self.with_record(lambda record: record.pop("settings")))
        self.reject(2, "settings: --size", self.with_record(lambda record: record["settings"].update(size="wide")))
        self.reject(2, "settings: 'sized' is not an option; did you mean 'size'?", self.with_record(lambda record: record["settings"].update(sized="48x32")))
        self.reject(3, "needs the model that made them", self.with_record(lambda record: record["settings"].update(frames=9)))

    def test_record_cannot_choose_the_output(self):
        self.reject(2, "no output", self.with_record(lambda record: record["settings"].update(output="a.mp4")), "--json")

    def test_latents_of_another_model(self):
        result = soragen("decode", "good.safetensors", "-o", "a.mp4", "--model", GOLDEN / "wan22-tiny", cwd=self.folder)
        self.assertIn(result.returncode, (2, 3), result.stderr)
        self.assertNotIn("a.mp4", self.files())


if __name__ == "__main__":
    unittest.main()
