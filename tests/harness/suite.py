"""Plays many plays at once, each in a process of its own, and counts."""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import kernel, processes, spaces
from .modes import perform
from .play import Play, Skip, TooSlow
from .plays import Program

_WAITS = 4  # how often a play may wait for its program's timeout, and for cairn: mode again does it most
_PR_SET_PDEATHSIG = 1
_NOBODY = 65534
_PACES = (1, 4, 16)


@dataclass
class Result:
    program: str
    mode: str
    outcome: str  # passed, failed, skipped
    complaints: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    inspected: list[dict] = field(default_factory=list)
    is_unsteady: bool = False  # passed when played again; the complaints are those of the first time
    points: int = 0

    def text(self) -> str:
        outcome = "UNSTEADY" if self.is_unsteady else self.outcome.upper()
        lines = [f"{outcome} {self.program} [{self.mode}] {self.seconds:.1f} s"]
        for oracle, complaint in self.complaints:
            first, *rest = complaint.splitlines() or [""]
            lines += [f"  {oracle}: {first}", *(f"    {line}" for line in rest)]
        return "\n".join(lines)


@dataclass
class _Running:
    program: Program
    mode: str
    pid: int
    pipe: int
    end: float
    begin: float
    directory: Path
    received: bytearray = field(default_factory=bytearray)


class Suite:
    def __init__(
        self, build: Path, jobs: int, keep: bool, perform: Callable[[Play, str], None] = perform, waits: int = _WAITS
    ) -> None:
        self.build = build
        self.perform = perform
        self.waits = waits
        self.jobs = jobs
        self.keep = keep
        self.base = Path(tempfile.mkdtemp(prefix="cairn-tests."))
        self.base.chmod(0o755)  # programs that drop their privileges come back for `go`
        self.results: list[Result] = []
        self._running: list[_Running] = []
        self._selector = selectors.DefaultSelector()

    def play_all(self, plays: list[tuple[Program, str]], again: int = 0) -> list[Result]:
        """What failed is played that often once more, alone: `is_unsteady` if it never fails then."""
        kernel.become_subreaper()
        try:
            self._play(plays)
            programs = {program.name: program for program, _ in plays}
            for result in [result for result in self.results if result.outcome == "failed"] if again else []:
                self._play_again(programs[result.program], result, again)
        finally:
            processes.end_everything_below(os.getpid())
            if not self.keep:
                shutil.rmtree(self.base, ignore_errors=True)
        return self.results

    def _play(self, plays: list[tuple[Program, str]]) -> None:
        waiting = list(plays)
        while waiting or self._running:
            while waiting and len(self._running) < self.jobs:
                self._begin(*waiting.pop(0))
            self._wait_for_some()

    def _play_again(self, program: Program, first: Result, times: int) -> None:
        before = len(self.results)
        for _ in range(times):
            self._play([(program, first.mode)])
        later, self.results = self.results[before:], self.results[:before]
        if all(result.outcome == "passed" for result in later):
            first.outcome, first.is_unsteady = "passed", True

    def _begin(self, program: Program, mode: str) -> None:
        reason = program.reason_to_skip(mode)
        if reason:
            self._report(Result(program.name, mode, "skipped", [("needs", reason)]))
            return
        times = sum(result.program == program.name and result.mode == mode for result in self.results)
        directory = self.base / f"{program.name.replace('/', '.')}.{mode}{times or ''}"
        directory.mkdir()
        reader, writer = os.pipe()
        begin = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _play_in_child(program, mode, self.build, directory, writer, self.perform)
        os.close(writer)
        running = _Running(program, mode, pid, reader, begin + self.waits * program.timeout, begin, directory)
        self._running.append(running)
        self._selector.register(reader, selectors.EVENT_READ, running)

    def _wait_for_some(self) -> None:
        for key, _ in self._selector.select(timeout=0.5):
            running: _Running = key.data
            data = os.read(running.pipe, 1 << 20)
            running.received += data
            if not data:
                self._end(running, timed_out=False)
        for running in [r for r in self._running if time.monotonic() > r.end]:
            self._end(running, timed_out=True)

    def _end(self, running: _Running, timed_out: bool) -> None:
        self._selector.unregister(running.pipe)
        os.close(running.pipe)
        if timed_out:
            processes.end_everything_below(running.pid)
            os.kill(running.pid, signal.SIGKILL)
        processes.wait_for_end(running.pid, processes.Deadline.after(300))
        self._running.remove(running)
        self._report(_result_of(running, timed_out))
        if not self.keep:
            shutil.rmtree(running.directory, ignore_errors=True)

    def _report(self, result: Result) -> None:
        self.results.append(result)
        print(result.text() if result.outcome == "failed" else result.text().replace("\n ", ""), flush=True)


def summarise(results: list[Result]) -> int:
    """Tells again, where a reader looks first, what went wrong; the last line is the counts. An exit code."""
    counts = {outcome: sum(r.outcome == outcome for r in results) for outcome in ("passed", "failed", "skipped")}
    failed = [result for result in results if result.outcome == "failed"]
    unsteady = [result for result in results if result.is_unsteady]
    if unsteady:
        print("unsteady, to be mended:", *(result.text() for result in unsteady), sep="\n")
    if failed:
        print("failed:", *(result.text() for result in failed), sep="\n")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if failed else 0


def _result_of(running: _Running, timed_out: bool) -> Result:
    seconds = time.monotonic() - running.begin
    if timed_out:
        complaint = ("play", f"not done after {seconds:.0f} s")
        return Result(running.program.name, running.mode, "failed", [complaint], seconds)
    try:
        told = json.loads(running.received.decode())
    except ValueError:
        return Result(running.program.name, running.mode, "failed", [("play", "its process died")], seconds)
    return Result(**{**told, "complaints": [tuple(pair) for pair in told["complaints"]]})


def _perform_in_time(
    program: Program, mode: str, build: Path, directory: Path, action: Callable[[Play, str], None]
) -> Play:
    """On a busy host a program with a deadline may need a slower pace."""
    for pace in _PACES:
        place = directory / f"pace{pace}"
        place.mkdir()
        play = Play(program, build, place, pace)
        try:
            action(play, mode)
            return play
        except TooSlow as error:
            reason = error
            processes.end_everything_below(os.getpid())
    raise reason


def _play_in_child(
    program: Program, mode: str, build: Path, directory: Path, writer: int, action: Callable[[Play, str], None]
) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)  # and SIGTERM ends all that was started
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    kernel.become_subreaper()
    begin = time.monotonic()
    result = Result(program.name, mode, "passed")
    try:
        if mode == "namespaces":
            spaces.enter()
        if program.has_own_terminals:
            spaces.own_terminals()
        if program.has_own_semaphores and mode != "namespaces":
            spaces.own_semaphores()
        if mode == "user":
            os.chown(directory, _NOBODY, _NOBODY)
            processes.become_user(_NOBODY)
        play = _perform_in_time(program, mode, build, directory, action)
        result.complaints = play.complaints
        result.points = play.points
        result.inspected = play.inspected
        result.outcome = "failed" if play.complaints else "passed"
    except Skip as reason:
        result.outcome, result.complaints = "skipped", [("needs", str(reason))]
    except BaseException:  # a fault of the harness must not look like one of the program
        result.outcome, result.complaints = "failed", [("harness", traceback.format_exc())]
    finally:
        processes.end_everything_below(os.getpid())
    result.seconds = time.monotonic() - begin
    with os.fdopen(writer, "w") as pipe:
        json.dump(asdict(result), pipe)
    sys.stdout.flush()
    os._exit(0)
