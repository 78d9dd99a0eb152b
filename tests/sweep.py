#!/usr/bin/env python3
"""Sweeps faults over the commands of cairn: see tests/faults/sweeps.py.

    tests/sweep.py [--build DIR] [--full] [--stride N] [--errors N] [--only GLOB] [--sweep NAME] [--jobs N] [--keep]

Without --full every so many calls are hit, the same ones in each run; with it every call, with several errors each.
Ends with the line `N passed, N failed, N skipped`; exit code 1 when something failed.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import signal
import sys
import tempfile
from pathlib import Path

from faults.sweeps import SWEEPS, Extent
from harness.modes import guarded
from harness.play import Play
from harness.plays import TESTS, Program, find_all
from harness.suite import Result, Suite, summarise

_EVERYTHING = ("checkpoint_errors", "checkpoint_kills", "ends", "restore_errors", "restore_kills", "stops", "deaths")
_KEPT = _EVERYTHING[:-2]

# What is swept, and the stride of a short run.
PLAYS: dict[str, dict[str, int]] = {
    "tree_many_kinds": dict(zip(_EVERYTHING, (17, 19, 11, 13, 13, 5, 61))),
    "tree_reparented": dict(zip(_KEPT, (67, 71, 19, 61, 59))),
    "tree_sessions": dict(zip(_KEPT, (73, 79, 29, 71, 67))),
    "tree_shared_tables": dict(zip(_KEPT, (83, 89, 37, 73, 79))),
    "thread_signal_masks": dict(zip(_KEPT, (61, 67, 41, 53, 59))),
    "unix_passed_descriptor": dict(zip(_KEPT, (59, 61, 43, 47, 53))),
    "tcp_half_closed": dict(zip(_KEPT, (53, 61, 43, 67, 71))),
    "memory_common_pages": dict(zip(_KEPT, (71, 73, 47, 59, 61))),
    "process_acts": {"acts": 23},
}
_OTHER_STRIDE = 29
_FULL_ERRORS = 3


def main() -> int:
    arguments = parse_arguments()
    programs = {program.name: program for program in find_all()}
    strides = strides_of(arguments.only, programs)
    plays = [
        (programs[name], sweep)
        for name, sweeps in strides.items()
        for sweep in sweeps
        if not arguments.sweep or sweep in arguments.sweep
    ]
    missing = sorted({program.name for program, _ in plays if not binary(arguments.build, program).exists()})
    if missing or not plays:
        print(f"not built: {', '.join(missing)}" if missing else "nothing to sweep", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def perform(play: Play, sweep: str) -> None:
        extent = Extent(1, _FULL_ERRORS) if arguments.full else Extent(strides[play.program.name][sweep], 1)
        extent = Extent(arguments.stride or extent.stride, arguments.errors or extent.errors)
        guarded(play, lambda play: SWEEPS[sweep](play, extent))

    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"  # thousands of images that nobody needs: not to a disk
    waits = 120 if arguments.full or arguments.stride else 10
    suite = Suite(arguments.build, arguments.jobs, arguments.keep, perform, waits)
    results = suite.play_all(plays, again=0 if arguments.full else 2)
    tell_points(results)
    return summarise(results)


def strides_of(only: str, programs: dict[str, Program]) -> dict[str, dict[str, int]]:
    """By program and sweep; programs that are not in the list above are swept when they alone are asked for."""
    listed = {name: sweeps for name, sweeps in PLAYS.items() if fnmatch.fnmatch(name, only)}
    return listed or {name: dict.fromkeys(_KEPT, _OTHER_STRIDE) for name in programs if fnmatch.fnmatch(name, only)}


def binary(build: Path, program: Program) -> Path:
    return build / "tests" / "programs" / program.name


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=TESTS.parent / "build" / "release", help="build directory")
    parser.add_argument("--full", action="store_true", help="every call, several errors")
    parser.add_argument("--only", default="*", metavar="GLOB", help="names of programs")
    parser.add_argument("--sweep", action="append", choices=SWEEPS, help="may be given again; default: all")
    parser.add_argument("--stride", type=int, help="hit every Nth call only")
    parser.add_argument("--errors", type=int, help="with so many errors each")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="sweeps at once")
    parser.add_argument("--keep", action="store_true", help="keep the directories")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    return arguments


def tell_points(results: list[Result]) -> None:
    for result in results:
        print(f"  {result.program} {result.mode}: {result.points} points")
    print(f"swept: {sum(result.points for result in results)} points")


if __name__ == "__main__":
    sys.exit(main())
