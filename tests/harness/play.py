"""One play: a running program in a directory of its own, what can be done to it, and the oracles that judge it."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from pathlib import Path

from . import cairn as cairn_command
from . import facts, normalise, numbers, processes, records
from .cairn import Cairn
from .facts import Facts
from .plays import Program
from .processes import Deadline, Stopwatch

_SKIP_CODE = 77
_MOST_LINES = 40
_REST = 20.0  # seconds in which a tree comes to rest; nothing is late because of it


class Skip(Exception):
    """The program found that it can't run here."""


class Broken(Exception):
    """The play can't go on."""


class TooSlow(Exception):
    """The program's deadline has come, or nearly so, before it was let go: this play says nothing."""


class Ended(Exception):
    """The play has come to an end that was already complained about."""


class Play:
    """A running program with a directory of its own. Complaints are gathered, so that one play reports all that is wrong."""

    def __init__(self, program: Program, build: Path, directory: Path, pace: int = 1) -> None:
        self.program = program
        self.run_directory = directory / "run"
        self.cairn_directory = directory / "cairn"
        self.run_directory.mkdir()
        os.mkfifo(self.run_directory / "go")
        (self.run_directory / "go").chmod(0o644)
        self.cairn_directory.mkdir()
        self.binary = build / "tests" / "programs" / program.name
        self.cairn = Cairn(build / "cairn", self.cairn_directory)
        if program.refused and program.restless:
            self.cairn = replace(self.cairn, patience=5)  # it will never come to a stop
        self.deadline = Deadline.after(program.timeout * pace)
        self.pace = pace
        self._stopwatch = Stopwatch()
        self.complaints: list[tuple[str, str]] = []
        self.inspected: list[dict] = []
        self.points = 0  # of a sweep
        self.root = 0
        self.own_root = 0  # as the tree itself knows it
        self._images: list[str] = []
        self._ages: dict[Path, float] = {}  # how long the program had run when an image was made
        self._first_look: Facts | None = None
        self.in_envelope = False  # cairn may add user, pid and mount namespaces
        self.outsiders: frozenset[int] = frozenset()  # what the program itself has put outside its tree

    # --- the program

    def start(self) -> None:
        self.start_command([str(self.binary)])
        self._wait_for_line("ready")
        self.outsiders = frozenset(processes.children(os.getpid())) - {self.root}

    def start_command(self, argv: list[str], more_environment: dict[str, str] | None = None) -> None:
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.run_directory),
            "TMPDIR": str(self.run_directory),
            "LC_ALL": "C.UTF-8",
            "PROGRAM_DIRECTORY": str(self.run_directory),
            "PROGRAM_PACE": str(self.pace),
            **(more_environment or {}),
        }
        self._stopwatch.go_on()
        start = processes.start_daemon if self.program.is_daemon else processes.start
        self.root = self.own_root = start(argv, self.run_directory, environment)

    def finish(self) -> None:
        """Lets the program go on to its asserts and waits for its end."""
        patience = Deadline.after(self.program.timeout * self.pace)
        self._stopwatch.stop()
        go = self._open_go(patience)
        try:
            code = processes.wait_for_end(self.root, patience)
        except TimeoutError:
            raise Broken("after `go` the program has not ended" + self.said()) from None
        finally:
            os.close(go)
        lines = self._status_lines()
        if code == _SKIP_CODE:
            raise Skip(" ".join(lines))
        if code not in (0, None) or not lines or lines[-1] != "ok":
            self.complain("asserts", f"exit code {code}{self.said()}")
            processes.end_everything_below(os.getpid())  # nobody has waited for its children
        self.expect_no_process()

    def _open_go(self, patience: Deadline) -> int:
        """All processes that wait for `go` pass while this is open."""
        while True:
            try:
                return os.open(self.run_directory / "go", os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
            if processes.has_ended(self.root):
                return os.open("/dev/null", os.O_WRONLY)
            if patience.passed():
                raise Broken("nobody waits for `go`" + self.said())
            time.sleep(0.005)

    def complain(self, oracle: str, text: str) -> None:
        deadline = self.program.deadline
        if deadline is not None and self._stopwatch.seconds() > 0.8 * deadline * self.pace:
            raise TooSlow(f"it ran for {self._stopwatch.seconds():.1f} s before it was let go")
        self.complaints.append((oracle, text))

    def _wait_for_line(self, wanted: str) -> None:
        while wanted not in (lines := self._status_lines()):
            if processes.has_ended(self.root):
                code = processes.reap(self.root)
                if code == _SKIP_CODE:
                    raise Skip(" ".join(lines))
                raise Broken(f"the program ended with {code} before it was ready{self.said()}")
            if self.deadline.passed():
                raise Broken(f"the program never said {wanted}{self.said()}")
            time.sleep(0.005)

    def _status_lines(self) -> list[str]:
        return (processes.read_text(self.run_directory / "status") or "").splitlines()

    def said(self) -> str:
        texts = ((name, processes.read_text(self.run_directory / name)) for name in ("status", "stdout", "stderr"))
        return "".join(f"\n{name}: {text.strip()[-800:]}" for name, text in texts if text and text.strip())

    # --- the oracles

    def look(self) -> Facts:
        """The facts of the tree at rest: two looks in a row say the same. A tree that never rests is taken as it is."""
        patience = Deadline.after(_REST)
        self.wait_for_rest(patience)
        last = self._normalised()
        while not patience.passed():
            time.sleep(0.01)
            self.wait_for_rest(patience)
            now = self._normalised()
            if now == last:
                break
            last = now
        self._first_look = self._first_look or last
        return last

    def wait_for_rest(self, patience: Deadline) -> None:
        """Until each task sleeps in its call: on a busy host one that was let go, or that has been born, may come to it
        late, and is seen on its way."""
        while len(processes.awake(self.root)) > self.program.restless and not patience.passed():
            time.sleep(0.002)

    def glance(self) -> Facts:
        """One look, for a tree that is most likely at rest."""
        return self._normalised()

    def _normalised(self) -> Facts:
        for attempt in range(5):
            try:
                return normalise.normalise(facts.collect(self.root), self.program.varies, self.in_envelope)
            except (OSError, ValueError) as error:  # a task ended between two files
                if attempt == 4:
                    raise Broken(f"process {self.root} can't be read: {error}{self.said()}") from error
                time.sleep(0.02)
        raise AssertionError

    def expect_same(self, before: Facts, when: str) -> None:
        lines = normalise.differences(before, self.look())
        if lines:
            more = [f"... and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
            self.complain("kernel text", "\n".join([f"differs {when}:", *lines[:_MOST_LINES], *more]))

    def expect_fixed_point(self, first: dict, second: dict) -> None:
        lines = records.differences(first, second, self.program.varies)
        if lines:
            more = [f"... and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
            self.complain("fixed point", "\n".join(["records differ:", *lines[:_MOST_LINES], *more]))

    def expect_only_the_tree(self) -> None:
        init = numbers.init_above(self.root) if self.in_envelope else None
        self._expect_no_process(self.outsiders | {init or self.root})

    def expect_no_process(self) -> None:
        self._expect_no_process(frozenset())

    def _expect_no_process(self, keep: frozenset[int]) -> None:
        """Nothing is left below the harness but `keep` and what belongs to it."""
        patience = Deadline.after(20)
        while True:
            processes.reap_dead_children()
            left = [pid for pid in processes.children(os.getpid()) if pid not in keep]
            if not left or patience.passed():
                break
            time.sleep(0.002)
        if left:
            names = [f"{pid} ({(processes.read_text(f'/proc/{pid}/comm') or 'gone').strip()})" for pid in left]
            self.complain("strays", f"processes are left behind: {', '.join(names)}")
            kept = keep.union(*(processes.descendants(pid) for pid in keep))
            processes.end_everything_below(os.getpid(), keep=kept)

    # --- cairn

    def checkpoint(self, name: str, then: str, *options: str) -> Path:
        image = self.cairn_directory / f"{name}.cairn"
        outcome = self.cairn.checkpoint(self.root, image, then, *options)
        if outcome.code != cairn_command.DONE:
            self.complain("cairn", outcome.unexpected(cairn_command.DONE))
            self._expect_unharmed()
            raise Ended
        self._images.append(image.name)
        self._ages[image] = self._stopwatch.seconds()
        self.expect_only_images()
        if then == "kill":
            self._stopwatch.stop()
            try:
                processes.wait_for_end(self.root, Deadline.after(30))
            except TimeoutError:
                raise Broken("checkpoint --then kill: the root is still there") from None
            self.expect_no_process()
        else:
            self.expect_only_the_tree()
        return image

    def _expect_unharmed(self) -> None:
        """After a failure or a refusal there is no image, and the program goes on exactly as it was."""
        self.expect_only_images()
        self.expect_only_the_tree()
        if self._first_look is not None:
            self.expect_same(self._first_look, "after a checkpoint that failed")
            self.finish()

    def inspect(self, image: Path) -> dict:
        inspected = self.cairn.inspect(image)
        self.inspected.append(inspected)
        return inspected

    def restore(self, image: Path) -> None:
        self._stopwatch.go_on(self._ages.get(image))
        self.root = self.cairn.restore(image)
        own = numbers.own_numbers([self.root]).get(self.root, self.root)
        if own != self.own_root:
            self.complain("pids", f"the root was {self.own_root} and is {own}")
        self.expect_only_the_tree()

    def expect_only_images(self) -> None:
        """cairn has left nothing but the images that it was asked for."""
        extra = {p.name for p in self.cairn_directory.iterdir()} - {*self._images, "pid", "cairn.out", "cairn.err", "kept"}
        if extra:
            self.complain("strays", f"files are left behind: {sorted(extra)}")
