"""Films of other tools marked by the real program: what ffmpeg and verify say of picture, sound, time and credentials."""
import json
import os
import resource
import signal
import subprocess
import unittest
from soragen_process import BINARY, EXACT, UNMARKED, SoragenTest, environment, soragen, user

SOUND = ["-f", "lavfi", "-i", "aevalsrc=sin(5000*t)*gt(t\\,1):d=2"]
SEEN = "320x240"  # room for a watermark that outlives a second encoding, and is found without credentials that name it
H264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p"]


class MarkTest(SoragenTest):
    def ffmpeg(self, *args) -> bytes:
        return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(os.fspath, args)], cwd=self.folder, check=True, capture_output=True).stdout

    def make(self, name, *args, size="160x120", sound=True):
        """Two seconds of a moving picture, with a tone in the second of them."""
        self.ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=2", *(SOUND if sound else []), *(args or [*H264, "-c:a", "aac"]), name)

    def probe(self, name) -> dict:
        command = ["ffprobe", "-v", "error", "-count_packets", "-show_streams", "-show_format", "-of", "json", name]
        return json.loads(subprocess.run(command, cwd=self.folder, check=True, capture_output=True).stdout)

    def sound_of(self, name) -> bytes:
        return self.ffmpeg("-i", name, "-map", "0:a", "-c", "copy", "-f", "streamhash", "-")

    def mark(self, *args, **kwargs) -> dict:
        return json.loads(self.run_ok("mark", *args, "--json", **kwargs).stdout)

    def warnings_of(self, *args) -> str:
        return "\n".join(line for line in self.run_ok("mark", *args).stderr.decode().splitlines() if "warning" in line)

    def verify(self, name, code=0) -> dict:
        root = f"{user()['XDG_CONFIG_HOME']}/soragen/identity/root.pem"
        result = soragen("verify", name, "--json", "--trust", root, cwd=self.folder)
        self.assertEqual(result.returncode, code, result.stdout)
        return json.loads(result.stdout)


