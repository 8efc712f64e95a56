"""Seed components with several maxima, parted at the saddles between them.

Two spots that lie close melt into one component above any seed threshold that is below the saddle between them, and
one above it would lose faint spots. Which saddle parts two spots is a matter of their own heights.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.segment.bright_runs import AnyArray, Runs, empty_runs, pack_values
from friedel.kernels.segment.components import Rows, find, first_run, link_rows, rows_beside
from friedel.kernels.segment.grow import Ground
from friedel.kernels.segment.local_maxima import likely_maxima, outstanding
from friedel.kernels.segment.steepest_ascent import settle, spread

MOST_NEAR = 26
_LOW = 0xFFFFFFFF


class Stretches(NamedTuple):
    """Stretches of bright voxels: `runs` of them in their `rows`, the sections' first ones, the place `at` of each
    one's first maximum, the run that it is `inside`, and the `number` of its seed."""

    runs: Runs
    rows: Rows
    section: AnyArray
    at: AnyArray
    inside: AnyArray
    number: AnyArray


class Maxima(NamedTuple):
    """Maxima `at` in the stretches `inside`, and their `seed` where they stand out in it, else -1."""

    at: AnyArray
    inside: AnyArray
    seed: AnyArray


def part_seeds(
    bright: Stretches, n_seeds: int, level: AnyArray, rule: tuple[float, float, int], turn: int, connectivity: int
) -> tuple[Stretches, int]:
    """The stretches of `n_seeds` seeds, cut where parts of a seed meet, and how many seeds they are now.

    `rule` is seed threshold T, saddle and the fewest voxels of a part. Voxels come in descending level (ties by
    position), each joins the part of its highest neighbour; one without a neighbour that came before begins a part.
    Where parts meet, all join the one of the highest maximum, but those whose maximum times `saddle` is above the
    meeting voxel's level, if they and the highest hold enough voxels: these stay apart for good.

    So each voxel is in the part of the maximum that the steepest way leads up to. Few seeds have two maxima that
    stand out enough to stay apart; in these, all that is reached from such a maximum without going below its level
    times `saddle` is its own. Nothing has to come in order but what is beside the parts of the other maxima.
    """
    ground = Ground(
        bright.runs, bright.rows, level, np.zeros(len(level), np.int32), np.zeros((len(bright.at), 2), np.int64),
        np.empty((len(level) + 1, 3), np.int32),
    )  # fmt: skip
    maxima = _maxima(bright, ground, n_seeds, rule, connectivity)
    parted = np.bincount(maxima.seed[maxima.seed >= 0], minlength=n_seeds) > 1
    if not parted.any():
        return bright, n_seeds
    cut = parted[bright.number]
    part = _parted(bright, ground, maxima, cut, rule, turn, connectivity)
    room = len(cut) + len(part)
    out = Stretches(
        empty_runs(room), bright.rows, np.empty_like(bright.section), np.empty(room, np.int64),
        np.empty(room, np.int32), np.empty(room, np.int32),
    )  # fmt: skip
    whole, name = np.full(n_seeds, -1, np.int32), np.full(len(part), -1, np.int32)
    n, count = _cut(bright, cut, level, part, whole, name, out)
    runs = out.runs.take(slice(0, n))
    return Stretches(runs, bright.rows, out.section, out.at[:n], out.inside[:n], out.number[:n]), count


def _maxima(
    bright: Stretches, ground: Ground, n_seeds: int, rule: tuple[float, float, int], connectivity: int
) -> Maxima:
    """Candidates, and which of them stand out; what is reached from these is flooded in the ground.

    In a seed with one candidate there is nothing to look at.
    """
    top, saddle, _ = rule
    room = (len(ground.level) + len(bright.at)) // 2  # never touched beyond what is found
    inside, at = np.empty(room, np.int32), np.empty(room, np.int64)
    n = likely_maxima(bright.runs, bright.rows, bright.at, ground.level, top, saddle, connectivity, inside, at)
    inside, at = inside[:n], at[:n]
    seed = bright.number[inside]
    rivals = np.flatnonzero(np.bincount(seed, minlength=n_seeds)[seed] > 1)
    order = rivals[np.lexsort((at[rivals], -ground.level[at[rivals]]))]
    apart = np.zeros(n, np.bool_)
    outstanding(ground, order, inside, at, saddle, connectivity, apart)
    return Maxima(at, inside, np.where(apart, seed, -1))


