"""Regions that hold several seeds, split at the saddles between them."""

from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.components import first_run, rows_beside
from friedel.kernels.grow import Claims, Ground
from friedel.kernels.runs import AnyArray, Runs
from friedel.kernels.seeds import Seeds


class Heap(NamedTuple):
    """Voxels that wait, the highest first: their level, place in the ground [q], and run."""

    level: AnyArray
    at: AnyArray
    run: AnyArray


def split_regions(
    ground: Ground,
    seeds: Seeds,
    claims: Claims,
    stretches: Runs,
    inside: AnyArray,
    members: AnyArray,
    pointer: AnyArray,
    connectivity: int,
) -> None:
    """Give every seed that was absorbed its part of the absorber's region, by flooding from the top down.

    From the seed components, voxels of the region are taken in descending level (ties by position, then by seed),
    each by the seed that it was reached from (Meyer 1994, "Topographic distance and watershed lines"). A voxel
    waits in the heap once: whoever reaches it later only leaves its number where that is lower.
    """
    absorbed = np.flatnonzero(claims.absorber >= 0)
    if not len(absorbed):
        return
    shared = np.zeros(len(seeds.at), np.bool_)
    shared[claims.absorber[absorbed]] = True
    parts = np.flatnonzero(shared | (claims.absorber >= 0))
    owner = np.where(claims.absorber >= 0, claims.absorber, np.arange(len(seeds.at)))
    room = int(claims.voxels[shared].sum()) + 1
    heap = Heap(np.empty(room, np.float32), np.empty(room, np.int64), np.empty(room, np.int32))
    _mark_shared(ground, shared)
    claims.voxels[parts] = 0
    _split(ground, parts, owner, claims.voxels, stretches, inside, members, pointer, connectivity, heap)
    claims.threshold[parts] = claims.threshold[owner[parts]]
    claims.touches[parts] = True
    claims.absorber[absorbed] = -1


@njit(cache=True, nogil=True)
def _mark_shared(ground: Ground, shared: AnyArray) -> None:
    """Take the shared regions' voxels back: -(owner + 2) marks what nobody has reached yet."""
    offset, length, claimed, last = ground.runs.offset, ground.runs.length, ground.claimed, ground.last
    for r in range(length.size):
        if last[r, 1] > 0:
            for q in range(offset[r], offset[r] + length[r]):
                if claimed[q] > 0 and shared[claimed[q] - 1]:
                    claimed[q] = -claimed[q] - 1
                    last[r, 0] = -1  # no longer one stretch


@njit(cache=True, nogil=True)
def _split(
    ground: Ground,
    parts: AnyArray,
    owner: AnyArray,
    voxels: AnyArray,
    stretches: Runs,
    inside: AnyArray,
    members: AnyArray,
    pointer: AnyArray,
    connectivity: int,
    heap: Heap,
) -> None:
    offset, col, claimed = ground.runs.offset, ground.runs.col, ground.claimed
    reached = -len(owner) - 2  # minus the seed: the voxel is in the heap
    for x in parts:
        for m in members[pointer[x] : pointer[x + 1]]:
            for q in range(stretches.offset[m], stretches.offset[m] + stretches.length[m]):
                if claimed[q] == -owner[x] - 2:
                    claimed[q] = x + 1
                    voxels[x] += 1
    n = 0
    for x in parts:
        for m in members[pointer[x] : pointer[x + 1]]:
            r = np.int64(inside[m])
            q, end = stretches.offset[m], stretches.offset[m] + stretches.length[m]
            while q < end:
                start = q
                while q < end and claimed[q] == x + 1:
                    q += 1
                if q > start:
                    left, right = col[r] + (start - offset[r]), col[r] + (q - 1 - offset[r])
                    n = _reach(ground, r, left, right, x, owner, connectivity, heap, n)
                q += 1
    while n > 0:
        r, q = np.int64(heap.run[0]), heap.at[0]
        n = _pop(heap, n)
        x = np.int64(reached - claimed[q])
        claimed[q] = x + 1
        voxels[x] += 1
        c = col[r] + (q - offset[r])
        n = _reach(ground, r, c, c, x, owner, connectivity, heap, n)


@njit(cache=True, nogil=True)
def _reach(
    ground: Ground, r: int, left: int, right: int, x: int, owner: AnyArray, connectivity: int, heap: Heap, n: int
) -> int:
    """Put the undecided neighbours of columns left to right of run r on the heap for seed x; the heap's size."""
    runs, rows, claimed = ground.runs, ground.rows, ground.claimed
    fresh, reached = -owner[x] - 2, -len(owner) - 2
    g = np.int64(rows.of_run[r])
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    for where in range(3):
        h0, h1 = rows_beside(rows, g, where)
        for h in range(h0, h1):
            straight = where == 1 or rows.number[h] == rows.number[g]
            reach = 1 if h == g else (0 if connectivity == 6 else 1) if straight else diagonal
            if reach < 0:
                continue
            for s in range(first_run(runs, rows.first[h], rows.first[h + 1], left - reach), rows.first[h + 1]):
                start = np.int64(runs.col[s])
                if start > right + reach:
                    break
                q0 = runs.offset[s] + max(left - reach - start, 0)
                q1 = runs.offset[s] + min(right + reach + 1 - start, np.int64(runs.length[s]))
                for q in range(q0, q1):
                    if claimed[q] == fresh:
                        claimed[q] = reached - x
                        n = _push(heap, n, ground.level[q], q, s)
                    elif (
                        claimed[q] <= reached
                        and reached - claimed[q] > x
                        and owner[reached - claimed[q]] == owner[x]
                    ):
                        claimed[q] = reached - x
    return n


@njit(cache=True, nogil=True)
def _push(heap: Heap, n: int, level: float, at: int, run: int) -> int:
    i = n
    while i > 0:
        up = (i - 1) >> 1
        if heap.level[up] > level or (heap.level[up] == level and heap.at[up] < at):
            break
        heap.level[i], heap.at[i], heap.run[i] = heap.level[up], heap.at[up], heap.run[up]
        i = up
    heap.level[i], heap.at[i], heap.run[i] = level, at, run
    return n + 1


@njit(cache=True, nogil=True)
def _pop(heap: Heap, n: int) -> int:
    """Take the uppermost voxel off; the last one sinks to its place."""
    n -= 1
    level, at, run = heap.level[n], heap.at[n], heap.run[n]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and _sooner(heap, child + 1, heap.level[child], heap.at[child]):
            child += 1
        if not _sooner(heap, child, level, at):
            break
        heap.level[i], heap.at[i], heap.run[i] = heap.level[child], heap.at[child], heap.run[child]
        i = child
    heap.level[i], heap.at[i], heap.run[i] = level, at, run
    return n


@njit(cache=True, nogil=True)
def _sooner(heap: Heap, i: int, level: float, at: int) -> bool:
    """Whether place i comes before a voxel: higher, or as high and earlier in the scan."""
    return bool(heap.level[i] > level or (heap.level[i] == level and heap.at[i] < at))
