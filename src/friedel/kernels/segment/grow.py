"""Region growing on runs: the double threshold, each seed down to a level that follows its own maximum.

Voxels are named by their position q in the values: voxel c of run r is offset[r] + c. A region grows by spans
(scan-line filling; Smith 1979, "Tint fill", SIGGRAPH 13): parts of a run that are claimed at once.
"""

from typing import NamedTuple

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs
from friedel.kernels.segment.components import Rows
from friedel.kernels.segment.seeds import SeedRuns, Seeds

_MANY = 8
"""Runs in a row from which on the first one in reach is searched by halving."""


class Regions(NamedTuple):
    """Regions that grow on bright runs: the runs, their rows and levels [q], and what is claimed so far.

    `claimed` [q] is the label of the region that has the voxel, 0 for none; `last` [run, 2] the span that was
    claimed last in a run, so that most looks at claimed voxels end at once. `spans` [., 3] is a stack of those
    whose neighbours are still to be looked at: run, first and last column.
    """

    runs: Runs
    rows: Rows
    level: AnyArray
    claimed: AnyArray
    last: AnyArray
    spans: AnyArray


class Claims(NamedTuple):
    """What became of each seed, filled by `claim_regions`.

    `voxels` [seed] is the size of its region (0: it claimed none), `threshold` what it grew down to, `touches`
    whether it stopped at another's claim, `absorber` the seed that already held its peak (-1: none), `empty`
    whether the literal range was empty.
    """

    voxels: AnyArray
    threshold: AnyArray
    touches: AnyArray
    absorber: AnyArray
    empty: AnyArray


def no_regions(runs: Runs, rows: Rows, level: AnyArray) -> Regions:
    """Before anything has grown."""
    return Regions(
        runs, rows, level, np.zeros(len(level), np.int32), np.zeros((len(runs.row), 2), np.int64),
        np.empty((len(level) + 1, 3), np.int32),
    )  # fmt: skip


