"""Files that are either whole or not there."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from friedel.errors import OutputError
from friedel.interrupts import nothing_more, unfinished

PARTIAL = ".part"
"""How the hidden names end."""
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Flag of `os.open` that refuses a link; Windows has none."""
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)
"""Opening a pipe waits for somebody else without it."""

_REASONS = {28: "no space left on the disk", 122: "the disk quota is used up", 27: "the file may not grow further"}
"""By errno, which HDF5 only mentions in its text."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a hidden name beside `path` to write to, and rename it to `path` when all went well.

    After any error, an interrupt included, the hidden file is removed and what stood at `path` is untouched.
    The hidden file is there already, empty: made by this call alone, under a name that nobody can have put a link
    at before. A process that is killed leaves it; a run removes those of its folder that nobody writes to.
    Raises `OutputError` with one line when the disk or the folder cannot take the file; errors of other files
    that are used inside, e.g. one that cannot be read, pass as they are.
    """
    final = Path(path)
    partial = final.with_name(f".{final.name[:100]}.{secrets.token_hex(6)}{PARTIAL}")
    made: os.stat_result | None = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        made = _made(partial)
        with unfinished(partial):
            yield partial
            nothing_more()
            _flush(partial, made)
        partial.replace(final)
        with suppress(OSError):  # some network disks cannot do it for a folder, and the file is in place
            _flush(final.parent)
    except (OSError, RuntimeError) as error:
        if not (_from_hdf5(error) if isinstance(error, RuntimeError) else _from_writing(error, final, partial)):
            raise
        raise OutputError(f"cannot write {final}", rule=_reason(error)) from error
    finally:
        if made is not None:
            partial.unlink(missing_ok=True)


def replace_text(path: str | Path, text: str, *, keep: bool = True) -> Path | None:
    """Write a text file that a user may have edited since: another text that stands there is kept beside it.

    Returns where, `path` with `.bak` (or `.bak2`, ...), or None. The old file stands until the new one is written.
    With `keep` false it is not kept: whoever calls has written it.
    Raises `OutputError`.
    """
    path = Path(path)
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")
        return keep_old(path, partial) if keep else None


def keep_old(path: Path, new: Path) -> Path | None:
    """Keep what stands at `path`, which the file `new` is about to replace, unless both are the same.

    Returns where, `path` with `.bak` (or `.bak2`, ...), or None. Raises `OutputError`.
    """
    old = path.read_bytes() if path.is_file() else b""
    if not old or old == new.read_bytes():
        return None
    names = (path.with_name(f"{path.name}.bak{number}") for number in ("", *range(2, 1000)))
    kept = next(name for name in names if not os.path.lexists(name))
    with atomic(kept) as copy:
        copy.write_bytes(old)
    return kept


def append_handle(path: Path) -> int:
    """Open a file to append to, or make it, but never through a link, and never anything but a file.

    In a folder that others write to, a link might lead to any file of whoever runs this. Raises `OSError`.
    """
    return plain_handle(path, os.O_WRONLY | os.O_APPEND)


def plain_handle(path: Path, flags: int) -> int:
    """The same with other flags of `os.open`."""
    if path.is_symlink():  # before the flag says it less clearly, and where there is no such flag
        raise OSError(errno.ELOOP, "is a link, not a file", str(path))
    handle = os.open(path, flags | os.O_CREAT | NO_LINK | _NO_WAITING, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a plain file", str(path))
    return handle


def _made(path: Path) -> os.stat_result:
    """Make an empty file where nothing is, not even a link, with the rights that files usually get."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return os.fstat(handle)
    finally:
        os.close(handle)


def _flush(path: Path, made: os.stat_result | None = None) -> None:
    """Make sure that the bytes of the file that was `made`, or a folder's names, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # folders cannot be opened there, and renames are durable by themselves
    handle = os.open(path, (os.O_RDONLY if os.name != "nt" else os.O_RDWR) | NO_LINK)
    try:
        if made is not None and not os.path.samestat(os.fstat(handle), made):
            raise OSError(errno.ESTALE, "another file took its place while it was written", str(path))
        os.fsync(handle)
    except OSError as error:  # the call knows no name
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)


def _from_writing(error: OSError, final: Path, partial: Path) -> bool:
    """Whether it names the file, its hidden twin or their folder, or says that there is no room."""
    ours = {str(final), str(partial), *map(str, final.parents)}
    no_room = error.errno in _REASONS or any(f"errno = {number}," in str(error) for number in _REASONS)
    return no_room or str(error.filename) in ours


def _from_hdf5(error: RuntimeError) -> bool:
    """Whether h5py raised it: HDF5's failures while closing a file come as RuntimeError."""
    return str(error).startswith(("Can't ", "Unable to ", "Unspecified error"))


def _reason(error: Exception) -> str:
    text = str(error)
    number = getattr(error, "errno", None)
    for code, reason in _REASONS.items():
        if number == code or f"errno = {code}" in text:
            return reason
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return text.splitlines()[0]