class Marked(MarkTest):
    def test_a_film_of_another_tool(self):
        self.make("in.mp4", *H264, "-c:a", "aac", "-metadata", "title=Hello", size=SEEN)
        result = self.mark("in.mp4", "-o", "out.mp4")
        self.assertEqual((result["frames"], result["repeated_frames"], result["dropped_frames"], result["fps"]), (50, 0, 0, "25"))
        found = self.verify("out.mp4")
        self.assertEqual((found["verdict"], found["credentials"]["state"], found["credentials"]["source_type"]),
                         ("intact", "trusted", "trainedAlgorithmicMedia"))
        self.assertEqual(found["credentials"]["actions"], ["c2pa.opened", "c2pa.edited.metadata", "c2pa.watermarked.unbound", "c2pa.transcoded"])
        self.assertEqual((found["watermark"]["id"], found["watermark"]["matches_credentials"]), (result["watermark"], True))
        self.assertTrue(found["register"]["found"])
        self.assertRegex(soragen("verify", "out.mp4", cwd=self.folder).stdout.decode(),
                         r"^AI-generated \(marked by soragen [\d.]+\), signed by Test studio \(not a trusted issuer\), unchanged since\n")
        probe = self.probe("out.mp4")
        self.assertEqual([stream["codec_name"] for stream in probe["streams"]], ["h264", "aac"])
        self.assertEqual((probe["streams"][0]["nb_read_packets"], probe["streams"][0]["duration"]), ("50", "2.000000"))
        self.assertEqual(probe["format"]["tags"]["title"], "Hello")
        self.assertEqual(self.sound_of("out.mp4"), self.sound_of("in.mp4"))
        record = json.loads(self.run_ok("inspect", "out.mp4", "--json").stdout)["record"]
        self.assertEqual(record, result["record"])
        self.assertEqual((record["command"], record["source_type"], record["input"]["name"]), ("mark", "trainedAlgorithmicMedia", "in.mp4"))
        self.assertEqual(record["input"]["sha256"], subprocess.run(["sha256sum", self.folder / "in.mp4"], capture_output=True, text=True).stdout.split()[0])
        self.assertNotIn(str(self.folder).encode(), (self.folder / "out.mp4").read_bytes())

    def test_every_form(self):
        self.make("in.mp4")
        for name, flags in {"o.mov": [], "o.m4v": [], "o.mkv": [], "h265.mp4": ["--codec", "h265", "--crf", "24"], "o.webm": ["--no-audio"],
                            "o.gif": ["--no-audio"], "o.y4m": ["--no-audio"], "o/%02d.png": ["--no-audio"]}.items():
            with self.subTest(name=name):
                self.run_ok("mark", "in.mp4", "-o", name, *flags)
                found = self.verify("o/01.png" if "%" in name else name)
                self.assertEqual(found["credentials"]["actions"][0], "c2pa.opened")
                if not flags:
                    self.assertEqual(self.sound_of(name), self.sound_of("in.mp4"))
        self.assertEqual(len(list((self.folder / "o").iterdir())), 50)
        self.make("in.webm", "-c:v", "libvpx-vp9", "-c:a", "libopus")
        self.run_ok("mark", "in.webm", "-o", "b.webm")
        self.assertEqual(self.sound_of("b.webm"), self.sound_of("in.webm"))
        result = soragen("mark", "in.mp4", "--no-audio", "-o", "-", "--json", cwd=self.folder)
        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stdout.startswith(b"YUV4MPEG2 W160 H120 F25:1"))
        self.assertIn(b"standard output cannot hold signed credentials", result.stderr)

    def test_sound_that_the_output_cannot_hold(self):
        self.make("in.mov", *H264, "-c:a", "pcm_s16le")
        self.expect_error(4, "cannot copy the sound of in.mov (pcm_s16le) into .mp4; .mov, .mkv can hold it, --no-audio leaves it out", "mark", "in.mov", "-o", "o.mp4")
        self.expect_error(4, "into .gif; .mov, .mkv can hold it", "mark", "in.mov", "-o", "o.gif")
        self.assertEqual(self.files(), {"in.mov"})

    def test_what_is_left_out_is_said(self):
        (self.folder / "text.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n\n")
        self.make("silent.mp4", *H264, sound=False)
        self.assertEqual(self.warnings_of("silent.mp4", "-o", "a.mp4"), "")
        self.ffmpeg("-i", "silent.mp4", "-i", "text.srt", "-c", "copy", "-c:s", "mov_text", "in.mp4")
        self.assertIn("in.mp4: its subtitle stream (mov_text) is left out", self.warnings_of("in.mp4", "-o", "a.mp4"))
        self.make("in.mp4")
        self.assertIn("in.mp4: its audio stream (aac) is left out", self.warnings_of("in.mp4", "-o", "a.mp4", "--no-audio"))
        self.make("in.mp4", *H264, "-flags", "+ilme+ildct", "-x264-params", "tff=1", sound=False)
        self.assertIn("in.mp4 is interlaced", self.warnings_of("in.mp4", "-o", "a.mp4"))

    def test_source_types(self):
        self.make("in.mp4", *H264, sound=False)
        self.run_ok("mark", "in.mp4", "-o", "a.mp4", "--source-type", "compositeWithTrainedAlgorithmicMedia")
        found = self.verify("a.mp4")
        self.assertEqual(found["credentials"]["source_type"], "compositeWithTrainedAlgorithmicMedia")
        self.assertIn("Partly AI-generated (marked by soragen", soragen("verify", "a.mp4", cwd=self.folder).stdout.decode())
        self.expect_error(2, "--source-type madeUp is not valid; use one of trainedAlgorithmicMedia, ", "mark", "in.mp4", "-o", "b.mp4", "--source-type", "madeUp")
        self.expect_error(2, "add --no-watermark", "mark", "in.mp4", "-o", "b.mp4", "--source-type", "digitalCapture")
        self.run_ok("mark", "in.mp4", "-o", "b.mp4", "--source-type", "digitalCapture", "--no-watermark")
        found = self.verify("b.mp4")
        self.assertEqual((found["credentials"]["source_type"], found["watermark"]["found"]), ("digitalCapture", False))

    def test_marks_can_be_left_out(self):
        self.make("in.mp4", *H264, size=SEEN, sound=False)
        self.run_ok("mark", "in.mp4", "-o", "a.mp4", "--no-watermark")
        self.assertNotIn("c2pa.watermarked.unbound", self.verify("a.mp4")["credentials"]["actions"])
        self.run_ok("mark", "in.mp4", "-o", "a.mp4", "--no-credentials")
        self.assertEqual(self.verify("a.mp4", 12)["verdict"], "watermark_only")
        self.expect_error(2, "--sign-cert and --sign-key go together", "mark", "in.mp4", "-o", "b.mp4", "--sign-cert", "x.pem")


