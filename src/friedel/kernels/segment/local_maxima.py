"""Local maxima of the levels, and those among them that may be blobs of their own.

Voxels are named by their position q in the values, which is also their order in the scan. Of two voxels the higher
comes first, of equal ones the earlier.
"""

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs
from friedel.kernels.segment.components import MOST_RUNS_BESIDE, Rows, neighbours, rows_beside
from friedel.kernels.segment.grow import Regions, claim_span, grow_region


@njit(cache=True, nogil=True)
def candidate_maxima(
    runs: Runs,
    rows: Rows,
    first: AnyArray,
    level: AnyArray,
    lowest: float,
    saddle: float,
    connectivity: int,
    inside: AnyArray,
    at: AnyArray,
) -> int:
    """Voxels `at` with level * saddle > `lowest`, all from which no higher one can be reached without going below
    that among them; returns how many.

    Left out is from where a higher one is soon reached. `first` is the first maximum of each run, `inside` the run
    that each voxel is in; there is room for (length + 1) // 2 in every run.
    """
    beside = np.zeros(first.size, np.bool_)
    _find_higher_beside(runs, rows, first, level, connectivity, beside)
    near = np.empty((MOST_RUNS_BESIDE, 3), np.int64)
    n = 0
    for r in range(first.size):
        if not np.float64(runs.peak[r]) * saddle > lowest:
            continue
        start, end = int(runs.offset[r]), int(runs.offset[r]) + int(runs.length[r])
        top, deep = start, level[start]  # the highest at hand, and the lowest since
        for q in range(start + 1, end + 1):
            if q < end and level[q] <= level[top]:
                deep = min(deep, level[q])
                if deep == level[q] or np.float64(deep) >= saddle * np.float64(level[q]):
                    continue
            elif q < end and deep == level[top]:
                top, deep = q, level[q]
                continue
            high = np.float64(level[top]) * saddle
            hidden = beside[r] if top == first[r] else not high > lowest
            if (
                not hidden
                and (q == end or deep < high)
                and _is_highest_near(runs, rows, level, r, top, high, connectivity, near)
            ):
                inside[n], at[n] = r, top
                n += 1
            if q < end:
                top, deep = q, level[q]
    return n


@njit(cache=True, nogil=True)
def _find_higher_beside(
    runs: Runs, rows: Rows, first: AnyArray, level: AnyArray, connectivity: int, out: AnyArray
) -> None:
    """Whether the first maximum of each run has a neighbour in another row that comes before it."""
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    for g in range(rows.number.size):
        for where in range(2):
            h0, h1 = rows_beside(rows, g, where)
            for h in range(h0, h1 if where == 0 else g):
                straight = where == 1 or rows.number[h] == rows.number[g]
                reach = (0 if connectivity == 6 else 1) if straight else diagonal
                if reach >= 0:
                    _compare_rows(runs, rows.first[g], rows.first[g + 1], rows.first[h], rows.first[h + 1], reach,
                                  first, level, out)  # fmt: skip


@njit(cache=True, nogil=True)
def _compare_rows(
    runs: Runs, a: int, a1: int, b: int, b1: int, reach: int, first: AnyArray, level: AnyArray, out: AnyArray
) -> None:
    """Compare the runs [a, a1) of one row with those [b, b1) of another where they come within `reach` columns."""
    col, length = runs.col, runs.length
    while a < a1 and b < b1:
        a_end, b_end = col[a] + length[a], col[b] + length[b]
        if a_end + reach <= col[b]:
            a += 1
            continue
        if b_end + reach <= col[a]:
            b += 1
            continue
        low, high = (a, b) if runs.peak[a] < runs.peak[b] else (b, a)
        if not out[low] or runs.peak[a] == runs.peak[b]:
            out[low] |= _higher_within(runs, high, reach, low, first, level)
        if runs.peak[a] == runs.peak[b]:
            out[high] |= _higher_within(runs, low, reach, high, first, level)
        if a_end < b_end:
            a += 1
        else:
            b += 1


@njit(cache=True, nogil=True)
def _higher_within(runs: Runs, r: int, reach: int, s: int, first: AnyArray, level: AnyArray) -> bool:
    """Whether run r has a voxel within `reach` columns of the first maximum of run s that comes before it."""
    q, v = first[s], runs.peak[s]
    at = runs.col[s] + (q - runs.offset[s]) - runs.col[r]
    for i in range(max(at - reach, 0), min(at + reach + 1, np.int64(runs.length[r]))):
        u = runs.offset[r] + i
        if level[u] > v or (level[u] == v and u < q):
            return True
    return False


@njit(cache=True, nogil=True)
def _is_highest_near(
    runs: Runs, rows: Rows, level: AnyArray, r: int, q: int, least: float, connectivity: int, beside: AnyArray
) -> bool:
    """Whether voxel q of run r comes before its neighbours in other rows and all that is reached from them.

    That is, along the rows without going below `least`.
    """
    for i in range(neighbours(runs, rows, r, q, connectivity, beside)):
        t = beside[i, 0]
        higher = t != r and runs.peak[t] >= level[q]
        if higher and _higher_along(runs, t, beside[i, 1], beside[i, 2], q, level, least):
            return False
    return True


@njit(cache=True, nogil=True)
def _higher_along(runs: Runs, r: int, u0: int, u1: int, q: int, level: AnyArray, least: float) -> bool:
    """Whether a voxel before q is reached along run r from its voxels [u0, u1), not going below `least`."""
    start, end = int(runs.offset[r]), int(runs.offset[r]) + int(runs.length[r])
    for first, last, step in ((u0, end, 1), (u1 - 1, start - 1, -1)):
        for u in range(first, last, step):
            if level[u] > level[q] or (level[u] == level[q] and u < q):
                return True
            if level[u] < least and (u - first) * step >= u1 - u0 - 1:
                break
    return False


@njit(cache=True, nogil=True)
def prominent_maxima(
    regions: Regions,
    order: AnyArray,
    inside: AnyArray,
    at: AnyArray,
    saddle: float,
    connectivity: int,
    out: AnyArray,
) -> None:
    """Which maxima cannot be left for a higher voxel without going below `saddle` times their level.

    `order` are voxels, the highest first, all such maxima among them. What hangs together with one down to that
    level is flooded, and `claimed` gets its number + 1. It is such a maximum where nobody had flooded any of that
    before: from a higher voxel in there the way leads on, no deeper, up to a maximum that is one.
    """
    for i in order:
        if regions.claimed[at[i]] != 0:
            continue
        lowest = saddle * np.float64(regions.level[at[i]])
        _, _, touches = claim_span(regions, inside[i], at[i], lowest, np.inf, i + 1, 0)
        _, touched = grow_region(regions, lowest, np.inf, i + 1, connectivity, 1)
        out[i] = not (touches or touched)
