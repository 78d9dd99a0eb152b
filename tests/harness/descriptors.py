"""The facts of descriptors: what procfs shows, what a duplicate tells (flags, sizes, socket options) and who shares what."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import struct
import termios

from . import kernel, processes

Facts = dict[str, str]

# Numbers that Python's modules don't name.
_F_GETOWN_EX, _F_GETSIG, _F_GET_RW_HINT = 16, 11, 1035
_SIOCOUTQ = 0x5411

_SOCKET_LEVEL = {
    "SO_REUSEADDR": 2, "SO_TYPE": 3, "SO_DONTROUTE": 5, "SO_BROADCAST": 6, "SO_SNDBUF": 7, "SO_RCVBUF": 8,
    "SO_KEEPALIVE": 9, "SO_OOBINLINE": 10, "SO_NO_CHECK": 11, "SO_PRIORITY": 12, "SO_LINGER": 13, "SO_REUSEPORT": 15,
    "SO_PASSCRED": 16, "SO_PEERCRED": 17, "SO_RCVLOWAT": 18, "SO_RCVTIMEO": 20, "SO_SNDTIMEO": 21,
    "SO_BINDTODEVICE": 25, "SO_TIMESTAMP": 29, "SO_ACCEPTCONN": 30, "SO_PASSSEC": 34, "SO_TIMESTAMPNS": 35,
    "SO_MARK": 36, "SO_TIMESTAMPING": 37, "SO_PROTOCOL": 38, "SO_DOMAIN": 39, "SO_RXQ_OVFL": 40, "SO_PEEK_OFF": 42,
    "SO_NOFCS": 43, "SO_LOCK_FILTER": 44, "SO_SELECT_ERR_QUEUE": 45, "SO_BUSY_POLL": 46, "SO_MAX_PACING_RATE": 47,
    "SO_PEERGROUPS": 59, "SO_ZEROCOPY": 60, "SO_TXTIME": 61, "SO_PREFER_BUSY_POLL": 69, "SO_BUF_LOCK": 72,
    "SO_TXREHASH": 74, "SO_RCVMARK": 75, "SO_PASSPIDFD": 76, "SO_RCVPRIORITY": 82, "SO_PASSRIGHTS": 83,
}  # fmt: skip
_IP_LEVEL = {
    "IP_TOS": 1, "IP_TTL": 2, "IP_OPTIONS": 4, "IP_RECVOPTS": 6, "IP_RETOPTS": 7, "IP_PKTINFO": 8,
    "IP_MTU_DISCOVER": 10, "IP_RECVERR": 11, "IP_RECVTTL": 12, "IP_RECVTOS": 13, "IP_FREEBIND": 15,
    "IP_TRANSPARENT": 19, "IP_MINTTL": 21, "IP_NODEFRAG": 22, "IP_BIND_ADDRESS_NO_PORT": 24, "IP_MULTICAST_IF": 32,
    "IP_MULTICAST_TTL": 33, "IP_MULTICAST_LOOP": 34, "IP_MULTICAST_ALL": 49, "IP_UNICAST_IF": 50,
    "IP_LOCAL_PORT_RANGE": 51,
}  # fmt: skip
_TCP_LEVEL = {
    "TCP_NODELAY": 1, "TCP_MAXSEG": 2, "TCP_CORK": 3, "TCP_KEEPIDLE": 4, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 6,
    "TCP_SYNCNT": 7, "TCP_LINGER2": 8, "TCP_DEFER_ACCEPT": 9, "TCP_WINDOW_CLAMP": 10, "TCP_QUICKACK": 12,
    "TCP_CONGESTION": 13, "TCP_USER_TIMEOUT": 18, "TCP_FASTOPEN": 23, "TCP_NOTSENT_LOWAT": 25, "TCP_SAVE_SYN": 27,
    "TCP_FASTOPEN_NO_COOKIE": 34, "TCP_INQ": 36, "TCP_TX_DELAY": 37,
}  # fmt: skip
_IPV6_LEVEL = {
    "IPV6_UNICAST_HOPS": 16, "IPV6_MULTICAST_IF": 17, "IPV6_MULTICAST_HOPS": 18, "IPV6_MULTICAST_LOOP": 19,
    "IPV6_MTU_DISCOVER": 23, "IPV6_RECVERR": 25, "IPV6_V6ONLY": 26, "IPV6_RECVPKTINFO": 49, "IPV6_RECVHOPLIMIT": 51,
    "IPV6_RECVTCLASS": 66, "IPV6_TCLASS": 67, "IPV6_TRANSPARENT": 75, "IPV6_FREEBIND": 78,
}  # fmt: skip


def collect(pids: list[int]) -> Facts:
    """A description is told in full where it is met first, elsewhere who that was and the descriptor's own flags."""
    facts: Facts = {}
    holders: dict[str, list[tuple[int, int, str]]] = {}
    lines = _ProtocolLines()
    for pid in pids:
        for tid in _owners_of_tables(pid):
            prefix = f"p{pid}" if tid == pid else f"p{pid}/t{tid}"
            for descriptor in _numbers(pid, tid):
                key = f"{prefix}/fd{descriptor}"
                base = f"/proc/{pid}/task/{tid}"
                try:
                    link = os.readlink(f"{base}/fd/{descriptor}")
                except OSError:
                    continue
                told = processes.read_text(f"{base}/fdinfo/{descriptor}") or ""
                first = _first_holder(holders, f"{link} {_position(told)}", tid, descriptor, key)
                facts[f"{key}/same_as"] = first
                if first == key:
                    facts[f"{key}/link"] = link
                    facts |= _description_facts(key, pid, tid, descriptor, told, lines)
                else:
                    facts[f"{key}/flags"] = told.partition("flags:")[2].split()[0] if "flags:" in told else ""
    return facts


