"""An HDF5 dataset as a frame source: directly where its layout allows, through its virtual sources, or by h5py."""

import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from friedel.errors import ScanError
from friedel.io.byte_reader import ByteReader
from friedel.io.chunk_cache import ChunkCache
from friedel.io.chunks import ContiguousFrames, Place, direct_frames
from friedel.io.foreign import check_frames, parsing
from friedel.io.hdf5_file import DEEPEST_VIRTUAL, check_checksums, check_chunks, check_circle, open_h5, opened
from friedel.io.sources import JoinedFrames, SelectedFrames
from friedel.model.arrays import AnyArray
from friedel.model.scan import FrameSource


def h5_frames(dataset: h5py.Dataset, depth: int = 0, cache: ChunkCache | None = None) -> FrameSource:
    """A source of the frames of a dataset [frame, row, col]; the file may be closed afterwards.

    Four dimensions will do where the first or the second is just 1.

    `depth` and `recent` are for the parts of virtual datasets. Raises `ScanError` when it has no frames in it, or
    virtual parts that are not there.
    """
    cache = cache or ChunkCache()
    if dataset.ndim == 4 and 1 in dataset.shape[:2] and dataset.dtype.kind in "uif":
        return FramesOfFour(dataset)
    if dataset.ndim != 3 or dataset.dtype.kind not in "uif":
        raise ScanError(
            f"{dataset.file.filename}::{dataset.name}",
            rule="frames must be numbers in three dimensions [frame, row, col]",
            got=f"{dataset.dtype} of shape {dataset.shape}",
            way_out="store each scan as a dataset of its own" if dataset.ndim > 3 else "",
        )
    check_frames(dataset.shape, dataset.dtype, f"{dataset.file.filename}::{dataset.name}")
    check_chunks(dataset)
    check_checksums(dataset)
    if dataset.is_virtual:
        if depth == 0:
            check_circle(dataset)
        return _virtual_frames(dataset, depth, cache)
    if dataset.external is not None:
        return _external_frames(dataset)
    return direct_frames(dataset, cache) or PlainFrames(dataset)


class PlainFrames:
    """Frames read by h5py, one thread at a time: any layout, any filter that HDF5 can find."""

    about = "an unusual layout, read by one thread at a time"

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._file: h5py.File | None = None  # first: __del__ looks at it
        self._path, self._name = Path(dataset.file.filename), str(dataset.name)
        self.shape: tuple[int, int, int] = dataset.shape
        self.dtype: np.dtype[np.generic] = dataset.dtype.newbyteorder("=")
        self._lock = threading.Lock()
        self.file_extents = tuple(_file_extents(dataset))

    def __reduce__(self) -> tuple[object, tuple[Path, str]]:
        return _reopened, (self._path, self._name)

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop). Raises `ScanError` that names the file, the dataset and the frame."""
        try:
            with parsing(f"frame {start} of {self._path}::{self._name}"):
                return np.asarray(self._stored(start, stop), dtype=self.dtype)
        except ScanError:
            if stop - start > 1:
                for frame in range(start, stop):  # to name the one
                    self.read(frame, frame + 1)
            raise

    def _stored(self, start: int, stop: int) -> AnyArray:
        return np.asarray(self._dataset()[start:stop])

    def _dataset(self) -> h5py.Dataset:
        with self._lock:
            if self._file is None:
                self._file = open_h5(self._path)
            return self._file[self._name]


class FramesOfFour(PlainFrames):
    """The same of a dataset [1, frame, row, col] or [frame, 1, row, col]."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        super().__init__(dataset)
        self._scan_first = dataset.shape[0] == 1
        self.shape = (int(np.prod(dataset.shape[:2])), *dataset.shape[2:])

    def __reduce__(self) -> tuple[object, tuple[Path, str]]:
        return _reopened_of_four, (self._path, self._name)

    def _stored(self, start: int, stop: int) -> AnyArray:
        dataset = self._dataset()
        return np.asarray(dataset[0, start:stop] if self._scan_first else dataset[start:stop, 0])


def _reopened_of_four(path: Path, name: str) -> FramesOfFour:
    with opened(path) as file:
        return FramesOfFour(file[name])


