"""Seeds with several maxima, split at the saddles between them.

Two spots that overlap are one component above any seed threshold that is below the saddle between them, and one
above it would lose faint spots. Which saddle separates two spots is a matter of their own heights: a maximum is
kept by its prominence, here the ratio of saddle to maximum (as a difference, it is the dynamics of Grimaud 1992, "A
new measure of contrast: the dynamics", Proc. SPIE 1769).
"""

from typing import NamedTuple

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs, empty_runs, pack_values
from friedel.kernels.segment.components import MOST_RUNS_BESIDE, Rows, find, link_rows, neighbours
from friedel.kernels.segment.grow import Regions, no_regions
from friedel.kernels.segment.local_maxima import candidate_maxima, prominent_maxima
from friedel.kernels.segment.seeds import SeedRuns
from friedel.kernels.segment.steepest_ascent import compress_paths, dilate

MOST_NEAR = 26
_LOW = 0xFFFFFFFF


class Maxima(NamedTuple):
    """Maxima `at` in the seed runs `inside`, and their `seed` where they are prominent in it, else -1."""

    at: AnyArray
    inside: AnyArray
    seed: AnyArray


def split_seeds(
    of: SeedRuns,
    rows: Rows,
    n_seeds: int,
    level: AnyArray,
    rule: tuple[float, float, int],
    turn: int,
    connectivity: int,
) -> tuple[SeedRuns, int]:
    """The runs of `n_seeds` seeds, cut where parts of a seed meet, and how many seeds they are now.

    `rule` is seed threshold T, saddle and the fewest voxels of a part. Voxels come in descending level (ties by
    position), each joins the part of its highest neighbour; one without a neighbour that came before begins a part.
    Where parts meet, all join the one of the highest maximum, but those whose maximum times `saddle` is above the
    meeting voxel's level, if they and the highest hold enough voxels: these stay apart for good.

    So each voxel is in the part of the maximum that the steepest way leads up to. Few seeds have two maxima that
    are prominent enough to stay apart; in these, all that is reached from such a maximum without going below its
    level times `saddle` is its own. Nothing has to come in order but what is beside the parts of the other maxima.
    """
    regions = no_regions(of.runs, rows, level)
    maxima = _maxima(of, regions, n_seeds, rule, connectivity)
    several = np.bincount(maxima.seed[maxima.seed >= 0], minlength=n_seeds) > 1
    if not several.any():
        return of, n_seeds
    cut = several[of.seed]
    part = _parts(of, regions, maxima, cut, rule, turn, connectivity)
    room = len(cut) + len(part)
    out = SeedRuns(
        empty_runs(room), np.empty_like(of.section), np.empty(room, np.int64), np.empty(room, np.int32),
        np.empty(room, np.int32),
    )  # fmt: skip
    whole, name = np.full(n_seeds, -1, np.int32), np.full(len(part), -1, np.int32)
    n, count = _cut_runs(of, cut, level, part, whole, name, out)
    return SeedRuns(out.runs.take(slice(0, n)), out.section, out.at[:n], out.inside[:n], out.seed[:n]), count


def _maxima(
    of: SeedRuns, regions: Regions, n_seeds: int, rule: tuple[float, float, int], connectivity: int
) -> Maxima:
    """Candidates, and which of them are prominent; what is reached from these is claimed in the regions.

    In a seed with one candidate there is nothing to look at.
    """
    top, saddle, _ = rule
    level = regions.level
    room = (len(level) + len(of.at)) // 2  # never touched beyond what is found
    inside, at = np.empty(room, np.int32), np.empty(room, np.int64)
    n = candidate_maxima(of.runs, regions.rows, of.at, level, top, saddle, connectivity, inside, at)
    inside, at = inside[:n], at[:n]
    seed = of.seed[inside]
    rivals = np.flatnonzero(np.bincount(seed, minlength=n_seeds)[seed] > 1)
    order = rivals[np.lexsort((at[rivals], -level[at[rivals]]))]
    apart = np.zeros(n, np.bool_)
    prominent_maxima(regions, order, inside, at, saddle, connectivity, apart)
    return Maxima(at, inside, np.where(apart, seed, -1))


