"""Starting, watching and ending processes.

Every play runs in a process that is a subreaper: whatever it starts, and whatever that leaves behind, is found below it.
Processes are ended and reaped one by one, by their id.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Deadline:
    end: float

    @staticmethod
    def after(seconds: float) -> Deadline:
        return Deadline(time.monotonic() + seconds)

    def left(self) -> float:
        return max(0.0, self.end - time.monotonic())

    def passed(self) -> bool:
        return self.left() == 0.0


class Stopwatch:
    """How long a program has run: its clocks stand still between a checkpoint and the restore."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None

    def go_on(self, before: float | None = None) -> None:
        self._before = self.seconds() if before is None else before
        self._since = time.monotonic()

    def stop(self) -> None:
        self._before, self._since = self.seconds(), None

    def seconds(self) -> float:
        return self._before + (0 if self._since is None else time.monotonic() - self._since)


def read_text(path: str | Path) -> str | None:
    """The text of a file that may be gone."""
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def state(pid: int) -> str | None:
    """The state letter of a task, None when it is gone."""
    text = read_text(f"/proc/{pid}/stat")
    return text[text.rindex(")") + 2] if text else None


def has_ended(pid: int) -> bool:
    """Whether no thread of a process runs any more; a leader may be a zombie before the others."""
    return state(pid) in (None, "Z") and all(state(tid) in (None, "Z") for tid in tasks(pid))


def tasks(pid: int) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return []


def children(pid: int) -> list[int]:
    found: list[int] = []
    for tid in tasks(pid):
        text = read_text(f"/proc/{pid}/task/{tid}/children")
        found += [int(word) for word in (text or "").split()]
    return sorted(found)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def awake(pid: int) -> list[int]:
    """The tasks of a tree that run, want to run, or wait for something short."""
    return [tid for process in (pid, *descendants(pid)) for tid in tasks(process) if state(tid) in ("R", "D")]


def start(argv: list[str], directory: Path, environment: dict[str, str]) -> int:
    """Starts a program in a session of its own, with nothing inherited but three descriptors of its own directory."""
    pid = os.fork()
    if pid == 0:
        _begin_session()
        _become(argv, directory, environment)
    return pid


def start_daemon(argv: list[str], directory: Path, environment: dict[str, str]) -> int:
    """The same for a program whose session's leader has ended before it begins; it is our child all the same."""
    reader, writer = os.pipe()
    leader = os.fork()
    if leader == 0:
        _begin_session()
        pid = os.fork()
        if pid == 0:
            while os.getppid() == os.getsid(0):
                time.sleep(0.001)
            _become(argv, directory, environment)
        os.write(writer, str(pid).encode())
        os._exit(0)
    os.waitpid(leader, 0)
    pid = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    return pid


def _begin_session() -> None:
    """A session has a share of the CPUs of its own (sched(7), autogroup), and begins with the usual one. Where ours is
    nicer or less nice the program has to keep it, or it would starve beside what we are started with."""
    own = (read_text("/proc/self/autogroup") or "").split()
    os.setsid()
    if own and own[-1] != "0":
        with contextlib.suppress(OSError):  # less than 0 is for root
            Path("/proc/self/autogroup").write_text(own[-1])


def _become(argv: list[str], directory: Path, environment: dict[str, str]) -> None:
    try:
        _prepare_program(directory)
        os.execve(argv[0], argv, environment)
    except BaseException as error:  # the child must never return into the harness
        os.write(2, f"start {argv[0]}: {error}\n".encode())
    os._exit(126)


def _prepare_program(directory: Path) -> None:
    os.chdir(directory)
    os.umask(0o022)
    for descriptor, path, flags in (
        (0, "/dev/null", os.O_RDONLY),
        (1, "stdout", os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, descriptor)
        if opened > 2:
            os.close(opened)
    os.closerange(3, 65536)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def become_user(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def wait_for_end(pid: int, deadline: Deadline) -> int | None:
    """Waits for a process to end and reaps it when it is our child. Its exit code (negative for a signal), or None when
    it wasn't our child. TimeoutError when it is still there."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        if not select.select([pidfd], [], [], deadline.left())[0]:
            raise TimeoutError(f"process {pid} has not ended")
        return reap(pid)
    finally:
        os.close(pidfd)


def reap(pid: int) -> int | None:
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if done else None


def reap_dead_children() -> None:
    for pid in children(os.getpid()):
        if has_ended(pid):
            reap(pid)


def end_everything_below(pid: int, keep: frozenset[int] = frozenset()) -> list[int]:
    """Kills all descendants of a process, each by its id, until none is left. Returns those that had to be killed."""
    killed: list[int] = []
    deadline = Deadline.after(20)
    while not deadline.passed():
        reap_dead_children()
        live = [p for p in descendants(pid) if p not in keep and not has_ended(p)]
        if not live and not [p for p in children(pid) if p not in keep]:
            break
        for process in live:
            try:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            except ProcessLookupError:
                pass
        time.sleep(0.002)
    return sorted(set(killed))
