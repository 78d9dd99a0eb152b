# timeout: 120
# xz with two threads compresses a large file; it is interrupted in its work, and the result decompresses to the original.
from __future__ import annotations

import hashlib
import lzma
import random

from harness.app import App as Base


class App(Base):
    needs = ("xz",)

    def command(self) -> list[str]:
        source = random.Random(7)
        block = source.randbytes(1 << 16)
        with open(self.path("data"), "wb") as file:
            for n in range(192):
                file.write(block[n * 100 :] + source.randbytes(n * 50) + block[: n * 50] + str(n).encode() * 2000)
        self.digest = hashlib.sha256(self.path("data").read_bytes()).hexdigest()
        return [self.program("xz"), "-T2", "-7", "--block-size=2MiB", "--keep", "data"]

    def set_up(self) -> None:
        self.wait_until(lambda: self.size() > 0, "the first compressed block")

    def work(self, cycle: int) -> None:
        size = self.size()
        self.wait_until(lambda: self.size() > size or self.has_ended(), "more output of xz")

    def verify(self) -> None:
        assert hashlib.sha256(lzma.open(self.path("data.xz")).read()).hexdigest() == self.digest, "the content has changed"

    def size(self) -> int:
        path = self.path("data.xz")
        return path.stat().st_size if path.exists() else 0
