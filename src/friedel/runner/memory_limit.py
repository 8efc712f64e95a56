"""A limit on the address space (`ulimit -v`, some batch systems), under which libraries end the process."""

import os
import signal
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from friedel.errors import CapacityError

LEAST_BYTES = 1_000_000_000
"""Less does not hold the libraries: some of them then wait for ever, or end the process while they are loaded."""
RAISE = "raise it (ulimit -v unlimited), or ask the batch system for more"
_ENDS = {-signal.SIGABRT, -signal.SIGSEGV, 127}
"""How a process ends when its compiler or its loader gets no memory: neither tells Python."""

resource: Any = import_module("resource") if find_spec("resource") else None
"""Windows has none."""


def address_limit() -> int:
    """Bytes that this process may address; 0 where nothing limits it."""
    if resource is None:
        return 0
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=0)


def check_limit() -> None:
    """Raises `CapacityError` where the limit does not even hold the libraries."""
    limit = address_limit()
    if 0 < limit < LEAST_BYTES:
        least = f"must be at least {LEAST_BYTES // 10**6} MB"
        raise CapacityError("memory", rule=f"the limit {least}", got=f"{limit // 10**6} MB", way_out=RAISE)


def watched() -> int | None:
    """Where there is a limit, a copy of this process does the work; its exit code comes back in the original.

    None means: go on, this is the process that works. A copy that ended for want of memory counts as 3, with a
    line. To be called before any thread is begun.
    """
    if not address_limit() or sys.platform == "win32":
        return None
    worker = os.fork()
    if not worker:
        return None
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(worker, number))
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    if code in _ENDS:
        rule = f"the limit of {address_limit() // 10**6} MB is too low for this"
        os.write(2, f"friedel: {CapacityError('memory', rule=rule, way_out=RAISE)}\n".encode())
        return CapacityError.exit_code
    return code if code >= 0 else 128 - code
