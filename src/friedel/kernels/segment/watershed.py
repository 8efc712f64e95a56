"""Regions that hold several seeds, split at the saddles between them."""

from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.segment.bright_runs import AnyArray, Runs
from friedel.kernels.segment.components import sort_by_label
from friedel.kernels.segment.flood import Marks, flood_runs, take_seed
from friedel.kernels.segment.grow import Claims, Ground
from friedel.kernels.segment.priority_queue import Heap, key_of, pop, push, ranks
from friedel.kernels.segment.seeds import Seeds

MOST_CELLS = 1 << 22
"""Cells of the largest box that a region is copied to."""
CELLS_PER_VOXEL = 64
"""A region that fills less of its box is flooded where it lies."""


class Pieces(NamedTuple):
    """What is split: stretches of voxels [start, stop) inside runs, and the seed whose region they were."""

    run: AnyArray
    start: AnyArray
    stop: AnyArray
    owner: AnyArray


class Box(NamedTuple):
    """Room for one region with a margin: `state` is 0 outside, else as `claimed`; `at` is the voxel's position."""

    state: AnyArray
    at: AnyArray


def split_regions(
    ground: Ground,
    seeds: Seeds,
    claims: Claims,
    stretches: Runs,
    inside: AnyArray,
    members: AnyArray,
    pointer: AnyArray,
    connectivity: int,
    turn: int,
    most_cells: int = MOST_CELLS,
) -> None:
    """Give every seed that was absorbed its part of the absorber's region, by flooding from the top down.

    From the seed components, voxels of the region are taken in descending level (ties by position, then by seed),
    each by the seed that it was reached from (Meyer 1994, "Topographic distance and watershed lines"). A voxel
    waits in the heap once: whoever reaches it later only leaves its number where that is lower. Regions are flooded
    one after the other, in a box where that is not too large: neighbours are found there by adding a number.
    """
    absorbed = np.flatnonzero(claims.absorber >= 0)
    if not len(absorbed):
        return
    n_seeds = len(seeds.at)
    shared = np.zeros(n_seeds, np.bool_)
    shared[claims.absorber[absorbed]] = True
    owner = np.where(claims.absorber >= 0, claims.absorber, np.where(shared, np.arange(n_seeds), -1))
    room = int(claims.voxels[shared].sum())
    pieces = Pieces(*(np.empty(room, np.int64) for _ in Pieces._fields))
    n = _take_back(ground, shared, pieces)
    pieces = Pieces(*(field[:n] for field in pieces))
    parts = np.flatnonzero(owner >= 0)
    claims.voxels[parts] = 0
    _split_all(
        ground, ranks(ground.level), sort_by_label(owner, n_seeds), pieces, sort_by_label(pieces.owner, n_seeds),
        Marks(stretches, inside, members, pointer), claims.voxels, connectivity, turn, most_cells,
    )  # fmt: skip
    claims.threshold[parts] = claims.threshold[owner[parts]]
    claims.touches[parts] = True
    claims.absorber[absorbed] = -1


@njit(cache=True, nogil=True)
def _take_back(ground: Ground, shared: AnyArray, pieces: Pieces) -> int:
    """List the shared regions' voxels, which are nobody's from now on; returns how many pieces there are."""
    offset, length, claimed, last = ground.runs.offset, ground.runs.length, ground.claimed, ground.last
    n = 0
    for r in range(length.size):
        if last[r, 1] == 0:
            continue
        q, end = offset[r], offset[r] + length[r]
        while q < end:
            start, label = q, claimed[q]
            while q < end and claimed[q] == label:
                q += 1
            if label > 0 and shared[label - 1]:
                claimed[start:q] = 0
                last[r, 0] = -1  # no longer one stretch
                pieces.run[n], pieces.start[n], pieces.stop[n], pieces.owner[n] = r, start, q, label - 1
                n += 1
    return n


@njit(cache=True, nogil=True)
def _split_all(
    ground: Ground,
    rank: AnyArray,
    parts_of: tuple[AnyArray, AnyArray],
    pieces: Pieces,
    pieces_of: tuple[AnyArray, AnyArray],
    marks: Marks,
    voxels: AnyArray,
    connectivity: int,
    turn: int,
    most_cells: int,
) -> None:
    parts, part = parts_of
    order, piece = pieces_of
    heap = Heap(np.empty(1024, np.int64), np.empty(1024, np.int64))
    box = Box(np.zeros(1, np.int32), np.zeros(1, np.int32))
    for x in range(part.size - 1):
        own, of_region = parts[part[x] : part[x + 1]], order[piece[x] : piece[x + 1]]
        if own.size == 0:
            continue
        size = 0
        for p in of_region:
            size += pieces.stop[p] - pieces.start[p]
            ground.claimed[pieces.start[p] : pieces.stop[p]] = -1  # may be reached
        if heap.key.size < size:
            heap = Heap(np.empty(2 * size, np.int64), np.empty(2 * size, np.int64))
        bounds = _bounds(ground.runs, pieces, of_region)
        cells = bounds[3] * bounds[4] * bounds[5]
        around = turn > 0 and bounds[0] < 0 and bounds[0] + bounds[3] > turn
        if around or cells > min(most_cells, CELLS_PER_VOXEL * size):
            flood_runs(ground, rank, own, marks, voxels, connectivity, heap)
            continue
        if box.state.size < cells:
            box = Box(np.zeros(2 * cells, np.int32), np.empty(2 * cells, np.int32))
        _flood_box(ground, rank, own, pieces, of_region, marks, voxels, connectivity, heap, bounds, box)


