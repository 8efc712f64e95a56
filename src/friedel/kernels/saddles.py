"""Seed components with several maxima, parted at the saddles between them.

Two spots that lie close melt into one component above any seed threshold that is below the saddle between them, and
one above it would lose faint spots. Which saddle parts two spots is a matter of their own heights.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.components import Rows, find, first_run, rows_beside
from friedel.kernels.grow import Ground
from friedel.kernels.maxima import likely_maxima, outstanding
from friedel.kernels.runs import AnyArray, Runs, empty_runs

MOST_NEAR = 26


class Stretches(NamedTuple):
    """Stretches of bright voxels: `runs` of them in their `rows`, the sections' first ones, the place `at` of each
    one's first maximum, the run that it is `inside`, and the `number` of its seed."""

    runs: Runs
    rows: Rows
    section: AnyArray
    at: AnyArray
    inside: AnyArray
    number: AnyArray


def part_seeds(
    bright: Stretches, n_seeds: int, level: AnyArray, rule: tuple[float, float, int], connectivity: int
) -> tuple[Stretches, int]:
    """The stretches of `n_seeds` seeds, cut where parts of a seed meet, and how many seeds they are now.

    `rule` is seed threshold T, saddle and the fewest voxels of a part. Voxels come in descending level (ties by
    position), each joins the part of its highest neighbour; one without a neighbour that came before begins a part.
    Where parts meet, all join the one of the highest maximum, but those whose maximum times `saddle` is above the
    meeting voxel's level, if they and the highest hold enough voxels: these stay apart for good.

    Few seeds have two maxima that can stay apart, and in these, what can be reached from such a maximum without
    going below its level times `saddle` is its own. Only voxels further down need to come in order.
    """
    top, saddle, least = rule
    ground = Ground(
        bright.runs, bright.rows, level, np.zeros(len(level), np.int32), np.zeros((len(bright.at), 2), np.int64),
        np.empty((len(level) + 1, 3), np.int32),
    )  # fmt: skip
    at, seed = _maxima_apart(bright, ground, n_seeds, top, saddle, connectivity)
    parted = np.bincount(seed[seed >= 0], minlength=n_seeds) > 1
    if not parted.any():
        return bright, n_seeds
    cut = parted[bright.number]
    part = _parted(ground, bright.section, cut, at, seed >= 0, saddle, least, connectivity)
    room = len(cut) + int(bright.runs.length[cut].sum())
    out = Stretches(
        empty_runs(room), bright.rows, np.empty_like(bright.section), np.empty(room, np.int64),
        np.empty(room, np.int32), np.empty(room, np.int32),
    )  # fmt: skip
    whole, name = np.full(n_seeds, -1, np.int32), np.full(len(level), -1, np.int32)
    n, count = _cut(bright, cut, level, part, whole, name, out)
    runs = out.runs.take(slice(0, n))
    return Stretches(runs, bright.rows, out.section, out.at[:n], out.inside[:n], out.number[:n]), count


def _maxima_apart(
    bright: Stretches, ground: Ground, n_seeds: int, top: float, saddle: float, connectivity: int
) -> tuple[AnyArray, AnyArray]:
    """Maxima that cannot be left for a higher one without going below `saddle` times their level.

    Returns voxels `at` and their seeds, -1 for those that are no such maximum; what can be reached from the others
    is flooded in the ground. In a seed with one candidate there is nothing to look at.
    """
    room = (len(ground.level) + len(bright.at)) // 2  # never touched beyond what is found
    inside, at = np.empty(room, np.int32), np.empty(room, np.int64)
    n = likely_maxima(bright.runs, bright.rows, bright.at, ground.level, top, saddle, connectivity, inside, at)
    inside, at = inside[:n], at[:n]
    seed = bright.number[inside]
    rivals = np.flatnonzero(np.bincount(seed, minlength=n_seeds)[seed] > 1)
    order = rivals[np.lexsort((at[rivals], -ground.level[at[rivals]]))]
    apart = np.zeros(n, np.bool_)
    outstanding(ground, order, inside, at, saddle, connectivity, apart)
    return at, np.where(apart, seed, -1)


