"""Flooding from the top down on runs: regions of any extent, neighbours found row by row."""

import numpy as np
from numba import njit

from friedel.kernels.segment.bright_runs import AnyArray
from friedel.kernels.segment.components import MOST_RUNS_BESIDE, neighbours
from friedel.kernels.segment.grow import Regions
from friedel.kernels.segment.priority_queue import Heap, key_of, pop, position, push
from friedel.kernels.segment.seeds import SeedRuns


@njit(cache=True, nogil=True)
def mark_seed(regions: Regions, of: SeedRuns, members: AnyArray, x: int, voxels: AnyArray) -> None:
    """Give seed x the voxels of its own runs `members` that are in the region and not another's."""
    claimed = regions.claimed
    for m in members:
        for q in range(of.runs.offset[m], of.runs.offset[m] + of.runs.length[m]):
            if claimed[q] == -1:
                claimed[q] = x + 1
                voxels[x] += 1


@njit(cache=True, nogil=True)
def flood_runs(
    regions: Regions,
    rank: AnyArray,
    own: AnyArray,
    of: SeedRuns,
    members: tuple[AnyArray, AnyArray],
    voxels: AnyArray,
    connectivity: int,
    heap: Heap,
) -> None:
    """Split one region among the seeds `own` where it lies (see `split_regions`)."""
    offset, col, claimed = regions.runs.offset, regions.runs.col, regions.claimed
    order, pointer = members
    longest = 1
    for x in own:
        mark_seed(regions, of, order[pointer[x] : pointer[x + 1]], x, voxels)
        for m in order[pointer[x] : pointer[x + 1]]:
            longest = max(longest, int(of.runs.length[m]))
    beside = np.empty((MOST_RUNS_BESIDE + 9 * longest, 3), np.int64)
    n = 0
    for x in own:
        for m in order[pointer[x] : pointer[x + 1]]:
            r = np.int64(of.inside[m])
            q, end = of.runs.offset[m], of.runs.offset[m] + of.runs.length[m]
            while q < end:
                start = q
                while q < end and claimed[q] == x + 1:
                    q += 1
                if q > start:
                    left, right = col[r] + (start - offset[r]), col[r] + (q - 1 - offset[r])
                    n = _push_neighbours(regions, rank, r, left, right, x, connectivity, heap, n, beside)
                q += 1
    while n > 0:
        r, q = heap.place[0], position(heap.key[0])
        n = pop(heap, n)
        x = np.int64(-claimed[q] - 2)
        claimed[q] = x + 1
        voxels[x] += 1
        c = col[r] + (q - offset[r])
        n = _push_neighbours(regions, rank, r, c, c, x, connectivity, heap, n, beside)


@njit(cache=True, nogil=True)
def _push_neighbours(
    regions: Regions,
    rank: AnyArray,
    r: int,
    left: int,
    right: int,
    x: int,
    connectivity: int,
    heap: Heap,
    n: int,
    beside: AnyArray,
) -> int:
    """Put the undecided neighbours of columns left to right of run r on the heap for seed x; the heap's size."""
    claimed = regions.claimed
    for i in range(neighbours(regions.runs, regions.rows, r, left, right, connectivity, beside)):
        for q in range(beside[i, 1], beside[i, 2]):
            if claimed[q] == -1:
                claimed[q] = -x - 2
                n = push(heap, n, key_of(rank[q], q), beside[i, 0])
            elif claimed[q] < -x - 2:
                claimed[q] = -x - 2
    return n
