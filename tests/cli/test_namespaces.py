"""Restores into a pid namespace of its own: cairn-init in the place of the job, and two users' ways there.

    python3 tests/cli/test_namespaces.py CAIRN
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

CAIRN = ""
NOBODY = 65534
JOB = "trap 'exit 7' TERM; trap 'exit 8' HUP; while :; do sleep 0.05; done"


def become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def wait_until(done: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise AssertionError("it did not come to pass in time")
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def status(pid: int, key: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(key + ":"))


@unittest.skipUnless(os.geteuid() == 0, "needs root, to play two users")
class Case(unittest.TestCase):
    """A job that runs: a shell and its child."""

    options: tuple[str, ...] = ()
    become: Callable[[], None] | None = None

    def setUp(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="cairn-namespaces.")
        self.addCleanup(self._directory.cleanup)
        self.directory = Path(self._directory.name)
        self.directory.chmod(0o777)
        self.image = self.directory / "job.cairn"
        self._pids: list[int] = []
        self.addCleanup(self._end_all)
        self.job = self.run_as(["setsid", "sh", "-c", JOB], stderr=subprocess.DEVNULL)
        self._pids.append(self.job.pid)
        wait_until(lambda: bool(children(self.job.pid)))

    def _end_all(self) -> None:
        for pid in self._pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.job.wait(20)

    def run_as(self, command: list[str], **more) -> subprocess.Popen:
        return subprocess.Popen(
            command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=type(self).become,
            **more,
        )

    def cairn(self, *arguments: str) -> subprocess.CompletedProcess:
        process = self.run_as([CAIRN, *arguments], stderr=subprocess.PIPE, text=True)
        _, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, "", errors)

    def checkpoint(self, pid: int, then: str = "kill") -> None:
        done = self.cairn("checkpoint", "--replace", "--then", then, "--output", str(self.image), str(pid))
        self.assertEqual(done.returncode, 0, done.stderr)

    def restore_detached(self) -> int:
        pid_file = self.directory / "pid"
        done = self.cairn("restore", "--detach", "--pidfile", str(pid_file), *self.options, str(self.image))
        self.assertEqual(done.returncode, 0, done.stderr)
        root = int(pid_file.read_text())
        self._pids += [root, int(status(root, "PPid")[0])]
        return root

    def restore_in_foreground(self) -> tuple[subprocess.Popen, int]:
        pid_file = self.directory / "pid"
        pid_file.unlink(missing_ok=True)
        command = [CAIRN, "restore", "--pidfile", str(pid_file), *self.options, str(self.image)]
        restored = self.run_as(command, stderr=subprocess.PIPE)
        self.addCleanup(restored.stderr.close)
        self._pids.append(restored.pid)
        wait_until(lambda: pid_file.exists() or restored.poll() is not None)
        self.assertIsNone(restored.poll(), restored.poll() is not None and restored.stderr.read())
        root = int(pid_file.read_text())
        self._pids.append(root)
        wait_until(lambda: status(root, "TracerPid") == ["0"])
        return restored, root


class NewPids(Case):
    options = ("--new-pids",)

    def test_ids_are_those_of_the_image_inside(self) -> None:
        self.checkpoint(self.job.pid)
        self.job.wait(20)
        root = self.restore_detached()
        self.assertEqual(status(root, "NSpid"), [str(root), str(self.job.pid)])
        init = int(status(root, "PPid")[0])
        self.assertEqual(Path(f"/proc/{init}/comm").read_text(), "cairn-init\n")
        self.assertEqual(status(init, "NSpid"), [str(init), "1"])
        wait_until(lambda: os.listdir(f"/proc/{init}/fd") == [])  # it is told of the release, and closes the socket

    def test_a_copy_runs_beside_the_original(self) -> None:
        self.checkpoint(self.job.pid, then="resume")
        root = self.restore_detached()
        self.assertNotEqual(root, self.job.pid)
        self.assertIsNone(self.job.poll())
        os.kill(root, signal.SIGTERM)
        init = int(status(root, "PPid")[0])
        wait_until(lambda: is_gone(init))

    def test_status_and_signals_in_the_foreground(self) -> None:
        self.checkpoint(self.job.pid)
        self.job.wait(20)
        for number, code in ((signal.SIGTERM, 7), (signal.SIGHUP, 8)):
            restored, root = self.restore_in_foreground()
            restored.send_signal(number)
            self.assertEqual(restored.wait(20), code)
            wait_until(lambda root=root: is_gone(root))

    def test_death_by_a_signal_in_the_foreground(self) -> None:
        self.checkpoint(self.job.pid)
        self.job.wait(20)
        restored, root = self.restore_in_foreground()
        os.kill(root, signal.SIGUSR2)
        self.assertEqual(restored.wait(20), -signal.SIGUSR2)

    def test_a_stop_stops_cairn_too(self) -> None:
        self.checkpoint(self.job.pid)
        self.job.wait(20)
        restored, root = self.restore_in_foreground()
        os.kill(root, signal.SIGSTOP)
        wait_until(lambda: status(restored.pid, "State")[0] == "T")
        restored.send_signal(signal.SIGCONT)
        wait_until(lambda: status(root, "State")[0] != "T")
        restored.send_signal(signal.SIGTERM)
        self.assertEqual(restored.wait(20), 7)

    def test_init_forwards_and_ends_like_the_root(self) -> None:
        self.checkpoint(self.job.pid)
        self.job.wait(20)
        root = self.restore_detached()
        init = int(status(root, "PPid")[0])
        pidfd = os.pidfd_open(init)
        self.addCleanup(os.close, pidfd)
        os.kill(init, signal.SIGTERM)
        self.assertTrue(select.select([pidfd], [], [], 20)[0])
        self.assertTrue(is_gone(root))

    def test_a_mount_of_the_tree_is_refused(self) -> None:
        self.checkpoint(self.job.pid)
        self.job.wait(20)
        root = self.restore_detached()
        mount = ["nsenter", f"--target={root}", "--mount", "mount", "-t", "tmpfs", "none", str(self.directory)]
        subprocess.run(mount, check=True, timeout=20)
        done = self.cairn("checkpoint", "--replace", "--output", str(self.image), str(root))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(f"mounted on {self.directory},", done.stderr)

    def test_two_cycles_by_the_id_of_init(self) -> None:
        self.checkpoint(self.job.pid)
        self.job.wait(20)
        root = self.restore_detached()
        init = int(status(root, "PPid")[0])
        self.checkpoint(init)
        wait_until(lambda: is_gone(init))
        again = self.restore_detached()
        self.assertEqual(status(again, "NSpid")[-1], str(self.job.pid))


class OrdinaryUser(NewPids):
    options = ()
    become = staticmethod(become_nobody)

    def test_no_capability_is_gained(self) -> None:
        self.checkpoint(self.job.pid)
        self.job.wait(20)
        root = self.restore_detached()
        self.assertEqual(int(status(root, "CapEff")[0], 16), 0)
        self.assertEqual(int(status(root, "CapPrm")[0], 16), 0)
        self.assertEqual(status(root, "Uid"), [str(NOBODY)] * 4)


class TakenIds(Case):
    def test_a_taken_id_names_the_remedy(self) -> None:
        self.checkpoint(self.job.pid, then="resume")
        done = self.cairn("restore", "--detach", str(self.image))
        self.assertEqual(done.returncode, 4)
        self.assertIn("--new-pids", done.stderr)


if __name__ == "__main__":
    CAIRN = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
