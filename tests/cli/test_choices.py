"""What only the user can decide, by the command line: ends outside the tree, files that may have changed. Wants root.

    python3 tests/cli/test_choices.py CAIRN
"""

import contextlib
import ctypes
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

CAIRN = ""


def cairn(*arguments: str, fds: tuple[int, ...] = ()) -> subprocess.CompletedProcess:
    return subprocess.run(
        [CAIRN, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, pass_fds=fds
    )


class Choices(unittest.TestCase):
    def setUp(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("restoring needs root")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.image = str(self.directory / "image.cairn")
        self.pid_file = self.directory / "pid"

    def start(self, *command: str, **streams) -> subprocess.Popen:
        streams = {"stderr": subprocess.DEVNULL, "cwd": self.directory, "start_new_session": True, **streams}
        process = subprocess.Popen(command, **streams)
        self.addCleanup(process.communicate)
        self.addCleanup(self.end_group, process.pid)
        return process

    def end_group(self, leader: int) -> None:
        """What a killed leader leaves behind, too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)

    def wait_for(self, condition, what: str) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    def restore(self, *options: str, fds: tuple[int, ...] = ()) -> subprocess.CompletedProcess:
        done = cairn("restore", "--detach", "--pidfile", str(self.pid_file), *options, self.image, fds=fds)
        if done.returncode == 0:
            pid = int(self.pid_file.read_text())
            self.addCleanup(lambda: subprocess.run(["kill", "-9", str(pid)], stderr=subprocess.DEVNULL, check=False))
        return done


class Waiting(Choices):
    """A child in vfork waits for another member of the tree, which goes on only when the tree does."""

    PROGRAM = """
import os, sys, time
parent = os.fork()
if parent == 0:
    os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)])
    time.sleep(1000)
while "\\nTracerPid:\\t0\\n" in open(f"/proc/{parent}/status").read():
    time.sleep(0.01)
open(sys.argv[1], "w")
time.sleep(1000)
"""

    def test_a_vfork_that_ends_while_the_tree_runs(self) -> None:
        fifo = str(self.directory / "fifo")
        os.mkfifo(fifo)
        root = self.start(sys.executable, "-c", self.PROGRAM, fifo, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        children = Path(f"/proc/{root.pid}/task/{root.pid}/children")
        self.wait_for(lambda: children.read_text().split(), "it has no child")
        parent = Path(f"/proc/{children.read_text().split()[0]}")
        self.wait_for(lambda: "State:\tD" in (parent / "status").read_text(), "it isn't in vfork")
        done = cairn("checkpoint", "--timeout", "50", "--output", self.image, str(root.pid))
        self.assertEqual(done.returncode, 0, done.stderr)


class OutsidePeers(Choices):
    """A connection of the tree to this very process."""

    PROGRAM = """
import os, socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
open("ready", "w")
open("go").read()
told = ""
try:
    while data := peer.recv(100):
        told += data.decode()
    told += " end"
except ConnectionResetError:
    told += " reset"
