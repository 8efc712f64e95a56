"""A piece of work in a process of its own: after all imports, so that hundreds take seconds."""

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress


def forked(work: Callable[[], int]) -> int:
    """Begin `work` in a copy of this process, which ends with the number that it returns; the process's id.

    Threads do not survive a fork: whoever needs a pool makes it in there.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 70  # of what raised something that nobody expected
    try:
        code = work()
    except BaseException:  # noqa: BLE001  (the copy must never go on with the tests)
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(ValueError, OSError):
                stream.flush()
        os._exit(code)


def outcome(work: Callable[[], int]) -> int:
    """Exit code of `work` in a copy of this process; minus the signal that ended it."""
    return ended(forked(work))


def ended(child: int) -> int:
    """Wait for a copy: its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
