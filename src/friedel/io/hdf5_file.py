"""Opening HDF5 files, ours and other people's: one clear error instead of HDF5's stack."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the compression filters)
import numpy as np

from friedel.errors import CapacityError, FriedelError, ScanError
from friedel.io.foreign import MOST_COMPRESSED, SMALL_BYTES, message_of, parsing
from friedel.io.heap_check import check_heaps
from friedel.io.text import text_in
from friedel.model.arrays import AnyArray

DEEPEST_VIRTUAL = 8
"""Virtual datasets of virtual datasets (a BLISS master, its scan file, the detector's files) go no deeper."""
MOST_CHUNKS = 200_000
MOST_TEXT_BYTES = 1_000_000


def open_h5(path: str | Path, error: type[FriedelError] = ScanError) -> h5py.File:
    """Open a file for reading.

    Raises `error` that says what is wrong with it: not there, not readable, not HDF5, truncated.
    """
    where = Path(path)
    try:
        with parsing(where, error):
            if not where.is_file():
                raise error(str(where), rule="is a folder, not a file" if where.is_dir() else "no such file")
            check_heaps(where)
            return _open(where, error)
    except error as found:
        text = str(found.__cause__).lower()
        if "signature not found" in text:
            raise error(str(where), rule="is not an HDF5 file") from found.__cause__
        if "truncated" in text or "eof" in text:
            raise error(str(where), rule="is truncated", way_out="copy it again") from found.__cause__
        raise


def _open(path: Path, error: type[FriedelError]) -> h5py.File:
    """With HDF5's usual lock, else without one: the file is still being written, or the disk knows no locks.

    HDF5 refuses a file that this process has open with another setting: so that one is tried too.
    """
    for locking in (None, False):
        try:
            return h5py.File(path, "r", locking=locking)
        except OSError as cause:
            if "already open for" in str(cause):
                return _while_written(path, error)
            if "lock" not in str(cause):
                raise
    return h5py.File(path, "r", locking=True)


def _while_written(path: Path, error: type[FriedelError]) -> h5py.File:
    """A file that is marked as open for writing: as far as it has come, if it was meant to be read so (SWMR)."""
    for locking in (None, False):
        try:
            return h5py.File(path, "r", locking=locking, swmr=True)
        except OSError:
            continue
    raise error(
        str(path),
        rule="is marked as open for writing: a program still writes to it, or was killed while it did",
        way_out=f"once nobody writes any more, `h5clear -s {path}` takes the mark away",
    )


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


def texts(dataset: h5py.Dataset) -> list[str]:
    """All texts of a dataset, whole numbers being the codes of one text's characters, as MATLAB writes it.

    Raises as `numbers`, and `TypeError` for what is neither.
    """
    kind = dataset.dtype.kind
    if kind in "iu":
        return ["".join(map(chr, numbers(dataset).ravel()))]
    if kind not in "SO" or dataset.shape is None or dataset.dtype.itemsize > MOST_TEXT_BYTES:
        raise TypeError(f"{dataset.name} holds {dataset.dtype}, not text")
    check_believable(dataset)
    if kind == "O":
        _check_lengths(dataset)
    found = np.atleast_1d(np.asarray(dataset[()])).ravel().tolist()
    return [text_in(one) for one in found]


def _check_lengths(dataset: h5py.Dataset) -> None:
    """Raise `ValueError` for a text that says it is longer than texts are: HDF5 would make room for it.

    A text is stored as its length (4 bytes), and where it is (12).
    """
    offset = dataset.id.get_offset()
    if offset is None:
        return
    with Path(dataset.file.filename).open("rb") as file:
        file.seek(offset + dataset.file.userblock_size)
        stored = np.frombuffer(file.read(16 * dataset.size).ljust(16, b"\0")[: 16 * dataset.size], "<u4")
    if stored[::4].max(initial=0) > MOST_TEXT_BYTES:
        raise ValueError(f"{dataset.name} is to hold a text of {stored[::4].max()} bytes")


def first_images(dataset: h5py.Dataset, most: int) -> AnyArray:
    """The image [row, col], or the first of a stack [image, row, col]. Raises as `numbers`, and for larger ones."""
    if dataset.ndim != 3:
        return numbers(dataset, (2,))
    check_chunks(dataset)
    check_believable(dataset, min(len(dataset), most))
    return np.asarray(dataset[:most])


def check_believable(dataset: h5py.Dataset, rows: int | None = None) -> None:
    """Raise where a dataset (or `rows` of it) is to hold more than its file or the memory can: see `numbers`."""
    check_circle(dataset)
    check_checksums(dataset)
    size = int(dataset.size or 0) * dataset.dtype.itemsize
    if rows is not None:
        size = size // max(len(dataset), 1) * rows
    if size <= SMALL_BYTES:
        return
    elsewhere = dataset.is_virtual or dataset.external is not None
    if not elsewhere and dataset.id.get_storage_size() < size / MOST_COMPRESSED:
        raise ValueError(f"{dataset.name} is to hold {size:.3g} bytes, which are not in the file")
    if size > _memory():
        name = f"{dataset.file.filename}::{dataset.name}"
        raise CapacityError(name, rule="needs more memory than there is", got=f"{size:.3g} bytes")


def check_checksums(dataset: h5py.Dataset) -> None:
    """Raise `ValueError` for a chunk that is shorter than its checksum: HDF5 would read beyond it."""
    plist = dataset.id.get_create_plist() if dataset.chunks is not None else None
    filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())] if plist is not None else []
    if h5py.h5z.FILTER_FLETCHER32 not in filters:
        return
    sizes: list[int] = []
    dataset.id.chunk_iter(lambda info: sizes.append(info.size))
    if min(sizes, default=8) < 8:
        raise ValueError(f"{dataset.name} has a chunk of {min(sizes)} bytes, which is no more than its checksum")