def _owners_of_tables(pid: int) -> list[int]:
    """The leader, and each thread whose descriptor table is not the leader's."""
    found = [pid]
    for tid in processes.tasks(pid):
        with contextlib.suppress(OSError):
            if not any(kernel.same(kernel.KCMP_FILES, (known, 0), (tid, 0)) for known in found):
                found.append(tid)
    return found


def _numbers(pid: int, tid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task/{tid}/fd"))
    return []


def _position(told: str) -> str:
    """What descriptors of one description have in common: comparing each with each would take too long."""
    return " ".join(line for line in told.splitlines() if line.startswith("pos:"))


def _first_holder(
    holders: dict[str, list[tuple[int, int, str]]], bucket: str, tid: int, descriptor: int, key: str
) -> str:
    """The first descriptor of the tree that has the same description, as kcmp says; only one bucket is searched."""
    known = holders.setdefault(bucket, [])
    for other_tid, other_descriptor, other_key in known:
        with contextlib.suppress(OSError):
            if kernel.same(kernel.KCMP_FILE, (other_tid, other_descriptor), (tid, descriptor)):
                return other_key
    known.append((tid, descriptor, key))
    return key


def _description_facts(key: str, pid: int, tid: int, descriptor: int, told: str, lines: _ProtocolLines) -> Facts:
    facts = _fdinfo(f"{key}/fdinfo", told)
    if tid == pid:  # before 6.9 there are no pidfds of other threads
        with contextlib.suppress(OSError), kernel.borrowed_descriptor(pid, descriptor) as duplicate:
            facts |= _through_duplicate(key, duplicate, pid, lines)
    return facts


def _fdinfo(prefix: str, text: str) -> Facts:
    """One fact for a line `name: value`; lines of a name that repeats (epoll items, locks) are sorted and joined."""
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == "lock":
            value = value.partition(":")[2]
        values.setdefault(name.split(" ")[0].strip(), []).append(" ".join(value.split()))
    return {f"{prefix}/{name}": "\n".join(sorted(lines)) for name, lines in values.items()}


def _through_duplicate(key: str, duplicate: int, pid: int, lines: _ProtocolLines) -> Facts:
    status = os.fstat(duplicate)
    facts = {f"{key}/stat": f"mode={status.st_mode:o} uid={status.st_uid} gid={status.st_gid} nlink={status.st_nlink}"}
    facts[f"{key}/size"] = str(status.st_size)
    for name, ask in _QUESTIONS.items():
        with contextlib.suppress(OSError, ValueError):
            facts[f"{key}/{name}"] = ask(duplicate)
    if re.match(r"socket:", os.readlink(f"/proc/self/fd/{duplicate}")):
        facts |= _socket_facts(f"{key}/socket", duplicate)
        facts |= lines.facts(f"{key}/socket", pid, status.st_ino)
    return facts


def _unread(descriptor: int) -> str:
    return str(struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0])


