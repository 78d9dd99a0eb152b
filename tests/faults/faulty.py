"""cairn with a fault in its way: CAIRN_FAULT makes its Nth kernel call fail, kills it there, or stops it there so that
something can be done to its target meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.cairn import Cairn, CairnFailed

_SECONDS = 40.0


@dataclass(frozen=True)
class End:
    fault: str
    code: int  # negative: the signal that ended it
    text: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def struck(self) -> str:
        """Where the fault was, or empty when the call was never made."""
        found = re.search(r"kernel call (.*: injected .*)", self.text)
        return found[1] if found else ""


def run(cairn: Cairn, fault: str, *arguments: str, at_stop: Callable[[], None] | None = None) -> End:
    log = cairn.directory / "cairn.err"
    with open(log, "wb") as output:
        child = subprocess.Popen(
            [cairn.binary, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cairn.directory,
            env={**os.environ, "CAIRN_FAULT": fault},
        )
    code = _wait(child, fault, log, at_stop)
    return End(fault, code, log.read_text(errors="replace"))


def _wait(child: subprocess.Popen, fault: str, log: Path, at_stop: Callable[[], None] | None) -> int:
    end = time.monotonic() + _SECONDS
    pause = 0.0005
    while time.monotonic() < end:
        done, status = os.waitpid(child.pid, os.WNOHANG | os.WUNTRACED)
        if done and os.WIFSTOPPED(status):
            if at_stop:
                at_stop()
            os.kill(child.pid, signal.SIGCONT)
        elif done:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode
        else:
            time.sleep(pause)
            pause = min(pause * 1.3, 0.02)
    child.kill()
    child.wait()
    raise CairnFailed(f"with {fault} cairn did not end within {_SECONDS:.0f} s\n{log.read_text(errors='replace')[-2000:]}")


def calls(cairn: Cairn, *arguments: str) -> list[str]:
    """The names of all kernel calls of a command that succeeds."""
    end = run(cairn, "list", *arguments)
    if end.code != 0:
        raise CairnFailed(f"cairn {' '.join(arguments)}\nexit code {end.code}\n{end.text[-2000:]}")
    return re.findall(r"kernel call \d+ \((.*)\)", end.text)
