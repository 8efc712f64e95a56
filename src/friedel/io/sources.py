"""Frame sources made of other frame sources."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from friedel.errors import ScanError
from friedel.model.arrays import AnyArray
from friedel.model.scan import ArrayFrames, FrameSource


def about(frames: FrameSource) -> str:
    """How the frames are stored and read, in a few words; empty where there is nothing to say."""
    return str(getattr(frames, "about", ""))


def held_bytes(frames: FrameSource) -> int:
    """Memory that a source keeps between two reads."""
    if isinstance(frames, ArrayFrames):
        return 0 if isinstance(frames.array, np.memmap) else frames.array.nbytes
    return int(getattr(frames, "held_bytes", 0))


def frames_per_read(frames: FrameSource) -> int:
    """Frames that cost no more to read than one of them."""
    return int(getattr(frames, "frames_per_read", 1))


def file_extents(frames: FrameSource) -> tuple[tuple[int, ...], ...]:
    """Places and sizes in files, which tell one input from another; empty where the source knows none."""
    return tuple(getattr(frames, "file_extents", ()))


@dataclass(frozen=True, slots=True, eq=False)
class SelectedFrames:
    """Some frames of a source, in any order: number i is the source's `indices[i]`, none where that is -1."""

    source: FrameSource
    indices: tuple[int, ...]
    name: str = "the scan"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, cols)."""
        return (len(self.indices), *self.source.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of a raw pixel."""
        return self.source.dtype

    @property
    def about(self) -> str:
        """How the frames are stored."""
        return about(self.source)

    @property
    def held_bytes(self) -> int:
        """Memory between two reads."""
        return held_bytes(self.source)

    @property
    def frames_per_read(self) -> int:
        """Frames that cost no more to read than one."""
        return frames_per_read(self.source)

    @property
    def file_extents(self) -> tuple[tuple[int, ...], ...]:
        """Places and sizes in files."""
        return file_extents(self.source)

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop); those that follow each other in the source are read together."""
        wanted = np.array(self.indices[start:stop], np.int64)
        if len(wanted) and wanted.min() < 0:
            missing = start + int(np.argmin(wanted))
            raise ScanError(f"frame {missing} of {self.name}", rule="was not recorded")
        if len(wanted) and (np.diff(wanted) == 1).all():
            return self.source.read(int(wanted[0]), int(wanted[-1]) + 1)
        out = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        order = np.argsort(wanted, kind="stable")
        for piece in np.split(order, np.flatnonzero(np.diff(wanted[order]) != 1) + 1):
            if len(piece):
                out[piece] = self.source.read(int(wanted[piece[0]]), int(wanted[piece[-1]]) + 1)
        return out


class JoinedFrames:
    """Sources one after the other, all with the same frame shape and type."""

    def __init__(self, parts: list[FrameSource]) -> None:
        self._parts = parts
        self._starts = [0]
        for part in parts:
            self._starts.append(self._starts[-1] + part.shape[0])
        rows, cols = parts[0].shape[1:]
        self.shape = (self._starts[-1], rows, cols)
        self.dtype = parts[0].dtype
        self.about = f"in {len(parts)} parts; {about(parts[0])}"
        self.frames_per_read = frames_per_read(parts[0])
        self.file_extents = tuple(mark for part in parts for mark in file_extents(part))

    @property
    def held_bytes(self) -> int:
        """Memory between two reads: HDF5 parts share what they keep."""
        return max(held_bytes(part) for part in self._parts)

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop)."""
        first = bisect_right(self._starts, start) - 1
        if stop <= self._starts[first + 1]:
            return self._parts[first].read(start - self._starts[first], stop - self._starts[first])
        out = np.empty((stop - start, *self.shape[1:]), self.dtype)
        for part, at in zip(self._parts[first:], self._starts[first:], strict=False):
            lo, hi = max(start, at), min(stop, at + part.shape[0])
            if lo < hi:
                out[lo - start : hi - start] = part.read(lo - at, hi - at)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class GridFrames:
    """Frames of a source whose images hold several frames each, rows × cols of them in reading order."""

    source: FrameSource
    rows: int
    cols: int

    def __post_init__(self) -> None:
        _, rows, cols = self.source.shape
        if rows % self.rows or cols % self.cols:
            raise ScanError(
                "scan.grid",
                rule=f"must divide the stored image of {rows} × {cols} pixels",
                got=f"[{self.rows}, {self.cols}]",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, cols) of a single frame."""
        images, rows, cols = self.source.shape
        return images * self.rows * self.cols, rows // self.rows, cols // self.cols

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of a raw pixel."""
        return self.source.dtype

    @property
    def about(self) -> str:
        """How the frames are stored."""
        return about(self.source)

    @property
    def held_bytes(self) -> int:
        """Memory between two reads."""
        return held_bytes(self.source)

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop)."""
        n = self.rows * self.cols
        first, last = start // n, -(-stop // n)
        return split_grid(self.source.read(first, last), self.rows, self.cols)[start - first * n : stop - first * n]


def split_grid(images: AnyArray, rows: int, cols: int) -> AnyArray:
    """Images [image, row, col] that hold rows × cols frames each -> frames [frame, row, col]."""
    count, height, width = images.shape
    tiles = images.reshape(count, rows, height // rows, cols, width // cols).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(tiles.reshape(-1, height // rows, width // cols))
