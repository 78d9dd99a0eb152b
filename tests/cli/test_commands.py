"""The command line itself: exit codes, JSON errors, and that help, manual pages and completion name the same options.

    python3 tests/cli/test_commands.py CAIRN
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS = ("checkpoint", "restore", "check", "inspect")
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
            self.assertEqual(cairn("restore", "--detach", directory).returncode, 5)
            self.assertEqual(cairn("restore", directory).returncode, 125)
            self.assertEqual(json.loads(cairn("inspect", "--json", directory).stdout)["error"]["code"], 5)


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
