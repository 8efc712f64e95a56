"""Blobs as runs: whose each run is, and their voxels one by one."""

from typing import NamedTuple

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs


class RunsByBlob(NamedTuple):
    """Voxels of blobs as runs: those of blob b are [pointer[b], pointer[b + 1]), in (frame, row, col) order.

    `frame, row, col, length` int32; `offset` int64, where the values of a run start.
    """

    pointer: AnyArray
    frame: AnyArray
    row: AnyArray
    col: AnyArray
    length: AnyArray
    offset: AnyArray


@njit(cache=True, nogil=True)
def claimed_runs(runs: Runs, claimed: AnyArray, last: AnyArray, blob: AnyArray, out: Runs) -> int:
    """The runs that blobs claimed, in order, and whose they are; returns how many.

    `claimed` [voxel] is blob + 1, 0 for none; `last` [run, 2] the span that was claimed last in a run.
    """
    frame, row, col, length, _, offset = runs
    o_frame, o_row, o_col, o_length, _, o_offset = out
    n = 0
    for r in range(length.size):
        if last[r, 1] == 0:
            continue
        start = offset[r]
        end = start + length[r]
        whole = last[r, 0] == start and last[r, 1] == end
        while start < end:
            mine = claimed[start]
            q = end if whole else start + 1
            while q < end and claimed[q] == mine:
                q += 1
            if mine > 0:
                o_frame[n] = frame[r]
                o_row[n] = row[r]
                o_col[n] = col[r] + (start - offset[r])
                o_length[n] = q - start
                o_offset[n] = start
                blob[n] = mine - 1
                n += 1
            start = q
    return n


@njit(cache=True, nogil=True)
def sort_runs_by_blob(
    claimed: Runs,
    claimer: AnyArray,
    seeds: Runs,
    seed: AnyArray,
    rejected: AnyArray,
    place: AnyArray,
    out: RunsByBlob,
) -> None:
    """Write the claimed runs, and those of rejected seeds, to `out`, each at its blob's next place."""
    for r in range(claimer.size):
        _put(claimed, r, claimer[r], place, out)
    for r in range(seed.size):
        if rejected[seed[r]]:
            _put(seeds, r, seed[r], place, out)


@njit(cache=True, nogil=True)
def _put(runs: Runs, r: int, blob: int, place: AnyArray, out: RunsByBlob) -> None:
    p = place[blob]
    place[blob] += 1
    out.frame[p] = runs.frame[r]
    out.row[p] = runs.row[r]
    out.col[p] = runs.col[r]
    out.length[p] = runs.length[r]
    out.offset[p] = runs.offset[r]


@njit(cache=True, nogil=True)
def expand_runs(
    blobs: RunsByBlob,
    values: AnyArray,
    first: AnyArray,
    place: AnyArray,
    frame: AnyArray,
    row: AnyArray,
    col: AnyArray,
    intensity: AnyArray,
) -> None:
    """Write one entry per voxel, blob b's from `place` [b] on.

    Its values lie together, from `first` [b] on; offsets of its runs are not looked at.
    """
    for b in range(place.size):
        n = place[b]
        q = first[b]
        for p in range(blobs.pointer[b], blobs.pointer[b + 1]):
            f = blobs.frame[p]
            j = blobs.row[p]
            c = blobs.col[p]
            count = np.int64(blobs.length[p])
            for x in range(count):
                frame[n + x] = f
                row[n + x] = j
                col[n + x] = c + x
                intensity[n + x] = values[q + x]
            n += count
            q += count