class MarkedBefore(MarkTest):
    def test_marked_again(self):
        self.make("in.mp4", size=SEEN)
        first = self.mark("in.mp4", "-o", "first.mp4")
        result = self.run_ok("mark", "first.mp4", "-o", "second.mp4", "--json")
        self.assertIn(f"first.mp4 carries the watermark {first['watermark']} already".encode(), result.stderr)
        self.assertEqual(json.loads(result.stdout)["watermark"], first["watermark"])
        found = self.verify("second.mp4")
        self.assertEqual((found["verdict"], found["watermark"]["id"], found["watermark"]["matches_credentials"]), ("intact", first["watermark"], True))
        self.assertEqual(found["credentials"]["actions"], ["c2pa.opened", "c2pa.edited.metadata", "c2pa.transcoded"])
        # The credentials of the first, which name in.mp4, stand in those of the second.
        data = (self.folder / "second.mp4").read_bytes()
        self.assertEqual(data.count(b"org.soragen.watermark\0"), 2)
        self.assertIn(b"in.mp4", data)

    def test_stripped_and_marked(self):
        self.make("in.mp4", size=SEEN)
        first = self.mark("in.mp4", "-o", "first.mp4")
        self.ffmpeg("-i", "first.mp4", "-c", "copy", "stripped.mp4")
        self.assertEqual(self.mark("stripped.mp4", "-o", "second.mp4")["watermark"], first["watermark"])
        self.assertEqual(self.verify("second.mp4")["watermark"]["matches_credentials"], True)

    def test_credentials_beside(self):
        self.make("in.mp4")
        self.run_ok("mark", "in.mp4", "-o", "first.mkv")
        self.run_ok("mark", "first.mkv", "-o", "second.mp4")
        self.verify("second.mp4")
        data = (self.folder / "second.mp4").read_bytes()
        self.assertEqual(data.count(b"org.soragen.watermark\0"), 2)
        self.run_ok("mark", "second.mp4", "-o", "third.mkv")
        self.verify("third.mkv")

    def test_credentials_that_do_not_hold(self):
        self.make("in.mp4")
        self.run_ok("mark", "in.mp4", "-o", "first.mp4", "--no-watermark")
        data = bytearray((self.folder / "first.mp4").read_bytes())
        title = data.index(b"com.soragen.record")  # in the metadata, outside pictures and sound
        data[title] ^= 1
        (self.folder / "changed.mp4").write_bytes(data)
        self.verify("changed.mp4", 11)
        self.assertIn("the credentials of changed.mp4 are not valid; they are kept, and so is that they are not", self.warnings_of("changed.mp4", "-o", "second.mp4"))
        self.assertEqual(self.verify("second.mp4")["verdict"], "intact")
        self.assertIn(b"assertion.bmffHash.mismatch", (self.folder / "second.mp4").read_bytes())
        manifest = data.index(b"c2pa.assertions")
        data[manifest - 20:manifest] = bytes(20)
        (self.folder / "damaged.mp4").write_bytes(data)
        self.assertIn("credentials of damaged.mp4", self.warnings_of("damaged.mp4", "-o", "third.mp4"))
        self.verify("third.mp4")

    def test_a_film_of_soragen(self):
        self.run_ok("--prompt", "x", "--size", "128x128", "--frames", "17", "--steps", "1", *EXACT, "-o", "made.mp4", "--seed", "1")
        identity = json.loads(soragen("verify", "made.mp4", "--json", cwd=self.folder).stdout)["watermark"]["id"]
        self.assertEqual(self.mark("made.mp4", "-o", "out.mp4", "--label", "AI")["watermark"], identity)
        self.assertEqual(self.verify("out.mp4")["credentials"]["actions"],
                         ["c2pa.opened", "c2pa.edited.metadata", "c2pa.addedText", "c2pa.transcoded"])


