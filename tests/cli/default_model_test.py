"""Which model is taken when none is named: $SORAGEN_MODEL, the installed one, the source tree's."""
import shutil
import subprocess
import unittest
from soragen_process import BINARY, EXACT, MODEL, TINY, UNMARKED, SoragenTest, environment

FILM = ["--prompt", "x", "-o", "a.mkv", "--seed", "1", *TINY, *EXACT, *UNMARKED, "--json"]


class DefaultModel(SoragenTest):
    """A program of its own in a folder bin/, so that what lies around it is known."""

    def setUp(self):
        super().setUp()
        self.program = self.folder / "usr/bin/soragen"
        self.program.parent.mkdir(parents=True)
        shutil.copy2(BINARY, self.program)
        self.env = environment()
        del self.env["SORAGEN_MODEL"]

    def call(self, *args, **variables):
        return subprocess.run([self.program, *args], cwd=self.folder, env={**self.env, **variables}, capture_output=True)

    def install(self, place):
        (self.folder / place).parent.mkdir(parents=True)
        shutil.copytree(MODEL, self.folder / place)

    def test_none(self):
        result = self.call(*FILM)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"no model: --model and $SORAGEN_MODEL are not set and no model is installed", result.stderr)

    def test_installed(self):
        self.install("usr/share/soragen/models/soragen-mini")
        self.assertEqual(self.call(*FILM).returncode, 0)

    def test_of_the_source_tree(self):
        self.install("models/soragen-mini")
        self.assertEqual(self.call(*FILM).returncode, 0)

    def test_what_is_named_comes_first(self):
        self.install("usr/share/soragen/models/soragen-mini")
        self.assertIn(b"model directory 'there'", self.call(*FILM, SORAGEN_MODEL="there").stderr)
        result = self.call(*FILM, "--model", "here", SORAGEN_MODEL="there")
        self.assertIn(b"model directory 'here'", result.stderr)
        self.assertEqual(self.call(*FILM, SORAGEN_MODEL="").returncode, 0)


if __name__ == "__main__":
    unittest.main()
