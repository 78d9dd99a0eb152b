"""Keeps the contents of a directory and puts them back in place, so that one image can be restored twice with the same
view of the file system: files keep their inodes, new ones go away."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def keep(directory: Path, store: Path) -> Path:
    """Copies what can be copied: directories, regular files (holes kept by copy_file_range where it can) and links."""
    shutil.copytree(directory, store, symlinks=True, copy_function=_copy_regular, ignore=_special_files)
    return store


def put_back(store: Path, directory: Path) -> None:
    kept = _entries(store)
    for relative in sorted(_entries(directory) - kept, reverse=True):
        path = directory / relative
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        elif path.is_file() or path.is_symlink():
            path.unlink()
    for relative in sorted(kept):
        _put_back_one(store / relative, directory / relative)


def _put_back_one(source: Path, target: Path) -> None:
    if source.is_symlink() and not target.is_symlink():
        target.symlink_to(os.readlink(source))
    elif source.is_dir():
        target.mkdir(exist_ok=True)
    elif source.is_file() and not source.is_symlink() and not _same_contents(source, target):
        _copy_regular(str(source), str(target))


def _copy_regular(source: str, target: str) -> str:
    """Overwrites in place and keeps holes: test files are sparse and large."""
    status = os.stat(source)
    with open(source, "rb") as old, open(target, "r+b" if os.path.exists(target) else "wb") as new:
        new.truncate(0)
        position = 0
        while position < status.st_size:
            try:
                start = os.lseek(old.fileno(), position, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(old.fileno(), start, os.SEEK_HOLE)
            old.seek(start)
            new.seek(start)
            new.write(old.read(end - start))
            position = end
        new.truncate(status.st_size)
    shutil.copystat(source, target)
    return target


def _same_contents(first: Path, second: Path) -> bool:
    try:
        one, two = first.stat(), second.stat()
    except OSError:
        return False
    return one.st_size == two.st_size and one.st_mtime_ns == two.st_mtime_ns


def _special_files(directory: str, names: list[str]) -> list[str]:
    paths = ((name, Path(directory) / name) for name in names)
    return [name for name, path in paths if not (path.is_symlink() or path.is_dir() or path.is_file())]


def _entries(directory: Path) -> set[Path]:
    return {path.relative_to(directory) for path in directory.rglob("*")}
