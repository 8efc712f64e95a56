"""Regions that hold several seeds, split at the saddles between them: a watershed by flooding from the seeds.

Voxels are taken from a queue by level (Meyer 1991, "Un algorithme optimal pour la ligne de partage des eaux", RFIA;
Vincent and Soille 1991, "Watersheds in digital spaces", IEEE Trans. Pattern Anal. Mach. Intell. 13), here from the
top down and without lines between the parts.
"""

from typing import NamedTuple

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs, empty_runs
from friedel.kernels.segment.components import sort_by_label
from friedel.kernels.segment.flood import flood_runs, mark_seed
from friedel.kernels.segment.grow import Claims, Regions
from friedel.kernels.segment.priority_queue import Heap, key_of, pop, push, ranks
from friedel.kernels.segment.seeds import SeedRuns

MOST_CELLS = 1 << 22
"""Cells of the largest box that a region is copied to."""
CELLS_PER_VOXEL = 64
"""A region that fills less of its box is flooded where it lies."""


class DenseBox(NamedTuple):
    """Room for one region with a margin: `state` is 0 outside, else as `claimed`; `at` is the voxel's position."""

    state: AnyArray
    at: AnyArray


def split_regions(
    regions: Regions,
    claims: Claims,
    of: SeedRuns,
    members: tuple[AnyArray, AnyArray],
    connectivity: int,
    turn: int,
    most_cells: int = MOST_CELLS,
) -> None:
    """Give every seed that was absorbed its part of the absorber's region, by flooding from the top down.

    From the seed components, voxels of the region are taken in descending level (ties by position, then by seed),
    each by the seed that it was reached from. A voxel waits in the heap once: whoever reaches it later only leaves
    its number where that is lower. Regions are flooded one after the other, in a box where that is not too large:
    neighbours are found there by adding a number. `of` and `members` are as in `claim_regions`.
    """
    absorbed = np.flatnonzero(claims.absorber >= 0)
    if not len(absorbed):
        return
    n_seeds = len(claims.voxels)
    shared = np.zeros(n_seeds, np.bool_)
    shared[claims.absorber[absorbed]] = True
    owner = np.where(claims.absorber >= 0, claims.absorber, np.where(shared, np.arange(n_seeds), -1))
    room = int(claims.voxels[shared].sum())
    released, region = empty_runs(room), np.empty(room, np.int64)
    n = _release(regions, shared, released, region)
    released, region = released.take(slice(0, n)), region[:n]
    parts = np.flatnonzero(owner >= 0)
    claims.voxels[parts] = 0
    _split_all(
        regions, ranks(regions.level), sort_by_label(owner, n_seeds), released, sort_by_label(region, n_seeds),
        of, members, claims.voxels, connectivity, turn, most_cells,
    )  # fmt: skip
    claims.threshold[parts] = claims.threshold[owner[parts]]
    claims.touches[parts] = True
    claims.absorber[absorbed] = -1


@njit(cache=True, nogil=True)
def _release(regions: Regions, shared: AnyArray, out: Runs, region: AnyArray) -> int:
    """Write the runs of the shared regions, unclaimed from now on, to `out`, and whose they were; how many."""
    runs, claimed, last = regions.runs, regions.claimed, regions.last
    n = 0
    for r in range(runs.length.size):
        if last[r, 1] == 0:
            continue
        q, end = runs.offset[r], runs.offset[r] + runs.length[r]
        while q < end:
            start, label = q, claimed[q]
            while q < end and claimed[q] == label:
                q += 1
            if label > 0 and shared[label - 1]:
                claimed[start:q] = 0
                last[r, 0] = -1  # no longer one span
                out.frame[n], out.row[n], out.col[n] = (
                    runs.frame[r],
                    runs.row[r],
                    runs.col[r] + (start - runs.offset[r]),
                )
                out.length[n], out.offset[n], region[n] = q - start, start, label - 1
                n += 1
    return n


