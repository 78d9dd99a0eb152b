"""Oracle (c): which values the suite ever gave to each field of each record.

An integer should use its upper half, a bool and an enum take all their values, a repeated field have 0, 1 and 3 entries:
a field that only ever held small numbers proves nothing about how it is saved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import records
from .schema import INTEGER_BITS, SCALARS, Field, Message, Schema


@dataclass
class Seen:
    values: set[str] = field(default_factory=set)
    upper_half: bool = False
    counts: set[int] = field(default_factory=set)
    uses: int = 0


class Coverage:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.kinds = schema.kinds()
        self.seen: dict[str, Seen] = {}
        self.images = 0

    def add(self, inspected: dict) -> None:
        self.images += 1
        for record in records.records_of(inspected):
            message = self.kinds.get(str(record.get("kind")))
            if message:
                self._add_message(message, records.body_of(record))

    def _add_message(self, message: Message, body: dict) -> None:
        for one in message.fields:
            value = body.get(one.name, body.get(one.json_name))
            seen = self.seen.setdefault(f"{message.name}.{one.name}", Seen())
            entries = _entries(value)
            if one.repeated:
                seen.counts.add(len(entries))
            for entry in entries:
                seen.uses += 1
                self._add_value(one, seen, entry)

    def _add_value(self, one: Field, seen: Seen, value: object) -> None:
        if one.type in INTEGER_BITS:
            bits = INTEGER_BITS[one.type] // 2
            number = int(value)  # type: ignore[call-overload]  # 64-bit integers are strings in JSON
            seen.upper_half |= number >= 1 << bits or number < -(1 << bits)
        elif one.type == "bool" or one.type in self.schema.enums:
            seen.values.add(str(value).lower() if isinstance(value, bool) else str(value))
        elif one.type in self.schema.messages and isinstance(value, dict):
            self._add_message(self.schema.messages[one.type], value)

    def lacking(self, message: Message, one: Field) -> str:
        """What the suite hasn't shown of a field; empty when all is seen."""
        seen = self.seen.get(f"{message.name}.{one.name}")
        if seen is None or (seen.uses == 0 and not one.repeated):
            return "never set"
        missing = []
        if one.repeated:
            missing += [f"{n} entries" for n in (0, 1, 3) if not _has_count(seen.counts, n)]
        if one.type in INTEGER_BITS and not seen.upper_half:
            missing.append("upper half")
        elif one.type == "bool":
            missing += sorted({"true", "false"} - seen.values)
        elif one.type in self.schema.enums:
            missing += [name for name in self.schema.enums[one.type] if name not in seen.values]
        return ", ".join(missing)

    def table(self) -> str:
        rows, complete = [], 0
        for message in self._reachable():
            for one in message.fields:
                lacking = self.lacking(message, one)
                complete += not lacking
                rows.append(f"| {message.name}.{one.name} | {_type_name(one)} | {lacking or 'seen'} |")
        head = (
            "# Field coverage\n\nWhat the test programs showed of every field of every record: written by "
            f"`tests/run.py --coverage` from {self.images} images.\n\n{complete} of {len(rows)} fields are fully seen.\n\n"
            "| field | type | not seen yet |\n|---|---|---|\n"
        )
        return head + "\n".join(rows) + "\n"

    def _reachable(self) -> list[Message]:
        found: dict[str, Message] = {}
        waiting = sorted(self.kinds.values(), key=lambda message: message.kind or "")
        while waiting:
            message = waiting.pop(0)
            if message.name in found:
                continue
            found[message.name] = message
            inner = [f.type for f in message.fields if f.type not in SCALARS and f.type in self.schema.messages]
            waiting = [self.schema.messages[name] for name in inner if name not in ("Ref", "Late")] + waiting
        return list(found.values())


def _entries(value: object) -> list:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _has_count(counts: set[int], wanted: int) -> bool:
    return any(count >= 3 for count in counts) if wanted == 3 else wanted in counts


def _type_name(one: Field) -> str:
    return f"repeated {one.type}" if one.repeated else one.type


def write(coverage: Coverage, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(coverage.table())
