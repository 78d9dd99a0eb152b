"""Oracle (b): the records of two checkpoints with a restore between them are equal once normalised.

Works on the output of `cairn inspect --json` and knows no kind. References, objects of the form {"id": N}, and the ids of
records are renumbered in order of appearance. What else may differ stands in ROWS.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Flat = dict[str, str]


@dataclass(frozen=True)
class Row:
    """Facts of a record, keyed kind/field/field, that get a new value; None drops them."""

    pattern: str
    rewrite: Callable[[str], str | None]
    reason: str


def _drop(_: str) -> None:
    return None


ROWS: tuple[Row, ...] = (
    Row(r"^timerfd/.*(value|remaining|rest|expir|ticks)", _drop, "an armed timer runs on"),
    Row(r"^(interval_timers|posix_timers)/.*rest(_ns)?$", _drop, "an armed timer runs on"),
    Row(r"^tcp_connection/time_stamp$", _drop, "a clock"),
    Row(r"^cpu/rax$", _drop, "a waiting program may be caught as its call ends and is made again"),
    Row(r"^nameless_content/(accessed|changed)_", _drop, "reading a file changes when it was last read"),
)


def records_of(inspected: dict) -> list[dict]:
    records = inspected.get("records")
    if not isinstance(records, list):
        raise ValueError(f"inspect --json has no list of records, only {sorted(inspected)}")
    return records


def body_of(record: dict) -> dict:
    """The kind's message: the one member that is an object."""
    for name in ("state", "body", "message", record.get("kind", "")):
        if isinstance(record.get(name), dict):
            return record[name]
    bodies = [value for value in record.values() if isinstance(value, dict)]
    return bodies[0] if len(bodies) == 1 else {}


# Of address spaces, and of files.
_PAGE_COLUMNS = frozenset(("page_address", "page_length", "page_offset", "position", "length"))


def joined_pages(body: dict) -> dict:
    """The page columns of an address space or a file with adjacent ranges joined: where they are cut, and where they are
    in the page file, is the page store's business."""
    body = {name: joined_pages(value) if isinstance(value, dict) else value for name, value in body.items()}
    if "page_offset" not in body:
        return body
    starts = body.get("page_address", body.get("position"))
    lengths = body.get("page_length", body.get("length"))
    ranges: list[list[int]] = []
    for start, length in zip(map(int, starts), map(int, lengths)):
        if ranges and sum(ranges[-1]) == start:
            ranges[-1][1] += length
        else:
            ranges.append([start, length])
    kept = {name: value for name, value in body.items() if name not in _PAGE_COLUMNS}
    return {**kept, "pages": [f"{start:x}+{length:x}" for start, length in ranges]}


def is_reference(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"id"}


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every scalar and reference of a message with its path."""
    if is_reference(value) or not isinstance(value, (dict, list)):
        yield path, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in items:
        yield from leaves(member, f"{path}/{name}" if path else str(name))


class _Names:
    """Gives each record the name kind#n in order of appearance."""

    def __init__(self, records: list[dict]) -> None:
        self.names: dict[str, str] = {"0": "none"}
        counts: dict[str, int] = {}
        for record in records:
            kind = str(record.get("kind"))
            counts[kind] = counts.get(kind, 0) + 1
            self.names[str(record.get("id"))] = f"{kind}#{counts[kind]}"

    def of(self, number: object) -> str:
        return self.names.get(str(number), f"unknown {number}")


def flatten(inspected: dict) -> Flat:
    records = records_of(inspected)
    names = _Names(records)
    rows = [(re.compile(row.pattern), row.rewrite) for row in ROWS]
    flat: Flat = {}
    for record in records:
        kind, name = str(record.get("kind")), names.of(record.get("id"))
        flat[f"{name}/owner"] = names.of(record.get("owner", 0))
        for path, value in leaves(joined_pages(body_of(record))):
            text: str | None = names.of(value["id"]) if is_reference(value) else repr(value)
            for pattern, rewrite in rows:
                if text is not None and pattern.search(f"{kind}/{path}"):
                    text = rewrite(text)
            if text is not None:
                flat[f"{name}/{path}"] = text
    return flat


def differences(first: dict, second: dict, varies: list[str] | None = None) -> list[str]:
    """`varies`: globs of the program itself, for what it moves on by being interrupted."""
    before, after = flatten(first), flatten(second)
    return [
        f"{key}: {before.get(key, '(absent)')[:300]} -> {after.get(key, '(absent)')[:300]}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and not any(fnmatch.fnmatch(key, glob) for glob in varies or [])
    ]
