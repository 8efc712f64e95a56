"""One run at a time in an output folder.

The system's lock on the file `.lock` decides: it ends with its process, however that ends. The file's text says who
holds it: for messages, for other machines (some network disks keep locks to one machine), and for disks and systems
that have no such locks.
"""

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from friedel.errors import OutputError
from friedel.io.atomic import plain_handle

fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None
"""Windows has none."""
LOCK = ".lock"
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
_NO_FILE = (errno.ELOOP, errno.EINVAL)
_TRIES = 100


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Make the folder and keep other runs out of it.

    Raises `OutputError` when another run is at work in it, or when it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = _take(out / LOCK)
    except OSError as error:
        cause = f"{LOCK} {error.strerror}" if error.errno in _NO_FILE else error.strerror
        reason = "is a file, not a folder" if out.is_file() else f"cannot be used: {cause}"
        raise OutputError(str(out), rule=reason) from None
    try:
        yield
    finally:
        _give_back(handle, out / LOCK)


def at_work(out: Path) -> str:
    """Who is at work in a folder, as far as its lock's text tells; nothing where nobody is. Takes no lock."""
    try:
        text = (out / LOCK).read_text(errors="replace") if (out / LOCK).is_file() else ""  # a pipe would wait
        return _holder(text, certain=False)
    except OSError:
        return ""


def _take(lock: Path) -> int:
    """The open lock file, which is this process's now."""
    for _ in range(_TRIES):
        handle = plain_handle(lock, os.O_RDWR)  # never through a link: it is written over
        try:
            if _ours(handle, lock):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # a run that has just ended took the file away: the next one is new
    raise OutputError(str(lock.parent), rule="another run has just begun in it")


def _ours(handle: int, lock: Path) -> bool:
    """Lock the file and sign it; False when it is not the one at `lock` any more."""
    alone = _exclusive(handle, lock)
    if not _is(handle, lock):
        return False
    holder = _holder(_text(handle), certain=alone)
    if holder:
        raise _refusal(lock, holder, gone=" on " in holder)
    own = psutil.Process()
    mark = json.dumps({"host": socket.gethostname(), "pid": own.pid, "started": own.create_time()})
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, mark.encode())
    return True


def _give_back(handle: int, lock: Path) -> None:
    mine = _is(handle, lock)  # the user may have deleted it, and another run begun
    if fcntl is None:
        os.close(handle)  # Windows removes no open file
    if mine:
        lock.unlink(missing_ok=True)
    if fcntl is not None:
        os.close(handle)


def _exclusive(handle: int, lock: Path) -> bool:
    """Lock an open file; False where the system or the disk has no locks. Raises `OutputError` when it is taken."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            holder = _holder(_text(handle), certain=False) or "it has just begun"
            raise _refusal(lock, holder, gone=False) from None
        return False
    return True


def _holder(text: str, *, certain: bool) -> str:
    """Who signed a lock, or nothing where that process is gone; `certain` when this machine's lock is ours."""
    try:
        mark = json.loads(text)
        host, pid, started = str(mark["host"]), int(mark["pid"]), float(mark["started"])
    except (ValueError, KeyError, TypeError):
        return ""  # killed while writing it
    if host != socket.gethostname():
        return f"process {pid} on {host}"
    try:
        alive = not certain and abs(psutil.Process(pid).create_time() - started) < 1.0
    except psutil.NoSuchProcess:
        alive = False
    return f"process {pid}" if alive else ""


def _refusal(lock: Path, holder: str, *, gone: bool) -> OutputError:
    """`gone`: whether that process may have ended without this machine's knowing."""
    way_out = "wait until it is done, or choose another folder with -o"
    if gone:
        way_out += f"; if that process has ended, delete {lock}"
    return OutputError(str(lock.parent), rule=f"another run is at work in it ({holder})", way_out=way_out)


def _text(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 4096).decode(errors="replace")


def _is(handle: int, path: Path) -> bool:
    """Whether an open file is the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
