#!/usr/bin/env python3
"""Measures checkpoints and restores beside floors of the same run: what the same work costs when nothing else is done.

    bench/run.py [--build DIR] [--directory DIR] [--rounds N] [--gigabytes N] [--json FILE]

Prints a table and, with --json, the same as JSON. Medians; floor and figure take turns, so that both meet the same
noise. Absolute times are worth little on a shared machine: look at the ratios.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Figure:
    name: str
    milliseconds: float
    floor_name: str
    floor_milliseconds: float
    ratio: float
    aim: str
    met: bool


class Bench:
    def __init__(self, arguments: argparse.Namespace, directory: Path) -> None:
        self.cairn = str(arguments.build.resolve() / "cairn")
        self.rounds = arguments.rounds
        self.directory = directory
        self.images = 0
        self.measure = str(directory / "measure")
        source = str(ROOT / "bench" / "measure.cc")
        subprocess.run(["g++", "-std=c++20", "-O2", "-pthread", "-static", source, "-o", self.measure], check=True)

    @contextlib.contextmanager
    def target(self, *words: str):
        """A running program; whatever has its id at the end (restored, it is no child of ours) is ended."""
        process = subprocess.Popen(
            [self.measure, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout.readline() == b"ready\n"
        process.stdout.read()  # until it has let go of the pipe
        process.stdout.close()
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()

    def run_cairn(self, *words: str) -> tuple[float, dict]:
        """Wall milliseconds, program start included, and what it printed."""
        run = subprocess.run([self.measure, "time", self.cairn, *words, "--json"], capture_output=True, text=True, check=True)
        nanoseconds, status = run.stderr.split()
        if status != "0":
            raise SystemExit(f"cairn {' '.join(words)}: {status}: {run.stdout}")
        return int(nanoseconds) / 1e6, json.loads(run.stdout)

    def floor(self, *words: str) -> float:
        return int(subprocess.run([self.measure, *words], capture_output=True, check=True).stdout) / 1e6

    def start(self) -> float:
        """The start and end of a small static program."""
        run = subprocess.run([self.measure, "time", self.measure, "-"], capture_output=True, text=True, check=True)
        return int(run.stderr.split()[-2]) / 1e6

    def image(self) -> str:
        """A new one each time, and the old ones stay: ext4 searches long for an inode that wasn't freed just now."""
        self.images += 1
        return str(self.directory / f"image{self.images}.cairn")

    def end_restored(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)

    # Each of these gives one pair of milliseconds: figure, floor.

    def small_checkpoint(self, target: subprocess.Popen) -> tuple[float, float]:
        return self.run_cairn("checkpoint", "--output", self.image(), str(target.pid))[0], self.start()

    def small_restore(self, image: str) -> tuple[float, float]:
        milliseconds, result = self.run_cairn("restore", "--detach", image)
        self.end_restored(result["root"])
        return milliseconds, self.start()

    def large_checkpoint(self, target: subprocess.Popen, size: int) -> tuple[float, float]:
        file = self.directory / "copy"
        file.unlink(missing_ok=True)
        floor = self.floor("copy", str(size), str(file))
        file.unlink()
        image = self.image()
        milliseconds, _ = self.run_cairn("checkpoint", "--no-live", "--output", image, str(target.pid))
        shutil.rmtree(image)
        return milliseconds, floor

    def live_pause(self, target: subprocess.Popen, size: int) -> tuple[float, float]:
        image = self.image()
        _, result = self.run_cairn("checkpoint", "--live", "--output", image, str(target.pid))
        shutil.rmtree(image)
        return result["pause_ns"] / 1e6, self.floor("fork", str(size))

    def large_restore(self, image: str, size: int) -> tuple[float, float]:
        milliseconds, result = self.run_cairn("restore", "--detach", image)
        self.end_restored(result["root"])
        return milliseconds, self.floor("fill", str(size), str(self.directory / "copy"))

    def threads_pause(self, target: subprocess.Popen) -> tuple[float, float]:
        _, result = self.run_cairn("checkpoint", "--output", self.image(), str(target.pid))
        return result["pause_ns"] / 1e6, self.floor("seize", str(target.pid))

    def saved(self, target: subprocess.Popen) -> str:
        """Checkpoints and kills it, and gives the image."""
        image = self.image()
        self.run_cairn("checkpoint", "--output", image, "--then", "kill", str(target.pid))
        target.wait()
        return image

    def repeat(self, rounds: int, once) -> tuple[float, float]:
        pairs = [once() for _ in range(rounds)]
        return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"process {pid} does not go away")
        time.sleep(0.001)


def below(limit: float):
    return lambda figure, floor: (f"< {limit:g} ms", figure < limit)


def within(times: float):
    return lambda figure, floor: (f"<= {times:g} x floor", figure <= times * floor)


def within_fork(figure: float, floor: float) -> tuple[str, bool]:
    return "<= 1.3 x floor + 3 ms", figure <= 1.3 * floor + 3


def run(bench: Bench, gigabytes: float) -> list[Figure]:
    figures: list[Figure] = []

    def add(name: str, floor_name: str, aim, rounds: int, once) -> None:
        figure, floor = bench.repeat(rounds, once)
        text, met = aim(figure, floor)
        figures.append(Figure(name, figure, floor_name, floor, figure / floor, text, met))

    few = max(3, bench.rounds // 6)
    size = int(gigabytes * 2**30)
    with bench.target("idle") as target:
        add("small process: checkpoint", "start of a program", below(5), bench.rounds, lambda: bench.small_checkpoint(target))
        image = bench.saved(target)
        add("small process: restore", "start of a program", below(5), bench.rounds, lambda: bench.small_restore(image))
    with bench.target("touched", str(size)) as target:
        name = f"{gigabytes:g} GiB touched"
        add(f"{name}: checkpoint", "write and fsync", within(1.5), few, lambda: bench.large_checkpoint(target, size))
        add(f"{name}: pause, live", "fork", within_fork, few, lambda: bench.live_pause(target, size))
        image = bench.saved(target)
        bench.floor("copy", str(size), str(bench.directory / "copy"))
        add(f"{name}: restore", "populate and fill", within(1.5), few, lambda: bench.large_restore(image, size))
    with bench.target("threads", "1000") as target:
        add("1000 threads: pause", "seize, read, let go", below(60), few, lambda: bench.threads_pause(target))
    return figures


def table(figures: list[Figure]) -> str:
    rows = [("", "ms", "floor", "ms", "ratio", "aim", "")]
    rows += [
        (f.name, f"{f.milliseconds:.2f}", f.floor_name, f"{f.floor_milliseconds:.2f}", f"{f.ratio:.2f}", f.aim,
         "met" if f.met else "MISSED")
        for f in figures
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = {1, 3, 4}
    return "\n".join(
        "  ".join(cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths)))
        for row in rows
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--directory", type=Path, default=None, help="where images are written; by default in TMPDIR")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cairn-bench.", dir=arguments.directory) as directory:
        figures = run(Bench(arguments, Path(directory)), arguments.gigabytes)
    print(table(figures))
    if arguments.json:
        host = {"kernel": os.uname().release, "cpus": os.cpu_count()}
        arguments.json.write_text(json.dumps({"host": host, "figures": [asdict(f) for f in figures]}, indent=2) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
