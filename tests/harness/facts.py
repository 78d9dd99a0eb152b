"""Oracle (a), first half: everything that the kernel says about a tree, as a flat dictionary from key to text.

Keys are paths: p100/stat/nice for a process, p100/t101/status/SigBlk for a thread, p100/fd3/link for a descriptor,
p100/map/7f00-7f10 for a mapping. Nothing is interpreted or left out here; that is the table in normalise.py.
"""

from __future__ import annotations

import contextlib
import os
import re
import time

from . import descriptors, kernel, numbers, processes

Facts = dict[str, str]

_STAT_FIELDS = """pid comm state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
priority nice num_threads itrealvalue starttime vsize rss rsslim start_code end_code start_stack kstkesp kstkeip signal
blocked sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority policy delayacct guest_time cguest_time
start_data end_data start_brk arg_start arg_end env_start env_end exit_code""".split()

_PROCESS_FILES = (
    "auxv cgroup cmdline coredump_filter environ gid_map oom_score_adj projid_map setgroups timens_offsets timers "
    "uid_map mountinfo"
).split()
_PROCESS_LINKS = ("exe", "cwd", "root")
_TASK_FILES = ("comm", "personality")


def collect(root: int) -> Facts:
    """The facts of the tree below and with `root`."""
    facts: Facts = {}
    pids = [root, *processes.descendants(root)]
    own = numbers.own_numbers(pids)
    pids.sort(key=lambda pid: own.get(pid, pid))  # the same order as before, whichever ids we see
    for pid in pids:
        facts |= _process_facts(pid)
    facts |= descriptors.collect(pids)
    facts |= _sharing(pids, own)
    return numbers.translate(facts, own)


def _process_facts(pid: int) -> Facts:
    prefix = f"p{pid}"
    facts = _stat(f"{prefix}/stat", f"/proc/{pid}/stat") | _status(f"{prefix}/status", f"/proc/{pid}/status")
    for name in _PROCESS_FILES:
        facts |= _lines(f"{prefix}/{name}", f"/proc/{pid}/{name}")
    facts |= _limits(f"{prefix}/limits", pid)
    for name in _PROCESS_LINKS:
        facts |= _link(f"{prefix}/{name}", f"/proc/{pid}/{name}")
    for name in _namespaces(pid):
        facts |= _link(f"{prefix}/ns/{name}", f"/proc/{pid}/ns/{name}")
    facts |= _mappings(f"{prefix}/map", pid)
    for tid in processes.tasks(pid):
        facts |= _task_facts(f"{prefix}/t{tid}", pid, tid)
    return facts


def _namespaces(pid: int) -> list[str]:
    with contextlib.suppress(OSError):  # a zombie shows its own to root only
        return sorted(os.listdir(f"/proc/{pid}/ns"))
    return []


def _task_facts(prefix: str, pid: int, tid: int) -> Facts:
    base = f"/proc/{pid}/task/{tid}"
    facts = _stat(f"{prefix}/stat", f"{base}/stat") | _status(f"{prefix}/status", f"{base}/status")
    for name in _TASK_FILES:
        facts |= _lines(f"{prefix}/{name}", f"{base}/{name}")
    facts |= _lines(f"{prefix}/timerslack_ns", f"/proc/{tid}/timerslack_ns")
    facts |= _link(f"{prefix}/cwd", f"{base}/cwd")
    facts[f"{prefix}/syscall"] = _blocked_in(base)
    with contextlib.suppress(OSError):  # the task is gone, or it is another user's
        facts[f"{prefix}/affinity"] = str(sorted(os.sched_getaffinity(tid)))
        facts[f"{prefix}/ioprio"] = hex(kernel.io_priority(tid))
        facts[f"{prefix}/scheduling"] = str(kernel.scheduling(tid))
        facts[f"{prefix}/robust_list"] = kernel.robust_list(tid)
    return facts


def _stat(prefix: str, path: str) -> Facts:
    text = processes.read_text(path)
    if text is None:
        return {}
    end = text.rindex(")")
    values = [text[: text.index(" ")], text[text.index("(") + 1 : end], *text[end + 2 :].split()]
    return {f"{prefix}/{name}": value for name, value in zip(_STAT_FIELDS, values)}


def _status(prefix: str, path: str) -> Facts:
    pairs = (line.split(":", 1) for line in (processes.read_text(path) or "").splitlines())
    return {f"{prefix}/{name}": " ".join(value.split()) for name, value in pairs}


def _limits(prefix: str, pid: int) -> Facts:
    lines = (processes.read_text(f"/proc/{pid}/limits") or "").splitlines()[1:]
    return {f"{prefix}/{line[4:26].strip()}": " ".join(line[26:].split()) for line in lines}


def _lines(prefix: str, path: str) -> Facts:
    text = processes.read_text(path)
    return {} if text is None else {prefix: text.encode("utf-8", "surrogateescape").decode("latin-1")}


def _link(key: str, path: str) -> Facts:
    with contextlib.suppress(OSError):
        return {key: os.readlink(path)}
    return {}


def _blocked_in(base: str) -> str:
    """The call in which a thread waits. A thread that polls is caught awake now and then: it is asked again."""
    text = ""
    for _ in range(20):
        text = (processes.read_text(f"{base}/syscall") or "").strip()
        if text != "running":
            break
        time.sleep(0.0005)
    return text


_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) (\S+) (\d+) *(.*)$")


def _mappings(prefix: str, pid: int) -> Facts:
    facts: Facts = {}
    key = ""
    for line in (processes.read_text(f"/proc/{pid}/smaps") or "").splitlines():
        mapping = _MAPPING.match(line)
        if mapping:
            start, end, permissions, offset, device, inode, path = mapping.groups()
            key = f"{prefix}/{start:0>12}-{end:0>12}"
            facts[key] = f"{permissions} offset={int(offset, 16):#x} {device} ino={inode} {path}"
        elif line.startswith("VmFlags:"):
            facts[key] += f" | {' '.join(line.split()[1:])}"
    return facts


_SHARED = {
    "mm": kernel.KCMP_VM,
    "files": kernel.KCMP_FILES,
    "fs": kernel.KCMP_FS,
    "sighand": kernel.KCMP_SIGHAND,
    "io": kernel.KCMP_IO,
    "sysvsem": kernel.KCMP_SYSVSEM,
}


def _sharing(pids: list[int], own: dict[int, int]) -> Facts:
    """For each task and each thing that tasks can share: the first task of the tree that has the same one."""
    facts: Facts = {}
    for name, what in _SHARED.items():
        holders: list[int] = []
        for pid in pids:
            for tid in sorted(processes.tasks(pid), key=lambda tid: own.get(tid, tid)):
                try:
                    first = next((h for h in holders if kernel.same(what, (h, 0), (tid, 0))), None)
                except OSError:
                    continue
                if first is None:
                    holders.append(tid)
                facts[f"p{pid}/t{tid}/shares/{name}"] = str(first or tid)
    return facts
