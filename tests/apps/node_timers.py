# node: event loop with timers, promises, a worker thread and files; nothing is lost between ticks.
from __future__ import annotations

from harness.app import App as Base

_SCRIPT = r"""
const { Worker } = require('worker_threads'), fs = require('fs'), crypto = require('crypto');
const worker = new Worker(`const { parentPort } = require('worker_threads');
  parentPort.on('message', n => n < 0 ? process.exit(0) : parentPort.postMessage(n * 2))`, { eval: true });
const log = fs.openSync('log', 'a'), waiting = new Map();
worker.on('message', n => { waiting.get(n / 2)(n); waiting.delete(n / 2); });
const double = n => new Promise(resolve => { waiting.set(n, resolve); worker.postMessage(n); });
let n = 0, hash = crypto.createHash('sha256');
async function tick() {
  const doubled = await double(++n);
  hash.update(String(doubled));
  if (n % 10 == 0) fs.writeSync(log, `${n} ${doubled}\n`);
  if (!fs.existsSync('end')) return setTimeout(tick, 2);
  const again = crypto.createHash('sha256');
  for (let i = 1; i <= n; i++) again.update(String(2 * i));
  fs.writeSync(log, hash.digest('hex') == again.digest('hex') ? 'end\n' : 'wrong\n');
  worker.postMessage(-1);
}
tick();
"""


class App(Base):
    needs = ("node",)

    def command(self) -> list[str]:
        self.path("ticks.js").write_text(_SCRIPT)
        return [self.program("node"), "ticks.js"]

    def set_up(self) -> None:
        self.wait_for_lines(10)

    def work(self, cycle: int) -> None:
        self.wait_for_lines(len(self.lines("log")) + 10)

    def finish(self) -> None:
        self.path("end").touch()

    def verify(self) -> None:
        *lines, last = self.lines("log")
        assert last == "end", f"the last line is {last!r}"
        for number, line in enumerate(lines, 1):
            assert line == f"{number * 10} {number * 20}", f"line {number} of the log is {line!r}"

    def wait_for_lines(self, count: int) -> None:
        self.wait_until(lambda: len(self.lines("log")) >= count, f"{count} lines in the log")
