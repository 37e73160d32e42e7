"""Command lines: messages of wrong ones, help, exit codes of each kind of failure."""
import subprocess
import unittest
from soragen_process import BINARY, MODEL, TINY, SoragenTest, soragen


class Usage(SoragenTest):
    def test_unknown_flag_with_the_nearest_name(self):
        self.expect_error(2, "unknown flag --promt (did you mean --prompt?); 'soragen generate --help' lists all", "--promt", "x")
        self.expect_error(2, "unknown flag --stesp (did you mean --steps?)", "--stesp=3")
        error = self.expect_error(2, "unknown flag --zzzzzzzzzz; 'soragen", "--zzzzzzzzzz")
        self.assertNotIn("did you mean", error)
        self.expect_error(2, "unknown flag -z;", "-z")

    def test_flag_of_another_command(self):
        self.expect_error(2, "generate has no flag --shard; it belongs to 'soragen batch'", "--shard", "0/2")

    def test_unknown_command(self):
        self.expect_error(2, "unknown command 'genrate' (did you mean 'generate'?); the commands are generate, batch", "genrate")

    def test_missing_value(self):
        self.expect_error(2, "--prompt needs a value: --prompt TEXT", "--prompt")
        self.expect_error(2, "-o needs a value, found the flag --json; --output=--json means that text itself", "-o", "--json")

    def test_value_of_a_switch(self):
        self.expect_error(2, "--json takes no value, found 'yes'", "--json=yes")

    def test_given_twice(self):
        self.expect_error(2, "--seed is given twice", "--seed", "1", "--seed", "2")

    def test_stray_word(self):
        self.expect_error(2, "unexpected argument 'ball'; text of several words needs quotes", "--prompt", "red", "ball")

    def test_operands(self):
        self.expect_error(2, "decode needs LATENTS", "decode", "-o", "a.mp4")
        self.expect_error(2, "unexpected argument 'b'; decode takes one LATENTS, which is 'a'", "decode", "a", "b")

    def test_nothing_to_do(self):
        self.expect_error(2, "no prompt: say what to show with --prompt TEXT", "-o", "a.mp4")
        self.expect_error(2, "no output: name a file with -o FILE", "--prompt", "x", *TINY)


class Values(SoragenTest):
    def reject(self, message, *flags):
        self.expect_error(2, message, "--prompt", "x", "-o", "a.mp4", *flags)
        self.assertEqual(self.files(), set())

    def test_numbers(self):
        for flag, value in [("--steps", "0"), ("--steps", "-1"), ("--steps", "1e3"), ("--steps", "99999999999999999999"), ("--frames", "0"),
                            ("--frames", "5.5"), ("--frames", "five"), ("--frames", ""), ("--seed", "-1"), ("--seed", "0x10"), ("--seed", "1 "),
                            ("--guidance", "nan"), ("--guidance", "inf"), ("--guidance", "-1"), ("--shift", "1e999"), ("--threads", "0"),
                            ("--crf", "-1"), ("--crf", "64"), ("--memory", "0"), ("--memory", "16GB")]:
            with self.subTest(flag=flag, value=value):
                self.reject(f"{flag}: '{value}' is not valid; use ", flag, value)

    def test_rates(self):
        for value in ("0", "-1", "1/0", "1001", "abc", "nan"):
            with self.subTest(value=value):
                self.reject(f"frame rate '{value}' is not valid", "--fps", value)

    def test_sizes(self):
        for value in ("48", "48x", "x32", "0x0", "-48x32", "48x32x5", "99999x99999", "48*32"):
            with self.subTest(value=value):
                self.reject(f"--size: '{value}' is not valid; use WIDTHxHEIGHT", "--size", value)

    def test_sizes_that_the_model_cannot_make(self):
        self.reject("width 50 is not a multiple of 16, which this model needs; nearest: 48 or 64", "--size", "50x32")
        self.reject("height 8 is not a multiple of 16, which this model needs; nearest: 16", "--size", "48x8")
        self.reject("width 1040 is beyond this model's largest, 1024", "--size", "1040x32")
        self.reject("6 frames are not possible; this model makes 4n + 1; nearest: 5 or 9", "--frames", "6", "--size", "48x32")

    def test_choices(self):
        self.reject("--dtype: 'fp8' is not valid; use one of auto, fp32, bf16", "--dtype", "fp8")
        self.reject("--progress loud is not valid; use one of auto, bar, json, none", "--progress", "loud")
        self.reject("preset", "--preset", "nonesuch", "--size", "48x32")

    def test_count(self):
        for value in ("0", "-1", "1e3", "many", "1000001"):
            with self.subTest(value=value):
                self.reject(f"--count {value} is not valid; use a whole number from 1 to 1000000", "--count", value)
        self.expect_error(2, "--count 2 cannot go to stdout", "--prompt", "x", "-o", "-", "--count", "2", *TINY)


