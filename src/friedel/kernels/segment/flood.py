"""Flooding from the top down on runs: regions of any extent, neighbours found row by row."""

from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.segment.bright_runs import AnyArray, Runs
from friedel.kernels.segment.components import first_run, rows_beside
from friedel.kernels.segment.grow import Ground
from friedel.kernels.segment.priority_queue import Heap, key_of, pop, position, push


class Marks(NamedTuple):
    """Seed components: `members` [pointer[x] : pointer[x + 1]] are the stretches of seed x, `inside` their runs."""

    stretches: Runs
    inside: AnyArray
    members: AnyArray
    pointer: AnyArray


@njit(cache=True, nogil=True)
def take_seed(ground: Ground, marks: Marks, x: int, voxels: AnyArray) -> None:
    """Give a seed the voxels of its own component that are in the region and not another's."""
    claimed = ground.claimed
    for m in marks.members[marks.pointer[x] : marks.pointer[x + 1]]:
        for q in range(marks.stretches.offset[m], marks.stretches.offset[m] + marks.stretches.length[m]):
            if claimed[q] == -1:
                claimed[q] = x + 1
                voxels[x] += 1


@njit(cache=True, nogil=True)
def flood_runs(
    ground: Ground, rank: AnyArray, own: AnyArray, marks: Marks, voxels: AnyArray, connectivity: int, heap: Heap
) -> None:
    """Split one region among the seeds `own` where it lies."""
    offset, col, claimed = ground.runs.offset, ground.runs.col, ground.claimed
    stretches = marks.stretches
    for x in own:
        take_seed(ground, marks, x, voxels)
    n = 0
    for x in own:
        for m in marks.members[marks.pointer[x] : marks.pointer[x + 1]]:
            r = np.int64(marks.inside[m])
            q, end = stretches.offset[m], stretches.offset[m] + stretches.length[m]
            while q < end:
                start = q
                while q < end and claimed[q] == x + 1:
                    q += 1
                if q > start:
                    left, right = col[r] + (start - offset[r]), col[r] + (q - 1 - offset[r])
                    n = _reach_runs(ground, rank, r, left, right, x, connectivity, heap, n)
                q += 1
    while n > 0:
        r, q = heap.place[0], position(heap.key[0])
        n = pop(heap, n)
        x = np.int64(-claimed[q] - 2)
        claimed[q] = x + 1
        voxels[x] += 1
        c = col[r] + (q - offset[r])
        n = _reach_runs(ground, rank, r, c, c, x, connectivity, heap, n)


@njit(cache=True, nogil=True)
def _reach_runs(
    ground: Ground, rank: AnyArray, r: int, left: int, right: int, x: int, connectivity: int, heap: Heap, n: int
) -> int:
    """Put the undecided neighbours of columns left to right of run r on the heap for seed x; the heap's size."""
    runs, rows, claimed = ground.runs, ground.rows, ground.claimed
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
