"""The completion scripts, in the shells they are for."""
import shutil
import subprocess
import unittest
from soragen_process import SoragenTest

BASH = r"""
source completion.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_soragen
printf '%s\n' "${COMPREPLY[@]}"
"""
# _arguments and _describe stand in for zsh's own: they show what they were asked to offer.
ZSH = r"""
_arguments() { print -rl -- "$@" }
_describe() { print -rl -- "${(@P)2}" }
words=("$@") CURRENT=$#
source ./completion.zsh
"""


class Bash(SoragenTest):
    def setUp(self):
        super().setUp()
        (self.folder / "completion.bash").write_bytes(self.run_ok("completion", "bash").stdout)

    def candidates(self, *words) -> list[str]:
        result = subprocess.run(["bash", "-uc", BASH, "bash", "soragen", *words], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.split()

    def test_commands(self):
        self.assertEqual(self.candidates(""), ["generate", "batch", "decode", "mark", "plan", "inspect", "verify", "replay", "keygen", "vocab", "doctor", "completion"])
        self.assertEqual(self.candidates("de"), ["decode"])

    def test_flags(self):
        self.assertEqual(self.candidates("--pro"), ["--prompt", "--progress"])
        self.assertEqual(self.candidates("--prompt", "x", "--st"), ["--steps", "--step-cache"])
        self.assertEqual(self.candidates("batch", "jobs.txt", "--s"), ["--size", "--steps", "--seed", "--solver", "--shift", "--step-cache", "--shard", "--sign-cert", "--sign-key"])
        self.assertEqual(self.candidates("decode", "--st"), [])

    def test_values(self):
        self.assertEqual(self.candidates("--prompt", "x", "--dtype", ""), ["auto", "fp32", "bf16"])
        self.assertEqual(self.candidates("batch", "--ext", "m"), ["mp4", "m4v", "mov", "mkv"])
        self.assertEqual(self.candidates("completion", ""), ["bash", "zsh"])
        self.assertEqual(self.candidates("-o", "--"), [])  # a file name

    def test_every_flag_of_the_help_is_offered(self):
        for command in ("generate", "batch", "decode", "mark", "plan", "inspect", "verify", "replay", "keygen", "vocab", "doctor"):
            text = self.run_ok(command, "--help").stdout.decode()
            listed = [line.split("--", 1)[1].split()[0] for line in text.splitlines() if line.startswith(("      --", "  -"))]
            self.assertEqual(sorted(self.candidates(command, "--")), sorted("--" + name for name in listed))


class Zsh(SoragenTest):
    def setUp(self):
        super().setUp()
        if shutil.which("zsh") is None:
            self.skipTest("no zsh on this machine")
        (self.folder / "completion.zsh").write_bytes(self.run_ok("completion", "zsh").stdout)

    def offered(self, *words) -> str:
        result = subprocess.run(["zsh", "-fc", ZSH, "zsh", "soragen", *words], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def test_offers(self):
        self.assertIn("decode:a film from saved latents\n", self.offered(""))
        flags = self.offered("--")
        self.assertIn("--dtype[", flags)
        self.assertIn("]:NAME:(auto fp32 bf16)\n", flags)
        self.assertIn("(--output -o)-o[", flags)
        self.assertIn("--shard[", self.offered("batch", "--"))
        self.assertIn("1:SHELL:(bash zsh)\n", self.offered("completion", ""))


if __name__ == "__main__":
    unittest.main()
