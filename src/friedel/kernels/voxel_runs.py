"""Voxels of blobs as runs: stretches along a row, and along a column where one cuts the scan there."""

import numpy as np
from numba import njit

from friedel.kernels.runs import AnyArray


@njit(cache=True, nogil=True)
def count_voxel_runs(pointer: AnyArray, frame: AnyArray, row: AnyArray, col: AnyArray) -> int:
    """How many runs `voxel_runs` will find."""
    n = 0
    for b in range(pointer.size - 1):
        for p in range(pointer[b], pointer[b + 1]):
            if p == pointer[b] or frame[p] != frame[p - 1] or row[p] != row[p - 1] or col[p] != col[p - 1] + 1:
                n += 1
    return n


@njit(cache=True, nogil=True)
def voxel_runs(pointer: AnyArray, frame: AnyArray, row: AnyArray, col: AnyArray, out: AnyArray) -> None:
    """Write the runs of all blobs to `out` int32 [run, 5]: frame, row, first column, length, blob.

    Voxels of blob b are [pointer[b], pointer[b + 1]), in (frame, row, col) order; so are its runs.
    """
    n = -1
    for b in range(pointer.size - 1):
        for p in range(pointer[b], pointer[b + 1]):
            if p == pointer[b] or frame[p] != frame[p - 1] or row[p] != row[p - 1] or col[p] != col[p - 1] + 1:
                n += 1
                out[n, 0] = frame[p]
                out[n, 1] = row[p]
                out[n, 2] = col[p]
                out[n, 3] = 0
                out[n, 4] = b
            out[n, 3] += 1


@njit(cache=True, nogil=True)
def place_runs(runs: AnyArray, axis: int, bins: int) -> tuple[AnyArray, AnyArray]:
    """Stable counting sort of runs [run, 5] by frame (`axis` 0) or row (1): (order int32, pointer [bin + 1])."""
    pointer = np.zeros(bins + 1, np.int64)
    for r in range(runs.shape[0]):
        pointer[runs[r, axis] + 1] += 1
    for x in range(bins):
        pointer[x + 1] += pointer[x]
    place = pointer[:-1].copy()
    order = np.empty(runs.shape[0], np.int32)
    for r in range(runs.shape[0]):
        x = runs[r, axis]
        order[place[x]] = r
        place[x] += 1
    return order, pointer


@njit(cache=True, nogil=True)
def place_columns(runs: AnyArray, cols: int) -> tuple[AnyArray, AnyArray]:
    """Which runs [run, 5] cross each column: (order int32, pointer [column + 1]), in the runs' order."""
    pointer = np.zeros(cols + 1, np.int64)
    for r in range(runs.shape[0]):
        for x in range(runs[r, 2], runs[r, 2] + runs[r, 3]):
            pointer[x + 1] += 1
    for x in range(cols):
        pointer[x + 1] += pointer[x]
    place = pointer[:-1].copy()
    order = np.empty(pointer[cols], np.int32)
    for r in range(runs.shape[0]):
        for x in range(runs[r, 2], runs[r, 2] + runs[r, 3]):
            order[place[x]] = r
            place[x] += 1
    return order, pointer


@njit(cache=True, nogil=True)
def joined_crossings(runs: AnyArray, crossing: AnyArray, first: int, stop: int, out: AnyArray) -> int:
    """Runs along a column: `crossing` are the runs [run, 5] that cross it, in order, frames in [first, stop) count.

    Writes (frame, first row, length, blob) to `out` int32 [run, 4], rows of one blob and frame that follow each
    other joined; returns how many.
    """
    n = 0
    for r in crossing:
        frame, row, blob = runs[r, 0], runs[r, 1], runs[r, 4]
        if frame < first or frame >= stop:
            continue
        if n > 0:
            same = out[n - 1, 0] == frame and out[n - 1, 3] == blob
            if same and out[n - 1, 1] + out[n - 1, 2] == row:
                out[n - 1, 2] += 1
                continue
        out[n, 0] = frame
        out[n, 1] = row
        out[n, 2] = 1
        out[n, 3] = blob
        n += 1
    return n
