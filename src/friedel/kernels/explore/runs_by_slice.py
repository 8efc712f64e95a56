"""Runs of blobs [run, 5] (frame, row, first column, length, blob) by the frame, row or column that they lie on."""

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray


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