class Time(MarkTest):
    def flash(self, name) -> float:
        """When the picture turns white."""
        command = ["ffprobe", "-v", "error", "-f", "lavfi", f"movie={name},signalstats", "-show_entries", "frame=pts_time:frame_tags=lavfi.signalstats.YAVG", "-of", "csv=p=0"]
        for line in subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.split():
            at, brightness = line.split(",")[:2]
            if float(brightness) > 150:
                return float(at)
        raise AssertionError("no flash")

    def beep(self, name) -> float:
        log = subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-copyts", "-i", name, "-map", "0:a", "-af", "silencedetect=n=-30dB:d=0.1", "-f", "null", "-"],
                             cwd=self.folder, check=True, capture_output=True, text=True).stderr
        return float(log.split("silence_end: ")[1].split()[0])

    def test_a_variable_rate_stays_in_time(self):
        """A flash at 3 s of a film that drops most of its frames, here and there, and a beep with it."""
        picture = "color=black:s=160x120:r=30:d=6,drawbox=t=fill:c=white:enable='between(t,3,3.5)'"
        beep = "aevalsrc=sin(5000*t)*gt(t\\,3):d=6"
        for name, keep in {"slow.mp4": "eq(n\\,90)+not(mod(n\\,7))+between(n\\,100\\,120)", "gap.mkv": "lt(n\\,30)+gt(n\\,89)",
                           "screen.mkv": "eq(n\\,90)+lt(mod(n*n\\,31)\\,9)"}.items():
            self.ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", beep, "-vf", f"select={keep}", "-vsync", "vfr", *H264, "-c:a", "aac", name)
            for output in ("a.mp4", "a.mkv"):
                with self.subTest(name=name, output=output):
                    result = self.mark(name, "-o", output)
                    half_frame = 0.5 / eval(result["fps"]) + 0.001  # containers round to 1 ms
                    self.assertAlmostEqual(self.flash(name), 3, delta=0.035)
                    self.assertAlmostEqual(self.flash(output) - self.beep(output), self.flash(name) - self.beep(name), delta=half_frame)
                    self.assertEqual(self.sound_of(output), self.sound_of(name))
                    last = float(self.probe(name)["format"]["duration"])
                    self.assertAlmostEqual(float(self.probe(output)["format"]["duration"]), last, delta=2 * half_frame + 0.03)
                    self.assertEqual(result["repeated_frames"] - result["dropped_frames"],
                                     result["frames"] - int(self.probe(name)["streams"][0]["nb_read_packets"]))

    def test_frames_that_are_left_out_are_said(self):
        self.make("in.mp4")
        # The last frame, at 1.96 s, is shown at 2.0 s.
        self.assertIn("at a constant 10 frames a second 29 frames were left out; --fps RATE chooses another rate", self.warnings_of("in.mp4", "-o", "o.mp4", "--fps", "10"))
        self.assertEqual(self.probe("o.mp4")["streams"][0]["nb_read_packets"], "21")
        self.assertEqual(self.sound_of("o.mp4"), self.sound_of("in.mp4"))
        self.assertEqual(self.mark("in.mp4", "-o", "o.mp4", "--fps", "50")["repeated_frames"], 50)

    def test_pictures_that_begin_late(self):
        """Sound alone for half a second: the first picture stands there."""
        self.ffmpeg(*SOUND, "-itsoffset", "0.5", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", *H264, "-c:a", "aac", "in.mkv")
        start = next(float(stream["start_time"]) for stream in self.probe("in.mkv")["streams"] if stream["codec_type"] == "video")
        self.assertGreater(start, 0.4)
        result = self.mark("in.mkv", "-o", "o.mp4")
        self.assertEqual(result["frames"], 50 + round(start * 25))
        self.assertEqual(self.sound_of("o.mp4"), self.sound_of("in.mkv"))
        self.assertAlmostEqual(self.beep("o.mp4"), self.beep("in.mkv"), delta=0.025)


class Picture(MarkTest):
    def test_a_phones_film_stands_upright(self):
        self.make("lying.mp4", "-vf", "hue=s=0", *H264, "-c:a", "aac")  # grey: brightness has two meanings in colour
        self.ffmpeg("-i", "lying.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", "in.mp4")
        self.assertTrue(self.probe("in.mp4")["streams"][0]["side_data_list"])
        self.assertEqual(self.mark("in.mp4", "-o", "o.mp4")["size"], "120x160")
        video = self.probe("o.mp4")["streams"][0]
        self.assertEqual((video["width"], video["height"]), (120, 160))
        self.assertNotIn("side_data_list", video)
        # ffmpeg turns the first upright by itself; the two differ by a watermark of 40 dB and two encodings.
        log = subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-i", "in.mp4", "-i", "o.mp4", "-lavfi", "[0:v][1:v]psnr", "-f", "null", "-"], cwd=self.folder,
                             check=True, capture_output=True, text=True).stderr
        self.assertGreater(float(log.split("psnr")[-1].split("y:")[1].split()[0]), 30)
        self.verify("o.mp4")

    def test_pixels_that_are_not_square(self):
        self.make("in.mp4", "-vf", "setsar=4/3", *H264, "-c:a", "aac")
        for name in ("o.mp4", "o.mkv"):
            self.run_ok("mark", "in.mp4", "-o", name)
            self.assertEqual(self.probe(name)["streams"][0]["sample_aspect_ratio"], "4:3")

    def test_what_cannot_be_written_well_is_refused(self):
        self.make("hdr.mp4", *H264, "-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc", sound=False)
        self.expect_error(4, "hdr.mp4 is HDR (smpte2084)", "mark", "hdr.mp4", "-o", "o.mp4")
        self.make("odd.mkv", "-vf", "scale=161:121,format=bgr0", "-c:v", "ffv1", sound=False)
        self.expect_error(4, "h264 cannot encode 161x121: its 4:2:0 colour planes need an even width and height; .mkv (ffv1)", "mark", "odd.mkv", "-o", "o.mp4")
        self.run_ok("mark", "odd.mkv", "-o", "o.mkv")
        self.make("fast.mp4", "-vf", "fps=60", *H264, sound=False)
        self.expect_error(4, "gif cannot hold 60 frames a second; at most 50", "mark", "fast.mp4", "-o", "o.gif")
        self.run_ok("mark", "fast.mp4", "-o", "o.gif", "--fps", "20")


