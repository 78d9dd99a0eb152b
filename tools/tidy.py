#!/usr/bin/env python3
"""Runs clang-tidy over src/, as many files at once as there are CPUs, and remembers what was clean.

    tools/tidy.py [--build DIR] [--checks LIST] [FILE...]

A file is checked again only when it, a header of ours that it includes, its compile command, .clang-tidy or clang-tidy
itself has changed. The memory is a directory of empty files, each named by the digest of all these.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cairn-tidy"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--checks", default="", help="more checks than those of .clang-tidy")
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    commands = compile_commands(arguments.build, {path.resolve() for path in arguments.files})
    digests = Digests(arguments.build, arguments.checks)
    todo = [command for command in commands if not (CACHE / digests.of(command)).exists()]
    CACHE.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        clean = list(pool.map(lambda command: check(command, arguments, digests), todo))
    print(f"clang-tidy: {len(commands)} files, {len(todo)} checked, {clean.count(False)} with complaints")
    return 1 if False in clean else 0


def compile_commands(build: Path, wanted: set[Path]) -> list[dict]:
    commands = json.loads((build / "compile_commands.json").read_text())
    source = ROOT / "src"
    return [
        command
        for command in commands
        if Path(command["file"]).is_relative_to(source)
        and command["file"].endswith(".cc")
        and (not wanted or Path(command["file"]) in wanted)
    ]


class Digests:
    """Everything that a verdict depends on, as one name."""

    def __init__(self, build: Path, checks: str) -> None:
        self._build = build
        self._files: dict[Path, bytes] = {}
        self._headers = self._read_headers()
        version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
        self._common = version + (ROOT / ".clang-tidy").read_bytes() + checks.encode()

    def of(self, command: dict) -> str:
        digest = hashlib.sha256(self._common)
        digest.update(command["command"].replace(str(ROOT), "").encode())
        for path in sorted({Path(command["file"]), *self._headers_of(command)}):
            digest.update(str(path).replace(str(ROOT), "").encode() + self._content(path))
        return digest.hexdigest()

    def _headers_of(self, command: dict) -> list[Path]:
        words = command["command"].split()
        known = self._headers.get(words[words.index("-o") + 1])
        return known if known is not None else sorted((ROOT / "src").rglob("*.h"))

    def _content(self, path: Path) -> bytes:
        if path not in self._files:
            self._files[path] = hashlib.sha256(path.read_bytes() if path.exists() else b"").digest()
        return self._files[path]

    def _read_headers(self) -> dict[str, list[Path]]:
        """Our headers by object file, from ninja's memory of the last build."""
        text = subprocess.run(["ninja", "-C", self._build, "-t", "deps"], capture_output=True, text=True).stdout
        headers: dict[str, list[Path]] = {}
        current: list[Path] = []
        for line in text.splitlines():
            if ": #deps" in line:
                current = headers.setdefault(line.split(":")[0], [])
            elif line.startswith("    "):
                path = (self._build / line.strip()).resolve()
                if path.is_relative_to(ROOT):
                    current.append(path)
        return headers


def check(command: dict, arguments: argparse.Namespace, digests: Digests) -> bool:
    tidy = ["clang-tidy", "--quiet", "-p", arguments.build, f"--checks={arguments.checks}", command["file"]]
    run = subprocess.run(tidy, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        (CACHE / digests.of(command)).touch()
        return True
    print(run.stdout + "".join(line for line in run.stderr.splitlines(True) if "warnings generated" not in line))
    return False


if __name__ == "__main__":
    sys.exit(main())
