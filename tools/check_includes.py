#!/usr/bin/env python3
"""Checks that includes follow the arrows between the folders of src/ (ARCHITECTURE.md, "The house").

A folder includes itself and what it may reach through the arrows. Files under src/resources/ never include each other:
they meet only through ids. The frame of the kinds (kind.h, registry.h and other files directly in src/resources/) is
open to all of them, and so is a kind's own generated header.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = re.compile(r"^cairn_library\((\w+)([^)]*)\)", re.M)


def arrows() -> dict[str, list[str]]:
    """What each folder links, from CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text()
    found = {name: re.findall(r"cairn_(\w+)", links) for name, links in LIBRARY.findall(text)}
    return found | {"libcairn": []}


ARROWS = arrows()
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
IMPORT = re.compile(r'^\s*import\s+"([^"]+)"', re.M)


def reachable(folder: str) -> set[str]:
    return {folder}.union(*(reachable(below) for below in ARROWS[folder]))


def is_frame(included: Path) -> bool:
    return len(included.parts) == 2


def is_own(file: Path, included: Path) -> bool:
    """A kind's own header, or the header generated from its own schema; a large kind NAME has files NAME_*.cc too."""
    stem, own = included.name.split(".")[0], file.name.split(".")[0]
    return file.parent == included.parent and (own == stem or own.startswith(stem + "_"))


def complaint(file: Path, included: Path) -> str | None:
    folder, target = file.parts[0], included.parts[0]
    if target == "cairn":
        return None if folder == "libcairn" else "the public header is for users of the library"
    if target not in ARROWS:
        return "include our own files by their path below src/"
    if target not in reachable(folder):
        return f"{folder} may only reach {', '.join(sorted(reachable(folder) - {folder})) or 'itself'}"
    if folder == target == "resources" and not is_frame(file) and not is_frame(included) and not is_own(file, included):
        return "files of kinds never include each other"
    return None


def main() -> int:
    source = ROOT / "src"
    complaints = 0
    for path in sorted(source.rglob("*")):
        if path.suffix not in {".cc", ".h", ".S", ".proto"}:
            continue
        pattern = IMPORT if path.suffix == ".proto" else INCLUDE
        file = path.relative_to(source)
        for name in pattern.findall(path.read_text()):
            if name.startswith("google/"):
                continue
            why = complaint(file, Path(name))
            if why:
                print(f"src/{file}: includes {name}: {why}")
                complaints += 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
