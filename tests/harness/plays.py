"""What is to be played: test programs and applications, found by glob, with what their first comment says."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent

# Modes in which a program that can be checkpointed is played, and those for one that has to be refused. Those that are
# sampled are played by one program of each kind, and by all on request.
KEPT_MODES = ("control", "continue", "restore", "twice", "again", "user")
SAMPLED_MODES = ("namespaces", "live")
TWICE_TOO = ("user", "namespaces", "live")  # they have two cycles in a row too
REFUSED_MODES = ("control", "refused")
APP_MODES = ("control", "cycles")
ALL_MODES = tuple(dict.fromkeys(KEPT_MODES + SAMPLED_MODES + REFUSED_MODES + APP_MODES))


@dataclass(frozen=True)
class Program:
    """One file of tests/programs or tests/apps.

    The lines `// key: value` of its first comment:
      needs: root                 who must run it (words: root, cpus=N)
      modes: not again (reason)   modes that make no sense for it
      own: terminals              it is played where nobody else has terminals, whose numbers are the host's
      own: semaphores             it is played in an ipc namespace of its own
      not yet: REASON             what it needs isn't built; only `control` is played, the rest is skipped
      refused: REGEX              it can't be checkpointed, and this is how the reason reads
      timeout: SECONDS            for each wait for the program
      varies: GLOB (reason)       facts of the text oracle that the program itself changes
      deadline: SECONDS           what it waits for comes by itself, so long after its start
      restless: N (reason)        so many tasks never come to rest: they run, or sleep uninterruptibly
      root: daemon                the leader of its session has ended before it starts
    """

    name: str
    source: Path
    headers: dict[str, list[str]] = field(default_factory=dict)
    stands_for_kind: bool = False  # in sampled modes: the first of those named KIND_... that can be played in them

    @property
    def kind(self) -> str:
        return self.name.split("_")[0]

    @property
    def is_app(self) -> bool:
        return self.source.suffix == ".py"

    @property
    def refused(self) -> str | None:
        return next(iter(self.headers.get("refused", [])), None)

    @property
    def is_daemon(self) -> bool:
        return "daemon" in self.headers.get("root", [])

    @property
    def has_own_terminals(self) -> bool:
        return "terminals" in self.headers.get("own", [])

    @property
    def has_own_semaphores(self) -> bool:
        return "semaphores" in self.headers.get("own", [])

    @property
    def timeout(self) -> float:
        return float(self.headers.get("timeout", ["60"])[0])

    @property
    def varies(self) -> list[str]:
        return [line.split("(")[0].strip() for line in self.headers.get("varies", [])]

    @property
    def deadline(self) -> float | None:
        return float(self.headers["deadline"][0]) if "deadline" in self.headers else None

    @property
    def restless(self) -> int:
        return int(self.headers.get("restless", ["0"])[0].split()[0])

    def modes(self, requested: list[str] | None) -> list[str]:
        """Those that make sense for it: all of the usual ones, or those that were asked for."""
        usual = APP_MODES if self.is_app else REFUSED_MODES if self.refused else KEPT_MODES
        sampled = SAMPLED_MODES if self._can_be_sampled() else ()
        if not requested:
            return [*usual, *(sampled if self.stands_for_kind else ())]
        return [mode for mode in usual + sampled if mode in requested]

    def _can_be_sampled(self) -> bool:
        return not self.is_app and not self.refused

    def reason_to_skip(self, mode: str) -> str | None:
        if "not yet" in self.headers and mode != "control":
            return "not yet: " + self.headers["not yet"][0]
        for line in self.headers.get("modes", []):
            words = re.match(r"not ([a-z, ]+?)\s*\((.*)\)$", line)
            without = re.split(r"[ ,]+", words[1]) if words else []
            if words and (mode in without or (mode in TWICE_TOO and "twice" in without)):
                return words[2]
        if mode == "user" and os.geteuid() != 0:
            return "all modes are played as this ordinary user already"
        if self.has_own_terminals and os.geteuid() != 0:
            return "only root can give it terminals of its own"
        if self.has_own_semaphores and os.geteuid() != 0:
            return "only root can give it semaphores of its own"
        for need in " ".join(self.headers.get("needs", [])).split():
            if need == "root" and os.geteuid() != 0:
                return "needs root"
            if need == "root" and mode in ("user", "namespaces"):
                return "needs root"
            if need.startswith("cpus=") and len(os.sched_getaffinity(0)) < int(need[5:]):
                return f"needs {need[5:]} CPUs"
        return None


def first_comment(text: str) -> dict[str, list[str]]:
    mark = "//" if text.startswith("//") else "#"
    headers: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.startswith(mark):
            break
        key = re.match(rf"{mark} (needs|modes|own|not yet|refused|timeout|varies|deadline|restless|root): (.*)$", line)
        if key:
            headers.setdefault(key[1], []).append(key[2].strip())
    return headers


def find_all() -> list[Program]:
    programs = _with_samples(
        [Program(path.stem, path, first_comment(path.read_text())) for path in sorted((TESTS / "programs").glob("*.cc"))]
    )
    apps = [
        Program(f"apps/{path.stem}", path, first_comment(path.read_text()))
        for path in sorted((TESTS / "apps").glob("*.py"))
    ]
    return programs + apps


def _with_samples(programs: list[Program]) -> list[Program]:
    sampled: dict[str, str] = {}
    for program in programs:
        if not program.refused and not any(program.reason_to_skip(mode) for mode in SAMPLED_MODES):
            sampled.setdefault(program.kind, program.name)
    return [replace(program, stands_for_kind=program.name in sampled.values()) for program in programs]


def load_app(program: Program):  # -> type[harness.app.App]
    spec = importlib.util.spec_from_file_location(f"app_{program.source.stem}", program.source)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.App