def _parts(
    of: SeedRuns, regions: Regions, maxima: Maxima, cut: AnyArray, rule: tuple[float, float, int], turn: int,
    connectivity: int,
) -> AnyArray:  # fmt: skip
    """The part of every voxel of the runs `cut`, one after the other, named by the place of its maximum."""
    _, saddle, least = rule
    there = of.runs.take(cut)
    runs = there._replace(offset=np.cumsum(there.length, dtype=np.int64) - there.length)
    rows = link_rows(runs, np.append(0, np.cumsum(cut))[of.section], turn)
    total = int(there.length.sum(dtype=np.int64))
    level, claimed = np.empty(total, np.float32), np.empty(total, np.int32)
    pack_values(there, regions.level, level)
    pack_values(there, regions.claimed, claimed)
    # who comes first has the higher rank: bits of positive float32 ascend with them
    rank, up = (level.view(np.int32).astype(np.int64) << 32) + (_LOW - np.arange(total)), np.empty(total, np.int64)
    dilate(runs, rows, rank, connectivity, up)
    # what is reached from a prominent maximum
    home = np.full(len(maxima.at) + 1, -1, np.int32)
    mine = np.flatnonzero((maxima.seed >= 0) & cut[maxima.inside])
    run = (np.cumsum(cut) - 1)[maxima.inside[mine]]
    home[mine] = maxima.at[mine] - there.offset[run] + runs.offset[run]
    part = home[claimed - 1]
    rest = part < 0
    size = np.bincount(part[~rest], minlength=total)
    part[rest] = _LOW - (up[rest] & _LOW)
    compress_paths(part)
    # two that are prominent and large stay apart wherever they meet; all else can only happen beside the others
    open_to = np.ones(total, np.uint8)
    open_to[home[mine][size[home[mine]] >= least]] = 0
    open_to = open_to[part]
    if open_to.any():
        beside = np.empty_like(open_to)
        dilate(runs, rows, open_to, connectivity, beside)
        order = _LOW - (-np.sort(-rank[rest & (beside > 0)]) & _LOW)
        inside = np.repeat(np.arange(len(there.row), dtype=np.int32), there.length)
        _merge_parts(runs, rows, rank, order, inside, level, saddle, least, connectivity, part, size)
    return part


@njit(cache=True, nogil=True)
def _merge_parts(
    runs: Runs,
    rows: Rows,
    rank: AnyArray,
    order: AnyArray,
    inside: AnyArray,
    level: AnyArray,
    saddle: float,
    least: int,
    connectivity: int,
    part: AnyArray,
    size: AnyArray,
) -> None:
    """Join parts at the voxels in `order`; then point every voxel at its part."""
    near = np.empty(MOST_NEAR, np.int64)
    beside = np.empty((MOST_RUNS_BESIDE, 3), np.int64)
    for q in order:
        count = _higher_neighbours(runs, rows, np.int64(inside[q]), q, connectivity, rank, beside, near)
        differ = False
        for i in range(1, count):
            differ |= part[near[i]] != part[near[0]]
        if differ:
            _merge_at(level, q, near[:count], saddle, least, part, size)
        size[find(part, q)] += 1
    compress_paths(part)


@njit(cache=True, nogil=True)
def _merge_at(
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
def _higher_neighbours(
    runs: Runs, rows: Rows, r: int, q: int, connectivity: int, rank: AnyArray, beside: AnyArray, near: AnyArray
) -> int:
    """Neighbours of voxel q of run r that come before it; returns how many. As a call, it takes seven times the
    time."""
    count = 0
    for i in range(neighbours(runs, rows, r, q, connectivity, beside)):
        for u in range(beside[i, 1], beside[i, 2]):
            if rank[u] > rank[q]:
                near[count] = u
                count += 1
    return count


@njit(cache=True, nogil=True)
def _cut_runs(
    of: SeedRuns,
    cut: AnyArray,
    level: AnyArray,
    part: AnyArray,
    whole: AnyArray,
    name: AnyArray,
    out: SeedRuns,
) -> tuple[int, int]:
    """Cut the runs; seeds are numbered by their first voxel. Returns how many there are of each.

    `whole` [seed] and `name` [voxel] get the new numbers of seeds that stay whole, and of parts by their maximum.
    """
    runs, new = of.runs, out.runs
    n, count, p = 0, 0, 0
    for k in range(of.section.size - 1):
        out.section[k] = n
        for s in range(of.section[k], of.section[k + 1]):
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
                    label, names, best, q = np.int64(of.seed[s]), whole, of.at[s], stop
                if names[label] < 0:
                    names[label] = count
                    count += 1
                new.frame[n], new.row[n], new.col[n] = runs.frame[s], runs.row[s], runs.col[s] + (begin - start)
                new.length[n], new.offset[n], new.peak[n] = q - begin, begin, level[best]
                out.at[n], out.inside[n], out.seed[n] = best, of.inside[s], names[label]
                n += 1
    out.section[of.section.size - 1] = n
    return n, count
