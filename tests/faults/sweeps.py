"""The sweeps: one command of cairn over and over, each time with one fault at another of its kernel calls. After each the
tree must be whole and as it was, or wholly gone where that was asked for, and nothing of cairn's may be left.

A sweep over errors or kills keeps one target through all its points: what an earlier point has harmed, a later look
finds, and at the end the program's own asserts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import files, processes, records
from harness.facts import Facts
from harness.play import Broken, Play
from harness.processes import Deadline

from . import faulty
from .faulty import End

_MOST_COMPLAINTS = 3
_ERRORS = ("EIO", "ENOMEM", "EPERM", "ENOSPC", "EMFILE", "EINTR", "EAGAIN")


@dataclass(frozen=True)
class Extent:
    """Which calls are hit: every `stride`-th of them, and with how many of the errors."""

    stride: int
    errors: int

    def numbers(self, first: int = 1) -> Iterator[int]:
        n = first
        while True:
            yield n
            n += self.stride

    def faults(self, first: int = 1) -> Iterator[str]:
        for index, number in enumerate(self.numbers(first)):
            for error in range(self.errors):
                yield f"{number}:{_ERRORS[(index + error) % len(_ERRORS)]}"

    def kills(self, first: int = 1) -> Iterator[str]:
        return (f"{number}:kill" for number in self.numbers(first))


class Sweep:
    """What all sweeps need: the target, how it was, and the image that a checkpoint without a fault makes."""

    def __init__(self, play: Play, extent: Extent) -> None:
        self.play = play
        self.extent = extent
        self.image = play.cairn_directory / "swept.cairn"
        self.partial = play.cairn_directory / "swept.cairn.partial"
        play.start()
        self.before = play.look()
        self.reference: dict = {}

    def run_all(self, faults: Iterator[str], one: Callable[[str], End]) -> None:
        """Until the fault lies behind the command's last call, twice in a row: their number varies a little."""
        missed = 0
        for fault in faults:
            known = len(self.play.complaints)
            end = one(fault)
            for index in range(known, len(self.play.complaints)):
                oracle, text = self.play.complaints[index]
                self.play.complaints[index] = (oracle, f"after {fault}, {end.struck or 'not reached'}, exit code {end.code}: {text}\n{end.text[-600:]}")
            missed = 0 if end.struck else missed + 1
            if missed == 2 or len(self.play.complaints) >= _MOST_COMPLAINTS:
                return
            self.play.points += 1

    # --- the checks

    def complain(self, text: str) -> None:
        self.play.complain("sweep", text)

    def expect_code(self, end: End, *codes: int) -> None:
        if end.code not in codes:
            self.complain(f"exit code {end.code}, expected one of {codes}")

    def members(self) -> list[int]:
        root = self.play.root
        return [root, *processes.descendants(root)] if processes.state(root) else []

    def expect_unheld(self) -> None:
        """No task is traced or in a tracer's stop; what a killed cairn held goes on at once."""
        patience = Deadline.after(2)
        while held := [tid for pid in self.members() for tid in processes.tasks(pid) if _is_held(pid, tid)]:
            if patience.passed():
                self.complain(f"tasks are still held: {held}")
                return
            time.sleep(0.001)

    def expect_unharmed(self) -> None:
        if not processes.state(self.play.root):
            raise Broken("the target is gone" + self.play.said())
        self.expect_unheld()
        self.play.expect_only_the_tree()
        if self.play.glance() != self.before:
            self.play.expect_same(self.before, "")

    def expect_nothing_of_cairn(self) -> None:
        """Where the rest of the tree may have lost its root."""
        patience = Deadline.after(2)
        while left := [pid for pid in processes.descendants(os.getpid()) if _is_cairn(pid)]:
            if patience.passed():
                self.complain(f"processes of cairn are left behind: {left}")
                return
            time.sleep(0.002)

    def expect_files(self, *allowed: Path) -> None:
        names = {path.name for path in (*allowed, self.play.cairn_directory / "cairn.err")}
        extra = {path.name for path in self.play.cairn_directory.iterdir()} - names - {"cairn.out", "pid", "kept"}
        if extra:
            self.complain(f"files are left behind: {sorted(extra)}")

    def expect_whole_image(self, *varies: str) -> None:
        """It says the same as the one that was made without a fault: nothing was taken for absent because of an error."""
        inspected = self.play.cairn.inspect(self.image)
        self.reference = self.reference or inspected
        lines = records.differences(self.reference, inspected, [*self.play.program.varies, *varies])
        if lines:
            self.complain("\n".join(["the image's records differ from those without a fault:", *lines[:10]]))

    def drop_image(self) -> None:
        for path in (self.image, self.partial):
            shutil.rmtree(path, ignore_errors=True)

    def kill_tree(self) -> None:
        processes.end_everything_below(os.getpid())

    def arguments(self, then: str) -> tuple[str, ...]:
        live = ("--live",) if then == "resume" else ()  # there is more to fail with snapshots
        return "checkpoint", "--output", str(self.image), "--then", then, *live, str(self.play.root)

    def make_reference(self) -> None:
        faulty.run(self.play.cairn, "count", *self.arguments("resume"))
        self.expect_whole_image()
        self.drop_image()


