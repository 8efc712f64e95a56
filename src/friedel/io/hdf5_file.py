"""Opening HDF5 files, ours and other people's: one clear error instead of HDF5's stack."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the compression filters)
import numpy as np

from friedel.errors import CapacityError, FriedelError, ScanError
from friedel.io.foreign import MOST_COMPRESSED, SMALL_BYTES, message_of, parsing
from friedel.model.arrays import AnyArray


def open_h5(path: str | Path, error: type[FriedelError] = ScanError) -> h5py.File:
    """Open a file for reading.

    Raises `error` that says what is wrong with it: not there, not readable, not HDF5, truncated.
    """
    where = Path(path)
    try:
        with parsing(where, error):
            if not where.is_file():
                raise error(str(where), rule="is a folder, not a file" if where.is_dir() else "no such file")
            return _open(where)
    except error as found:
        text = str(found.__cause__).lower()
        if "signature not found" in text:
            raise error(str(where), rule="is not an HDF5 file") from found.__cause__
        if "truncated" in text or "eof" in text:
            raise error(str(where), rule="is truncated", way_out="copy it again") from found.__cause__
        raise


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
def opened(
    path: str | Path, error: type[FriedelError] = ScanError, *, rule: str = "cannot be read"
) -> Iterator[h5py.File]:
    """`open_h5` for a with statement; what goes wrong inside it is an `error` that names the file: `parsing`."""
    file = open_h5(path, error)
    with parsing(path, error, rule=rule):
        try:
            yield file
        finally:
            file.close()


def numbers(dataset: object, dimensions: tuple[int, ...] = ()) -> AnyArray:
    """All of a dataset. Raises `TypeError` for a group, for text or records, for other than `dimensions`.

    Raises `CapacityError` where the memory cannot hold it, and `ValueError` where the file cannot have it: a shape
    costs nothing to write, and must cost nothing to read.
    """
    if not isinstance(dataset, h5py.Dataset):
        raise TypeError(f"no dataset where {getattr(dataset, 'name', 'one')} should be one")
    if dataset.dtype.kind not in "iufb" or dataset.shape is None:
        raise TypeError(f"{dataset.name} holds {dataset.dtype}, not numbers")
    if dimensions and dataset.ndim not in dimensions:
        raise TypeError(f"{dataset.name} has shape {dataset.shape}, not {dimensions[0]} dimensions")
    check_believable(dataset)
    return np.asarray(dataset[()])


def check_believable(dataset: h5py.Dataset) -> None:
    """Raise where a dataset says that it holds more than its file or the memory can: see `numbers`."""
    size = int(dataset.size or 0) * dataset.dtype.itemsize
    if size <= SMALL_BYTES:
        return
    elsewhere = dataset.is_virtual or dataset.external is not None
    if not elsewhere and dataset.id.get_storage_size() < size / MOST_COMPRESSED:
        raise ValueError(f"{dataset.name} is to hold {size:.3g} bytes, which are not in the file")
    if size > _memory():
        name = f"{dataset.file.filename}::{dataset.name}"
        raise CapacityError(name, rule="needs more memory than there is", got=f"{size:.3g} bytes")


def _memory() -> int:
    """Bytes of this machine, where the system tells."""
    if not hasattr(os, "sysconf"):
        return 1 << 62
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


__all__ = ["check_believable", "message_of", "numbers", "open_h5", "opened"]
