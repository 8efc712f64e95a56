"""Opening other people's HDF5 files: one clear error instead of HDF5's stack."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the compression filters)

from friedel.errors import FriedelError, ScanError

_OF_THE_LIBRARY = ("Can't ", "Unable to ", "Unspecified error")


def open_h5(path: str | Path, error: type[FriedelError] = ScanError) -> h5py.File:
    """Open a file for reading.

    Raises `error` that says what is wrong with it: not there, not readable, not HDF5, truncated.
    """
    where = Path(path)
    if not where.is_file():
        rule = "is a folder, not a file" if where.is_dir() else "no such file"
        raise error(str(where), rule=rule)
    try:
        return _open(where)
    except OSError as cause:
        text = str(cause).lower()
        if "signature not found" in text:
            raise error(str(where), rule="is not an HDF5 file") from cause
        if "truncated" in text or "eof" in text:
            raise error(str(where), rule="is truncated", way_out="copy it again") from cause
        raise error(str(where), rule="cannot be read", got=message_of(cause)) from cause


def message_of(error: Exception) -> str:
    """What h5py's texts mean to a reader of one line; they name the library's functions."""
    text = str(error.args[0]) if error.args and isinstance(error, KeyError) else str(error)
    if isinstance(error, KeyError) and text.startswith(_OF_THE_LIBRARY):
        missing = re.search(r"'([^']+)'", text.replace("Can't", "").replace("can't", ""))
        return f"no {missing[1]!r} in it" if missing else "an entry is missing"
    system = re.search(r"error message = '([^']+)'", text)
    if system:
        return system[1][0].lower() + system[1][1:]
    if "filter" in text:
        return "data that cannot be decompressed"
    own = text.splitlines()[0] if text else type(error).__name__
    return "data that cannot be read" if own.startswith(_OF_THE_LIBRARY) else own


def _open(path: Path) -> h5py.File:
    """With HDF5's usual lock, else without one: the file is still being written, or the disk knows no locks.

    HDF5 refuses a file that this process has open with another setting: so that one is tried too.
    """
    for locking in (None, False):
        try:
            return h5py.File(path, "r", locking=locking)
        except OSError as error:
            if "already open for" in str(error):
                return _while_written(path)
            if "lock" not in str(error):
                raise
    return h5py.File(path, "r", locking=True)


def _while_written(path: Path) -> h5py.File:
    """A file that is marked as open for writing: as far as it has come, if it was meant to be read so (SWMR)."""
    for locking in (None, False):
        try:
            return h5py.File(path, "r", locking=locking, swmr=True)
        except OSError:
            continue
    raise OSError(
        f"marked as open for writing: a program still writes to it, or was killed while it did; once nobody writes "
        f"any more, `h5clear -s {path}` takes the mark away"
    )


@contextmanager
def opened(path: str | Path, error: type[FriedelError] = ScanError) -> Iterator[h5py.File]:
    """`open_h5` for a with statement."""
    file = open_h5(path, error)
    try:
        yield file
    finally:
        file.close()