def _is_held(pid: int, tid: int) -> bool:
    status = processes.read_text(f"/proc/{pid}/task/{tid}/status") or ""
    return "\nState:\tt" in status or "\nTracerPid:\t0\n" not in status and "\nTracerPid:" in status


def _is_cairn(pid: int) -> bool:
    return (processes.read_text(f"/proc/{pid}/comm") or "").startswith("cairn")


# --- checkpoints


def checkpoint_errors(play: Play, extent: Extent) -> None:
    """Every error ends in a complete image or in none, and the target goes on as it was."""
    sweep = Sweep(play, extent)
    sweep.make_reference()

    def one(fault: str) -> End:
        end = faulty.run(play.cairn, fault, *sweep.arguments("resume"))
        sweep.expect_code(end, 0, 1, 3)
        if end.code == 0:
            sweep.expect_whole_image()
            sweep.expect_files(sweep.image)
        else:
            sweep.expect_files()
        sweep.drop_image()
        sweep.expect_unharmed()
        return end

    sweep.run_all(extent.faults(), one)
    play.finish()


def checkpoint_kills(play: Play, extent: Extent) -> None:
    """A killed cairn leaves a whole image or none, a partial one that the next cairn replaces, and in the target at most
    the mapping that the next cairn removes, and bytes beyond the end of a stack."""
    sweep = Sweep(play, extent)
    sweep.make_reference()

    def one(fault: str) -> End:
        end = faulty.run(play.cairn, fault, *sweep.arguments("resume"))
        sweep.expect_code(end, 0, -signal.SIGKILL)
        sweep.expect_files(sweep.image, sweep.partial)
        if sweep.image.exists():
            sweep.expect_whole_image("mm#*/pages/*")
            shutil.rmtree(sweep.image)
        elif end.code == 0:
            sweep.complain("there is no image")
        sweep.expect_unheld()
        play.expect_only_the_tree()
        if play.glance() != sweep.before:
            play.cairn.check(play.root).expect(0)
        sweep.expect_unharmed()
        return end

    sweep.run_all(extent.kills(), one)
    play.checkpoint("swept", "resume")
    play.finish()


def _first_call_of_the_end(sweep: Sweep, then: str) -> int:
    """The rename that makes the image; the target is killed, or stopped, and restored for it."""
    names = faulty.calls(sweep.play.cairn, *sweep.arguments(then))
    if then == "kill":
        sweep.play.expect_no_process()
    return len(names) - names[::-1].index("renameat2")


def ends(play: Play, extent: Extent) -> None:
    """cairn fails, or is killed, while it kills the tree: it is whole, or it is gone and the image is whole."""
    sweep = Sweep(play, extent)
    sweep.make_reference()
    first = _first_call_of_the_end(sweep, "kill")
    sweep.play.restore(sweep.image)

    def one(fault: str) -> End:
        shutil.rmtree(sweep.image)
        end = faulty.run(play.cairn, fault, *sweep.arguments("kill"))
        sweep.expect_code(end, 0, 1, -signal.SIGKILL)
        _expect_gone_or_whole(sweep)
        if not processes.state(play.root) or processes.has_ended(play.root):
            play.expect_no_process()
            sweep.expect_whole_image()
            play.restore(sweep.image)
        else:
            if end.code == 0:
                sweep.complain("the tree lives")
            if not sweep.image.exists():
                play.cairn.checkpoint(play.root, sweep.image, "resume").expect(0)
        sweep.expect_unharmed()
        return end

    sweep.run_all(extent.kills(first), one)
    sweep.run_all(extent.faults(first), one)
    play.finish()


