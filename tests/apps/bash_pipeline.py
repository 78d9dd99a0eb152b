# A bash pipeline of shell loops and filters, job control off, with a background job and a trap.
from __future__ import annotations

from harness.app import App as Base

_SCRIPT = r"""
trap 'echo trapped >> trapped' USR1
(while [ ! -e end ]; do echo tick >> ticks; sleep 0.02; done) &
ticker=$!
i=0
while [ ! -e end ]; do i=$((i + 1)); echo $i; [ $((i % 50)) -eq 0 ] && sleep 0.01; done \
  | sed -u 's/^/n/' | awk '{ sum += substr($1, 2); print $1, sum; fflush() }' | cat > sums
wait $ticker
echo "done ${PIPESTATUS[*]}" > result
"""


class App(Base):
    needs = ("bash", "sed", "awk", "sleep")

    def command(self) -> list[str]:
        self.path("pipeline.sh").write_text(_SCRIPT)
        return [self.program("bash"), "pipeline.sh"]

    def set_up(self) -> None:
        self.wait_for_lines(200)

    def work(self, cycle: int) -> None:
        ticks = len(self.lines("ticks"))
        self.wait_for_lines(len(self.lines("sums")) + 200)
        self.wait_until(lambda: len(self.lines("ticks")) > ticks + 2, "more ticks of the background job")

    def finish(self) -> None:
        self.path("end").touch()

    def verify(self) -> None:
        assert self.text("result").startswith("done"), "the shell has not come to its end"
        total = 0
        for number, line in enumerate(self.lines("sums"), 1):
            total += number
            words = line.split()
            assert words[0] == f"n{number}" and int(float(words[1])) == total, f"line {number} is {line!r}"

    def wait_for_lines(self, count: int) -> None:
        self.wait_until(lambda: len(self.lines("sums")) >= count, f"{count} sums")
