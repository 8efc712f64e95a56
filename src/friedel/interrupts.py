"""Ctrl-C and a job's SIGTERM, heard within two seconds whatever is at work.

Python hears a signal between two of its own steps: a kernel that runs for minutes, or a pool that waits for one,
has none. So a thread hears it too, from the pipe that Python writes a signal's number to at once. When the command
has not ended by itself a little later, it ends it. That is as safe as a kill: files appear when they are whole.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

INTERRUPTED = 130
GRACE_S = 1.2
"""What a command has for its own end: closing and removing what it writes, and its last line."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """What one process knows about the signal that is to end it."""

    def __init__(self) -> None:
        self.kept = ""
        self.code = INTERRUPTED
        self.grace_s = GRACE_S
        self.over = False
        self.unfinished: set[Path] = set()
        self._raised = False

    @property
    def heard(self) -> bool:
        """Whether a signal has come."""
        return self._raised

    def hear(self, number: int, frame: FrameType | None) -> None:
        """The handler: raises `KeyboardInterrupt` once; who presses again must not break what clears up."""
        if not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    def wait(self, pipe: int) -> None:
        """Until a signal comes, and a little longer; then end the process, if it is still there."""
        while not set(os.read(pipe, 64)) & set(map(int, _SIGNALS)):
            pass
        time.sleep(self.grace_s)
        for path in tuple(self.unfinished):
            with suppress(OSError):
                path.unlink()
        if not self.over and self.code == INTERRUPTED:
            said = f"friedel: interrupted: {self.kept}" if self.kept else "friedel: interrupted"
            with suppress(OSError):
                os.write(2, f"{said}\n".encode())
        os._exit(self.code)


STATE = Interrupts()
"""Signals are of the process; so is this."""


def listen() -> None:
    """Hear both signals from now on, for the command line; only from the main thread, once."""
    for number in _SIGNALS:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:  # as in `command &`
            signal.signal(number, STATE.hear)
    sys.unraisablehook = _unless_an_interrupt
    if sys.platform == "win32":
        return  # no pipe can be waited for there
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    with suppress(RuntimeError):  # no room for one more thread, of which the command will say more
        threading.Thread(target=STATE.wait, args=(reads,), name="friedel-interrupts", daemon=True).start()


def _unless_an_interrupt(unraisable: "sys.UnraisableHookArgs") -> None:
    """An interrupt that came while an object was cleared away is heard by the thread: nothing to print."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def finished(code: int) -> None:
    """The command has ended with this exit code, and has said so: no interrupt comes in time any more."""
    STATE.code, STATE.over = code, True
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def nothing_more() -> None:
    """Raises `KeyboardInterrupt` where a signal has come, and what it raised was swallowed on its way."""
    if STATE.heard:
        raise KeyboardInterrupt


def is_interrupt(error: BaseException | None) -> bool:
    """Whether an error is an interrupt, or comes of one that was raised inside a library that takes none."""
    seen = []
    while error is not None and error not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


@contextmanager
def promised(kept: str) -> Iterator[None]:
    """What is true when an interrupt ends this block."""
    before, STATE.kept = STATE.kept, kept
    try:
        yield
    finally:
        STATE.kept = before


def server_ends_by_itself(grace_s: float) -> None:
    """For a server, which a signal ends in the usual way: it has longer for that, and it is no failure."""
    STATE.code, STATE.grace_s = 0, grace_s


@contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """A file that goes when the process is ended in this block."""
    STATE.unfinished.add(path)
    try:
        yield
    finally:
        STATE.unfinished.discard(path)
