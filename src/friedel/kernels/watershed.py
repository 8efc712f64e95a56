"""Regions that hold several seeds, split at the saddles between them."""

import numpy as np
from numba import njit

from friedel.kernels.grow import Claims, Ground
from friedel.kernels.runs import AnyArray, Runs
from friedel.kernels.seeds import Seeds


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
    each by the seed that it was reached from (Meyer 1994, "Topographic distance and watershed lines").
    """
    absorbed = np.flatnonzero(claims.absorber >= 0)
    if not len(absorbed):
        return
    shared = np.zeros(len(seeds.at), np.bool_)
    shared[claims.absorber[absorbed]] = True
    parts = np.flatnonzero(shared | (claims.absorber >= 0))
    owner = np.where(claims.absorber >= 0, claims.absorber, np.arange(len(seeds.at)))
    room = 26 * int(claims.voxels[shared].sum()) + 1
    heap_level = np.empty(room, np.float32)
    heap = np.empty((room, 3), np.int32)  # run, column, seed
    _mark_shared(ground, shared)
    _split(ground, parts, owner, stretches, inside, members, pointer, connectivity, heap_level, heap)
    claims.voxels[parts] = np.bincount(ground.claimed, minlength=len(seeds.at) + 1)[parts + 1]
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
    stretches: Runs,
    inside: AnyArray,
    members: AnyArray,
    pointer: AnyArray,
    connectivity: int,
    heap_level: AnyArray,
    heap: AnyArray,
) -> None:
    offset, col, claimed = ground.runs.offset, ground.runs.col, ground.claimed
    for x in parts:
        for m in members[pointer[x] : pointer[x + 1]]:
            for q in range(stretches.offset[m], stretches.offset[m] + stretches.length[m]):
                if claimed[q] == -owner[x] - 2:
                    claimed[q] = x + 1
    n = 0
    for x in parts:
        for m in members[pointer[x] : pointer[x + 1]]:
            r = int(inside[m])
            for q in range(stretches.offset[m], stretches.offset[m] + stretches.length[m]):
                if claimed[q] == x + 1:
                    n = _reach(
                        ground, r, int(col[r] + (q - offset[r])), x, owner[x], connectivity, heap_level, heap, n
                    )
    while n > 0:
        r, c, x = int(heap[0, 0]), int(heap[0, 1]), int(heap[0, 2])
        n = _pop(heap_level, heap, n)
        q = offset[r] + (c - col[r])
        if claimed[q] < 0:
            claimed[q] = x + 1
            n = _reach(ground, r, c, x, owner[x], connectivity, heap_level, heap, n)


@njit(cache=True, nogil=True)
def _reach(
    ground: Ground,
    r: int,
    c: int,
    x: int,
    owner: int,
    connectivity: int,
    heap_level: AnyArray,
    heap: AnyArray,
    n: int,
) -> int:
    """Put the undecided neighbours of voxel c of run r on the heap for seed x; returns the heap's size."""
    runs, rows = ground.runs, ground.rows
    near = 0 if connectivity == 6 else 1
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    g = int(rows.of_run[r])
    for where in range(3):
        if where == 0:
            h0 = int(rows.before[g])
            h1 = h0 + rows.n_before[g]
        elif where == 1:
            h0 = g - (rows.sides[g] & 1)
            h1 = g + 1 + (rows.sides[g] >> 1)
        else:
            h0 = int(rows.after[g])
            h1 = h0 + rows.n_after[g]
        for h in range(h0, h1):
            reach = near if where == 1 or rows.number[h] == rows.number[g] else diagonal
            if h == g:
                reach = 1
            for s in range(rows.first[h], rows.first[h + 1]):
                start = int(runs.col[s])
                for i in range(max(c - reach, start), min(c + reach + 1, start + int(runs.length[s]))):
                    q = runs.offset[s] + (i - start)
                    if ground.claimed[q] == -owner - 2:
                        n = _push(ground.level[q], s, i, x, heap_level, heap, n)
    return n


@njit(cache=True, nogil=True)
def _sooner(heap_level: AnyArray, heap: AnyArray, a: int, b: int) -> bool:
    if heap_level[a] != heap_level[b]:
        return bool(heap_level[a] > heap_level[b])
    for i in range(3):
        if heap[a, i] != heap[b, i]:
            return bool(heap[a, i] < heap[b, i])
    return False


@njit(cache=True, nogil=True)
def _swap(heap_level: AnyArray, heap: AnyArray, a: int, b: int) -> None:
    heap_level[a], heap_level[b] = heap_level[b], heap_level[a]
    for i in range(3):
        heap[a, i], heap[b, i] = heap[b, i], heap[a, i]


@njit(cache=True, nogil=True)
def _push(value: float, r: int, c: int, x: int, heap_level: AnyArray, heap: AnyArray, n: int) -> int:
    heap_level[n] = value
    heap[n, 0] = r
    heap[n, 1] = c
    heap[n, 2] = x
    i = n
    while i > 0 and _sooner(heap_level, heap, i, (i - 1) >> 1):
        _swap(heap_level, heap, i, (i - 1) >> 1)
        i = (i - 1) >> 1
    return n + 1


@njit(cache=True, nogil=True)
def _pop(heap_level: AnyArray, heap: AnyArray, n: int) -> int:
    n -= 1
    _swap(heap_level, heap, 0, n)
    i = 0
    while True:
        best = i
        for child in (2 * i + 1, 2 * i + 2):
            if child < n and _sooner(heap_level, heap, child, best):
                best = child
        if best == i:
            return n
        _swap(heap_level, heap, i, best)
        i = best
