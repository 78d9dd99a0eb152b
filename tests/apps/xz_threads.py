# timeout: 120
# xz with two threads compresses what comes through a pipe; it is interrupted in its work, and the result decompresses to
# the original. The rest of its input is held back until the cycles are over: it can't be faster than they are.
from __future__ import annotations

import hashlib
import lzma
import random

from harness.app import App as Base

_PARTS = 3
_SCRIPT = r"""
for part in 0 1 2; do
  until [ -e "go$part" ]; do sleep 0.02; done
  cat "data$part"
done | xz -T2 -1 --block-size=128KiB > data.xz
[ "${PIPESTATUS[*]}" = "0 0" ]
"""


class App(Base):
    needs = ("bash", "cat", "sleep", "xz")

    def command(self) -> list[str]:
        source, digest = random.Random(7), hashlib.sha256()
        block = source.randbytes(1 << 16)
        for part in range(_PARTS):
            with open(self.path(f"data{part}"), "wb") as file:
                for n in range(24 * part, 24 * (part + 1)):
                    file.write(block[n * 100 :] + source.randbytes(n * 50) + block[: n * 50] + str(n).encode() * 2000)
            digest.update(self.path(f"data{part}").read_bytes())
        self.digest = digest.hexdigest()
        self.path("compress.sh").write_text(_SCRIPT)
        return [self.program("bash"), "compress.sh"]

    def set_up(self) -> None:
        self.wait_for_more_after("go0")

    def work(self, cycle: int) -> None:
        self.wait_for_more_after(f"go{cycle + 1}")

    def finish(self) -> None:
        for part in range(_PARTS):
            self.path(f"go{part}").touch()  # without cycles all comes at once

    def verify(self) -> None:
        assert hashlib.sha256(lzma.open(self.path("data.xz")).read()).hexdigest() == self.digest, "the content has changed"

    def wait_for_more_after(self, name: str) -> None:
        size = self.size()
        self.path(name).touch()
        self.wait_until(lambda: self.size() > size, "more output of xz")

    def size(self) -> int:
        path = self.path("data.xz")
        return path.stat().st_size if path.exists() else 0