def _unsent(descriptor: int) -> str:
    return str(struct.unpack("i", fcntl.ioctl(descriptor, _SIOCOUTQ, bytes(4)))[0])


_QUESTIONS = {
    "owner": lambda fd: str(struct.unpack("ii", fcntl.fcntl(fd, _F_GETOWN_EX, bytes(8)))),
    "signal": lambda fd: str(fcntl.fcntl(fd, _F_GETSIG)),
    "lease": lambda fd: str(fcntl.fcntl(fd, fcntl.F_GETLEASE)),
    "write_hint": lambda fd: str(struct.unpack("Q", fcntl.fcntl(fd, _F_GET_RW_HINT, bytes(8)))[0]),
    "pipe_size": lambda fd: str(fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)),
    "seals": lambda fd: hex(fcntl.fcntl(fd, fcntl.F_GET_SEALS)),
    "unread": _unread,
    "unsent": _unsent,
}


def _socket_facts(prefix: str, descriptor: int) -> Facts:
    facts: Facts = {}
    sock = socket.socket(fileno=os.dup(descriptor))
    with sock:
        levels = {socket.SOL_SOCKET: _SOCKET_LEVEL}
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            levels[socket.IPPROTO_IP] = _IP_LEVEL
            if sock.family == socket.AF_INET6:
                levels[socket.IPPROTO_IPV6] = _IPV6_LEVEL
            if sock.type == socket.SOCK_STREAM:
                levels[socket.IPPROTO_TCP] = _TCP_LEVEL
        for level, options in levels.items():
            for name, option in options.items():
                value = _option(sock, level, option)
                if value is not None:
                    facts[f"{prefix}/{name}"] = value
        for name, ask in (("name", sock.getsockname), ("peer", sock.getpeername)):
            with contextlib.suppress(OSError):
                facts[f"{prefix}/{name}"] = repr(ask())
    return facts


def _option(sock: socket.socket, level: int, option: int) -> str | None:
    try:
        return sock.getsockopt(level, option, 256).hex()
    except OSError as error:
        absent = (errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EINVAL)
        return None if error.errno in absent else errno.errorcode.get(error.errno or 0, "?")


class _ProtocolLines:
    """The sockets' lines of /proc/net, where state, flags and queue lengths stand; read once for each process."""

    _COLUMNS = (("unix", 6), ("tcp", 9), ("tcp6", 9), ("udp", 9), ("udp6", 9), ("packet", 8), ("netlink", 9))

    def __init__(self) -> None:
        self._by_pid: dict[int, dict[str, tuple[str, list[str]]]] = {}

    def facts(self, prefix: str, pid: int, inode: int) -> Facts:
        if pid not in self._by_pid:
            self._by_pid[pid] = self._read(pid)
        protocol, words = self._by_pid[pid].get(str(inode), ("", []))
        return {f"{prefix}/line/{protocol}/{n}": word for n, word in enumerate(words)}

    def _read(self, pid: int) -> dict[str, tuple[str, list[str]]]:
        found: dict[str, tuple[str, list[str]]] = {}
        for protocol, column in self._COLUMNS:
            for line in (processes.read_text(f"/proc/{pid}/net/{protocol}") or "").splitlines()[1:]:
                words = line.split()
                if len(words) > column:
                    found.setdefault(words[column], (protocol, words))
        return found
