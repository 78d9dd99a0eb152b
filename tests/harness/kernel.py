"""System calls that Python's library lacks, through ctypes: kcmp, pidfd_getfd, prctl, sched_getattr and the like."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

_SYS_GET_ROBUST_LIST = 274
_SYS_IOPRIO_GET = 252
_SYS_KCMP = 312
_SYS_SCHED_GETATTR = 315
_SYS_PIDFD_GETFD = 438

_PR_SET_CHILD_SUBREAPER = 36
_IOPRIO_WHO_PROCESS = 1

KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_SYSVSEM = range(7)


def _call(number: int, *arguments: object) -> int:
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = _libc.syscall(ctypes.c_long(number), *converted)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def become_subreaper() -> None:
    """Orphans below this process become its children, so that it can find and reap them."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def same(what: int, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """kcmp(2): whether two tasks share `what`; the second member of each pair is a descriptor for KCMP_FILE."""
    return _call(_SYS_KCMP, first[0], second[0], what, first[1], second[1]) == 0


@contextlib.contextmanager
def borrowed_descriptor(pid: int, descriptor: int) -> Iterator[int]:
    """A duplicate, in this process, of a descriptor of another one."""
    pidfd = os.pidfd_open(pid)
    try:
        duplicate = _call(_SYS_PIDFD_GETFD, pidfd, descriptor, 0)
    finally:
        os.close(pidfd)
    try:
        yield duplicate
    finally:
        os.close(duplicate)


def scheduling(tid: int) -> dict[str, int]:
    """sched_getattr(2)."""
    buffer = ctypes.create_string_buffer(56)
    _call(_SYS_SCHED_GETATTR, tid, buffer, 56, 0)
    names = ("size", "policy", "flags", "nice", "priority", "runtime", "deadline", "period", "util_min", "util_max")
    return dict(zip(names, struct.unpack("=IIQiIQQQII", buffer.raw)))


def io_priority(tid: int) -> int:
    return _call(_SYS_IOPRIO_GET, _IOPRIO_WHO_PROCESS, tid)


def robust_list(tid: int) -> str:
    head = ctypes.c_ulong()
    length = ctypes.c_ulong()
    _call(_SYS_GET_ROBUST_LIST, tid, ctypes.byref(head), ctypes.byref(length))
    return f"{head.value:#x} {length.value}"
