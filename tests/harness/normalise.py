"""Oracle (a), second half: what may differ between before and after, and why. ONE table; a row without reason is a bug.

A row drops a fact or rewrites its value; the last rows look at all facts at once. Whatever is not named here has to be
equal to the letter.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass

from .facts import Facts


@dataclass(frozen=True)
class Row:
    """Keys that match the pattern get a new value; None drops the fact."""

    pattern: str
    rewrite: Callable[[str], str | None]
    reason: str

    def matcher(self) -> re.Pattern[str]:
        return re.compile(self.pattern)


def _drop(_: str) -> None:
    return None


def _sub(pattern: str, replacement: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)
    return lambda value: compiled.sub(replacement, value)


def _armed_or_not(value: str) -> str:
    return "unarmed" if value == "(0, 0)" else "armed"


def _without_task_flags(value: str) -> str:
    """PF_FORKNOEXEC, PF_SUPERPRIV, PF_DUMPCORE, PF_SIGNALED, PF_USED_ASYNC, PF_USED_MATH (0x2000), PF_RANDOMIZE,
    PF_WQ_WORKER and the allocation scopes are history or momentary."""
    return hex(int(value) & 0x04000004)  # PF_NO_SETAFFINITY, PF_EXITING


def _position_in_call(value: str) -> str:
    """`number arguments sp pc`; restart_syscall (219) stands for any call that was interrupted and goes on."""
    words = value.split()
    if len(words) != 9 or words[0] in ("219", "-1"):
        return " ".join(["any", *words[-2:]]) if len(words) >= 3 else value
    return " ".join(["any", *words[-2:]])


ROWS: tuple[Row, ...] = (
    # /proc/PID/stat and status: counters and moments
    Row(r"/stat/(min|cmin|maj|cmaj)flt$", _drop, "page faults are counted from birth"),
    Row(r"/stat/(u|s|cu|cs)time$|/stat/c?guest_time$|/stat/delayacct$", _drop, "processor time is counted from birth"),
    Row(r"/stat/starttime$", _drop, "a restored task is born anew"),
    Row(r"/stat/(rss|wchan|nswap|cnswap|itrealvalue|processor|kstkesp|kstkeip)$", _drop, "moments, or always 0"),
    Row(r"/stat/flags$", _without_task_flags, "PF_ flags of how the task was born and what it once did"),
    Row(r"/stat/state$|/status/State$", _sub(r"^[RSD]\b.*", "live"), "a polling task is caught awake or asleep"),
    Row(r"/status/(VmPeak|VmHWM|VmRSS|RssAnon|RssFile|RssShmem|VmPTE|VmSwap)$", _drop, "how much is resident now"),
    Row(r"/status/(non)?voluntary_ctxt_switches$", _drop, "counted from birth"),
    Row(r"/stat/vsize$", _drop, "status has it as VmSize"),
    Row(r"/status/FDSize$", _drop, "the size of a table remembers its largest number for ever; programs can't see it"),
    Row(r"/status/SigQ$", _drop, "counts the signals of all processes of the user, outsiders too; limits has the limit"),
    Row(r"/status/Ngid$", _drop, "NUMA balancing groups tasks by what they touch"),
    Row(r"/stat/sigignore$|/stat/sigcatch$|/stat/blocked$|/stat/signal$", _drop, "the low half of what status shows"),
    Row(r"/t\d+/syscall$", _position_in_call, "the number becomes 219 once restarted; stack and code position stay"),
    # the host's and the envelope's side
    Row(r"/ns/time(_for_children)?$|/timens_offsets$", _drop, "Cairn adds a time namespace: CLOCK_MONOTONIC goes on"),
    Row(r"/mountinfo$", _drop, "the mounts of the host come and go; ns/mnt says whether the namespace is the same"),
    # descriptors
    Row(r"/fdinfo/it_value$", _armed_or_not, "an armed timer runs on"),
    Row(r"/fdinfo/ticks$", _sub(r"^[1-9]\d*$", "some"), "an interval timer expires on and on"),
    Row(r"/fdinfo/mnt_id$", _drop, "of kernel-internal mounts; stat and link name the file"),
    Row(r"/fdinfo/inotify$", _sub(r"ino:\S+ (.*?) fhandle.*", r"\1"), "a watched file that was put back has another inode"),
    Row(r"/fdinfo/eventfd-id$", _drop, "numbers all eventfds of the host in order of their birth"),
    Row(r"/socket/line/(unix/0|tcp6?/11|udp6?/11|packet/0|netlink/0)$", _drop, "a kernel address"),
    Row(r"/socket/line/(unix/1|tcp6?/10|udp6?/10|packet/1|netlink/7)$", _drop, "references, that of the harness too"),
    Row(r"/socket/line/(tcp6?|udp6?)/(0|[5-9]|1[2-9])$", _drop, "slot, timers and estimates of the protocol"),
    # mappings
    Row(r"/link$|/map/", _sub(r"/#\d+ \(deleted\)", "/#* (deleted)"), "O_TMPFILE names a file by its inode"),
    Row(r"/map/", _sub(r"^(....) (offset=\S+) \S+ ino=(\d+) (\[aio\]|anon_inode:)", r"\1 \2 * ino=* \4"), "no inodes"),
    Row(r"/map/", _sub(r" sd\b", ""), "soft-dirty: set by the first write after a clearing"),
)


# What differs when an ordinary user restores: cairn adds user, pid and mount namespaces.
ENVELOPE_ROWS: tuple[Row, ...] = (
    Row(r"/ns/(user|mnt|pid|pid_for_children)$", _drop, "namespaces of the envelope"),
    Row(r"/(uid_map|gid_map|projid_map|setgroups)$", _drop, "the user's own ids are mapped, and no others"),
    Row(r"/timerslack_ns$", _drop, "told to who has CAP_SYS_NICE over the task: its user, once it has a user namespace"),
    Row(r"/stat/(pgrp|session|tpgid)$|/status/NS(pgid|sid)$", _sub(r"^0$", "outside"), "groups outside have no id inside"),
)


def _outside_parent(facts: Facts) -> Facts:
    members = {key.split("/")[0][1:] for key in facts}
    return {
        key: "outside" if re.search(r"/stat/ppid$|/status/PPid$", key) and value not in members else value
        for key, value in facts.items()
    }


_NUMBERED = re.compile(r"\b(pipe|socket|mnt|net|ipc|uts|user|pid|cgroup|time):\[(\d+)\]")
_INODE_KEYS = re.compile(r"/fdinfo/ino$|/socket/line/(unix/6|(tcp|udp)6?/9|packet/8|netlink/9)$")
_NAMELESS_MAPPING = re.compile(r" ino=(\d+) (/(?:memfd:|SYSV|anon_hugepage|.* \(deleted\) \|).*)")
_EPOLL_INODE = re.compile(r"\bino:([0-9a-f]+) ")


def _number_inodes(facts: Facts) -> Facts:
    """Anonymous inodes get numbers in order of appearance, so that sharing still shows."""
    numbers: dict[str, str] = {}

    def number(inode: str) -> str:
        return numbers.setdefault(inode, f"#{len(numbers) + 1}")

    kernel_made = {inode for value in facts.values() for _, inode in _NUMBERED.findall(value)}
    links = {key[: -len("/link")]: value for key, value in facts.items() if key.endswith("/link")}
    nameless = {
        facts.get(f"{fd}/fdinfo/ino", "")
        for fd, link in links.items()
        if not link.startswith("/") or re.match("/memfd:|/proc/[0-9]", link) or link.endswith(" (deleted)")
    }
    result: Facts = {}
    for key in sorted(facts, key=_natural):
        value = facts[key]
        if "/ns/" not in key:
            value = _NUMBERED.sub(lambda match: f"{match[1]}:[{number(match[2])}]", value)
        if "/map/" in key:
            value = _NAMELESS_MAPPING.sub(lambda match: f" ino={number(match[1])} {match[2]}", value)
        if _INODE_KEYS.search(key) and value in kernel_made | nameless:
            value = number(value)
        if key.endswith("/fdinfo/tfd"):
            value = _EPOLL_INODE.sub(lambda match: _epoll_inode(match[1], kernel_made | nameless, number), value)
        result[key] = value
    return result


def _epoll_inode(inode: str, kernel_made: set[str], number: Callable[[str], str]) -> str:
    decimal = str(int(inode, 16))
    return f"ino:{number(decimal) if decimal in kernel_made else decimal} "


def _merge_mappings(facts: Facts) -> Facts:
    """The kernel may or may not join neighbours that are alike, depending on the order in which they were made."""
    result: Facts = {}
    last_key = ""
    for key in sorted(facts, key=_natural):
        if "/map/" in key and "/map/" in last_key and _continues(last_key, result[last_key], key, facts[key]):
            merged = f"{last_key.split('-')[0]}-{key.split('-')[1]}"
            result[merged] = result.pop(last_key)
            last_key = merged
        else:
            result[key] = facts[key]
            last_key = key
    return result


_OFFSET = re.compile(r" offset=(0x[0-9a-f]+) ")


def _continues(first_key: str, first: str, second_key: str, second: str) -> bool:
    first_start, first_end = (int(part, 16) for part in first_key.rsplit("/", 1)[1].split("-"))
    second_start = int(second_key.rsplit("/", 1)[1].split("-")[0], 16)
    adjacent = first_key.split("/")[0] == second_key.split("/")[0] and first_end == second_start
    if not adjacent or _OFFSET.sub(" ", first) != _OFFSET.sub(" ", second):
        return False
    has_file = " ino=0 " not in first
    offsets = [int(_OFFSET.search(text)[1], 16) for text in (first, second)]  # type: ignore[index]
    return not has_file or offsets[1] - offsets[0] == second_start - first_start


def _unix_stream_unsent(facts: Facts) -> Facts:
    def is_unix_stream(key: str) -> bool:
        of_socket = [facts.get(f"{key}/socket/{option}") for option in ("SO_DOMAIN", "SO_TYPE")]
        return of_socket == ["01000000", "01000000"]

    return {
        key: "some" if key.endswith("/unsent") and value != "0" and is_unix_stream(key[: -len("/unsent")]) else value
        for key, value in facts.items()
    }


_MOMENTS_OF_TCP = (
    "IP_MULTICAST_TTL",  # of the first segment, where the connection was accepted; streams can't set it
    "IPV6_MULTICAST_HOPS",
    "IPV6_MULTICAST_IF",
    "IPV6_V6ONLY",  # set by bind to one address, and not by connect
    "TCP_QUICKACK",  # changes with the traffic
)


def _tcp_connections(facts: Facts) -> Facts:
    """What follows from how a connection came about, and from its traffic."""
    result = dict(facts)
    for key in [key[: -len("/socket/SO_PROTOCOL")] for key, value in facts.items() if key.endswith("/socket/SO_PROTOCOL")]:
        of_socket = [facts.get(f"{key}/socket/{option}") for option in ("SO_PROTOCOL", "SO_ACCEPTCONN")]
        if of_socket != ["06000000", "00000000"]:
            continue
        is_known = any(f"{key}/socket/line/{protocol}/3" in facts for protocol in ("tcp", "tcp6"))
        for option in _MOMENTS_OF_TCP + (() if is_known else ("TCP_MAXSEG",)):
            result.pop(f"{key}/socket/{option}", None)
        for protocol in ("tcp", "tcp6"):
            queues = f"{key}/socket/line/{protocol}/4"
            if queues in facts and facts.get(f"{key}/unread") == "0":
                result[queues] = facts[queues].split(":")[0]
    return result


# Rows that need all facts at once.
WHOLE_ROWS: tuple[tuple[Callable[[Facts], Facts], str], ...] = (
    (_outside_parent, "the parent of the root is whoever started or restored it"),
    (_number_inodes, "numbers of pipes, sockets, memory files and nameless files are given out by the kernel"),
    (_unix_stream_unsent, "the kernel counts the memory of unread bytes, which depends on how they were cut when sent"),
    (_tcp_connections, "the kernel decides these when a connection is made; a FIN counts as unread until it is read"),
    (_merge_mappings, "adjacent mappings with equal attributes are one or two as the kernel likes"),
)


def _natural(key: str) -> list[str]:
    return [part.zfill(20) if part.isdigit() else part for part in re.split(r"(\d+)", key)] if "/map/" not in key else [key]


def normalise(facts: Facts, varies: list[str] | None = None, in_envelope: bool = False) -> Facts:
    """`varies`: globs of the program itself, for what it changes on its own (a counter that it keeps counting)."""
    rows = [(row.matcher(), row.rewrite) for row in ROWS + (ENVELOPE_ROWS if in_envelope else ())]
    result: Facts = {}
    for key, value in facts.items():
        new: str | None = value
        for matcher, rewrite in rows:
            if new is not None and matcher.search(key):
                new = rewrite(new)
        if new is not None and not any(fnmatch.fnmatch(key, glob) for glob in varies or []):
            result[key] = new
    for rewrite_all, _ in WHOLE_ROWS:
        result = rewrite_all(result)
    return result


def differences(before: Facts, after: Facts) -> list[str]:
    """One line for each change; the same change of the same fact in other tasks is only counted."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for key in sorted(before.keys() | after.keys(), key=_natural):
        old, new = before.get(key), after.get(key)
        if old != new:
            fact = re.sub(r"^p\d+/(t\d+/)?", "", key)
            places.setdefault((fact, _shown(old), _shown(new)), []).append(key)
    return [
        f"{keys[0]}: {old} -> {new}" + (f" (and {len(keys) - 1} more like it)" if len(keys) > 1 else "")
        for (_, old, new), keys in places.items()
    ]


def _shown(value: str | None) -> str:
    return "(absent)" if value is None else repr(value) if len(value) < 400 else repr(value[:400]) + "..."