def no_claims(n_seeds: int) -> Claims:
    """Before any seed has claimed a region."""
    return Claims(
        np.zeros(n_seeds, np.int64), np.zeros(n_seeds), np.zeros(n_seeds, np.bool_),
        np.full(n_seeds, -1, np.int64), np.zeros(n_seeds, np.bool_),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def claim_span(
    regions: Regions, r: int, q: int, lowest: float, highest: float, label: int, n_spans: int
) -> tuple[int, int, bool]:
    """Claim the unclaimed span of levels in [lowest, highest] around voxel q of run r, and put it on the stack.

    Voxel q itself must be such a voxel. Returns the voxel behind the span, how many voxels were taken, and
    whether it ends at a voxel that it would have taken, had that not been another's.
    """
    level, claimed, last, spans = regions.level, regions.claimed, regions.last, regions.spans
    start = regions.runs.offset[r]
    end = start + regions.runs.length[r]
    u = q
    while u > start and claimed[u - 1] == 0 and lowest <= level[u - 1] <= highest:
        u -= 1
    w = q + 1
    while w < end and claimed[w] == 0 and lowest <= level[w] <= highest:
        w += 1
    for y in range(u, w):
        claimed[y] = label
    touches = False
    for beside in (u - 1, w):
        if start <= beside < end and claimed[beside] > 0 and claimed[beside] != label:
            touches |= lowest <= level[beside] <= highest
    last[r, 0] = u
    last[r, 1] = w
    spans[n_spans, 0] = r
    spans[n_spans, 1] = regions.runs.col[r] + (u - start)
    spans[n_spans, 2] = regions.runs.col[r] + (w - 1 - start)
    return w, w - u, touches


@njit(cache=True, nogil=True)
def grow_region(
    regions: Regions, lowest: float, highest: float, label: int, connectivity: int, n_spans: int
) -> tuple[int, bool]:
    """Grow from the spans on the stack into unclaimed voxels with lowest <= level <= highest.

    Returns how many voxels were taken, and whether an admissible neighbour was already another's. One long loop:
    with the look at a row as a function of its own, it takes twice the time (`bench/segment.py`).
    """
    level, claimed, last, spans = regions.level, regions.claimed, regions.last, regions.spans
    col, length, offset = regions.runs.col, regions.runs.length, regions.runs.offset
    first, number, sides, before, n_before, after, n_after, of_run = regions.rows
    near = 0 if connectivity == 6 else 1
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    taken = 0
    touches = False
    while n_spans > 0:
        n_spans -= 1
        g = np.int64(of_run[spans[n_spans, 0]])
        left = np.int64(spans[n_spans, 1])
        right = np.int64(spans[n_spans, 2])
        for where in range(3):
            if where == 0:
                h0 = np.int64(before[g])
                h1 = h0 + n_before[g]
            elif where == 1:
                h0 = g - (sides[g] & 1)
                h1 = g + 1 + (sides[g] >> 1)
            else:
                h0 = np.int64(after[g])
                h1 = h0 + n_after[g]
            for h in range(h0, h1):
                reach = near if where == 1 or number[h] == number[g] else diagonal
                if h == g or reach < 0:
                    continue
                r = np.int64(first[h])
                r1 = np.int64(first[h + 1])
                if r1 - r > _MANY:
                    high = r1
                    while r < high:
                        middle = (r + high) >> 1
                        if col[middle] + length[middle] - 1 < left - reach:
                            r = middle + 1
                        else:
                            high = middle
                while r < r1 and col[r] <= right + reach:
                    start = offset[r]
                    q = start + max(0, left - reach - col[r])
                    stop = start + min(np.int64(length[r]), right + reach - col[r] + 1)
                    while q < stop:
                        if last[r, 0] <= q < last[r, 1] and claimed[q] == label:
                            q = last[r, 1]
                        elif not (lowest <= level[q] <= highest):
                            q += 1
                        elif claimed[q] == 0:
                            q, more, touched = claim_span(regions, r, q, lowest, highest, label, n_spans)
                            n_spans += 1
                            taken += more
                            touches |= touched
                        else:
                            touches |= claimed[q] != label
                            q += 1
                    r += 1
    return taken, touches


@njit(cache=True, nogil=True)
def claim_seed(
    regions: Regions, of: SeedRuns, members: AnyArray, lowest: float, highest: float, label: int
) -> tuple[int, int, bool]:
    """Claim what is unclaimed of a seed (its runs `members`), and the admissible voxels beside it in its runs.

    Returns the height of the stack, how many voxels were taken, and whether some were already another's.
    """
    runs, claimed, level = regions.runs, regions.claimed, regions.level
    n_spans = 0
    taken = 0
    touches = False
    for m in members:
        r = np.int64(of.inside[m])
        start = of.runs.offset[m]
        end = start + of.runs.length[m]
        for q in range(start, end):
            if claimed[q] == 0:
                _, more, _ = claim_span(regions, r, q, level[q], level[q], label, n_spans)
                n_spans += 1
                taken += more
            touches |= claimed[q] != label
        for own, beside in ((start, start - 1), (end - 1, end)):
            if claimed[own] != label or not (runs.offset[r] <= beside < runs.offset[r] + runs.length[r]):
                continue
            if lowest <= level[beside] <= highest:
                if claimed[beside] == 0:
                    _, more, touched = claim_span(regions, r, beside, lowest, highest, label, n_spans)
                    n_spans += 1
                    taken += more
                    touches |= touched
                touches |= claimed[beside] != label
    return n_spans, taken, touches


@njit(cache=True, nogil=True)
def claim_regions(
    regions: Regions,
    order: AnyArray,
    seeds: Seeds,
    rule: AnyArray,
    smallest: int,
    literal: bool,
    connectivity: int,
    of: SeedRuns,
    members: tuple[AnyArray, AnyArray],
    claims: Claims,
) -> None:
    """Let the seeds in `order` claim their regions, one after the other; `claimed` gets seed + 1.

    `rule` is seed threshold, tolerance, grow_min, grow_max. `members` are `of` [order[pointer[x] : pointer[x + 1]]]
    of seed x, as (order, pointer); only "literal" growth needs them. With "clipped" growth a seed of maximum M
    takes the connected unclaimed voxels >= min(T, min(grow_max, max(grow_min, tolerance * M))); with "literal"
    growth the seed stays and takes those in [max(grow_min, tolerance * M), min(grow_max, M)].
    """
    top, tolerance, low, high = rule[0], rule[1], rule[2], rule[3]
    for x in order:
        if seeds.voxels[x] < smallest:
            continue
        q = seeds.at[x]
        if regions.claimed[q] != 0:
            claims.absorber[x] = regions.claimed[q] - 1
            continue
        peak = np.float64(seeds.peak[x])
        label = x + 1
        lowest = max(low, tolerance * peak)
        highest = min(high, peak)
        if literal:
            claims.empty[x] = lowest > highest
            own = members[0][members[1][x] : members[1][x + 1]]
            n_spans, taken, touches = claim_seed(regions, of, own, lowest, highest, label)
        else:
            lowest = min(top, high, lowest)
            highest = np.inf
            _, taken, touches = claim_span(regions, seeds.run[x], q, lowest, highest, label, 0)
            n_spans = 1
        more, touched = grow_region(regions, lowest, highest, label, connectivity, n_spans)
        claims.voxels[x] = taken + more
        claims.threshold[x] = top if claims.empty[x] else min(top, lowest)
        claims.touches[x] = touches or touched
