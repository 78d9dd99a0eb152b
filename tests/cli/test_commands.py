"""The command line itself: exit codes, JSON errors, and that help, manual pages and completion name the same options.

    python3 tests/cli/test_commands.py CAIRN
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS = ("checkpoint", "restore", "check", "inspect", "verify-image")
COMMON = {"--json", "--verbose", "--quiet", "--help"}
CAIRN = ""


def cairn(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([CAIRN, *arguments], capture_output=True, text=True, timeout=60, check=False)


def help_options(command: str) -> set[str]:
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", cairn(command, "--help").stdout, re.M))


class Usage(unittest.TestCase):
    def test_help_and_version_succeed_on_standard_output(self) -> None:
        for arguments in (["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)):
            run = cairn(*arguments)
            self.assertEqual((run.returncode, run.stderr), (0, ""), arguments)
        self.assertRegex(cairn("--version").stdout, r"^cairn \d+\.\d+\.\d+\n$")

    def test_each_help_has_examples(self) -> None:
        for command in COMMANDS:
            self.assertIn(f"Examples:\n  cairn {command} ", cairn(command, "--help").stdout)

    def test_wrong_usage_is_2(self) -> None:
        wrong = [
            [],
            ["frobnicate"],
            ["checkpoint"],
            ["checkpoint", "x"],
            ["checkpoint", "0"],
            ["checkpoint", "--then", "sleep", "1"],
            ["checkpoint", "--timeout", "nan", "1"],
            ["checkpoint", "--max-pause", "200", "1"],
            ["checkpoint", "--max-pause", "0ms", "1"],
            ["check", "--timeout", "-1", "1"],
            ["check", "--quiet", "--verbose", "1"],
            ["restore", "--detach", "--sibling", "x"],
            ["inspect"],
        ]
        for arguments in wrong:
            run = cairn(*arguments)
            self.assertEqual((run.returncode, run.stdout), (2, ""), arguments)
            self.assertTrue(run.stderr.startswith("cairn: "), run.stderr)

    def test_failures_of_a_restore_in_the_foreground_are_120_and_more(self) -> None:
        self.assertEqual(cairn("restore", "--frobnicate").returncode, 122)
        self.assertEqual(cairn("restart").returncode, 122)

    def test_json_tells_wrong_usage_too(self) -> None:
        run = cairn("check", "--json", "x")
        self.assertEqual((run.returncode, run.stderr), (2, ""))
        self.assertEqual(json.loads(run.stdout)["error"]["code"], 2)


class Failures(unittest.TestCase):
    def test_process_that_does_not_exist(self) -> None:
        gone = subprocess.Popen(["true"])
        gone.wait()
        for command in ("check", "checkpoint"):
            run = cairn(command, "--json", str(gone.pid))
            self.assertEqual(run.returncode, 1, run)
            self.assertIn(str(gone.pid), json.loads(run.stdout)["error"]["message"])

    def test_zombies_are_refused(self) -> None:
        zombie = subprocess.Popen(["true"])
        try:
            os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
            for command in ("check", "checkpoint"):
                run = cairn(command, "--json", str(zombie.pid))
                self.assertEqual(run.returncode, 3, run)
                self.assertIn("zombie", run.stdout)
        finally:
            zombie.wait()

    def test_own_ancestors_are_refused(self) -> None:
        for command in ("check", "checkpoint"):
            run = cairn(command, "--json", str(os.getpid()))
            self.assertEqual(run.returncode, 3, run)
            told = json.loads(run.stdout)
            (obstacle,) = told.get("error", told)["obstacles"]
            self.assertIn(str(os.getpid()), obstacle["object"])
            self.assertIn("descendant", obstacle["reason"])

    def test_image_that_is_none(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "head").write_bytes(b"no image")
            self.assertEqual(cairn("inspect", directory).returncode, 5)
            self.assertEqual(cairn("verify-image", directory).returncode, 5)
            self.assertEqual(cairn("restore", "--detach", directory).returncode, 5)
            self.assertEqual(cairn("restore", directory).returncode, 125)
            self.assertEqual(json.loads(cairn("inspect", "--json", directory).stdout)["error"]["code"], 5)


class Images(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.image = str(Path(directory.name) / "sleep.cairn")

    def checkpoint(self, *options: str) -> dict:
        with subprocess.Popen(["sleep", "100"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
            done = cairn("checkpoint", "--json", "--output", self.image, *options, str(job.pid))
            job.kill()
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_compression_makes_it_smaller_and_is_verified(self) -> None:
        plain = self.checkpoint()["bytes"]
        for how in ("lz4", "zstd", "zstd:9"):
            self.assertLess(self.checkpoint("--replace", "--compress", how)["bytes"], 0.7 * plain, how)
            verified = cairn("verify-image", "--json", self.image)
            self.assertEqual(verified.returncode, 0, verified.stderr)
            self.assertEqual(json.loads(verified.stdout)["bytes"], sum(f.stat().st_size for f in Path(self.image).iterdir()))

    def test_damage_of_any_file_is_told(self) -> None:
        self.checkpoint()
        for file in sorted(Path(self.image).iterdir()):
            content = file.read_bytes()
            for damaged in (content[:-1], content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]):
                file.write_bytes(damaged)
                told = cairn("verify-image", self.image)
                self.assertEqual(told.returncode, 5, f"{file.name}: {told.stdout}{told.stderr}")
            file.write_bytes(content)
        self.assertEqual(cairn("verify-image", self.image).returncode, 0)

    def test_a_pause_that_would_be_too_long_is_given_up(self) -> None:
        program = "memory = bytes([42]) * (200 << 20); open('ready', 'w'); import time; time.sleep(100)"
        directory = Path(self.image).parent
        with subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as job:  # fmt: skip
            try:
                self.wait_for(directory / "ready")
                short = cairn("checkpoint", "--no-live", "--max-pause", "2ms", "--output", self.image, str(job.pid))
                self.assertEqual(short.returncode, 1, short.stderr)
                self.assertIn("--max-pause", short.stderr)
                self.assertFalse(Path(self.image).exists())
                self.assertIn("TracerPid:\t0\n", Path(f"/proc/{job.pid}/status").read_text())
                long = cairn("checkpoint", "--max-pause", "50s", "--output", self.image, str(job.pid))
                self.assertEqual(long.returncode, 0, long.stderr)
            finally:
                job.kill()

    PIPE = """
