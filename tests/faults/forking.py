"""A piece of work in a process of its own: after all imports, so that hundreds take seconds."""

import faulthandler
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def forked(work: Callable[[], int], said: Path | None = None) -> int:
    """Begin `work` in a copy of this process, which ends with the number that it returns; the process's id.

    What it prints goes to the file `said`, where one is given. Threads do not survive a fork: whoever needs a pool
    makes it in there.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons': that of the tests has other threads
        child = os.fork()
    if child:
        return child
    code = 70  # of what raised something that nobody expected
    try:
        faulthandler.disable()  # what crashes here is asked for
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if said is not None:
            _print_to(said)
        code = work()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001  (the copy must never go on with the tests)
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(ValueError, OSError):
                stream.flush()
        os._exit(code)


def outcome(work: Callable[[], int], said: Path | None = None) -> int:
    """Exit code of `work` in a copy of this process; minus the signal that ended it."""
    return ended(forked(work, said))


def ended(child: int, within_s: float = 60.0) -> int:
    """Wait for a copy: its exit code, or minus the signal that ended it. One that hangs is killed, and an error."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        gone, status = os.waitpid(child, os.WNOHANG)
        if gone:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"still at work after {within_s:.0f} s")


def _print_to(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(handle, number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