class BadInput(MarkTest):
    def refuse(self, code, message, *args):
        before = self.files()
        self.expect_error(code, message, "mark", *args)
        self.assertEqual(self.files(), before)

    def test_bad_input(self):
        self.make("in.mp4")
        self.ffmpeg(*SOUND, "-c:a", "aac", "sound.mp4")
        (self.folder / "cut.mp4").write_bytes((self.folder / "in.mp4").read_bytes()[:9000])
        (self.folder / "text.mp4").write_text("nonsense" * 100)
        self.refuse(3, "sound.mp4 has no video stream", "sound.mp4", "-o", "o.mp4")
        self.refuse(3, "cut.mp4", "cut.mp4", "-o", "o.mp4")
        self.refuse(3, "cannot read text.mp4 as a film", "text.mp4", "-o", "o.mp4")
        self.refuse(3, "cannot read none.mp4: no such file", "none.mp4", "-o", "o.mp4")
        self.refuse(3, "cannot read .: it is not a regular file", ".", "-o", "o.mp4")
        self.refuse(2, "no output: name a file with -o", "in.mp4")
        self.refuse(2, "mark needs FILM", "-o", "o.mp4")
        self.refuse(2, "in.mp4 and the output in.mp4 are the same file", "in.mp4", "-o", "in.mp4")
        (self.folder / "link.mp4").symlink_to("in.mp4")
        self.refuse(2, "are the same file", "in.mp4", "-o", "link.mp4")
        self.refuse(2, "are the same file", "link.mp4", "-o", "./in.mp4")
        self.refuse(2, "cannot tell the output form of 'o.mp5'", "in.mp4", "-o", "o.mp5")
        self.refuse(3, "cannot write none/o.mp4", "in.mp4", "-o", "none/o.mp4")
        self.refuse(2, "--label", "in.mp4", "-o", "o.mp4", "--label", "x" * 201)

    def test_a_film_cut_off_late(self):
        """Only its end shows it, when most of the work is done."""
        self.make("in.mkv")
        data = (self.folder / "in.mkv").read_bytes()
        (self.folder / "cut.mkv").write_bytes(data[:len(data) * 6 // 10])
        self.refuse(3, "cut.mkv is cut off", "cut.mkv", "-o", "o.mp4", "--progress", "none")

    def test_a_full_disk(self):
        self.make("in.mp4")

        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        result = soragen("mark", "in.mp4", "-o", "o.mp4", cwd=self.folder, preexec_fn=little_room, restore_signals=False)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertEqual(self.files(), {"in.mp4"})

    def test_interrupted(self):
        self.make("in.mp4", "-filter_complex", "[0:v]loop=200:50,scale=640:480[v]", "-map", "[v]", "-map", "1", *H264, "-preset", "ultrafast", "-c:a", "aac")
        command = [BINARY, "mark", "in.mp4", "-o", "o.mp4", "--progress", "json"]
        with subprocess.Popen(command, cwd=self.folder, env=environment(), stderr=subprocess.PIPE) as process:
            while b'"stage":"mark"' not in process.stderr.readline():
                self.assertIsNone(process.poll())
            self.assertIn("o.mp4.part", self.files())
            process.send_signal(signal.SIGINT)
            process.stderr.read()
            self.assertEqual(process.wait(timeout=60), 130)
        self.assertEqual(self.files(), {"in.mp4"})


if __name__ == "__main__":
    unittest.main()