def _parted(
    ground: Ground, section: AnyArray, cut: AnyArray, at: AnyArray, apart: AnyArray, saddle: float, least: int,
    connectivity: int,
) -> AnyArray:  # fmt: skip
    """The part of every voxel of the stretches `cut`, named by its maximum."""
    total = int(ground.runs.length[cut].sum())
    part, size = np.empty(len(ground.level), np.int32), np.zeros(len(ground.level), np.int32)
    key, of = np.empty(total, np.int64), np.empty(len(ground.level), np.int32)
    ends = np.zeros(len(section), np.int64)
    _list_rest(ground, section, cut, at, apart, ground.level.view(np.int32), part, size, key, of, ends)
    for a, b in pairwise(ends[np.flatnonzero(np.diff(ends, prepend=-1))]):
        key[a:b].sort()
    key = key[: ends[-1]]
    _join_rest(ground.runs, ground.rows, ground.level, key, of, saddle, least, connectivity, part, size)
    return part


@njit(cache=True, nogil=True)
def _list_rest(
    ground: Ground,
    section: AnyArray,
    cut: AnyArray,
    at: AnyArray,
    apart: AnyArray,
    bits: AnyArray,
    part: AnyArray,
    size: AnyArray,
    key: AnyArray,
    of: AnyArray,
    ends: AnyArray,
) -> None:
    """Begin the parts with what is flooded; for all other voxels, keys that ascend in the order in which they come.

    The bits of a positive float32 ascend with it.
    """
    n = 0
    for k in range(section.size - 1):
        for s in range(section[k], section[k + 1]):
            if not cut[s]:
                continue
            for q in range(ground.runs.offset[s], ground.runs.offset[s] + ground.runs.length[s]):
                x = ground.claimed[q] - 1
                if x >= 0 and apart[x]:
                    part[q] = at[x]
                    size[at[x]] += 1
                else:
                    part[q] = -1
                    key[n] = (np.int64(-bits[q]) << 32) + q
                    of[q] = s
                    n += 1
        ends[k + 1] = n


@njit(cache=True, nogil=True)
def _join_rest(
    runs: Runs,
    rows: Rows,
    level: AnyArray,
    key: AnyArray,
    of: AnyArray,
    saddle: float,
    least: int,
    connectivity: int,
    part: AnyArray,
    size: AnyArray,
) -> None:
    bits = level.view(np.int32)
    near = np.empty(MOST_NEAR, np.int64)
    for k in key:
        q = k & 0xFFFFFFFF
        best, differ = _highest_near(runs, rows, of[q], q, connectivity, bits, part)
        if best < 0:
            part[q], size[q] = q, 1
            continue
        if differ:
            count = _near(runs, rows, of[q], q, connectivity, part, near)
            _meet(level, q, near[:count], saddle, least, part, size)
        mine = find(part, best)
        part[q] = mine
        size[mine] += 1


@njit(cache=True, nogil=True)
def _meet(
    level: AnyArray, q: int, near: AnyArray, saddle: float, least: int, part: AnyArray, size: AnyArray
) -> None:
    """Join the parts of the voxels `near`, which meet at voxel q, where they do not stay apart."""
    highest = find(part, near[0])
    for u in near[1:]:
        x = find(part, u)
        if level[x] > level[highest] or (level[x] == level[highest] and x < highest):
            highest = x
    for u in near:
        x = find(part, u)
        if x == highest:
            continue
        small = size[x] < least or size[highest] < least
        if small or not np.float64(level[q]) < saddle * np.float64(level[x]):
            part[x] = highest
            size[highest] += size[x]


