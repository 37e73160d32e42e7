"""What a run says on stderr, in each form, and that stdout has nothing but results."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import unittest
from soragen_process import BINARY, EXACT, SoragenTest, environment

FILM = ["--prompt", "a red ball", "--seed", "7", "--size", "48x32", "--frames", "17", "--steps", "6", *EXACT, "-o", "a.mp4"]


class Console(SoragenTest):
    def test_json_lines(self):
        result = self.run_ok(*FILM, "--progress", "json")
        events = [json.loads(line) for line in result.stderr.splitlines()]
        self.assertEqual({event["event"] for event in events}, {"progress"})
        self.assertEqual(list(dict.fromkeys(event["stage"] for event in events)), ["text", "load", "denoise", "decode"])
        for stage, total in (("denoise", 6), ("decode", 17)):
            last = [event for event in events if event["stage"] == stage][-1]
            self.assertEqual((last["done"], last["total"], last["eta"]), (total, total, 0))
        elapsed = [event["elapsed"] for event in events]
        self.assertEqual(elapsed, sorted(elapsed))

    def test_lines_of_a_log_file(self):
        log = self.run_ok(*FILM).stderr.decode()
        self.assertRegex(log, r"(?m)^soragen: info: denoise 6/6 in [\d.]+ s$")
        self.assertRegex(log, r"(?m)^soragen: info: decode  17/17 in [\d.]+ s$")
        self.assertNotIn("\x1b", log)
        self.assertNotIn("\r", log)

    def test_silence(self):
        for flags in (["-q"], ["--progress", "none"]):
            self.assertEqual(self.run_ok(*FILM, *flags).stderr, b"")

    def terminal(self, columns: int, *args) -> tuple[str, str]:
        """stdout, and what a terminal of that width gets on stderr."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([BINARY, *args], cwd=self.folder, env=environment(), stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        screen = b""
        try:
            while data := os.read(ours, 65536):
                screen += data
        except OSError:  # how the other end of a terminal says that it is closed
            pass
        os.close(ours)
        stdout = process.stdout.read().decode()
        process.stdout.close()
        self.assertEqual(process.wait(), 0, screen)
        return stdout, screen.decode()

    def test_bar(self):
        stdout, screen = self.terminal(60, *FILM)
        self.assertRegex(stdout, r"^a\.mp4: [^\n]*\n$")
        self.assertIn("\r\x1b[Kdenoise 6/6 [########################] 100%  0:00 left", screen)
        self.assertIn("decode  17/17 ", screen)
        self.assertTrue(screen.endswith("\r\x1b[K"), screen[-80:])  # the line is free again
        self.assertLess(max(len(line) for line in screen.split("\r\x1b[K")), 60)

    def test_narrow_terminal(self):
        _, screen = self.terminal(20, *FILM)
        self.assertLess(max(len(line) for line in screen.split("\r\x1b[K")), 20)

    def test_log_lines_step_in_above_the_bar(self):
        _, screen = self.terminal(100, *FILM, "-v", "--codec", "h264")
        for line in screen.replace("\r\n", "\n").split("\n")[:-1]:
            self.assertTrue(line.split("\r\x1b[K")[-1].startswith(("soragen: ", "\x1b")), line)


if __name__ == "__main__":
    unittest.main()
