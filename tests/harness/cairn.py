"""The program under test, by its command line only."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

DONE, FAILED, USAGE, REFUSED, PRECONDITIONS, DAMAGED = range(6)


class CairnFailed(Exception):
    """A command of cairn ended otherwise than it should."""


@dataclass(frozen=True)
class Outcome:
    command: str
    code: int
    output: str
    errors: str

    def expect(self, code: int) -> Outcome:
        if self.code != code:
            raise CairnFailed(self.unexpected(code))
        return self

    def unexpected(self, code: int) -> str:
        return f"{self.command}\nexit code {self.code}, expected {code}\n{self.text()}"

    def text(self) -> str:
        return f"{self.output}{self.errors}".strip()


@dataclass(frozen=True)
class Cairn:
    binary: Path
    directory: Path  # cwd of its commands, and where their pid files go
    patience: int = 50  # seconds until it gives up what does not come to a stop: a busy host lets it wait
    seconds: float = 120

    def checkpoint(self, pid: int, image: Path, then: str, *options: str) -> Outcome:
        timeout = () if "--timeout" in options else ("--timeout", str(self.patience))
        return self._run("checkpoint", *timeout, "--output", str(image), "--then", then, *options, str(pid))

    def restore(self, image: Path) -> int:
        """The pid of the restored root."""
        pid_file = self.directory / "pid"
        pid_file.unlink(missing_ok=True)
        outcome = self._run("restore", "--detach", "--pidfile", str(pid_file), str(image)).expect(DONE)
        try:
            return int(pid_file.read_text())
        except (OSError, ValueError) as error:
            raise CairnFailed(f"{outcome.command}\nthe pid file: {error}") from error

    def check(self, pid: int) -> Outcome:
        return self._run("check", "--timeout", str(self.patience), "--json", str(pid))

    def inspect(self, image: Path) -> dict:
        outcome = self._run("inspect", "--json", str(image)).expect(DONE)
        try:
            return json.loads(outcome.output)
        except json.JSONDecodeError as error:
            raise CairnFailed(f"{outcome.command}\nnot JSON: {error}\n{outcome.output[:500]}") from error

    def _run(self, *arguments: str) -> Outcome:
        command = " ".join(("cairn", *arguments))
        # Files and not pipes: a process of cairn that stays behind would keep a pipe open and hang the harness.
        output, errors = self.directory / "cairn.out", self.directory / "cairn.err"
        with open(output, "wb") as out, open(errors, "wb") as err:
            try:
                done = subprocess.run(
                    [self.binary, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    cwd=self.directory,
                    timeout=self.seconds,
                )
            except subprocess.TimeoutExpired as error:
                raise CairnFailed(
                    f"{command}\nnot done after {self.seconds:.0f} s\n{errors.read_text(errors='replace')}"
                ) from error
        return Outcome(command, done.returncode, output.read_text(errors="replace"), errors.read_text(errors="replace"))
