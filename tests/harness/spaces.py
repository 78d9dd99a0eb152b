"""Fresh namespaces for a play, with cairn inside as well as the program: user, pid, mount, network, ipc and uts; or only
what gives it terminals or semaphores of its own."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18
_PR_SET_PDEATHSIG = 1
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)


def enter() -> None:
    """Returns in a process that is pid 1 of the new namespaces; the caller waits for it and ends as it does."""
    users, groups = os.geteuid(), os.getegid()
    _check(
        _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWPID | _CLONE_NEWNS | _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS),
        "unshare",
    )
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{users} {users} 1")
    _write("/proc/self/gid_map", f"{groups} {groups} 1")
    pid = os.fork()
    if pid != 0:
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _check(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "make the mounts private")
    _check(_libc.mount(b"proc", b"/proc", b"proc", 0, None), "mount /proc")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def own_semaphores() -> None:
    """System V objects that nobody else sees, for this process and those below it; they go with the last of them."""
    _check(_libc.unshare(_CLONE_NEWIPC), "unshare")


def own_terminals() -> None:
    """Numbers of terminals that nobody else takes: a new devpts where programs look for it, for this process and those
    below it. Not /dev/ptmx but the directory beside it decides which devpts a terminal belongs to (Linux 4.7)."""
    _check(_libc.unshare(_CLONE_NEWNS), "unshare")
    _check(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "make the mounts private")
    _check(_libc.mount(b"devpts", b"/dev/pts", b"devpts", 0, b"ptmxmode=0666,mode=0620"), "mount /dev/pts")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _check(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
