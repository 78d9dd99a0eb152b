#!/usr/bin/env python3
"""Plays the programs of tests/programs and the applications of tests/apps through checkpoints and restores.

    tests/run.py [--build DIR] [--only GLOB] [--mode MODE] [--jobs N] [--list] [--keep] [--coverage] [--strict]

Ends with the line `N passed, N failed, N skipped`; exit code 1 when something failed. See tests/README.md.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import signal
import sys
from pathlib import Path

from harness import coverage, schema
from harness.plays import ALL_MODES, TESTS, Program, find_all
from harness.suite import Result, Suite, summarise


def main() -> int:
    arguments = parse_arguments()
    plays = chosen_plays(arguments)
    if arguments.list:
        for program, mode in plays:
            print(f"{program.name} {mode}")
        return 0
    complaint = what_is_missing(arguments.build, plays)
    if complaint:
        print(complaint, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    suite = Suite(arguments.build, arguments.jobs, arguments.keep)
    results = suite.play_all(plays, again=0 if arguments.strict else 2)
    if arguments.keep:
        print(f"kept: {suite.base}")
    if arguments.coverage:
        write_coverage(results)
    return summarise(results)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=TESTS.parent / "build" / "release", help="build directory")
    parser.add_argument("--only", action="append", metavar="GLOB", help="names of programs; may be given again")
    parser.add_argument("--mode", action="append", choices=ALL_MODES, help="may be given again; default: all")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="plays at once")
    parser.add_argument("--list", action="store_true", help="say what would be played")
    parser.add_argument("--keep", action="store_true", help="keep the directories of the plays")
    parser.add_argument("--strict", action="store_true", help="what failed isn't played again")
    parser.add_argument("--coverage", action="store_true", help="write docs/field_coverage.md")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    return arguments


def chosen_plays(arguments: argparse.Namespace) -> list[tuple[Program, str]]:
    return [
        (program, mode)
        for program in find_all()
        if not arguments.only or any(fnmatch.fnmatch(program.name, glob) for glob in arguments.only)
        for mode in program.modes(arguments.mode)
    ]


def what_is_missing(build: Path, plays: list[tuple[Program, str]]) -> str | None:
    wanted = {build / "tests" / "programs" / program.name for program, _ in plays if not program.is_app}
    wanted |= {build / "cairn" for _, mode in plays if mode != "control"}
    missing = sorted(str(path) for path in wanted if not path.exists())
    if not plays:
        return "nothing to play"
    return f"not built: {', '.join(missing)} (mode control needs no cairn)" if missing else None


def write_coverage(results: list[Result]) -> None:
    root = TESTS.parent
    seen = coverage.Coverage(schema.read(root / "src"))
    for result in results:
        for inspected in result.inspected:
            seen.add(inspected)
    coverage.write(seen, root / "docs" / "field_coverage.md")


if __name__ == "__main__":
    sys.exit(main())