@njit(cache=True, nogil=True)
def _bounds(runs: Runs, pieces: Pieces, of_region: AnyArray) -> AnyArray:
    """First frame, row and column of the box around a region, and its shape, with a margin of one voxel."""
    low = np.full(3, np.iinfo(np.int64).max)
    high = np.full(3, -1)
    for p in of_region:
        r = pieces.run[p]
        col = runs.col[r] + pieces.start[p] - runs.offset[r]
        low[0], high[0] = min(low[0], runs.frame[r]), max(high[0], runs.frame[r])
        low[1], high[1] = min(low[1], runs.row[r]), max(high[1], runs.row[r])
        low[2], high[2] = min(low[2], col), max(high[2], col + pieces.stop[p] - pieces.start[p] - 1)
    return np.concatenate((low - 1, high - low + 3))


@njit(cache=True, nogil=True)
def _flood_box(
    ground: Ground,
    rank: AnyArray,
    own: AnyArray,
    pieces: Pieces,
    of_region: AnyArray,
    marks: Marks,
    voxels: AnyArray,
    connectivity: int,
    heap: Heap,
    bounds: AnyArray,
    box: Box,
) -> None:
    """Split one region among the seeds `own` in a copy of it, which is left empty."""
    runs, claimed, state, at = ground.runs, ground.claimed, box.state, box.at
    rows, cols = bounds[4], bounds[5]
    for p in of_region:
        r = pieces.run[p]
        cell = _cell(runs, r, pieces.start[p], bounds)
        for q in range(pieces.start[p], pieces.stop[p]):
            state[cell] = -1
            at[cell] = q
            cell += 1
    beside = _beside(rows, cols, connectivity)
    for x in own:
        take_seed(ground, marks, x, voxels)
        for m in marks.members[marks.pointer[x] : marks.pointer[x + 1]]:
            q = marks.stretches.offset[m]
            cell = _cell(runs, np.int64(marks.inside[m]), q, bounds)
            for k in range(marks.stretches.length[m]):
                if claimed[q + k] == x + 1:
                    state[cell + k] = x + 1
    n = 0
    for x in own:
        for m in marks.members[marks.pointer[x] : marks.pointer[x + 1]]:
            q = marks.stretches.offset[m]
            cell = _cell(runs, np.int64(marks.inside[m]), q, bounds)
            for k in range(marks.stretches.length[m]):
                if claimed[q + k] == x + 1:
                    n = _reach_cells(rank, cell + k, x, beside, heap, n, box)
    while n > 0:
        cell = heap.place[0]
        n = pop(heap, n)
        x = np.int64(-state[cell] - 2)
        state[cell] = x + 1
        claimed[at[cell]] = x + 1
        voxels[x] += 1
        n = _reach_cells(rank, cell, x, beside, heap, n, box)
    for p in of_region:
        cell = _cell(runs, pieces.run[p], pieces.start[p], bounds)
        state[cell : cell + pieces.stop[p] - pieces.start[p]] = 0


@njit(cache=True, nogil=True)
def _cell(runs: Runs, r: int, q: int, bounds: AnyArray) -> int:
    """Where voxel q of run r is in the box."""
    line = (runs.frame[r] - bounds[0]) * bounds[4] + runs.row[r] - bounds[1]
    return int(line * bounds[5] + runs.col[r] + q - runs.offset[r] - bounds[2])


@njit(cache=True, nogil=True)
def _beside(rows: int, cols: int, connectivity: int) -> AnyArray:
    """What to add to a cell for each of its neighbours."""
    out = np.empty(26, np.int64)
    n = 0
    for f in range(-1, 2):
        for r in range(-1, 2):
            for c in range(-1, 2):
                steps = abs(f) + abs(r) + abs(c)
                if steps > 0 and (steps == 1 or connectivity == 26 or (steps == 2 and connectivity == 18)):
                    out[n] = (f * rows + r) * cols + c
                    n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def _reach_cells(rank: AnyArray, cell: int, x: int, beside: AnyArray, heap: Heap, n: int, box: Box) -> int:
    """Put the undecided neighbours of a cell on the heap for seed x; the heap's size."""
    state = box.state
    for step in beside:
        other = state[cell + step]
        if other == -1:
            state[cell + step] = -x - 2
            q = np.int64(box.at[cell + step])
            n = push(heap, n, key_of(rank[q], q), cell + step)
        elif other < -x - 2:
            state[cell + step] = -x - 2
    return n