def stops(play: Play, extent: Extent) -> None:
    """The same for `--then stop`: all of the tree is stopped, or all of it goes on. Parents are told of each round
    (SIGCHLD), so the images differ from round to round."""
    sweep = Sweep(play, extent)
    sweep.make_reference()
    first = _first_call_of_the_end(sweep, "stop")
    _let_go_on(sweep)

    def one(fault: str) -> End:
        sweep.drop_image()
        end = faulty.run(play.cairn, fault, *sweep.arguments("stop"))
        sweep.expect_code(end, 0, 1, -signal.SIGKILL)
        if sweep.image.exists():
            play.cairn.inspect(sweep.image)
        stopped = _settled_stops(sweep)
        if end.code == 0 and not stopped:
            sweep.complain("the tree goes on")
        _let_go_on(sweep)
        sweep.expect_unharmed()
        return end

    sweep.run_all(extent.kills(first), one)
    sweep.run_all(extent.faults(first), one)
    play.finish()


def _settled_stops(sweep: Sweep) -> bool:
    """Within a moment all are stopped, or none."""
    patience = Deadline.after(2)
    while True:
        states = {pid: processes.state(pid) for pid in sweep.members()}
        stopped = [pid for pid, state in states.items() if state == "T"]
        if len(stopped) == len(states) or patience.left() < 1.8 and not stopped:
            return bool(stopped)
        if patience.passed():
            sweep.complain(f"only a part of the tree is stopped: {states}")
            return False
        time.sleep(0.005)


def _let_go_on(sweep: Sweep) -> None:
    for pid in sweep.members():
        os.kill(pid, signal.SIGCONT)
    patience = Deadline.after(2)
    while any(processes.state(pid) == "T" for pid in sweep.members()) and not patience.passed():
        time.sleep(0.002)


def _expect_gone_or_whole(sweep: Sweep) -> None:
    """Within a moment."""
    patience = Deadline.after(3)
    while not patience.passed():
        processes.reap_dead_children()
        living = [pid for pid in processes.descendants(os.getpid()) if not processes.has_ended(pid)]
        if not living:
            return
        time.sleep(0.005)
        if len(living) >= _living_members(sweep.before) and patience.left() < 2.5:
            return
    sweep.complain(f"a part of the tree lives: {living}")


def _living_members(facts: Facts) -> int:
    pids = {key.split("/")[0] for key in facts if key.startswith("p")}
    return sum(not facts.get(f"{pid}/t{pid[1:]}/status/State", "").startswith("Z") for pid in pids)


# --- restores


def _prepare_restore(sweep: Sweep) -> None:
    sweep.play.cairn.checkpoint(sweep.play.root, sweep.image, "kill").expect(0)
    processes.wait_for_end(sweep.play.root, Deadline.after(5))
    sweep.play.expect_no_process()


def _restore(sweep: Sweep, fault: str) -> End:
    pid_file = sweep.play.cairn_directory / "pid"
    pid_file.unlink(missing_ok=True)
    return faulty.run(sweep.play.cairn, fault, "restore", "--detach", "--pidfile", str(pid_file), str(sweep.image))


def restore_errors(play: Play, extent: Extent) -> None:
    """Every error ends in the whole tree or in no process at all, and in no new file."""
    sweep = Sweep(play, extent)
    _prepare_restore(sweep)
    kept = _names(play.run_directory)

    def one(fault: str) -> End:
        end = _restore(sweep, fault)
        sweep.expect_code(end, 0, 1, 4, 5)
        if end.code == 0:
            sweep.expect_unharmed()
            sweep.kill_tree()
        play.expect_no_process()
        if end.code != 0 and (play.cairn_directory / "pid").exists():
            sweep.complain("the pid file is left behind")
        _expect_names(sweep, kept)
        return end

    sweep.run_all(extent.faults(), one)
    play.restore(sweep.image)
    play.expect_same(sweep.before, "after the last restore")
    play.finish()