def _file_extents(dataset: h5py.Dataset) -> Iterator[tuple[int, ...]]:
    """Bytes that a dataset takes in its file, or the sizes of the files that a virtual one is made of."""
    if not dataset.is_virtual:
        yield (dataset.id.get_storage_size(),)
        return
    for mapping in dataset.virtual_sources():
        path = _source_path(dataset, mapping.file_name)
        yield (path.stat().st_size,)


def _reopened(path: Path, name: str) -> PlainFrames:
    with opened(path) as file:
        return PlainFrames(file[name])


def _external_frames(dataset: h5py.Dataset) -> FrameSource:
    """Raw files named in the HDF5 file, relative to its folder (HDF5 itself would look in the working folder)."""
    folder = Path(dataset.file.filename).parent
    size = dataset.size * dataset.dtype.itemsize
    pieces = []
    for name, offset, length in dataset.external:
        path = folder / name if (folder / name).is_file() else Path(name)
        if not path.is_file():
            raise ScanError(str(folder / name), rule=f"no such file, but {dataset.name} keeps its frames there")
        known = length if length < size else path.stat().st_size - offset  # H5F_UNLIMITED is the largest number
        pieces.append((ByteReader(path), Place(offset, known)))
    return ContiguousFrames(pieces, f"{dataset.file.filename}::{dataset.name}", dataset.shape, dataset.dtype)


def _virtual_frames(dataset: h5py.Dataset, depth: int, cache: ChunkCache) -> FrameSource:
    """The sources of a virtual dataset, one after the other, where each gives whole frames in order."""
    parts: list[tuple[int, FrameSource]] = []
    simple = depth < DEEPEST_VIRTUAL
    for mapping in dataset.virtual_sources():
        path = _source_path(dataset, mapping.file_name)
        with opened(path) as file:
            if mapping.dset_name not in file:
                raise ScanError(
                    f"{path}::{mapping.dset_name}", rule=f"no such dataset, but {dataset.name} is made of it"
                )
            source = file[mapping.dset_name]
            target = _whole_frames(mapping.vspace, dataset.shape)
            picked = _whole_frames(mapping.src_space, source.shape)
            needed = max(len(target) if target else 0, picked.stop if picked else 0)
            if source.ndim == 3 and source.shape[0] < needed:
                raise ScanError(
                    f"{path}::{mapping.dset_name}",
                    rule=f"must hold {needed} frames, of which {dataset.name} of {dataset.file.filename} is made",
                    got=source.shape[0],
                    way_out="the others would be read as zeros, which are corrupt: copy that file again once it is "
                    "finished",
                )
            if not simple or target is None or picked is None or len(target) != len(picked) or source.ndim != 3:
                simple = False
                continue
            frames = h5_frames(source, depth + 1, cache)
        whole = picked == range(frames.shape[0])
        parts.append((target.start, frames if whole else SelectedFrames(frames, tuple(picked))))
    parts.sort(key=lambda part: part[0])
    starts = np.cumsum([0, *(part.shape[0] for _, part in parts)])
    same = len({(*part.shape[1:], part.dtype) for _, part in parts}) == 1
    in_order = [start for start, _ in parts] == starts[:-1].tolist() and starts[-1] == dataset.shape[0]
    if not (simple and same and in_order and parts[0][1].dtype == dataset.dtype.newbyteorder("=")):
        return PlainFrames(dataset)
    return parts[0][1] if len(parts) == 1 else JoinedFrames([part for _, part in parts])


def _source_path(dataset: h5py.Dataset, name: str) -> Path:
    here = Path(dataset.file.filename)
    path = here if name == "." else here.parent / name
    if not path.is_file():
        raise ScanError(str(path), rule=f"no such file, but {here}::{dataset.name} is made of it")
    return path


def _whole_frames(space: h5py.h5s.SpaceID, shape: tuple[int, ...]) -> range | None:
    """The consecutive frames that a selection in a dataset of that shape covers, or None for anything else."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return range(shape[0])
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS:
        return None
    lo, hi = space.get_select_bounds()
    frames = range(int(lo[0]), int(hi[0]) + 1)
    whole = all(a == 0 and b == size - 1 for a, b, size in zip(lo[1:], hi[1:], shape[1:], strict=False))
    count = space.get_select_npoints()
    dense = count == len(frames) * int(np.prod(shape[1:]))
    return frames if whole and dense and len(lo) == len(shape) else None
