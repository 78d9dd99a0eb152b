# A Python program with threads, a queue, a subprocess behind pipes, a half-run generator, a lock and a growing log.
from __future__ import annotations

from harness.app import App as Base

_SCRIPT = r"""
import hashlib, os, queue, random, subprocess, sys, threading, time

tasks, log = queue.Queue(), open("log", "a", buffering=1)
def stream(source):
    while True: yield source.getrandbits(64)
numbers = stream(random.Random(42))
lock, totals = threading.Lock(), {"count": 0, "digest": hashlib.sha256()}
child = subprocess.Popen([sys.executable, "-u", "-c",
    "import sys\nfor n, line in enumerate(sys.stdin): print(n, int(line) % 1000003, flush=True)"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

def worker():
    while (task := tasks.get()) is not None:
        with lock:
            child.stdin.write(f"{task}\n"); child.stdin.flush()
            n, rest = map(int, child.stdout.readline().split())
            assert n == totals["count"] and rest == task % 1000003, (n, rest, task)
            totals["count"] += 1; totals["digest"].update(f"{n} {rest}".encode())
        tasks.task_done()

threads = [threading.Thread(target=worker) for _ in range(4)]
for thread in threads: thread.start()
rounds = 0
while not os.path.exists("end"):
    for _ in range(20): tasks.put(next(numbers))
    tasks.join()
    rounds += 1
    log.write(f"{rounds} {totals['count']}\n")
    time.sleep(0.005)
for _ in threads: tasks.put(None)
for thread in threads: thread.join()
child.stdin.close()
assert child.wait() == 0
assert totals["count"] == rounds * 20
again = stream(random.Random(42))
for _ in range(totals["count"]): next(again)
assert next(numbers) == next(again), "the generator is somewhere else"
log.write("end\n")
"""


class App(Base):
    needs = ("python3",)

    def command(self) -> list[str]:
        self.path("work.py").write_text(_SCRIPT)
        return [self.program("python3"), "work.py"]

    def set_up(self) -> None:
        self.wait_for_lines(20)

    def work(self, cycle: int) -> None:
        self.wait_for_lines(len(self.lines("log")) + 20)

    def finish(self) -> None:
        self.path("end").touch()

    def verify(self) -> None:
        lines = self.lines("log")
        assert lines[-1] == "end", f"the last line is {lines[-1]!r}"
        for number, line in enumerate(lines[:-1], 1):
            assert line == f"{number} {number * 20}", f"line {number} of the log is {line!r}"

    def wait_for_lines(self, count: int) -> None:
        self.wait_until(lambda: len(self.lines("log")) >= count, f"{count} lines in the log")
