# SQLite through Python: a transaction is open, with locks on the file, while another connection of a child waits for it.
from __future__ import annotations

import sqlite3

from harness.app import App as Base

_SCRIPT = r"""
import os, sqlite3, time
database = sqlite3.connect("database", isolation_level=None)
database.execute("create table numbers (n integer primary key, square integer)")
pid = os.fork()
if pid == 0:
    other = sqlite3.connect("database", timeout=60, isolation_level=None)
    while not os.path.exists("begun"): time.sleep(0.01)
    other.execute("begin immediate")
    other.execute("insert into numbers values (-1, 1)")
    other.execute("commit")
    os._exit(4)
database.execute("pragma cache_spill = 5")
database.execute("begin exclusive")
open("begun", "w").close()
n = 0
log = open("log", "a", buffering=1)
while not os.path.exists("end"):
    for _ in range(200):
        database.execute("insert into numbers values (?, ?)", (n, n * n)); n += 1
    log.write(f"{n}\n")
    time.sleep(0.005)
database.execute("commit")
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 4
log.write("end\n")
"""


class App(Base):
    needs = ("python3",)

    def command(self) -> list[str]:
        self.path("work.py").write_text(_SCRIPT)
        return [self.program("python3"), "work.py"]

    def set_up(self) -> None:
        self.wait_for_lines(10)

    def work(self, cycle: int) -> None:
        self.wait_for_lines(len(self.lines("log")) + 10)

    def finish(self) -> None:
        self.path("end").touch()

    def verify(self) -> None:
        *lines, last = self.lines("log")
        assert last == "end", f"the last line is {last!r}"
        database = sqlite3.connect(self.path("database"))
        rows = database.execute("select n, square from numbers order by n").fetchall()
        assert rows[0] == (-1, 1), "what the child wrote"
        assert len(rows) == int(lines[-1]) + 1, f"{len(rows)} rows, the log says {lines[-1]}"
        assert all(square == n * n for n, square in rows), "a square is wrong"

    def wait_for_lines(self, count: int) -> None:
        self.wait_until(lambda: len(self.lines("log")) >= count, f"{count} lines in the log")