def check_circle(dataset: h5py.Dataset, above: tuple[tuple[str, str], ...] = ()) -> None:
    """Raise `ScanError` for a virtual dataset that is made of itself: HDF5 would follow it until its stack ends.

    `above` are the datasets that it is part of. Files that are not there are left to whoever reads them.
    """
    if not dataset.is_virtual:
        return
    here = Path(dataset.file.filename)
    mine = (os.path.realpath(here), str(dataset.name))
    if mine in above or len(above) >= DEEPEST_VIRTUAL:
        rule = f"must not be made of itself, nor of more than {DEEPEST_VIRTUAL} levels of virtual datasets"
        raise ScanError(f"{here}::{dataset.name}", rule=rule)
    sources = {(one.file_name, one.dset_name) for one in dataset.virtual_sources()}
    for file_name, name in sorted(sources):
        path = here if file_name == "." else here.parent / file_name
        if not path.is_file():
            continue
        with opened(path) as file:
            source = file.get(name)
            if isinstance(source, h5py.Dataset):
                check_circle(source, (*above, mine))


def followed(group: h5py.Group, name: str) -> object:
    """What a name leads to; None where it leads nowhere, or round in a circle."""
    try:
        return group.get(name)
    except (OSError, RuntimeError, ValueError):
        return None


def check_chunks(dataset: h5py.Dataset) -> None:
    """Raise `ScanError` for frames in so many chunks that HDF5 needs more memory for these than for the frame."""
    if dataset.chunks is None:
        return
    each = math.prod(-(-size // chunk) for size, chunk in zip(dataset.shape[1:], dataset.chunks[1:], strict=True))
    if each > MOST_CHUNKS:
        name = f"{dataset.file.filename}::{dataset.name}"
        raise ScanError(name, rule=f"must have at most {MOST_CHUNKS} chunks a frame", got=each)


def _memory() -> int:
    """Bytes of this machine, where the system tells."""
    if not hasattr(os, "sysconf"):
        return 1 << 62
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


__all__ = [
    "check_believable",
    "check_checksums",
    "check_chunks",
    "check_circle",
    "followed",
    "message_of",
    "numbers",
    "open_h5",
    "opened",
    "texts",
]
