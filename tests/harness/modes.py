"""The modes. Each reads as what a user would do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

from . import cairn as cairn_command
from . import files, processes
from .cairn import CairnFailed
from .play import Broken, Ended, Play, Skip
from .plays import load_app
from .processes import Deadline


def control(play: Play) -> None:
    play.start()
    before = play.look()
    play.expect_same(before, "although nothing was done")
    play.finish()


def go_on(play: Play) -> None:
    play.start()
    before = play.look()
    play.inspect(play.checkpoint("first", "resume"))
    play.expect_same(before, "after a checkpoint that let it go on")
    play.finish()


def live(play: Play) -> None:
    """The first image is written from snapshots, while the program goes on."""
    play.start()
    before = play.look()
    first = play.checkpoint("first", "resume", "--live", "--compress", "zstd")
    play.expect_same(before, "after a checkpoint from snapshots")
    second = play.checkpoint("second", "kill")
    play.expect_fixed_point(play.inspect(first), play.inspect(second))
    play.restore(first)
    play.expect_same(before, "after the restore")
    play.finish()


def restore(play: Play) -> None:
    play.start()
    before = play.look()
    image = play.checkpoint("first", "kill")
    play.restore(image)
    play.expect_same(before, "after the restore")
    play.finish()


def user(play: Play) -> None:
    """Two cycles: the second checkpoint is of a tree in namespaces that cairn has added."""
    play.in_envelope = True
    twice(play)


def twice(play: Play) -> None:
    play.start()
    before = play.look()
    first = play.checkpoint("first", "kill")
    play.restore(first)
    second = play.checkpoint("second", "kill")
    play.expect_fixed_point(play.inspect(first), play.inspect(second))
    play.restore(second)
    play.expect_same(before, "after the second restore")
    play.finish()


def again(play: Play) -> None:
    play.start()
    before = play.look()
    image = play.checkpoint("first", "kill")
    kept = files.keep(play.run_directory, play.cairn_directory / "kept")
    play.restore(image)
    play.wait_for_rest(Deadline.after(20))  # a signal that comes before a call is made again doesn't interrupt it
    play.finish()
    files.put_back(kept, play.run_directory)
    play.restore(image)
    play.expect_same(before, "after the second restore of one image")
    play.finish()


def refused(play: Play) -> None:
    play.start()
    before = play.look()
    reason = play.program.refused or ""
    image = play.cairn_directory / "refused.cairn"
    # What passes by itself is waited for until the timeout; a program that waits for `go` lets nothing pass.
    impatient = ("--timeout", "2")
    for outcome in (play.cairn.check(play.root), play.cairn.checkpoint(play.root, image, "kill", *impatient)):
        if outcome.code != cairn_command.REFUSED:
            play.complain("refusal", f"{outcome.command}\nexit code {outcome.code}, expected 3\n{outcome.text()}")
        elif not re.search(reason, outcome.text(), re.IGNORECASE):
            play.complain("refusal", f"{outcome.command}\nno reason matches {reason!r}\n{outcome.text()}")
        play.expect_only_the_tree()
    play.expect_only_images()
    play.expect_same(before, "after a refusal")
    play.finish()


def app_control(play: Play) -> None:
    _drive_app(play, cycles=0)


def app_cycles(play: Play) -> None:
    _drive_app(play, cycles=2)


def _drive_app(play: Play, cycles: int) -> None:
    app = load_app(play.program)(play.run_directory, play.deadline)
    missing = [name for name in app.needs if shutil.which(name) is None]
    if missing:
        raise Skip(f"not installed: {', '.join(missing)}")
    play.start_command(app.command(), app.environment)
    app.pid = play.root
    app.set_up()
    for cycle in range(cycles):
        image = play.checkpoint(f"cycle{cycle}", "kill")
        play.inspect(image)
        play.restore(image)
        app.pid = play.root
        app.work(cycle)
    app.finish()
    try:
        code = processes.wait_for_end(play.root, play.deadline)
    except TimeoutError:
        raise Broken("the application has not ended" + play.said()) from None
    if code not in (0, None):
        play.complain("asserts", f"exit code {code}{play.said()}")
    app.verify()
    play.expect_no_process()


MODES: dict[str, Callable[[Play], None]] = {
    "control": control,
    "continue": go_on,
    "restore": restore,
    "user": user,
    "namespaces": twice,
    "live": live,
    "twice": twice,
    "again": again,
    "refused": refused,
    "cycles": app_cycles,
}


def perform(play: Play, mode: str) -> None:
    """Plays one mode to its end. CairnFailed, Broken and failed asserts of applications become complaints."""
    guarded(play, app_control if play.program.is_app and mode == "control" else MODES[mode])


def guarded(play: Play, action: Callable[[Play], None]) -> None:
    try:
        action(play)
    except Ended:
        pass
    except CairnFailed as error:
        play.complain("cairn", str(error))
    except Broken as error:
        play.complain("play", str(error))
    except AssertionError as error:
        play.complain("asserts", f"{error}{play.said()}")