@njit(cache=True, nogil=True)
def _split_all(
    regions: Regions,
    rank: AnyArray,
    parts_of: tuple[AnyArray, AnyArray],
    released: Runs,
    runs_of: tuple[AnyArray, AnyArray],
    of: SeedRuns,
    members: tuple[AnyArray, AnyArray],
    voxels: AnyArray,
    connectivity: int,
    turn: int,
    most_cells: int,
) -> None:
    """Split the regions one after the other; `parts_of` and `runs_of` each are seeds and `released` runs."""
    parts, part = parts_of
    order, piece = runs_of
    heap = Heap(np.empty(1024, np.int64), np.empty(1024, np.int64))
    box = DenseBox(np.zeros(1, np.int32), np.zeros(1, np.int32))
    for x in range(part.size - 1):
        own, mine = parts[part[x] : part[x + 1]], order[piece[x] : piece[x + 1]]
        if own.size == 0:
            continue
        size = 0
        for p in mine:
            size += released.length[p]
            regions.claimed[released.offset[p] : released.offset[p] + released.length[p]] = -1  # may be reached
        if heap.key.size < size:
            heap = Heap(np.empty(2 * size, np.int64), np.empty(2 * size, np.int64))
        bounds = _bounds(released, mine)
        cells = bounds[3] * bounds[4] * bounds[5]
        around = turn > 0 and bounds[0] < 0 and bounds[0] + bounds[3] > turn
        if around or cells > min(most_cells, CELLS_PER_VOXEL * size):
            flood_runs(regions, rank, own, of, members, voxels, connectivity, heap)
            continue
        if box.state.size < cells:
            box = DenseBox(np.zeros(2 * cells, np.int32), np.empty(2 * cells, np.int32))
        _flood_box(regions, rank, own, released, mine, of, members, voxels, connectivity, heap, bounds, box)


@njit(cache=True, nogil=True)
def _bounds(runs: Runs, mine: AnyArray) -> AnyArray:
    """First frame, row and column of the box around the runs `mine`, and its shape, with a margin of one voxel."""
    low = np.full(3, np.iinfo(np.int64).max)
    high = np.full(3, -1)
    for p in mine:
        low[0], high[0] = min(low[0], runs.frame[p]), max(high[0], runs.frame[p])
        low[1], high[1] = min(low[1], runs.row[p]), max(high[1], runs.row[p])
        low[2], high[2] = min(low[2], runs.col[p]), max(high[2], np.int64(runs.col[p]) + runs.length[p] - 1)
    return np.concatenate((low - 1, high - low + 3))


@njit(cache=True, nogil=True)
def _flood_box(
    regions: Regions,
    rank: AnyArray,
    own: AnyArray,
    released: Runs,
    mine: AnyArray,
    of: SeedRuns,
    members: tuple[AnyArray, AnyArray],
    voxels: AnyArray,
    connectivity: int,
    heap: Heap,
    bounds: AnyArray,
    box: DenseBox,
) -> None:
    """Split one region, the runs `mine` of `released`, among the seeds `own` in a copy of it, left empty."""
    claimed, state, at = regions.claimed, box.state, box.at
    order, pointer = members
    for p in mine:
        cell = _cell(released, p, bounds)
        for q in range(released.offset[p], released.offset[p] + released.length[p]):
            state[cell] = -1
            at[cell] = q
            cell += 1
    steps = _neighbour_steps(bounds[4], bounds[5], connectivity)
    for x in own:
        mark_seed(regions, of, order[pointer[x] : pointer[x + 1]], x, voxels)
        for m in order[pointer[x] : pointer[x + 1]]:
            q = of.runs.offset[m]
            cell = _cell(of.runs, m, bounds)
            for k in range(of.runs.length[m]):
                if claimed[q + k] == x + 1:
                    state[cell + k] = x + 1
    n = 0
    for x in own:
        for m in order[pointer[x] : pointer[x + 1]]:
            q = of.runs.offset[m]
            cell = _cell(of.runs, m, bounds)
            for k in range(of.runs.length[m]):
                if claimed[q + k] == x + 1:
                    n = _push_neighbours(rank, cell + k, x, steps, heap, n, box)
    while n > 0:
        cell = heap.place[0]
        n = pop(heap, n)
        x = np.int64(-state[cell] - 2)
        state[cell] = x + 1
        claimed[at[cell]] = x + 1
        voxels[x] += 1
        n = _push_neighbours(rank, cell, x, steps, heap, n, box)
    for p in mine:
        cell = _cell(released, p, bounds)
        state[cell : cell + released.length[p]] = 0


@njit(cache=True, nogil=True)
def _cell(runs: Runs, r: int, bounds: AnyArray) -> int:
    """Where the first voxel of run r is in the box."""
    line = (runs.frame[r] - bounds[0]) * bounds[4] + runs.row[r] - bounds[1]
    return int(line * bounds[5] + runs.col[r] - bounds[2])


@njit(cache=True, nogil=True)
def _neighbour_steps(rows: int, cols: int, connectivity: int) -> AnyArray:
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
def _push_neighbours(rank: AnyArray, cell: int, x: int, steps: AnyArray, heap: Heap, n: int, box: DenseBox) -> int:
    """Put the undecided neighbours of a cell on the heap for seed x; the heap's size."""
    state = box.state
    for step in steps:
        other = state[cell + step]
        if other == -1:
            state[cell + step] = -x - 2
            q = np.int64(box.at[cell + step])
            n = push(heap, n, key_of(rank[q], q), cell + step)
        elif other < -x - 2:
            state[cell + step] = -x - 2
    return n