def _parted(
    bright: Stretches, ground: Ground, maxima: Maxima, cut: AnyArray,
    rule: tuple[float, float, int], turn: int, connectivity: int,
) -> AnyArray:  # fmt: skip
    """The part of every voxel of the stretches `cut`, one after the other, named by the place of its maximum."""
    _, saddle, least = rule
    there = bright.runs.take(cut)
    runs = there._replace(offset=np.cumsum(there.length, dtype=np.int64) - there.length)
    rows = link_rows(runs, np.append(0, np.cumsum(cut))[bright.section], turn)
    total = int(there.length.sum(dtype=np.int64))
    level, claimed = np.empty(total, np.float32), np.empty(total, np.int32)
    pack_values(there, ground.level, level)
    pack_values(there, ground.claimed, claimed)
    # who comes first has the higher rank: bits of positive float32 ascend with them
    rank, up = (level.view(np.int32).astype(np.int64) << 32) + (_LOW - np.arange(total)), np.empty(total, np.int64)
    spread(runs, rows, rank, connectivity, up)
    # what is reached from a maximum that stands out
    home = np.full(len(maxima.at) + 1, -1, np.int32)
    mine = np.flatnonzero((maxima.seed >= 0) & cut[maxima.inside])
    stretch = (np.cumsum(cut) - 1)[maxima.inside[mine]]
    home[mine] = maxima.at[mine] - there.offset[stretch] + runs.offset[stretch]
    part = home[claimed - 1]
    rest = part < 0
    size = np.bincount(part[~rest], minlength=total)
    part[rest] = _LOW - (up[rest] & _LOW)
    settle(part)
    # two that stand out and are large stay apart wherever they meet; all else can only happen beside the others
    soft = np.ones(total, np.uint8)
    soft[home[mine][size[home[mine]] >= least]] = 0
    soft = soft[part]
    if soft.any():
        beside = np.empty_like(soft)
        spread(runs, rows, soft, connectivity, beside)
        order = _LOW - (-np.sort(-rank[rest & (beside > 0)]) & _LOW)
        of = np.repeat(np.arange(len(there.row), dtype=np.int32), there.length)
        _join(runs, rows, rank, order, of, level, saddle, least, connectivity, part, size)
    return part


@njit(cache=True, nogil=True)
def _join(
    runs: Runs,
    rows: Rows,
    rank: AnyArray,
    order: AnyArray,
    of: AnyArray,
    level: AnyArray,
    saddle: float,
    least: int,
    connectivity: int,
    part: AnyArray,
    size: AnyArray,
) -> None:
    """Join parts at the voxels in `order`; then point every voxel at its part."""
    near = np.empty(MOST_NEAR, np.int64)
    for q in order:
        count = _near(runs, rows, of[q], q, connectivity, rank, near)
        differ = False
        for i in range(1, count):
            differ |= part[near[i]] != part[near[0]]
        if differ:
            _meet(level, q, near[:count], saddle, least, part, size)
        size[find(part, q)] += 1
    settle(part)


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
def _near(runs: Runs, rows: Rows, s: int, q: int, connectivity: int, rank: AnyArray, near: AnyArray) -> int:
    """Neighbours of voxel q of run s that come before it; returns how many."""
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
                    if rank[u] > rank[q]:
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
    n, count, p = 0, 0, 0
    for k in range(bright.section.size - 1):
        out.section[k] = n
        for s in range(bright.section[k], bright.section[k + 1]):
            start, stop = runs.offset[s], runs.offset[s] + runs.length[s]
            q = start
            while q < stop:
                begin = q
                if cut[s]:
                    label, names, best = np.int64(part[p]), name, q
                    while q < stop and part[p] == label:
                        if level[q] > level[best]:
                            best = q
                        q, p = q + 1, p + 1
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
