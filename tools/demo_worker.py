"""The worker of tools/demo.sh: live state of several sorts, and a line every 50 ms that shows it.

Four threads count. A child process, connected by two pipes, adds up the numbers that it is sent. A generator is always
in mid-iteration. Line: `number sum_of_the_child fibonacci_number_modulo_2**61 counts_of_the_threads`.
"""

import subprocess
import sys
import threading
import time

ADDER = "total = 0\nfor line in __import__('sys').stdin: total += int(line); print(total, flush=True)"


def fibonacci():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, (a + b) % 2**61


def count(counts: list[int], which: int) -> None:
    while True:
        counts[which] += 1
        time.sleep(0.01)


def main() -> None:
    adder = subprocess.Popen([sys.executable, "-uc", ADDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    counts = [0] * 4
    for which in range(4):
        threading.Thread(target=count, args=(counts, which), daemon=True).start()
    for number, value in enumerate(fibonacci(), 1):
        print(number, file=adder.stdin, flush=True)
        print(number, adder.stdout.readline().strip(), value, *counts, flush=True)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
