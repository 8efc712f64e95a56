"""The double threshold on runs: the regions that seeds claim, one after the other.

Voxels are named by their position q in the values: voxel c of run r is offset[r] + c.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.segment.bright_runs import AnyArray, Runs
from friedel.kernels.segment.components import Rows
from friedel.kernels.segment.seeds import Seeds

_MANY = 8
"""Runs in a row from which on the first one in reach is searched by halving."""


class Ground(NamedTuple):
    """What regions grow on: runs, their rows, and their levels [q]; and what has grown so far.

    `claimed` [q] is the label of who has the voxel, 0 for nobody; `last` [run, 2] the stretch that a run lost last,
    so that most looks at claimed voxels end at once. `stack` [., 3] holds the stretches whose neighbours are still
    to be looked at: run, first and last column.
    """

    runs: Runs
    rows: Rows
    level: AnyArray
    claimed: AnyArray
    last: AnyArray
    stack: AnyArray


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


def no_claims(n_seeds: int) -> Claims:
    """Before anything is claimed."""
    return Claims(
        np.zeros(n_seeds, np.int64), np.zeros(n_seeds), np.zeros(n_seeds, np.bool_),
        np.full(n_seeds, -1, np.int64), np.zeros(n_seeds, np.bool_),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def take_stretch(
    ground: Ground, r: int, q: int, lowest: float, highest: float, label: int, n_stack: int
) -> tuple[int, int, bool]:
    """Claim the unclaimed stretch of levels in [lowest, highest] around voxel q of run r, and put it on the stack.

    Voxel q itself must be such a voxel. Returns the voxel behind the stretch, how many voxels were taken, and
    whether it ends at a voxel that it would have taken, had that not been another's.
    """
    level, claimed, last, stack = ground.level, ground.claimed, ground.last, ground.stack
    start = ground.runs.offset[r]
    end = start + ground.runs.length[r]
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
    stack[n_stack, 0] = r
    stack[n_stack, 1] = ground.runs.col[r] + (u - start)
    stack[n_stack, 2] = ground.runs.col[r] + (w - 1 - start)
    return w, w - u, touches


@njit(cache=True, nogil=True)
def flood(
    ground: Ground, lowest: float, highest: float, label: int, connectivity: int, n_stack: int
) -> tuple[int, bool]:
    """Grow from the stretches on the stack into unclaimed voxels with lowest <= level <= highest.

    Returns how many voxels were taken, and whether an admissible neighbour was already another's. One long loop:
    with the look at a row as a function of its own, it takes twice the time (`bench/segment.py`).
    """
    level, claimed, last, stack = ground.level, ground.claimed, ground.last, ground.stack
    col, length, offset = ground.runs.col, ground.runs.length, ground.runs.offset
    first, number, sides, before, n_before, after, n_after, of_run = ground.rows
    near = 0 if connectivity == 6 else 1
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    taken = 0
    touches = False
    while n_stack > 0:
        n_stack -= 1
        g = np.int64(of_run[stack[n_stack, 0]])
        left = np.int64(stack[n_stack, 1])
        right = np.int64(stack[n_stack, 2])
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
                            q, more, touched = take_stretch(ground, r, q, lowest, highest, label, n_stack)
                            n_stack += 1
                            taken += more
                            touches |= touched
                        else:
                            touches |= claimed[q] != label
                            q += 1
                    r += 1
    return taken, touches


@njit(cache=True, nogil=True)
def take_seed(
    ground: Ground, stretches: Runs, members: AnyArray, inside: AnyArray, lowest: float, highest: float, label: int
) -> tuple[int, int, bool]:
    """Claim what is unclaimed of a seed component (its stretches `members`), and the admissible voxels beside it.

    Returns the size of the stack, how many voxels were taken, and whether some were already another's.
    """
    runs, claimed, level = ground.runs, ground.claimed, ground.level
    n_stack = 0
    taken = 0
    touches = False
    for m in members:
        r = np.int64(inside[m])
        start = stretches.offset[m]
        end = start + stretches.length[m]
        for q in range(start, end):
            if claimed[q] == 0:
                _, more, _ = take_stretch(ground, r, q, level[q], level[q], label, n_stack)
                n_stack += 1
                taken += more
            touches |= claimed[q] != label
        for own, beside in ((start, start - 1), (end - 1, end)):
            if claimed[own] != label or not (runs.offset[r] <= beside < runs.offset[r] + runs.length[r]):
                continue
            if lowest <= level[beside] <= highest:
                if claimed[beside] == 0:
                    _, more, touched = take_stretch(ground, r, beside, lowest, highest, label, n_stack)
                    n_stack += 1
                    taken += more
                    touches |= touched
                touches |= claimed[beside] != label
    return n_stack, taken, touches


@njit(cache=True, nogil=True)
def claim_regions(
    ground: Ground,
    order: AnyArray,
    seeds: Seeds,
    rule: AnyArray,
    smallest: int,
    literal: bool,
    connectivity: int,
    stretches: Runs,
    inside: AnyArray,
    members: AnyArray,
    member_pointer: AnyArray,
    claims: Claims,
) -> None:
    """Let the seeds in `order` claim their regions, one after the other; `claimed` gets seed + 1.

    `rule` is seed threshold, tolerance, grow_min, grow_max. With "clipped" growth a seed of maximum M takes the
    connected unclaimed voxels >= min(T, min(grow_max, max(grow_min, tolerance * M))); with "literal" growth the
    seed stays and takes those in [max(grow_min, tolerance * M), min(grow_max, M)].
    """
    top, tolerance, low, high = rule[0], rule[1], rule[2], rule[3]
    for x in order:
        if seeds.voxels[x] < smallest:
            continue
        q = seeds.at[x]
        if ground.claimed[q] != 0:
            claims.absorber[x] = ground.claimed[q] - 1
            continue
        peak = np.float64(seeds.peak[x])
        label = x + 1
        lowest = max(low, tolerance * peak)
        highest = min(high, peak)
        if literal:
            claims.empty[x] = lowest > highest
            own = members[member_pointer[x] : member_pointer[x + 1]]
            n_stack, taken, touches = take_seed(ground, stretches, own, inside, lowest, highest, label)
        else:
            lowest = min(top, high, lowest)
            highest = np.inf
            _, taken, touches = take_stretch(ground, seeds.run[x], q, lowest, highest, label, 0)
            n_stack = 1
        more, touched = flood(ground, lowest, highest, label, connectivity, n_stack)
        claims.voxels[x] = taken + more
        claims.threshold[x] = top if claims.empty[x] else min(top, lowest)
        claims.touches[x] = touches or touched
