"""Jobs files: names, bad lines, resuming, shards."""
import json
import os
import unittest
from soragen_process import EXACT, TINY, UNMARKED, SoragenTest, environment, soragen

FLAGS = ["-o", "out", "--seed", "7", *TINY, *EXACT]


class Batch(SoragenTest):
    def batch(self, text, *flags, code=0, name="jobs.txt", **kwargs) -> list[dict]:
        """The result lines, in order of the file."""
        if name != "-":
            (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
            result = soragen("batch", name, *FLAGS, *flags, cwd=self.folder, **kwargs)
        else:
            result = soragen("batch", "-", *FLAGS, *flags, cwd=self.folder, stdin=text.encode(), **kwargs)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        self.log = result.stderr.decode()
        return sorted(map(json.loads, result.stdout.splitlines()), key=lambda line: line["line"])

    def statuses(self, *args, **kwargs):
        return [(line["line"], line["status"]) for line in self.batch(*args, **kwargs)]


class Text(Batch):
    def test_lines_become_films(self):
        lines = self.batch("# a comment\n\na red ball\r\n  \na blue sea, at night!\n", *UNMARKED)
        self.assertEqual([(line["line"], line["output"], line["status"], line["seed"]) for line in lines],
                         [(3, "out/0003-a-red-ball.mp4", "done", 7), (5, "out/0005-a-blue-sea-at-night.mp4", "done", 7)])
        self.assertEqual(self.files(), {"jobs.txt", "out/0003-a-red-ball.mp4", "out/0005-a-blue-sea-at-night.mp4"})
        self.run_ok("--prompt", "a blue sea, at night!", *FLAGS[2:], *UNMARKED, "-o", "alone.mp4")
        self.assertEqual((self.folder / "alone.mp4").read_bytes(), (self.folder / "out/0005-a-blue-sea-at-night.mp4").read_bytes())

    def test_names_from_hostile_prompts(self):
        lines = self.batch("../../etc/passwd\n; rm -rf / #\n\x1b[2Jred\n日本\n" + "x" * 300 + "\n", "--dry-run")
        self.assertEqual([line["output"] for line in lines], ["out/0001-etc-passwd.mp4", "out/0002-rm-rf.mp4", "out/0003-2jred.mp4",
                                                              "out/0004-film.mp4", "out/0005-" + "x" * 40 + ".mp4"])

    def test_bad_line_among_good_ones(self):
        self.assertEqual(self.statuses(b"a red ball\na \xff ball\na blue sea\n", code=6), [(1, "done"), (2, "failed"), (3, "done")])
        self.assertIn("line 2: ", self.log)
        self.assertIn("2 done, 0 skipped, 1 failed", self.log)

    def test_standard_input(self):
        self.assertEqual(self.statuses("a red ball\n", "--dry-run", name="-"), [(1, "planned")])
        self.assertEqual(self.batch('\n{"prompt": "x", "output": "y.mkv"}\n', "--dry-run", name="-")[0]["output"], "out/y.mkv")

    def test_byte_order_mark(self):
        self.assertEqual(self.batch(b"\xef\xbb\xbf# comment\nred\n", "--dry-run")[0]["line"], 2)

    def test_extension(self):
        self.assertEqual(self.batch("red\n", "--ext", "png")[0]["output"], "out/0001-red/%04d.png")
        self.assertIn("out/0001-red/0005.png", self.files())
        self.assertEqual(self.statuses("red\n", "--ext", "png", "--resume"), [(1, "skipped")])
        self.expect_error(2, "--ext exe is not valid; use one of mp4", "batch", "jobs.txt", *FLAGS, "--ext", "exe")

    def test_files_that_are_no_jobs(self):
        (self.folder / "jobs.csv").write_text("x")
        (self.folder / "empty.txt").write_text("\n# nothing\n")
        self.expect_error(2, "cannot tell what 'jobs.csv' holds", "batch", "jobs.csv", *FLAGS)
        self.expect_error(3, "empty.txt asks for no film: every line is blank or a comment", "batch", "empty.txt", *FLAGS)
        self.expect_error(3, "none.txt", "batch", "none.txt", *FLAGS)
        self.expect_error(2, "no output: name a folder with -o DIR", "batch", "empty.txt")


class Lines(Batch):
    def test_requests(self):
        lines = self.batch('{"prompt": "a", "seed": 1}\n{"prompt": "b", "size": "32x32", "fps": 8, "negative-prompt": "", "output": "sub/b.mkv"}\n',
                           name="jobs.jsonl")
        self.assertEqual([(line["output"], line["seed"]) for line in lines], [("out/0001-a.mp4", 1), ("out/sub/b.mkv", 7)])
        shown = json.loads(self.run_ok("inspect", "out/sub/b.mkv", "--json").stdout)
        self.assertEqual((shown["video"]["size"], shown["video"]["fps"]), ("32x32", "8"))

    def test_each_kind_of_bad_line(self):
        bad = ['{"prompt": "a"', '[1]', '"a"', '{"promt": "a"}', '{"prompt": 5}', '{"prompt": "a", "prompt": "b"}', '{"prompt": "a", "steps": 0}',
               '{"prompt": "a", "size": "50x32"}', '{"steps": 2}', '{"prompt": "a", "output": "../a.mp4"}', '{"prompt": "a", "output": "/a.mp4"}',
               '{"prompt": "a", "output": "-"}', '{"prompt": "a", "output": ""}', '{"prompt": "a", "output": "a.exe"}',
               '{"prompt": "a", "save-latents": "../l.safetensors"}', '[' * 1000, '{"prompt": "\\ud800"}']
        lines = self.batch("\n".join(bad) + '\n{"prompt": "good"}\n', "--dry-run", code=6, name="jobs.jsonl")
        self.assertEqual([line["status"] for line in lines], ["failed"] * len(bad) + ["planned"])
        errors = [line.get("error", "") for line in lines]
        for number, part in [(1, "jobs.jsonl:1: not valid JSON"), (4, "jobs.jsonl:4: 'promt' is not an option; did you mean 'prompt'?"),
                             (6, 'key "prompt" occurs twice'), (8, "nearest: 48 or 64"), (9, "no prompt"), (10, "use a file name inside out"),
                             (15, "save-latents '../l.safetensors' is not valid")]:
            self.assertIn(part, errors[number - 1])
        self.assertEqual(self.files(), {"jobs.jsonl"})

    def test_two_lines_of_one_name(self):
        lines = self.batch('{"prompt": "a", "output": "a.mp4"}\n{"prompt": "b", "output": "./a.mp4"}\n', "--dry-run", code=6, name="jobs.jsonl")
        self.assertEqual(lines[1]["error"], "output 'out/a.mp4' is already that of line 1")


class Resume(Batch):
    def test_skips_what_exists(self):
        jobs = "red\nblue\n"
        self.statuses(jobs)
        (self.folder / "out/0002-blue.mp4").unlink()
        before = os.stat(self.folder / "out/0001-red.mp4").st_mtime_ns
        self.assertEqual(self.statuses(jobs, "--resume"), [(1, "skipped"), (2, "done")])
        self.assertEqual(os.stat(self.folder / "out/0001-red.mp4").st_mtime_ns, before)

    def test_latents_of_another_film_are_not_used(self):
        self.run_ok("--prompt", "red", *FLAGS[2:], *UNMARKED, "-o", "other.mp4", "--save-latents", "kept.safetensors")
        (self.folder / "out").mkdir()
        for name, jobs in (("0001-blue", "blue\n"), ("0001-red", "red\n")):
            (self.folder / f"out/{name}.mp4.latents.safetensors").write_bytes((self.folder / "kept.safetensors").read_bytes())
            self.statuses(jobs, "--resume", "--progress", "json", *UNMARKED)
            self.assertEqual('"denoise"' in self.log, name == "0001-blue")
        self.run_ok("--prompt", "blue", *FLAGS[2:], *UNMARKED, "-o", "blue.mp4")
        self.assertEqual((self.folder / "blue.mp4").read_bytes(), (self.folder / "out/0001-blue.mp4").read_bytes())
        self.assertEqual((self.folder / "other.mp4").read_bytes(), (self.folder / "out/0001-red.mp4").read_bytes())

    def test_damaged_latents_are_not_used(self):
        (self.folder / "out").mkdir()
        (self.folder / "out/0001-red.mp4.latents.safetensors").write_bytes(b"nonsense")
        self.assertEqual(self.statuses("red\n", "--resume"), [(1, "done")])
        self.assertIn("not continuing from kept latents: ", self.log)


class Shards(Batch):
    JOBS = "".join(f"film {i}\n" for i in range(7))

    def lines(self, *flags, env=None):
        return [line["line"] for line in self.batch(self.JOBS, "--dry-run", *flags, env=environment(**(env or {})))]

    def test_every_film_once(self):
        shards = [self.lines("--shard", f"{i}/3") for i in range(3)]
        self.assertEqual(shards, [[1, 4, 7], [2, 5], [3, 6]])

    def test_slurm(self):
        env = {"SLURM_ARRAY_TASK_ID": "11", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_STEP": "1"}
        self.assertEqual(self.lines(env=env), [2, 5])
        self.assertEqual(self.lines(env={**env, "SLURM_ARRAY_TASK_ID": "14", "SLURM_ARRAY_TASK_STEP": "2"}), [3, 6])
        self.assertEqual(self.lines("--shard", "0/1", env=env), [1, 2, 3, 4, 5, 6, 7])

    def test_kubernetes(self):
        self.assertEqual(self.lines(env={"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "2"}), [1, 3, 5, 7])

    def reject(self, message, *flags, **env):
        (self.folder / "jobs.txt").write_text(self.JOBS)
        self.expect_error(2, message, "batch", "jobs.txt", *FLAGS, "--dry-run", *flags, env=environment(**env))

    def test_shards_that_make_no_sense(self):
        for shard in ("3", "3/3", "-1/3", "0/0", "a/b", "1/3/5", "/", "0/99999999"):
            with self.subTest(shard=shard):
                self.reject("is not valid; use", "--shard", shard)
        self.reject("not evenly spaced or SLURM_ARRAY_TASK_COUNT is missing", SLURM_ARRAY_TASK_ID="7", SLURM_ARRAY_TASK_MIN="1", SLURM_ARRAY_TASK_COUNT="3")
        self.reject("SLURM_ARRAY_TASK_COUNT is missing", SLURM_ARRAY_TASK_ID="7")
        self.reject("JOB_COMPLETION_INDEX is 0, but not of how many", JOB_COMPLETION_INDEX="0")
        self.reject("JOB_COMPLETION_INDEX '2' is not valid", JOB_COMPLETION_INDEX="2", JOB_COMPLETIONS="2")


if __name__ == "__main__":
    unittest.main()
