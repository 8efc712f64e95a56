"""The double threshold on runs: seeds, and the regions that they claim.

Voxels are named by their position q in the values: voxel c of run r is offset[r] + c.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.components import Rows
from friedel.kernels.runs import AnyArray, Runs


class Seeds(NamedTuple):
    """Components of voxels >= the seed threshold, in order of their first voxel within each section.

    `section` is theirs; `voxels` their size; `peak` their maximum, at voxel `at` of run `run`.
    """

    section: AnyArray
    voxels: AnyArray
    peak: AnyArray
    at: AnyArray
    run: AnyArray


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
def bright_stretches(
    runs: Runs,
    section: AnyArray,
    level: AnyArray,
    threshold: float,
    out: Runs,
    at: AnyArray,
    inside: AnyArray,
    out_section: AnyArray,
) -> int:
    """Stretches of levels >= threshold, as runs `out`, with the run that each is `inside`; returns how many.

    `at` is the place of the first of a stretch's largest levels. `out_section` are the sections' first stretches.
    """
    frame, row, col, length, peak, offset = runs
    o_frame, o_row, o_col, o_length, o_peak, o_offset = out
    n = 0
    for s in range(section.size - 1):
        out_section[s] = n
        for r in range(section[s], section[s + 1]):
            if not (peak[r] >= threshold):
                continue
            q = offset[r]
            end = q + length[r]
            while q < end:
                if not (level[q] >= threshold):
                    q += 1
                    continue
                start = q
                best = q
                while q < end and level[q] >= threshold:
                    if level[q] > level[best]:
                        best = q
                    q += 1
                o_frame[n] = frame[r]
                o_row[n] = row[r]
                o_col[n] = col[r] + (start - offset[r])
                o_length[n] = q - start
                o_peak[n] = level[best]
                o_offset[n] = start
                at[n] = best
                inside[n] = r
                n += 1
    out_section[section.size - 1] = n
    return n


@njit(cache=True, nogil=True)
def number_roots(parent: AnyArray, number: AnyArray) -> int:
    """Number the components by their first member, given every node's root; returns how many there are."""
    n = 0
    for x in range(parent.size):
        if parent[x] == x:
            number[x] = n
            n += 1
        else:
            number[x] = number[parent[x]]
    return n


@njit(cache=True, nogil=True)
def measure_seeds(
    stretches: Runs, section: AnyArray, at: AnyArray, inside: AnyArray, number: AnyArray, seeds: Seeds
) -> None:
    """Section, size, maximum and peak (the first in (frame, row, col) order) of every seed component."""
    length, peak = stretches.length, stretches.peak
    for x in range(seeds.voxels.size):
        seeds.voxels[x] = 0
    for s in range(section.size - 1):
        for r in range(section[s], section[s + 1]):
            x = number[r]
            if seeds.voxels[x] == 0 or peak[r] > seeds.peak[x]:
                seeds.section[x] = s
                seeds.peak[x] = peak[r]
                seeds.at[x] = at[r]
                seeds.run[x] = inside[r]
            seeds.voxels[x] += length[r]


@njit(cache=True, nogil=True)
def flood(
    n_stack: int,
    lowest: float,
    highest: float,
    label: int,
    claimed: AnyArray,
    connectivity: int,
    level: AnyArray,
    runs: Runs,
    rows: Rows,
    last: AnyArray,
    stack: AnyArray,
) -> tuple[int, bool]:
    """Grow from the stretches on the stack into unclaimed voxels with lowest <= level <= highest.

    `claimed` [q] gets `label`; `last` [run, 2] is the stretch that a run lost last, so that most looks at claimed
    voxels end at once. `stack` [., 3] holds run, first and last column. Returns how many voxels were taken, and
    whether an admissible neighbour was already another's.
    """
    col, length, offset = runs.col, runs.length, runs.offset
    first, number, sides, of_run = rows.first, rows.number, rows.sides, rows.of_run
    before, n_before, after, n_after = rows.before, rows.n_before, rows.after, rows.n_after
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
                if h == g:
                    continue
                reach = near if where == 1 or number[h] == number[g] else diagonal
                if reach < 0:
                    continue
                a = left - reach
                b = right + reach
                r = np.int64(first[h])
                r1 = np.int64(first[h + 1])
                if r1 - r > 8:  # first run that ends at or after a
                    high = r1
                    while r < high:
                        middle = (r + high) >> 1
                        if col[middle] + length[middle] - 1 < a:
                            r = middle + 1
                        else:
                            high = middle
                while r < r1 and col[r] <= b:
                    start = offset[r]
                    end = start + length[r]
                    q = start + max(0, a - col[r])
                    stop = min(end, start + b - col[r] + 1)
                    while q < stop:
                        if last[r, 0] <= q < last[r, 1] and claimed[q] == label:
                            q = last[r, 1]
                            continue
                        if lowest <= level[q] <= highest:
                            if claimed[q] == 0:
                                u = q
                                while u > start and claimed[u - 1] == 0 and lowest <= level[u - 1] <= highest:
                                    u -= 1
                                w = q + 1
                                while w < end and claimed[w] == 0 and lowest <= level[w] <= highest:
                                    w += 1
                                for y in range(u, w):
                                    claimed[y] = label
                                if u > start and claimed[u - 1] > 0 and claimed[u - 1] != label:
                                    touches |= lowest <= level[u - 1] <= highest
                                if w < end and claimed[w] > 0 and claimed[w] != label:
                                    touches |= lowest <= level[w] <= highest
                                taken += w - u
                                last[r, 0] = u
                                last[r, 1] = w
                                stack[n_stack, 0] = r
                                stack[n_stack, 1] = col[r] + (u - start)
                                stack[n_stack, 2] = col[r] + (w - 1 - start)
                                n_stack += 1
                                q = w
                            elif claimed[q] != label:
                                touches = True
                        q += 1
                    r += 1
    return taken, touches