class Kinds(SoragenTest):
    """One failure of every exit code that can be brought about."""

    def test_prompt_that_is_not_utf8(self):
        result = soragen(b"--prompt", b"a \xff ball", b"-o", b"a.mp4", *TINY, cwd=self.folder)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"UTF-8", result.stderr)

    def test_no_such_model(self):
        self.expect_error(3, "model directory 'nowhere' does not exist", "--prompt", "x", "-o", "a.mp4", "--model", "nowhere")
        self.expect_error(3, "is not a model directory: model_index.json is missing", "--prompt", "x", "-o", "a.mp4", "--model", ".")

    def test_unsupported(self):
        self.expect_error(4, "h265 cannot encode 48x32: each side must be from", "--prompt", "x", "-o", "a.mp4", "--codec", "h265", *TINY)
        self.expect_error(4, "--device cuda", "--prompt", "x", "-o", "a.mp4", "--device", "cuda", *TINY)

    def test_resources(self):
        self.expect_error(5, "may be used; choose a smaller --size", "--prompt", "x", "-o", "a.mp4", "--memory", "1M", "--size", "1024x1024", "--frames", "5")

    def test_output_form(self):
        self.expect_error(2, "cannot tell the output form of 'a.mp5'", "--prompt", "x", "-o", "a.mp5", *TINY)
        self.expect_error(2, "codec 'vp9' cannot go into .gif", "--prompt", "x", "-o", "a.gif", "--codec", "vp9", *TINY)

    def test_control_characters_cannot_reach_the_terminal(self):
        error = self.expect_error(2, "\\x1b]0;owned\\x07", "--prompt", "x", "-o", "a\x1b]0;owned\x07\n.mp5", *TINY)
        self.assertIn("\\n", error)


class Help(SoragenTest):
    def test_alone(self):
        text = self.run_ok().stdout.decode()
        for command in ("generate", "batch", "decode", "mark", "plan", "inspect", "verify", "replay", "keygen", "vocab", "doctor", "completion"):
            self.assertIn(f"\n  {command} ", text)
        self.assertEqual(self.run_ok("--help").stdout.decode(), text)

    def test_fits_a_screen(self):
        for command in ("generate", "batch", "decode", "mark", "plan", "inspect", "verify", "replay", "keygen", "vocab", "doctor", "completion"):
            with self.subTest(command=command):
                lines = self.run_ok(command, "--help").stdout.decode().splitlines()
                self.assertLessEqual(len(lines), 50)
                self.assertLessEqual(max(map(len, lines)), 100)

    def test_help_wins_over_mistakes_after_it(self):
        self.assertIn(b"soragen generate", self.run_ok("--prompt", "x", "-h", "--nonsense").stdout)

    def test_version(self):
        self.assertRegex(self.run_ok("--version").stdout.decode(), r"^soragen \d+\.\d+\.\d+\n$")

    def test_short_forms(self):
        plan = self.run_ok("plan", "-vm" + str(MODEL), "--json", "--size=48x32", "--negative-prompt=", "--frames=5")
        self.assertIn(b'"negative-prompt": ""', plan.stdout)


class Stdout(SoragenTest):
    def test_full(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([BINARY, "--version"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 5)
        self.assertIn(b"cannot write the result to stdout: No space left on device", result.stderr)


if __name__ == "__main__":
    unittest.main()