import os, time
reader, writer = os.pipe()
if os.fork() == 0:
    os.close(writer)
    os.read(reader, 1)
    open("ended", "w")
    time.sleep(100)
os.close(reader)
open("ready", "w")
while not os.path.exists("close"):
    time.sleep(0.01)
os.close(writer)
time.sleep(100)
"""

    def test_a_tree_that_goes_on_has_its_descriptors_to_itself(self) -> None:
        """While its memory is being written the end of a pipe that it closes is an end for its reader."""
        directory = Path(self.image).parent
        job = subprocess.Popen(
            [sys.executable, "-c", self.PIPE],
            cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.addCleanup(job.wait)
        self.addCleanup(os.killpg, job.pid, signal.SIGKILL)
        self.wait_for(directory / "ready")
        command = [CAIRN, "checkpoint", "--live", "--output", self.image, str(job.pid)]
        listed = subprocess.run(command, env={**os.environ, "CAIRN_FAULT": "list"}, capture_output=True, text=True, check=True)
        calls = re.findall(r"kernel call \d+ \((.*)\)", listed.stderr)
        shutil.rmtree(self.image)
        stop = {**os.environ, "CAIRN_FAULT": f"{calls.index('fsync') - 3}:stop"}
        stopped = subprocess.Popen(command, env=stop, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            os.waitpid(stopped.pid, os.WUNTRACED)
            (directory / "close").touch()
            self.wait_for(directory / "ended")
        finally:
            stopped.send_signal(signal.SIGCONT)
            self.assertEqual(stopped.wait(60), 0)

    def wait_for(self, file: Path) -> None:
        deadline = time.monotonic() + 60
        while not file.exists():
            self.assertLess(time.monotonic(), deadline, file.name)
            time.sleep(0.01)

    def test_live_is_by_snapshots(self) -> None:
        self.assertEqual(self.checkpoint("--live")["snapshots"], 1)
        self.assertEqual(self.checkpoint("--replace", "--no-live")["snapshots"], 0)
        self.assertEqual(cairn("checkpoint", "--live", "--no-live", "1").returncode, 2)
        self.assertEqual(cairn("checkpoint", "--live", "--then", "kill", "1").returncode, 2)
        self.assertEqual(cairn("checkpoint", "--compress", "gzip", "1").returncode, 2)


class Documents(unittest.TestCase):
    def test_manual_pages_describe_the_options_of_the_help(self) -> None:
        common = set(re.findall(r"\*(--[a-z-]+)\*", (DOCS / "man" / "cairn.1.scd").read_text()))
        self.assertLessEqual(COMMON, common)
        for command in COMMANDS:
            text = (DOCS / "man" / f"cairn-{command}.1.scd").read_text()
            described = set(re.findall(r"\*(--[a-z-]+)\*", text))
            self.assertEqual(described | common - {"--version"}, help_options(command), command)

    def test_completion_knows_the_options_of_the_help(self) -> None:
        for command in (*COMMANDS, "restart"):
            self.assertEqual(self.complete("cairn", command, "--"), help_options(command), command)
        self.assertEqual(self.complete("cairn", "check", "x", "--j"), {"--json"})
        self.assertEqual(self.complete("cairn", "checkpoint", "--then", ""), {"resume", "kill", "stop"})

    def complete(self, *words: str) -> set[str]:
        quoted = " ".join(f"'{word}'" for word in words)
        script = f". {DOCS}/completion.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _cairn"
        run = subprocess.run(["bash", "-c", script + '; printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True)
        self.assertEqual(run.stderr, "")
        return set(run.stdout.split())


if __name__ == "__main__":
    CAIRN = sys.argv.pop(1)
    unittest.main()
