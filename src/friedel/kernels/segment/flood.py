"""Flooding from the top down on runs: regions of any extent, neighbours found row by row."""

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray
from friedel.kernels.segment.components import first_run, rows_beside
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
    n_spans = 0
    for x in own:
        for m in order[pointer[x] : pointer[x + 1]]:
            n_spans += (of.runs.length[m] + 1) // 2
        mark_seed(regions, of, order[pointer[x] : pointer[x + 1]], x, voxels)
    spans = np.empty((n_spans, 4), np.int64)
    n_spans = 0
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
                    spans[n_spans, 0], spans[n_spans, 1], spans[n_spans, 2], spans[n_spans, 3] = x, r, left, right
                    n_spans += 1
                q += 1
    n, k = 0, 0
    while k < n_spans or n > 0:
        if k < n_spans:
            x, r, left, right = spans[k, 0], spans[k, 1], spans[k, 2], spans[k, 3]
            k += 1
        else:
            r, q = heap.place[0], position(heap.key[0])
            n = pop(heap, n)
            x = np.int64(-claimed[q] - 2)
            claimed[q] = x + 1
            voxels[x] += 1
            left = col[r] + (q - offset[r])
            right = left
        n = _push_neighbours(regions, rank, r, left, right, x, connectivity, heap, n)


@njit(cache=True, nogil=True)
def _push_neighbours(
    regions: Regions, rank: AnyArray, r: int, left: int, right: int, x: int, connectivity: int, heap: Heap, n: int
) -> int:
    """Put the undecided neighbours of columns left to right of run r on the heap for seed x; the heap's size."""
    runs, rows, claimed = regions.runs, regions.rows, regions.claimed
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
                    if claimed[q] == -1:
                        claimed[q] = -x - 2
                        n = push(heap, n, key_of(rank[q], q), s)
                    elif claimed[q] < -x - 2:
                        claimed[q] = -x - 2
    return n
