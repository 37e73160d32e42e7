"""Ctrl-C in every stage: nothing half-made stays, finished latents do, and the second one does not wait."""
import json
import signal
import subprocess
import unittest
from soragen_process import BINARY, EXACT, SoragenTest, environment

PROMPT = ["--prompt", "a red ball", "--seed", "7", *EXACT, "--progress", "json"]
LONG_DENOISING = ["--size", "64x64", "--frames", "5", "--steps", "1000"]
LONG_DECODING = ["--size", "160x160", "--frames", "121", "--steps", "1"]


class Interrupt(SoragenTest):
    def interrupt(self, wanted, *args, signals=(signal.SIGINT,)):
        """Sends the signals at the first progress event that is wanted."""
        process = subprocess.Popen([BINARY, *args], cwd=self.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines, sent = [], False
        for line in process.stderr:
            lines.append(line)
            if not sent and line.startswith("{") and wanted(json.loads(line)):
                sent = True
                for number in signals:
                    process.send_signal(number)
        self.assertTrue(sent, lines[-3:])
        stdout = process.stdout.read()
        process.stdout.close(), process.stderr.close()
        self.assertEqual(process.wait(timeout=60), 130, lines[-3:])
        return stdout, "".join(line for line in lines if not line.startswith("{"))

    def test_before_the_latents_are_finished_nothing_stays(self):
        for stage in ("text", "load", "denoise"):
            with self.subTest(stage=stage):
                _, log = self.interrupt(lambda event: event["stage"] == stage and event["done"] >= 1, *PROMPT, *LONG_DENOISING, "-o", "a.mp4")
                self.assertIn("soragen: error: interrupted", log)
                self.assertEqual(self.files(), set())

    def test_while_decoding_the_latents_stay(self):
        _, log = self.interrupt(lambda event: event["stage"] == "decode" and event["done"] >= 1, *PROMPT, *LONG_DECODING, "-o", "a.mp4")
        self.assertIn("interrupted; the latents are kept: soragen decode a.mp4.latents.safetensors -o a.mp4", log)
        self.assertEqual(self.files(), {"a.mp4.latents.safetensors"})
        self.run_ok("decode", "a.mp4.latents.safetensors", "-o", "a.mp4", *EXACT)

    def test_a_second_one_does_not_wait(self):
        # Two of one kind may arrive as one; while the process is stopped, these two queue up.
        both = (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT)
        _, log = self.interrupt(lambda event: event["stage"] == "denoise" and event["done"] >= 1, *PROMPT, *LONG_DENOISING, "-o", "a.mp4", signals=both)
        self.assertNotIn("error: interrupted", log)
        self.assertNotIn("a.mp4", self.files())

    def test_batch_keeps_what_is_finished(self):
        (self.folder / "jobs.txt").write_text("a red ball\na blue sea\na green tree\n")
        stdout, log = self.interrupt(lambda event: event["film"] == 2 and event["stage"] == "decode" and event["done"] >= 1,
                                     "batch", "jobs.txt", "-o", "out", *PROMPT[2:], *LONG_DECODING)
        results = [json.loads(line) for line in stdout.splitlines()]
        self.assertEqual([(entry["line"], entry["status"]) for entry in results], [(1, "done"), (2, "interrupted")])
        self.assertEqual(self.files(), {"jobs.txt", "out/0001-a-red-ball.mp4", "out/0002-a-blue-sea.mp4.latents.safetensors"})
        self.assertIn("1 done, 0 skipped, 0 failed; the same command with --resume continues", log)

        result = self.run_ok("batch", "jobs.txt", "-o", "out", *PROMPT[2:], *LONG_DECODING, "--resume")
        self.assertEqual([json.loads(line)["status"] for line in result.stdout.splitlines()], ["skipped", "done", "done"])
        stages = [(event["film"], event["stage"]) for event in map(json.loads, filter(lambda line: line.startswith("{"), result.stderr.decode().splitlines()))]
        self.assertNotIn((2, "denoise"), stages)  # it went on from its latents
        self.assertIn((3, "denoise"), stages)
        self.assertEqual(self.files(), {"jobs.txt", "out/0001-a-red-ball.mp4", "out/0002-a-blue-sea.mp4", "out/0003-a-green-tree.mp4"})


if __name__ == "__main__":
    unittest.main()
