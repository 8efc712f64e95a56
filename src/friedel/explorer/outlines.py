"""Which voxels of a frame or a section are in which blob: runs, found in the time that it takes to list them."""

import threading

import numpy as np

from friedel.kernels.explore.runs_by_slice import joined_crossings, place_columns, place_runs
from friedel.kernels.segment.runs_by_blob import RunsByBlob
from friedel.model.arrays import AnyArray, Indices
from friedel.segment import BlobRuns

FRAME, ROW, COL, LENGTH, BLOB = range(5)
Places = tuple[Indices, Indices]


class Outlines:
    """An index of the voxels of blobs; those of sections are built when first asked for.

    All answers are int32 [run, 4]: line, start, length, row of the table. Voxels of an absorbed seed come twice:
    as the seed's and as its absorber's.
    """

    def __init__(self, blobs: BlobRuns) -> None:
        self._shape = blobs.shape
        self._by_blob = blobs.by_blob
        self._lock = threading.Lock()
        self._runs: AnyArray | None = None
        self._places: dict[int, Places] = {}

    def frame(self, number: int) -> AnyArray:
        """On one frame: line is the row, start the first column."""
        runs, (order, pointer) = self._index(FRAME)
        found = runs[_of(order, pointer, number)]
        return np.ascontiguousarray(found[:, [ROW, COL, LENGTH, BLOB]])

    def row(self, number: int, start: int, stop: int) -> AnyArray:
        """On the section along a row of the detector, frames [start, stop): line is the frame, start the column."""
        runs, (order, pointer) = self._index(ROW)
        found = runs[_of(order, pointer, number)]
        found = found[(found[:, FRAME] >= start) & (found[:, FRAME] < stop)]
        return np.ascontiguousarray(found[:, [FRAME, COL, LENGTH, BLOB]])

    def col(self, number: int, start: int, stop: int) -> AnyArray:
        """On the section along one column, frames [start, stop): line is the frame, start the first row."""
        runs, (order, pointer) = self._index(COL)
        crossing = _of(order, pointer, number)
        out = np.empty((len(crossing), 4), np.int32)
        return out[: joined_crossings(runs, crossing, start, stop, out)]

    def _index(self, axis: int) -> tuple[AnyArray, Places]:
        with self._lock:
            if self._runs is None:
                self._runs = _listed(self._by_blob)
            if axis not in self._places:
                frames, rows, cols = self._shape
                if axis == COL:
                    self._places[axis] = place_columns(self._runs, cols)
                else:
                    self._places[axis] = place_runs(self._runs, axis, frames if axis == FRAME else rows)
            return self._runs, self._places[axis]


def _listed(by_blob: RunsByBlob) -> AnyArray:
    """Runs as rows [run, 5]: frame, row, first column, length, row of the table."""
    runs = np.empty((len(by_blob.frame), 5), np.int32)
    for k, field in enumerate((by_blob.frame, by_blob.row, by_blob.col, by_blob.length)):
        runs[:, k] = field
    runs[:, BLOB] = np.repeat(np.arange(len(by_blob.pointer) - 1), np.diff(by_blob.pointer))
    return runs


def _of(order: Indices, pointer: Indices, number: int) -> Indices:
    """What lies at one place; nothing where there is no such place."""
    if not 0 <= number < len(pointer) - 1:
        return order[:0]
    return order[pointer[number] : pointer[number + 1]]
