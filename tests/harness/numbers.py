"""A tree that an ordinary user has restored lives in a pid namespace of its own: outside its processes have other ids.

Facts are told in the ids that the tree itself knows, so that before and after can be compared.
"""

from __future__ import annotations

import re
import struct

from . import processes

Facts = dict[str, str]


def own_numbers(pids: list[int]) -> dict[int, int]:
    """From our id of each process, thread, group and session to the tree's; empty when they are the same."""
    numbers: dict[int, int] = {}
    for pid in pids:
        for path in (f"/proc/{pid}", *(f"/proc/{pid}/task/{tid}" for tid in processes.tasks(pid))):
            for key, values in _id_lines(path):
                if values:
                    numbers[values[0]] = values[-1]
    return numbers if any(outer != inner for outer, inner in numbers.items()) else {}


def _id_lines(path: str) -> list[tuple[str, list[int]]]:
    text = processes.read_text(f"{path}/status") or ""
    return [(name, [int(word) for word in rest.split()]) for name, rest in re.findall(r"^(NS\w+):\s*(.*)$", text, re.M)]


def init_above(pid: int) -> int | None:
    """The cairn-init whose child this process is."""
    text = processes.read_text(f"/proc/{pid}/stat")
    parent = int(text[text.rindex(")") + 2 :].split()[1]) if text else 0
    return parent if parent and (processes.read_text(f"/proc/{parent}/comm") or "").strip() == "cairn-init" else None


def translate(facts: Facts, numbers: dict[int, int]) -> Facts:
    """Facts of our ids become facts of the tree's. Ids outside the tree stay as they are."""
    if not numbers:
        return facts

    def own(text: str) -> str:
        return str(numbers.get(int(text), int(text)))

    def own_key(key: str) -> str:
        return re.sub(r"(?<![^/])([pt])(\d+)(?=/)", lambda match: match[1] + own(match[2]), key)

    return {own_key(key): _own_value(key, value, own, own_key) for key, value in facts.items()}


def _own_value(key: str, value: str, own, own_key) -> str:
    if re.search(r"/status/NS\w+$|/fdinfo/NSpid$", key):
        return value.split()[-1] if value else value
    if re.search(r"/stat/(pid|ppid|pgrp|session|tpgid)$|/status/(Pid|Tgid|PPid|TracerPid)$|/shares/\w+$", key):
        return own(value) if value.lstrip("-").isdigit() else value
    if re.search(r"/fdinfo/Pid$", key):
        return own(value)
    if key.endswith("/same_as"):
        return own_key(value)
    if key.endswith("/owner"):
        return re.sub(r"\((\d+), (\d+)\)", lambda match: f"({match[1]}, {own(match[2])})", value)
    if key.endswith("/SO_PEERCRED") and len(value) == 24:
        pid, *ids = struct.unpack("iII", bytes.fromhex(value))
        return struct.pack("iII", int(own(str(pid))), *ids).hex()
    if key.endswith("/fdinfo/lock"):
        return re.sub(r"((?:POSIX|FLOCK)\s+\w+\s+\w+\s+)(\d+)", lambda match: match[1] + own(match[2]), value)
    if key.endswith("/timers"):
        return re.sub(r"\b([pt]id)\.(\d+)", lambda match: f"{match[1]}.{own(match[2])}", value)
    return value