@njit(cache=True, nogil=True)
def take_stretch(
    r: int,
    q: int,
    lowest: float,
    highest: float,
    label: int,
    claimed: AnyArray,
    level: AnyArray,
    runs: Runs,
    last: AnyArray,
    stack: AnyArray,
    n_stack: int,
) -> tuple[int, int, bool]:
    """Claim the unclaimed stretch of admissible levels around voxel q of run r, and put it on the stack.

    Returns the size of the stack, how many voxels were taken, and whether the stretch ends at another's claim.
    """
    start = runs.offset[r]
    end = start + runs.length[r]
    if q < start or q >= end or not (lowest <= level[q] <= highest):
        return n_stack, 0, False
    if claimed[q] != 0:
        return n_stack, 0, claimed[q] != label
    u = q
    while u > start and claimed[u - 1] == 0 and lowest <= level[u - 1] <= highest:
        u -= 1
    w = q + 1
    while w < end and claimed[w] == 0 and lowest <= level[w] <= highest:
        w += 1
    for y in range(u, w):
        claimed[y] = label
    touches = u > start and claimed[u - 1] > 0 and claimed[u - 1] != label and lowest <= level[u - 1] <= highest
    touches |= w < end and claimed[w] > 0 and claimed[w] != label and lowest <= level[w] <= highest
    last[r, 0] = u
    last[r, 1] = w
    stack[n_stack, 0] = r
    stack[n_stack, 1] = runs.col[r] + (u - start)
    stack[n_stack, 2] = runs.col[r] + (w - 1 - start)
    return n_stack + 1, w - u, touches


@njit(cache=True, nogil=True)
def take_seed(
    stretches: Runs,
    members: AnyArray,
    inside: AnyArray,
    lowest: float,
    highest: float,
    label: int,
    claimed: AnyArray,
    level: AnyArray,
    runs: Runs,
    last: AnyArray,
    stack: AnyArray,
) -> tuple[int, int, bool]:
    """Claim what is unclaimed of a seed component (its stretches `members`), and the admissible voxels beside it.

    Returns like `take_stretch`.
    """
    n_stack = 0
    taken = 0
    touches = False
    for m in members:
        start = stretches.offset[m]
        end = start + stretches.length[m]
        r = inside[m]
        q = start
        while q < end:
            if claimed[q] != 0:
                touches |= claimed[q] != label
                q += 1
                continue
            u = q
            while q < end and claimed[q] == 0:
                claimed[q] = label
                q += 1
            taken += q - u
            last[r, 0] = u
            last[r, 1] = q
            stack[n_stack, 0] = r
            stack[n_stack, 1] = runs.col[r] + (u - runs.offset[r])
            stack[n_stack, 2] = runs.col[r] + (q - 1 - runs.offset[r])
            n_stack += 1
        for beside in (start - 1, end):
            n_stack, more, touched = take_stretch(
                r, beside, lowest, highest, label, claimed, level, runs, last, stack, n_stack
            )
            taken += more
            touches |= touched
    return n_stack, taken, touches


@njit(cache=True, nogil=True)
def claim_regions(
    order: AnyArray,
    seeds: Seeds,
    rule: AnyArray,
    smallest: int,
    literal: bool,
    connectivity: int,
    level: AnyArray,
    runs: Runs,
    rows: Rows,
    stretches: Runs,
    inside: AnyArray,
    members: AnyArray,
    member_pointer: AnyArray,
    claimed: AnyArray,
    last: AnyArray,
    stack: AnyArray,
    claims: Claims,
) -> None:
    """Let the seeds in `order` claim their regions, one after the other; `claimed` [q] gets seed + 1.

    `rule` is seed threshold, tolerance, grow_min, grow_max. With "clipped" growth a seed of maximum M takes the
    connected unclaimed voxels >= min(T, min(grow_max, max(grow_min, tolerance * M))); with "literal" growth the
    seed stays and takes those in [max(grow_min, tolerance * M), min(grow_max, M)].
    """
    top, tolerance, low, high = rule[0], rule[1], rule[2], rule[3]
    for x in order:
        if seeds.voxels[x] < smallest:
            continue
        q = seeds.at[x]
        if claimed[q] != 0:
            claims.absorber[x] = claimed[q] - 1
            continue
        peak = np.float64(seeds.peak[x])
        label = x + 1
        if literal:
            lowest = max(low, tolerance * peak)
            highest = min(high, peak)
            claims.empty[x] = lowest > highest
            own = members[member_pointer[x] : member_pointer[x + 1]]
            n_stack, taken, touches = take_seed(
                stretches, own, inside, lowest, highest, label, claimed, level, runs, last, stack
            )
        else:
            lowest = min(top, high, max(low, tolerance * peak))
            highest = np.inf
            n_stack, taken, touches = take_stretch(
                seeds.run[x], q, lowest, highest, label, claimed, level, runs, last, stack, 0
            )
        more, touched = flood(
            n_stack, lowest, highest, label, claimed, connectivity, level, runs, rows, last, stack
        )
        claims.voxels[x] = taken + more
        claims.threshold[x] = top if claims.empty[x] else min(top, lowest)
        claims.touches[x] = touches or touched