def restore_kills(play: Play, extent: Extent) -> None:
    """A killed cairn leaves the whole tree or no process at all. A file that it was about to unlink may stay
    (docs/limits.md)."""
    sweep = Sweep(play, extent)
    _prepare_restore(sweep)
    kept = _names(play.run_directory)

    def one(fault: str) -> End:
        end = _restore(sweep, fault)
        sweep.expect_code(end, 0, -signal.SIGKILL)
        _expect_gone_or_whole(sweep)
        if processes.state(play.root) and not processes.has_ended(play.root):
            sweep.expect_unharmed()
            sweep.kill_tree()
        play.expect_no_process()
        for name in _names(play.run_directory) - kept:
            (play.run_directory / name).unlink()
        return end

    sweep.run_all(extent.kills(), one)
    play.restore(sweep.image)
    play.expect_same(sweep.before, "after the last restore")
    play.finish()


def _names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def _expect_names(sweep: Sweep, kept: set[str]) -> None:
    extra = _names(sweep.play.run_directory) ^ kept
    if extra:
        sweep.complain(f"files of the program came or went: {sorted(extra)}")


# --- a target that doesn't hold still


def deaths(play: Play, extent: Extent) -> None:
    """A member of the tree is killed while cairn is at its Nth call: cairn comes to an end, with a whole image or none,
    and leaves nothing but the rest of the tree."""
    sweep = Sweep(play, extent)

    def one(fault: str) -> End:
        number = _number_of_fresh(sweep, fault)
        victim = sweep.members()[number % len(sweep.members())]
        end = _disturb(sweep, fault, lambda: _kill(victim))
        sweep.expect_nothing_of_cairn()
        sweep.kill_tree()
        return end

    sweep.run_all((f"{n}:stop" for n in extent.numbers()), one)
    sweep.kill_tree()


def _number_of_fresh(sweep: Sweep, fault: str) -> int:
    """Of the call; there is a target for it."""
    if not processes.state(sweep.play.root):
        _start_again(sweep)
    return int(fault.split(":")[0])


def _disturb(sweep: Sweep, fault: str, act: Callable[[], None]) -> End:
    """A checkpoint in whose middle something is done to the target."""
    end = faulty.run(sweep.play.cairn, fault, *sweep.arguments("resume"), at_stop=act)
    sweep.expect_code(end, 0, 1, 3)
    if end.code == 0:
        sweep.play.cairn.inspect(sweep.image)
        sweep.expect_files(sweep.image)
    else:
        sweep.expect_files()
    sweep.drop_image()
    sweep.expect_unheld()
    return end


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _start_again(sweep: Sweep) -> None:
    directory = sweep.play.run_directory
    for path in directory.iterdir():
        if path.name != "go":
            path.unlink() if not path.is_dir() else shutil.rmtree(path)
    sweep.play.start()


ACTS = {signal.SIGUSR1: "fork", signal.SIGUSR2: "exec", signal.SIGHUP: "exit"}


def acts(play: Play, extent: Extent) -> None:
    """The target forks, execs, or exits while cairn is at its Nth call."""
    sweep = Sweep(play, extent)

    def one(fault: str) -> End:
        act = list(ACTS)[_number_of_fresh(sweep, fault) % len(ACTS)]
        end = _disturb(sweep, fault, lambda: os.kill(play.root, act))
        if end.struck:
            _expect_line(sweep, ACTS[act])
        sweep.expect_nothing_of_cairn()
        sweep.kill_tree()
        return end

    sweep.run_all((f"{n}:stop" for n in extent.numbers()), one)
    sweep.kill_tree()


def _expect_line(sweep: Sweep, line: str) -> None:
    patience = Deadline.after(5)
    while line not in (processes.read_text(sweep.play.run_directory / "status") or "").splitlines():
        if patience.passed():
            sweep.complain(f"the target did not {line}{sweep.play.said()}")
            return
        time.sleep(0.002)


SWEEPS: dict[str, Callable[[Play, Extent], None]] = {
    "checkpoint_errors": checkpoint_errors,
    "checkpoint_kills": checkpoint_kills,
    "ends": ends,
    "stops": stops,
    "restore_errors": restore_errors,
    "restore_kills": restore_kills,
    "deaths": deaths,
    "acts": acts,
}
