"""Reads the schemas of the kinds (src/**/*.proto): which fields there are, of which type. Enough of the language for that."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

SCALARS = frozenset(
    "double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes".split()
)
INTEGER_BITS = {
    "int32": 32, "uint32": 32, "sint32": 32, "fixed32": 32, "sfixed32": 32,
    "int64": 64, "uint64": 64, "sint64": 64, "fixed64": 64, "sfixed64": 64,
}  # fmt: skip


@dataclass
class Field:
    name: str
    type: str
    repeated: bool

    @property
    def json_name(self) -> str:
        return re.sub(r"_+(\w)", lambda match: match[1].upper(), self.name)


@dataclass
class Message:
    name: str
    kind: str | None = None
    fields: list[Field] = field(default_factory=list)


@dataclass
class Schema:
    messages: dict[str, Message] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)

    def kinds(self) -> dict[str, Message]:
        return {message.kind: message for message in self.messages.values() if message.kind}


_FIELD = re.compile(r"^(optional |repeated |)(map<[^>]*>|[\w.]+) (\w+) = \d+")


def read(source: Path) -> Schema:
    schema = Schema()
    for path in sorted(source.rglob("*.proto")):
        _read_file(path.read_text(), schema)
    return schema


def _read_file(text: str, schema: Schema) -> None:
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r"\[[^\]]*\]", "", text)  # field options
    open_blocks: list[tuple[str, str]] = []
    for token in re.findall(r"[^;{}]*[;{}]", text):
        words = " ".join(token[:-1].split())
        if token[-1] == "}":
            if open_blocks:
                open_blocks.pop()
        elif token[-1] == "{":
            kind_of_block, _, name = words.partition(" ")
            open_blocks.append((kind_of_block, name))
            if kind_of_block == "message":
                schema.messages[name] = Message(name)
            elif kind_of_block == "enum":
                schema.enums[name] = []
        else:
            _read_statement(words, open_blocks, schema)


def _read_statement(words: str, open_blocks: list[tuple[str, str]], schema: Schema) -> None:
    enclosing = next(((kind, name) for kind, name in reversed(open_blocks) if kind in ("message", "enum")), None)
    if enclosing is None:
        return
    kind_of_block, name = enclosing
    if kind_of_block == "enum":
        value = re.match(r"^(\w+) = ", words)
        if value:
            schema.enums[name].append(value[1])
        return
    kind = re.match(r'^option \(kind\) = "([^"]*)"', words)
    if kind:
        schema.messages[name].kind = kind[1]
    found = _FIELD.match(words)
    if found:
        repeated = found[1] == "repeated " or found[2].startswith("map<")
        schema.messages[name].fields.append(Field(found[3], found[2].split(".")[-1], repeated))