open("told.new", "w").write(told)
os.rename("told.new", "told")
"""

    def connect(self) -> tuple[subprocess.Popen, socket.socket]:
        os.mkfifo(self.directory / "go")
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        host, port = listener.getsockname()
        root = self.start(sys.executable, "-c", self.PROGRAM, host, str(port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        self.wait_for((self.directory / "ready").exists, "it is not connected")
        peer.sendall(b"arrived")
        self.wait_for(lambda: unacknowledged(peer) == 0, "it was not delivered")
        return root, peer

    def told(self) -> str:
        with open(self.directory / "go", "w"):
            pass
        self.wait_for((self.directory / "told").exists, "it says nothing")
        return (self.directory / "told").read_text()

    def test_refused_unless_something_is_chosen(self) -> None:
        root, peer = self.connect()
        for choice in ((), ("--external", "refuse")):
            refused = cairn("check", *choice, str(root.pid))
            self.assertEqual(refused.returncode, 3)
            self.assertIn(f"the peer is process {os.getpid()}", refused.stdout)
            self.assertIn("--external close", refused.stdout)
        self.assertEqual(cairn("check", "--external", "close", "--external", "wait", str(root.pid)).returncode, 2)
        peer.close()
        self.assertEqual(self.told(), "arrived end")

    def test_closed_for_the_restored_program(self) -> None:
        root, _ = self.connect()
        done = cairn("checkpoint", "--external", "close", "--then", "kill", "--output", self.image, str(root.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        root.wait()
        restored = self.restore()
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertEqual(self.told(), "arrived reset")

    def test_waited_for(self) -> None:
        root, _ = self.connect()
        impatient = cairn("checkpoint", "--external", "wait", "--timeout", "1", "--output", self.image, str(root.pid))
        self.assertEqual(impatient.returncode, 3)
        self.assertIn("the peer is process", impatient.stderr)
        self.assertEqual(root.poll(), None)


def unacknowledged(sock: socket.socket) -> int:
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


class ExternalEnds(Choices):
    def test_pipes_to_outside_are_given_at_the_restore(self) -> None:
        cat = self.start("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        names = [os.readlink(f"/proc/{cat.pid}/fd/{number}") for number in (0, 1)]
        refused = cairn("check", str(cat.pid))
        self.assertEqual(refused.returncode, 3)
        external = [word for name in names for word in ("--external", name)]
        self.assertEqual(cairn("check", *external, str(cat.pid)).returncode, 0)
        mistyped = cairn("check", *external, "--external", "pipe:[0]", str(cat.pid))
        self.assertEqual(mistyped.returncode, 3)
        self.assertIn("--external pipe:[0]: no descriptor", mistyped.stdout)
        done = cairn("checkpoint", *external, "--then", "kill", "--output", self.image, str(cat.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        cat.wait()

        unmet = self.restore("--inherit", f"{names[0]}=path:/dev/null")
        self.assertEqual(unmet.returncode, 4)
        self.assertIn(names[1], unmet.stderr)

        reading, to_cat = os.pipe()
        from_cat, writing = os.pipe()
        wrong = self.restore(
            "--inherit", f"{names[0]}=fd:{writing}", "--inherit", f"{names[1]}=fd:{writing}", fds=(writing,)
        )
        self.assertEqual(wrong.returncode, 4, wrong.stderr)
        log = self.directory / "log"
        log.touch()
        done = self.restore(
            "--inherit", f"{names[0]}=fd:{reading}", "--inherit", f"{names[1]}=fd:{writing}", fds=(reading, writing)
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        for end in (reading, writing):
            os.close(end)
        os.write(to_cat, b"through")
        self.assertEqual(os.read(from_cat, 100), b"through")
        os.close(to_cat)
        self.assertEqual(os.read(from_cat, 100), b"")

    def test_wrong_usage(self) -> None:
        for given in ("pipe:[1]", "pipe:[1]=fd:x", "pipe:[1]=fd:"):
            self.assertEqual(cairn("restore", "--detach", "--inherit", given, self.image).returncode, 2, given)


class ChangedFiles(Choices):
    def test_the_check_of_a_file_can_be_overridden(self) -> None:
        path = self.directory / "input"
        path.write_text("old")
        with open(path) as stream:
            sleep = self.start("sleep", "1000", stdin=stream, stdout=subprocess.DEVNULL)
        done = cairn("checkpoint", "--then", "kill", "--output", self.image, str(sleep.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        sleep.wait()
        path.write_text("newer")
        unmet = self.restore()
        self.assertEqual(unmet.returncode, 4)
        self.assertIn(str(path), unmet.stderr)
        other = self.restore("--accept-changed", str(path), "--accept-changed", str(path) + ".other")
        self.assertEqual(other.returncode, 4)
        self.assertIn(f"{path}.other: ", other.stderr)
        other = self.restore("--accept-changed", str(path), "--inherit", "pipe:[1]=path:/dev/null")
        self.assertEqual(other.returncode, 4)
        self.assertIn("pipe:[1]", other.stderr)
        done = self.restore("--accept-changed", str(path))
        self.assertEqual(done.returncode, 0, done.stderr)


class MessageQueues(Choices):
    """A named POSIX message queue is the host's: a restore looks for it, and for what the tree was to receive."""

    LIBRARY = ctypes.CDLL(None, use_errno=True)

    def call(self, name: str, *arguments) -> int:
        result = getattr(self.LIBRARY, name)(*arguments)
        self.assertGreaterEqual(result, 0, f"{name}: {os.strerror(ctypes.get_errno())}")
        return result

    def test_a_queue_must_be_there_with_its_messages(self) -> None:
        name = f"/cairn.{os.getpid()}"
        attributes = (ctypes.c_long * 8)(0, 3, 8)
        queue = self.call("mq_open", name.encode(), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, attributes)
        self.addCleanup(os.close, queue)
        self.addCleanup(self.LIBRARY.mq_unlink, name.encode())
        self.call("mq_send", queue, b"message", 7, 0)
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "pass_fds": (queue,)}
        sleep = self.start("sleep", "1000", **streams)
        self.wait_for(lambda: Path(f"/proc/{sleep.pid}/comm").read_text() == "sleep\n", "it isn't sleep")
        done = cairn("checkpoint", "--then", "kill", "--output", self.image, str(sleep.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        sleep.wait()
        self.call("mq_receive", queue, ctypes.create_string_buffer(8), 8, None)
        unmet = self.restore()
        self.assertEqual(unmet.returncode, 4)
        self.assertIn(f"message queue {name}: ", unmet.stderr)
        accepted = self.restore("--accept-changed", name)
        self.assertEqual(accepted.returncode, 0, accepted.stderr)
        self.end_group(int(self.pid_file.read_text()))
        self.call("mq_unlink", name.encode())
        gone = self.restore("--accept-changed", name)
        self.assertEqual(gone.returncode, 4)
        self.assertIn("found: nothing", gone.stderr)


class SharedSegments(Choices):
    """A segment of System V shared memory that the tree has left behind is filled anew, unless somebody uses it."""

    PROGRAM = """
import ctypes, signal, sys
library = ctypes.CDLL(None)
library.shmat.restype = ctypes.c_void_p
segment = library.shmget(0, 4096, 0o1600)
address = library.shmat(segment, None, 0)
ctypes.memmove(address, b"kept", 4)
open(sys.argv[1], "w").write(f"{segment}\\n")
signal.pause()
"""

    def attach(self, segment: int) -> int:
        library = ctypes.CDLL(None)
        library.shmat.restype = ctypes.c_void_p
        address = library.shmat(segment, None, 0)
        self.addCleanup(library.shmdt, ctypes.c_void_p(address))
        return address

    def test_a_segment_that_somebody_uses_is_left_alone(self) -> None:
        told = self.directory / "told"
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        job = self.start(sys.executable, "-c", self.PROGRAM, str(told), **streams)
        self.wait_for(lambda: told.exists() and told.read_text().endswith("\n"), "it has no segment")
        segment = int(told.read_text())
        self.addCleanup(ctypes.CDLL(None).shmctl, segment, 0, None)
        done = cairn("checkpoint", "--then", "kill", "--output", self.image, str(job.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        job.wait()
        address = self.attach(segment)
        ctypes.memmove(address, b"lost", 4)
        unmet = self.restore()
        self.assertEqual(unmet.returncode, 4)
        self.assertIn(f"System V segment {segment}: ", unmet.stderr)
        self.assertEqual(ctypes.string_at(address, 4), b"lost")
        ctypes.CDLL(None).shmdt(ctypes.c_void_p(address))
        done = self.restore()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(ctypes.string_at(self.attach(segment), 4), b"kept")


class DeadIds(Choices):
    """An id is taken until the parent of the dead has waited for it."""

    def kill(self) -> subprocess.Popen:
        job = self.start("sleep", "100", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        done = cairn("checkpoint", "--then", "kill", "--output", self.image, str(job.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        return job

    def test_a_restore_waits_for_ids_to_come_free(self) -> None:
        job = self.kill()
        command = [CAIRN, "restore", "--detach", "--pidfile", str(self.pid_file), self.image]
        restore = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        with self.assertRaises(subprocess.TimeoutExpired):
            restore.wait(0.3)
        job.wait()
        _, errors = restore.communicate(timeout=60)
        self.assertEqual(restore.returncode, 0, errors)
        os.kill(int(self.pid_file.read_text()), signal.SIGKILL)

    def test_of_two_restores_at_once_one_is_told_why_not(self) -> None:
        self.kill().wait()
        pid_files = [self.directory / "pid1", self.directory / "pid2"]
        restores = [
            subprocess.Popen(
                [CAIRN, "restore", "--detach", "--pidfile", str(pid_file), self.image],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for pid_file in pid_files
        ]
        errors = [restore.communicate(timeout=60)[1] for restore in restores]
        for pid_file in pid_files:
            if pid_file.exists():
                os.kill(int(pid_file.read_text()), signal.SIGKILL)
        self.assertEqual(sorted(restore.returncode for restore in restores), [0, 4], errors)

    def test_who_has_not_waited_is_named(self) -> None:
        job = self.kill()
        unmet = self.restore()
        self.assertEqual(unmet.returncode, 4)
        self.assertRegex(unmet.stderr, f"id {job.pid} must be free.*process {os.getpid()} has not waited for it")


class OuterTerminals(Choices):
    """The tree runs on a terminal whose other end is this test."""

    def start_on(self, terminal: int, *command: str, **more) -> subprocess.Popen:
        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        return self.start(
            *command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=False,
            preexec_fn=take_terminal,
            **more,
        )

    def test_a_job_takes_over_the_terminal_of_its_restorer(self) -> None:
        master, terminal = os.openpty()
        settings = termios.tcgetattr(terminal)
        settings[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(terminal, termios.TCSANOW, settings)
        # The shell leads the session; its child is the job.
        shell = self.start_on(terminal, "sh", "-c", "sleep 1000; exit 0")
        children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
        self.wait_for(lambda: children.read_text().split(), "the shell has no child")
        job = children.read_text().split()[0]
        self.wait_for(lambda: Path(f"/proc/{job}/comm").read_text() == "sleep\n", "the job has not begun")
        leader = cairn("check", str(shell.pid))
        self.assertEqual(leader.returncode, 3)
        self.assertIn("terminal", leader.stdout)
        done = cairn("checkpoint", "--then", "kill", "--output", self.image, job)
        self.assertEqual(done.returncode, 0, done.stderr)
        shell.wait()

        detached = self.restore()
        self.assertEqual(detached.returncode, 4, detached.stderr)
        self.assertIn("foreground", detached.stderr)

        other_master, other = os.openpty()
        restorer = self.start_on(other, CAIRN, "restore", "--pidfile", str(self.pid_file), self.image)
        self.wait_for(self.pid_file.exists, "nothing was restored")
        self.assertEqual(self.pid_file.read_text().strip(), job)
        self.wait_for(lambda: "S" in Path(f"/proc/{job}/stat").read_text().rpartition(")")[2].split()[0], "not asleep")
        for number in (0, 1, 2):
            self.assertEqual(os.readlink(f"/proc/{job}/fd/{number}"), os.ttyname(other))
        self.assertEqual(termios.tcgetattr(other)[3] & (termios.ECHO | termios.ICANON), 0)
        os.write(other_master, b"\3")  # Ctrl-C reaches the job, and through it cairn
        self.assertEqual(restorer.wait(timeout=20), -signal.SIGINT)
        for fd in (master, terminal, other_master, other):
            os.close(fd)

    def test_a_job_of_an_interactive_shell_comes_back_to_it(self) -> None:
        master, terminal = os.openpty()
        self.addCleanup(os.close, master)
        environment = {**os.environ, "PS1": "$ ", "TERM": "dumb"}
        shell = self.start_on(terminal, "bash", "--norc", "--noprofile", "-i", env=environment)
        os.close(terminal)
        children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
        self.read_until(master, r"\$ ")
        self.type(master, "cat")
        self.wait_for(lambda: os.tcgetpgrp(master) != shell.pid, "cat has not begun")
        self.type(master, "hello")
        self.read_until(master, "hello\r\nhello")
        job = children.read_text().split()[0]
        done = cairn("checkpoint", "--then", "kill", "--output", self.image, job)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.read_until(master, r"Killed.*\$ ")
        self.type(master, f"{CAIRN} restore --pidfile {self.pid_file} {self.image}")
        self.wait_for(self.pid_file.exists, "nothing was restored")
        self.type(master, "again")
        self.read_until(master, "again\r\nagain")
        os.write(master, b"\x1a")  # Ctrl-Z
        self.read_until(master, r"Stopped.*\$ ")
        self.assertEqual(Path(f"/proc/{job}/stat").read_text().rpartition(")")[2].split()[0], "T")
        self.type(master, "fg")
        self.wait_for(lambda: os.tcgetpgrp(master) != shell.pid, "it is still in the background")
        self.type(master, "once more")
        self.read_until(master, "once more\r\nonce more")
        os.write(master, b"\3")
        self.read_until(master, r"\$ ")
        self.type(master, "echo status $?.")
        self.read_until(master, r"status 130\.")

    def type(self, terminal: int, line: str) -> None:
        os.write(terminal, line.encode() + b"\r")

    def read_until(self, terminal: int, pattern: str) -> None:
        seen = ""
        end = time.monotonic() + 20
        while not re.search(pattern, seen, re.S):
            ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
            self.assertTrue(ready, f"no {pattern!r} in {seen!r}")
            seen += os.read(terminal, 4096).decode()


if __name__ == "__main__":
    CAIRN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
