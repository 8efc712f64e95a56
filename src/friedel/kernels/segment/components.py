"""Connected components of runs: which rows are neighbours, and union-find.

Two runs are connected where their rows are neighbours and their columns come close enough (Rosenfeld and Pfaltz
1966, "Sequential operations in digital picture processing", J. ACM 13; by runs: He, Chao and Suzuki 2008, "A
run-based two-scan labeling algorithm", IEEE Trans. Image Process. 17).
"""

from typing import NamedTuple

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs

MOST_RUNS_BESIDE = 27
"""Runs that hold neighbours of one voxel: nine rows of three columns."""


class Rows(NamedTuple):
    """Runs of one section, frame and row form a row; rows are in order, and this says who their neighbours are.

    `first` [row + 1] is the first run; `number` the row on the detector; `sides` has bit 1 where the row before
    in this list is the detector row above in the same frame, bit 2 where the next one is the row below.
    `before` and `n_before` are the (up to three, consecutive) rows of the previous frame at number - 1 to
    number + 1, `after` and `n_after` those of the next frame. `of_run` is the row that a run is in.
    """

    first: AnyArray
    number: AnyArray
    sides: AnyArray
    before: AnyArray
    n_before: AnyArray
    after: AnyArray
    n_after: AnyArray
    of_run: AnyArray


def link_rows(runs: Runs, section: AnyArray, turn: int) -> Rows:
    """Group runs into rows and find their neighbours.

    Runs are in (frame, row, col) order within each section [section[s], section[s + 1]); sections do not touch
    each other. `turn` is the number of frames of a full turn (frame turn - 1 touches frame 0), 0 for none.
    """
    return Rows(*_link_rows(runs, section, turn))


@njit(cache=True, nogil=True)
def _link_rows(runs: Runs, section: AnyArray, turn: int) -> tuple[AnyArray, ...]:
    frame = runs.frame
    row = runs.row
    n_runs = row.size
    of_run = np.empty(n_runs, np.int32)
    head = np.zeros(section.size, np.int64)  # first row of each section
    n = 0
    for s in range(section.size - 1):
        head[s] = n
        for r in range(section[s], section[s + 1]):
            if r == section[s] or frame[r] != frame[r - 1] or row[r] != row[r - 1]:
                n += 1
            of_run[r] = n - 1
    head[section.size - 1] = n
    first = np.empty(n + 1, np.int32)
    number = np.empty(n, np.int32)
    for r in range(n_runs - 1, -1, -1):
        first[of_run[r]] = r
        number[of_run[r]] = row[r]
    first[n] = n_runs
    sides = np.zeros(n, np.uint8)
    before = np.zeros(n, np.int32)
    n_before = np.zeros(n, np.uint8)
    after = np.zeros(n, np.int32)
    n_after = np.zeros(n, np.uint8)
    for s in range(section.size - 1):
        g0 = head[s]
        g1 = head[s + 1]
        if g0 == g1:
            continue
        # [p0, p1) is the frame before the current one, [c0, c1) the current one
        p0 = g0
        p1 = g0
        c0 = g0
        while c0 < g1:
            f = frame[first[c0]]
            c1 = c0
            while c1 < g1 and frame[first[c1]] == f:
                if c1 > c0 and number[c1] == number[c1 - 1] + 1:
                    sides[c1] |= 1
                    sides[c1 - 1] |= 2
                c1 += 1
            if p1 > p0 and frame[first[p0]] == f - 1:
                _link_frames(number, c0, c1, p0, p1, before, n_before)
                _link_frames(number, p0, p1, c0, c1, after, n_after)
            p0 = c0
            p1 = c1
            c0 = c1
        if turn > 0 and frame[first[g0]] == 0 and frame[first[p0]] == turn - 1:
            c1 = g0
            while c1 < g1 and frame[first[c1]] == 0:
                c1 += 1
            _link_frames(number, g0, c1, p0, p1, before, n_before)
            _link_frames(number, p0, p1, g0, c1, after, n_after)
    return first, number, sides, before, n_before, after, n_after, of_run


@njit(cache=True, nogil=True)
def _link_frames(number: AnyArray, c0: int, c1: int, p0: int, p1: int, start: AnyArray, count: AnyArray) -> None:
    """For rows [c0, c1) of one frame, the neighbouring rows among [p0, p1) of another."""
    p = p0
    for g in range(c0, c1):
        while p < p1 and number[p] < number[g] - 1:
            p += 1
        q = p
        while q < p1 and number[q] <= number[g] + 1:
            q += 1
        start[g] = p
        count[g] = q - p


@njit(cache=True, nogil=True)
def rows_beside(rows: Rows, g: int, where: int) -> tuple[np.int64, np.int64]:
    """Row g and those next to it in the frame before (`where` = 0), the same one (1) or the next (2).

    Returns [start, stop), all int64: where numba has to unify other integers, this takes five times the time.
    """
    if where == 0:
        return np.int64(rows.before[g]), np.int64(rows.before[g]) + rows.n_before[g]
    if where == 1:
        return g - (rows.sides[g] & 1), g + 1 + (rows.sides[g] >> 1)
    return np.int64(rows.after[g]), np.int64(rows.after[g]) + rows.n_after[g]


