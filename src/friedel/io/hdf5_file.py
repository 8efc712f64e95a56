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
        # No lock: scans are read from read-only or network disks, and while they are being written.
        return h5py.File(where, "r", locking=False)
    except OSError as cause:
        text = str(cause).lower()
        if "signature not found" in text:
            raise error(str(where), rule="is not an HDF5 file") from cause
        if "truncated" in text or "eof" in text:
            raise error(str(where), rule="is truncated", way_out="copy it again") from cause
        raise error(str(where), rule="cannot be read", got=str(cause).splitlines()[0]) from cause


@contextmanager
def opened(path: str | Path, error: type[FriedelError] = ScanError) -> Iterator[h5py.File]:
    """`open_h5` for a with statement."""
    file = open_h5(path, error)
    try:
        yield file
    finally:
        file.close()
