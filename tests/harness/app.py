"""What a real application of tests/apps offers to be driven through checkpoints."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .processes import Deadline, has_ended, read_text


class App:
    """Subclassed as `App` in each file of tests/apps. An assert that fails is the report."""

    needs: tuple[str, ...] = ()  # programs that have to be installed
    environment: dict[str, str] = {}

    def __init__(self, directory: Path, deadline: Deadline) -> None:
        self.directory = directory  # its cwd; stdout and stderr are files there
        self.deadline = deadline
        self.pid = 0

    def command(self) -> list[str]:
        """argv, with a full path; may write files into the directory first."""
        raise NotImplementedError

    def set_up(self) -> None:
        """Waits until the application is at work."""

    def work(self, cycle: int) -> None:
        """After each restore: makes it do more and checks that nothing was lost."""

    def finish(self) -> None:
        """Brings it to its end; it has to exit with 0."""

    def verify(self) -> None:
        """Checks what it has left behind."""

    # --- means

    def program(self, name: str) -> str:
        """The path of an installed program; `needs` has said that it is there."""
        found = shutil.which(name)
        assert found, f"{name} is not installed"
        return found

    def run(self, *argv: str) -> None:
        """Something that comes before the application: a compiler."""
        subprocess.run(argv, cwd=self.directory, check=True, timeout=self.deadline.left(), stdin=subprocess.DEVNULL)

    def has_ended(self) -> bool:
        return has_ended(self.pid)

    def path(self, name: str) -> Path:
        return self.directory / name

    def text(self, name: str) -> str:
        return read_text(self.path(name)) or ""

    def lines(self, name: str) -> list[str]:
        return self.text(name).splitlines()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        while not condition():
            assert self.pid == 0 or not has_ended(self.pid), f"the application has ended before: {what}"
            assert not self.deadline.passed(), f"never came: {what}"
            time.sleep(0.01)
