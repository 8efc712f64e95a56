"""The steepest way up from every voxel, and where the ways to different maxima meet."""

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs
from friedel.kernels.segment.components import Rows, find, rows_beside


@njit(cache=True, nogil=True)
def dilate(runs: Runs, rows: Rows, value: AnyArray, connectivity: int, out: AnyArray) -> None:
    """The largest `value` of every voxel and its neighbours, both in the order of the runs, one after the other.

    The largest of three columns is formed once for all rows beside.
    """
    col, length, offset, first = runs.col, runs.length, runs.offset, rows.first
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    wide = np.empty(value.size + 2 * col.size, value.dtype)  # with the columns before and behind each run
    _widen(length, value, wide, out)
    for g in range(rows.number.size):
        for where in range(2):  # what is beside is so for both
            h0, h1 = rows_beside(rows, g, where)
            for h in range(h0, h1 if where == 0 else g):
                straight = where == 1 or rows.number[h] == rows.number[g]
                reach = (0 if connectivity == 6 else 1) if straight else diagonal
                a, b = first[g], first[h]
                while reach >= 0 and a < first[g + 1] and b < first[h + 1]:
                    a_end, b_end = col[a] + length[a], col[b] + length[b]
                    low, high = max(col[a], col[b] - reach), min(a_end, b_end + reach)
                    to, source = offset[a] - col[a], offset[b] - col[b]
                    if reach == 0:
                        for c in range(low, high):
                            out[to + c] = max(out[to + c], value[source + c])
                            out[source + c] = max(out[source + c], value[to + c])
                    else:
                        for c in range(low, high):
                            out[to + c] = max(out[to + c], wide[source + 2 * b + 1 + c])
                        for c in range(max(col[b], col[a] - 1), min(b_end, a_end + 1)):
                            out[source + c] = max(out[source + c], wide[to + 2 * a + 1 + c])
                    if a_end < b_end:
                        a += 1
                    else:
                        b += 1


@njit(cache=True, nogil=True)
def _widen(length: AnyArray, value: AnyArray, wide: AnyArray, out: AnyArray) -> None:
    q = 0
    for r in range(length.size):
        end = q + length[r]
        w = q + 2 * r + 1
        wide[w - 1], wide[w + length[r]] = value[q], value[end - 1]
        for u in range(q, end):
            largest = max(value[max(u - 1, q)], value[u], value[min(u + 1, end - 1)])
            wide[w + (u - q)] = out[u] = largest
        q = end


@njit(cache=True, nogil=True)
def compress_paths(parent: AnyArray) -> None:
    """Point every node of a forest at its root."""
    for q in range(parent.size):
        parent[q] = find(parent, q)
