"""What a user would miss shows as a difference; a process that is left alone shows none."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from harness import facts, normalise, processes


class OracleSees(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="cairn-harness."))
        self.addCleanup(shutil.rmtree, self.directory)
        self.pid = processes.start([shutil.which("sleep") or "sleep", "100"], self.directory, {"A": "b"})
        self.addCleanup(self.end)
        while (processes.read_text(f"/proc/{self.pid}/syscall") or "").split()[:1] not in (["230"], ["35"]):
            time.sleep(0.001)

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def look(self) -> facts.Facts:
        return normalise.normalise(facts.collect(self.pid))

    def assert_sees(self, what: str, action: Callable[[], object]) -> None:
        before = self.look()
        action()
        patience = processes.Deadline.after(30)  # a signal has its effect when its target gets a CPU
        while True:
            lines = normalise.differences(before, self.look())
            if any(what in line for line in lines):
                return
            self.assertFalse(patience.passed(), f"{what} is not in {lines}")
            time.sleep(0.002)

    def test_nothing_when_nothing_is_done(self) -> None:
        before = self.look()
        time.sleep(0.02)
        self.assertEqual(normalise.differences(before, self.look()), [])

    def test_nice_value(self) -> None:
        self.assert_sees("/stat/nice: '0' -> '5'", lambda: os.setpriority(os.PRIO_PROCESS, self.pid, 5))

    def test_limit(self) -> None:
        self.assert_sees("/limits", lambda: resource.prlimit(self.pid, resource.RLIMIT_CORE, (7, 8)))

    def test_affinity(self) -> None:
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one CPU")
        self.assert_sees("/affinity", lambda: os.sched_setaffinity(self.pid, {min(os.sched_getaffinity(0))}))

    def test_stop(self) -> None:
        self.assert_sees("/stat/state: 'live' -> 'T'", lambda: os.kill(self.pid, signal.SIGSTOP))

    def test_scores(self) -> None:
        self.assert_sees("oom_score_adj", lambda: Path(f"/proc/{self.pid}/oom_score_adj").write_text("500"))
        self.assert_sees("timerslack_ns", lambda: Path(f"/proc/{self.pid}/timerslack_ns").write_text("777"))

    def test_position_of_a_file(self) -> None:
        def grow() -> None:
            with open(f"/proc/{self.pid}/fd/1", "a") as file:  # another description: the position is not ours to move
                file.write("text")

        self.assert_sees("/fd1/size: '0' -> '4'", grow)

    def test_environment_and_arguments_are_there(self) -> None:
        look = self.look()
        self.assertEqual(look[f"p{self.pid}/environ"], "A=b\0")
        self.assertIn("sleep", look[f"p{self.pid}/cmdline"])
        self.assertEqual(look[f"p{self.pid}/fd2/same_as"], f"p{self.pid}/fd2")


class Table(unittest.TestCase):
    def test_every_row_has_a_reason(self) -> None:
        for row in normalise.ROWS:
            self.assertTrue(row.reason, row.pattern)

    def test_pipes_are_numbered_by_identity(self) -> None:
        before = {"p1/fd3/link": "pipe:[70]", "p1/fd4/link": "pipe:[70]", "p1/fd5/link": "pipe:[71]"}
        renamed = {"p1/fd3/link": "pipe:[90]", "p1/fd4/link": "pipe:[90]", "p1/fd5/link": "pipe:[95]"}
        parted = {"p1/fd3/link": "pipe:[90]", "p1/fd4/link": "pipe:[91]", "p1/fd5/link": "pipe:[95]"}
        wanted = normalise.normalise(before)
        self.assertEqual(normalise.normalise(renamed), wanted)
        self.assertNotEqual(normalise.normalise(parted), wanted)

    def test_file_inodes_stay(self) -> None:
        before = {"p1/fd3/link": "/etc/passwd", "p1/fd3/fdinfo/ino": "55"}
        after = {"p1/fd3/link": "/etc/passwd", "p1/fd3/fdinfo/ino": "56"}
        self.assertNotEqual(normalise.normalise(before), normalise.normalise(after))

    def test_mappings_merge_only_when_alike(self) -> None:
        half = "rw-p offset=0x0 00:00 ino=0  | rd wr"
        one = {"p1/map/000000001000-000000003000": half}
        two = {"p1/map/000000001000-000000002000": half, "p1/map/000000002000-000000003000": half}
        other = {**two, "p1/map/000000002000-000000003000": half + " dc"}
        self.assertEqual(normalise.normalise(one), normalise.normalise(two))
        self.assertNotEqual(normalise.normalise(one), normalise.normalise(other))
        # a file's halves join only where their offsets do
        first = "r--p offset=0x0 fe:00 ino=9 /lib | rd"
        joined = {"p1/map/000000001000-000000003000": first}
        apart = {"p1/map/000000001000-000000002000": first, "p1/map/000000002000-000000003000": first}
        self.assertNotEqual(normalise.normalise(joined), normalise.normalise(apart))

    def test_an_outside_parent_has_no_number(self) -> None:
        self.assertEqual(normalise.normalise({"p5/stat/ppid": "1", "p5/stat/pgrp": "5"})["p5/stat/ppid"], "outside")
        self.assertEqual(normalise.normalise({"p5/stat/ppid": "4", "p4/stat/pgrp": "4"})["p5/stat/ppid"], "4")


if __name__ == "__main__":
    unittest.main()
