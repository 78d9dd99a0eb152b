# A redis server with data in memory and nobody connected: two cycles, then everything is still there and more goes in.
from __future__ import annotations

import socket

from harness.app import App as Base


class App(Base):
    needs = ("redis-server",)

    def command(self) -> list[str]:
        return [
            self.program("redis-server"), "--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly",
            "no", "--daemonize", "no", "--dir", str(self.directory),
        ]  # fmt: skip

    def set_up(self) -> None:
        self.wait_until(self.listens, "the socket of redis")
        commands = [("SET", f"key:{n}", f"value {n} " + "x" * (n % 500)) for n in range(20_000)]
        assert set(self.ask(*commands)) == {"OK"}, "redis did not take the keys"
        self.ask(("RPUSH", "list", *map(str, range(1000))), ("ZADD", "scores", "1.5", "a", "2.5", "b"))
        self.ask(("SET", "expires", "later", "EX", "3600"))

    def work(self, cycle: int) -> None:
        assert self.ask(("DBSIZE",))[0] == str(20_003 + cycle), "the number of keys"
        assert self.ask(("GET", "key:19999"))[0].startswith("value 19999 xxx"), "the last key"
        left = int(self.ask(("TTL", "expires"))[0])
        assert 3400 < left <= 3600, f"the expiring key has {left} s left"
        assert self.ask(("SET", f"cycle:{cycle}", "new"))[0] == "OK", "a new key"

    def finish(self) -> None:
        assert self.ask(("LLEN", "list"))[0] == "1000", "the list"
        assert self.ask(("ZSCORE", "scores", "b"))[0] == "2.5", "the sorted set"
        self.ask(("SHUTDOWN", "NOSAVE"), answers=0)

    def listens(self) -> bool:
        """There is a moment between its bind and its listen."""
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.path("redis.sock"))) == 0

    def ask(self, *commands: tuple[str, ...], answers: int | None = None) -> list[str]:
        """Sends commands over a connection of its own, in one go, and reads one line of answer (and a bulk) for each."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.path("redis.sock")))
            connection.sendall("".join(_encoded(command) for command in commands).encode())
            with connection.makefile("rb") as stream:
                return [_answer(stream) for _ in range(len(commands) if answers is None else answers)]


def _encoded(command: tuple[str, ...]) -> str:
    return f"*{len(command)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in command)


def _answer(stream) -> str:
    line = stream.readline().decode().rstrip("\r\n")
    if line.startswith("$") and line != "$-1":
        return stream.read(int(line[1:]) + 2)[:-2].decode()
    return line[1:]