@njit(cache=True, nogil=True)
def _highest_near(
    runs: Runs, rows: Rows, s: int, q: int, connectivity: int, bits: AnyArray, part: AnyArray
) -> tuple[np.int64, bool]:
    """The highest neighbour of voxel q of run s that is in a part already (-1: none is), and whether their parts
    have different names.

    Those that came before are all higher than the others. Without branches and loops over the two or three voxels
    of a row, which nobody can predict: it takes half the time.
    """
    g, c = np.int64(rows.of_run[s]), runs.col[s] + (q - runs.offset[s])
    highest, least, most = np.int64(-1), np.uint32(0xFFFFFFFF), np.int32(-1)
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    for where in range(3):
        h0, h1 = rows_beside(rows, g, where)
        for h in range(h0, h1):
            straight = where == 1 or rows.number[h] == rows.number[g]
            reach = 1 if h == g else (0 if connectivity == 6 else 1) if straight else diagonal
            if reach < 0:
                continue
            for t in range(first_run(runs, rows.first[h], rows.first[h + 1], c - reach), rows.first[h + 1]):
                col = np.int64(runs.col[t])
                if col > c + reach:
                    break
                u0 = runs.offset[t] + max(c - reach - col, 0)
                u1 = runs.offset[t] + min(c + reach + 1 - col, np.int64(runs.length[t]))
                for u in (u0, min(u0 + 1, u1 - 1), u1 - 1):
                    least, most = min(least, np.uint32(part[u])), max(most, part[u])
                    highest = max(highest, (np.int64(bits[u]) << 32) + (0xFFFFFFFF - u))
    best = 0xFFFFFFFF - (highest & 0xFFFFFFFF) if most >= 0 else np.int64(-1)
    return best, np.int64(least) != np.int64(most)


@njit(cache=True, nogil=True)
def _near(runs: Runs, rows: Rows, s: int, q: int, connectivity: int, part: AnyArray, near: AnyArray) -> int:
    """Neighbours of voxel q of run s that are in a part already; returns how many."""
    g, c = np.int64(rows.of_run[s]), runs.col[s] + (q - runs.offset[s])
    count = 0
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    for where in range(3):
        h0, h1 = rows_beside(rows, g, where)
        for h in range(h0, h1):
            straight = where == 1 or rows.number[h] == rows.number[g]
            reach = 1 if h == g else (0 if connectivity == 6 else 1) if straight else diagonal
            if reach < 0:
                continue
            for t in range(first_run(runs, rows.first[h], rows.first[h + 1], c - reach), rows.first[h + 1]):
                col = np.int64(runs.col[t])
                if col > c + reach:
                    break
                u0 = runs.offset[t] + max(c - reach - col, 0)
                u1 = runs.offset[t] + min(c + reach + 1 - col, np.int64(runs.length[t]))
                for u in range(u0, u1):
                    if part[u] >= 0:
                        near[count] = u
                        count += 1
    return count


@njit(cache=True, nogil=True)
def _cut(
    bright: Stretches,
    cut: AnyArray,
    level: AnyArray,
    part: AnyArray,
    whole: AnyArray,
    name: AnyArray,
    out: Stretches,
) -> tuple[int, int]:
    """Cut the stretches; seeds are numbered by their first voxel. Returns how many there are of each.

    `whole` [seed] and `name` [voxel] get the new numbers of seeds that stay whole, and of parts by their maximum.
    """
    runs, new = bright.runs, out.runs
    n, count = 0, 0
    for k in range(bright.section.size - 1):
        out.section[k] = n
        for s in range(bright.section[k], bright.section[k + 1]):
            start, stop = runs.offset[s], runs.offset[s] + runs.length[s]
            q = start
            while q < stop:
                begin = q
                if cut[s]:
                    label, names, best = np.int64(find(part, q)), name, q
                    while q < stop and (part[q] == label or find(part, q) == label):
                        if level[q] > level[best]:
                            best = q
                        q += 1
                else:
                    label, names, best, q = np.int64(bright.number[s]), whole, bright.at[s], stop
                if names[label] < 0:
                    names[label] = count
                    count += 1
                new.frame[n], new.row[n], new.col[n] = runs.frame[s], runs.row[s], runs.col[s] + (begin - start)
                new.length[n], new.offset[n], new.peak[n] = q - begin, begin, level[best]
                out.at[n], out.inside[n], out.number[n] = best, bright.inside[s], names[label]
                n += 1
    out.section[bright.section.size - 1] = n
    return n, count