@njit(cache=True, nogil=True)
def first_run(runs: Runs, low: int, high: int, col: int) -> int:
    """The first of runs [low, high) of a row that ends at column `col` or beyond."""
    while low < high:
        middle = (low + high) >> 1
        if runs.col[middle] + runs.length[middle] > col:
            high = middle
        else:
            low = middle + 1
    return low


@njit(cache=True, nogil=True)
def neighbours(runs: Runs, rows: Rows, r: int, q: int, connectivity: int, out: AnyArray) -> int:
    """The neighbours of voxel q of run r, by runs; returns how many runs hold some (at most `MOST_RUNS_BESIDE`).

    `out` [i] gets the run, and the places of its first such voxel and of the one behind the last. The voxel itself
    is among them.
    """
    n = 0
    g, c = np.int64(rows.of_run[r]), runs.col[r] + (q - runs.offset[r])
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    for where in range(3):
        h0, h1 = rows_beside(rows, g, where)
        for h in range(h0, h1):
            straight = where == 1 or rows.number[h] == rows.number[g]
            reach = 1 if h == g else (0 if connectivity == 6 else 1) if straight else diagonal
            if reach < 0:
                continue
            for s in range(first_run(runs, rows.first[h], rows.first[h + 1], c - reach), rows.first[h + 1]):
                start = np.int64(runs.col[s])
                if start > c + reach:
                    break
                out[n, 0] = s
                out[n, 1] = runs.offset[s] + max(c - reach - start, 0)
                out[n, 2] = runs.offset[s] + min(c + reach + 1 - start, np.int64(runs.length[s]))
                n += 1
    return n


@njit(cache=True, nogil=True)
def find(parent: AnyArray, x: int) -> int:
    """Root of x; halves the path on the way."""
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@njit(cache=True, nogil=True)
def unite(parent: AnyArray, x: int, y: int) -> None:
    """Join two trees; the smaller index becomes the root."""
    a = find(parent, x)
    b = find(parent, y)
    if a < b:
        parent[b] = a
    elif b < a:
        parent[a] = b


@njit(cache=True, nogil=True)
def unite_runs(runs: Runs, rows: Rows, connectivity: int, node: AnyArray, parent: AnyArray) -> None:
    """Join the nodes of all runs that touch, under 6, 18 or 26 neighbours; then point every node at its root.

    `node` [run] is the run's node in the forest `parent`. Roots are the smallest nodes.
    """
    col, length = runs.col, runs.length
    first, number, sides, before, n_before = rows.first, rows.number, rows.sides, rows.before, rows.n_before
    near = 0 if connectivity == 6 else 1
    diagonal = -1 if connectivity == 6 else (connectivity - 18) // 8
    for g in range(number.size):
        if sides[g] & 1:
            _unite_rows(col, length, first[g], first[g + 1], first[g - 1], first[g], near, node, parent)
        for h in range(before[g], before[g] + n_before[g]):
            reach = near if number[h] == number[g] else diagonal
            if reach >= 0:
                _unite_rows(col, length, first[g], first[g + 1], first[h], first[h + 1], reach, node, parent)
    for x in range(parent.size):
        parent[x] = parent[parent[x]]


@njit(cache=True, nogil=True)
def _unite_rows(
    col: AnyArray, length: AnyArray, a: int, a1: int, b: int, b1: int, reach: int, node: AnyArray, parent: AnyArray
) -> None:
    """Join the runs [a, a1) of one row and [b, b1) of a neighbouring row that come within `reach` columns."""
    while a < a1 and b < b1:
        a_last = col[a] + length[a] - 1
        b_last = col[b] + length[b] - 1
        if a_last + reach < col[b]:
            a += 1
        elif b_last + reach < col[a]:
            b += 1
        else:
            unite(parent, node[a], node[b])
            if a_last < b_last:
                a += 1
            else:
                b += 1


@njit(cache=True, nogil=True)
def sort_by_label(label: AnyArray, n_labels: int) -> tuple[AnyArray, AnyArray]:
    """Stable counting sort: (order, pointer) so that order[pointer[x]:pointer[x + 1]] are the items labelled x.

    Items with a negative label are left out.
    """
    pointer = np.zeros(n_labels + 1, np.int64)
    for x in label:
        if x >= 0:
            pointer[x + 1] += 1
    for x in range(n_labels):
        pointer[x + 1] += pointer[x]
    place = pointer[:-1].copy()
    order = np.empty(pointer[n_labels], np.int64)
    for i in range(label.size):
        if label[i] >= 0:
            order[place[label[i]]] = i
            place[label[i]] += 1
    return order, pointer
