"""Seed components with several maxima, parted at the saddles between them.

Two spots that lie close melt into one component above any seed threshold that is below the saddle between them, and
one above it would lose faint spots. Which saddle parts two spots is a matter of their own heights.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.components import Rows, find, link_rows
from friedel.kernels.runs import AnyArray, Runs, empty_runs

MOST_NEAR = 26


class Stretches(NamedTuple):
    """Stretches of bright voxels: `runs` of them, the sections' first ones, the place `at` of each one's first
    maximum, the run that it is `inside`, and the `number` of its seed."""

    runs: Runs
    section: AnyArray
    at: AnyArray
    inside: AnyArray
    number: AnyArray


def part_seeds(
    bright: Stretches,
    peak: AnyArray,
    level: AnyArray,
    rule: tuple[float, float, int],
    turn: int,
    connectivity: int,
) -> tuple[Stretches, int]:
    """The stretches of seeds with maxima `peak`, cut where parts of a seed meet, and how many seeds they are now.

    `rule` is seed threshold T, saddle and the fewest voxels of a part. Voxels come in descending level (ties by
    position), each joins the part of its highest neighbour; one without a neighbour that came before begins a part.
    Where parts meet, all join the one of the highest maximum, but those whose maximum times `saddle` is above the
    meeting voxel's level, if they and the highest hold enough voxels: these stay apart for good.
    """
    top, saddle, least = rule
    # in other seeds no level is both above T and low enough for a saddle
    steep = (peak.astype(np.float64) * saddle > top)[bright.number]
    length = np.where(steep, bright.runs.length, 0).astype(np.int64)
    first, total = np.cumsum(length) - length, int(length.sum())
    if total == 0:
        return bright, len(peak)
    value, of, part = np.empty(total, np.float32), np.empty(total, np.int32), np.full(total, -1, np.int32)
    _list_voxels(bright.runs, steep, first, level, value, of)
    order, rows = np.argsort(-value, kind="stable"), link_rows(bright.runs, bright.section, turn)
    parts = _parts(bright.runs, rows, first, value, of, order, saddle, least, connectivity, part)
    name = np.full(parts + len(peak), -1, np.int32)
    part[part >= 0] += len(peak)  # those below are the seeds that stay whole
    room = total + int(np.count_nonzero(~steep))
    out = Stretches(
        empty_runs(room), np.empty_like(bright.section), np.empty(room, np.int64), np.empty(room, np.int32),
        np.empty(room, np.int32),
    )  # fmt: skip
    n, count = _cut(bright, steep, first, value, part, name, out)
    return Stretches(out.runs.take(slice(0, n)), out.section, out.at[:n], out.inside[:n], out.number[:n]), count


@njit(cache=True, nogil=True)
def _list_voxels(
    stretches: Runs, steep: AnyArray, first: AnyArray, level: AnyArray, value: AnyArray, of: AnyArray
) -> None:
    for s in range(len(steep)):
        if steep[s]:
            for i in range(stretches.length[s]):
                value[first[s] + i] = level[stretches.offset[s] + i]
                of[first[s] + i] = s


@njit(cache=True, nogil=True)
def _parts(
    stretches: Runs,
    rows: Rows,
    first: AnyArray,
    value: AnyArray,
    of: AnyArray,
    order: AnyArray,
    saddle: float,
    least: int,
    connectivity: int,
    part: AnyArray,
) -> int:
    """Fill `part` [voxel]; parts are numbered as they begin, so the lower number has the higher maximum."""
    parent, size = np.empty(len(part), np.int32), np.zeros(len(part), np.int64)
    peak = np.empty(len(part), np.float32)
    near = np.empty(MOST_NEAR, np.int64)
    n = 0
    for v in order:
        count = _near(stretches, rows, first, of[v], v, connectivity, part, near)
        if count == 0:
            parent[n], peak[n], size[n], part[v] = n, value[v], 1, n
            n += 1
            continue
        best, highest = near[0], find(parent, part[near[0]])
        for i in range(1, count):
            u = near[i]
            if value[u] > value[best] or (value[u] == value[best] and u < best):
                best = u
            highest = min(highest, find(parent, part[u]))
        for i in range(count):
            x = find(parent, part[near[i]])
            if x == highest:
                continue
            small = size[x] < least or size[highest] < least
            if small or not value[v] < saddle * np.float64(peak[x]):
                parent[x] = highest
                size[highest] += size[x]
        mine = find(parent, part[best])
        part[v] = mine
        size[mine] += 1
    for v in range(len(part)):
        part[v] = find(parent, part[v])
    return n


@njit(cache=True, nogil=True)
def _near(
    stretches: Runs, rows: Rows, first: AnyArray, s: int, v: int, connectivity: int, part: AnyArray, near: AnyArray
) -> int:
    """Neighbours of voxel v of stretch s that are in a part already; returns how many."""
    col, length = stretches.col, stretches.length
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    c = np.int64(col[s]) + (v - first[s])
    g = np.int64(rows.of_run[s])
    count = 0
    for where in range(3):
        if where == 0:
            h0 = np.int64(rows.before[g])
            h1 = h0 + rows.n_before[g]
        elif where == 1:
            h0 = g - (rows.sides[g] & 1)
            h1 = g + 1 + (rows.sides[g] >> 1)
        else:
            h0 = np.int64(rows.after[g])
            h1 = h0 + rows.n_after[g]
        for h in range(h0, h1):
            straight = where == 1 or rows.number[h] == rows.number[g]
            reach = (0 if connectivity == 6 else 1) if straight else diagonal
            if h == g:
                reach = 1
            low, high = np.int64(rows.first[h]), np.int64(rows.first[h + 1])
            while low < high:  # the first stretch of the row that ends at c - reach or behind
                middle = (low + high) >> 1
                if col[middle] + length[middle] > c - reach:
                    high = middle
                else:
                    low = middle + 1
            for t in range(low, rows.first[h + 1]):
                if col[t] > c + reach:
                    break
                for i in range(max(c - reach, col[t]), min(c + reach + 1, col[t] + length[t])):
                    u = first[t] + (i - col[t])
                    if part[u] >= 0:
                        near[count] = u
                        count += 1
    return count


@njit(cache=True, nogil=True)
def _cut(
    bright: Stretches,
    steep: AnyArray,
    first: AnyArray,
    value: AnyArray,
    part: AnyArray,
    name: AnyArray,
    out: Stretches,
) -> tuple[int, int]:
    """Cut the stretches; seeds are numbered by their first voxel. Returns how many there are of each."""
    runs, new = bright.runs, out.runs
    n, count = 0, 0
    for k in range(bright.section.size - 1):
        out.section[k] = n
        for s in range(bright.section[k], bright.section[k + 1]):
            i = np.int64(0)
            while i < runs.length[s]:
                start, label = i, np.int64(bright.number[s])
                new.peak[n], out.at[n], i = runs.peak[s], bright.at[s], np.int64(runs.length[s])
                if steep[s]:
                    label, i = np.int64(part[first[s] + start]), start
                    best = start
                    while i < runs.length[s] and part[first[s] + i] == label:
                        if value[first[s] + i] > value[first[s] + best]:
                            best = i
                        i += 1
                    new.peak[n], out.at[n] = value[first[s] + best], runs.offset[s] + best
                if name[label] < 0:
                    name[label] = count
                    count += 1
                new.frame[n], new.row[n], new.col[n] = runs.frame[s], runs.row[s], runs.col[s] + start
                new.length[n], new.offset[n] = i - start, runs.offset[s] + start
                out.inside[n], out.number[n] = bright.inside[s], name[label]
                n += 1
    out.section[bright.section.size - 1] = n
    return n, count
