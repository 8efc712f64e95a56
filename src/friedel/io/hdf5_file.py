"""Opening other people's HDF5 files: one clear error instead of HDF5's stack."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the compression filters)

from friedel.errors import FriedelError, ScanError


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
        raise error(str(where), rule="cannot be read", got=str(cause).splitlines()[0]) from cause


def _open(path: Path) -> h5py.File:
    """With HDF5's usual lock, else without one: the file is still being written, or the disk knows no locks.

    HDF5 refuses a file that this process has open with another setting: so that one is tried too.
    """
    for locking in (None, False):
        try:
            return h5py.File(path, "r", locking=locking)
        except OSError as error:
            if "lock" not in str(error):
                raise
    return h5py.File(path, "r", locking=True)


@contextmanager
def opened(path: str | Path, error: type[FriedelError] = ScanError) -> Iterator[h5py.File]:
    """`open_h5` for a with statement."""
    file = open_h5(path, error)
    try:
        yield file
    finally:
        file.close()
