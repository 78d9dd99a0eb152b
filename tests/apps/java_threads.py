# timeout: 120
# java: compiled code, collected garbage and a pool of threads that count; started from source.
from __future__ import annotations

from harness.app import App as Base

_SOURCE = r"""
import java.io.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*;
public class Count {
  public static void main(String[] arguments) throws Exception {
    var pool = Executors.newFixedThreadPool(3);
    var log = new PrintWriter(new FileWriter("log", true), true);
    var kept = new ArrayDeque<long[]>();
    for (long round = 1; !Files.exists(Path.of("end")); round++) {
      var parts = new ArrayList<Future<Long>>();
      for (int part = 0; part < 3; part++) {
        final long from = part * 1000L;
        parts.add(pool.submit(() -> { long sum = 0; for (long i = from; i < from + 1000; i++) sum += i; return sum; }));
      }
      long sum = 0;
      for (var part : parts) sum += part.get();
      kept.add(new long[] {round, sum});
      if (kept.size() > 1000) kept.poll();
      var garbage = new byte[100_000]; garbage[5] = 1;
      log.println(round + " " + sum);
      Thread.sleep(2);
    }
    pool.shutdown();
    long last = 0;
    for (var pair : kept) { if (last != 0 && pair[0] != last + 1) throw new Exception("lost a round"); last = pair[0]; }
    log.println("end");
  }
}
"""


class App(Base):
    needs = ("java", "javac")

    def command(self) -> list[str]:
        self.path("Count.java").write_text(_SOURCE)
        self.run(self.program("javac"), "Count.java")
        return [self.program("java"), "-Xmx128m", "-XX:-UsePerfData", "-cp", str(self.directory), "Count"]

    def set_up(self) -> None:
        self.wait_for_lines(50)

    def work(self, cycle: int) -> None:
        self.wait_for_lines(len(self.lines("log")) + 50)

    def finish(self) -> None:
        self.path("end").touch()

    def verify(self) -> None:
        *lines, last = self.lines("log")
        assert last == "end", f"the last line is {last!r}"
        for number, line in enumerate(lines, 1):
            assert line == f"{number} {2999 * 3000 // 2}", f"line {number} of the log is {line!r}"

    def wait_for_lines(self, count: int) -> None:
        self.wait_until(lambda: len(self.lines("log")) >= count, f"{count} lines in the log")
