"""Blobs by omega, row and column in cells, and the spots of a grain looked up among them.

Angles are those of the equations (radians), rows and columns pixels. Distances are normalised: omega * |sin eta|,
row and col, each over its own error; a blob's `extra_error` (n,3) adds to that where its centroid cannot be trusted
(cut by an edge).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.bragg import meet_plane, omega_solutions
from friedel.kernels.compiled import njit

Floats = NDArray[np.float64]
TURN = 2.0 * math.pi
ABSENT, POSSIBLE, EXPECTED = 0, 1, 2
"""Of a predicted spot: it never comes; it may come (edge, beam box, near the axis); it is expected."""


class BlobLookup(NamedTuple):
    """Blobs `centroid` (n,3) omega in [0, 2 pi), row, col, and `extra_error` (n,3); those of cell c are
    `order[start[c]:start[c+1]]`; `size` (3,) cells of edges `edge` (3,)."""

    centroid: Floats
    extra_error: Floats
    edge: Floats
    size: NDArray[np.int64]
    start: NDArray[np.int64]
    order: NDArray[np.int64]
    largest_extra: Floats


class Window(NamedTuple):
    """What the scan sees: rows, cols; `first` and signed `sweep` of omega; smallest |sin eta|; `boxes` (m,4) col0,
    row0, col1, row1 that are not looked at; `gaps` (k,2) from and to, as turned from `first`, that were not
    recorded."""

    rows: float
    cols: float
    first: float
    sweep: float
    least_sin_eta: float
    boxes: Floats
    gaps: Floats


def make_blob_lookup(
    centroid: Floats,
    extra_error: Floats,
    rows: int,
    cols: int,
    edge_px: float = 12.0,
    hidden: NDArray[np.bool_] | None = None,
) -> BlobLookup:
    """Sort blobs into cells with a few blobs each; those that are `hidden` (n) are not found."""
    size_r, size_c = max(int(rows / edge_px), 1), max(int(cols / edge_px), 1)
    size_w = int(min(max(4 * len(centroid) / (size_r * size_c), 90), 1440))
    size = np.array([size_w, size_r, size_c], dtype=np.int64)
    edge = np.array([TURN / size_w, rows / size_r, cols / size_c])
    cells = np.floor(centroid / edge).astype(np.int64)
    cells = np.clip(cells, 0, size - 1)
    flat = (cells[:, 0] * size_r + cells[:, 1]) * size_c + cells[:, 2]
    order = np.argsort(flat, kind="stable").astype(np.int64)
    if hidden is not None:
        order = order[~hidden[order]]
    start = np.searchsorted(flat[order], np.arange(int(np.prod(size)) + 1)).astype(np.int64)
    largest = extra_error.max(axis=0) if len(extra_error) else np.zeros(3)
    return BlobLookup(
        np.ascontiguousarray(centroid), np.ascontiguousarray(extra_error), edge, size, start, order, largest
    )


@njit(cache=True, nogil=True)
def predict_spots(g: Any, position: Any, wavelength: float, plane: Any, window: Any, out: Any, state: Any) -> None:
    """out (2n,4) = omega, row, col, |sin eta| and state (2n) of both solutions of every g (n,3), sample frame."""
    rows, cols, first, sweep, least_sin_eta, boxes, gaps = window
    solutions = np.empty(2)
    hit = np.empty(2)
    for i in range(g.shape[0]):
        omega_solutions(g[i, 0], g[i, 1], g[i, 2], wavelength, solutions)
        for j in range(2):
            spot = 2 * i + j
            state[spot] = ABSENT
            w = solutions[j]
            if math.isnan(w):
                continue
            c, s = math.cos(w), math.sin(w)
            kx = 1.0 + wavelength * (c * g[i, 0] - s * g[i, 1])
            ky = wavelength * (s * g[i, 0] + c * g[i, 1])
            kz = wavelength * g[i, 2]
            x, y = c * position[0] - s * position[1], s * position[0] + c * position[1]
            if not meet_plane(x, y, position[2], kx, ky, kz, plane, hit):
                continue
            out[spot, 0], out[spot, 1], out[spot, 2] = w, hit[0], hit[1]
            out[spot, 3] = abs(ky) / math.sqrt(ky * ky + kz * kz)
            if not (-20.0 < hit[0] < rows + 20.0 and -20.0 < hit[1] < cols + 20.0) or out[spot, 3] < 0.02:
                continue
            state[spot] = EXPECTED
            turned = (w - first) % TURN if sweep > 0 else (first - w) % TURN
            on = 0.0 <= hit[0] <= rows - 1.0 and 0.0 <= hit[1] <= cols - 1.0
            if not on or out[spot, 3] < least_sin_eta or turned > abs(sweep):
                state[spot] = POSSIBLE
            for k in range(gaps.shape[0]):
                if gaps[k, 0] <= turned <= gaps[k, 1]:
                    state[spot] = POSSIBLE
            for b in range(boxes.shape[0]):
                if boxes[b, 0] - 0.5 <= hit[1] <= boxes[b, 2] and boxes[b, 1] - 0.5 <= hit[0] <= boxes[b, 3]:
                    state[spot] = POSSIBLE


@njit(cache=True, nogil=True)
def nearest_blobs(spot: Any, lookup: Any, error: Any, limit: float, blobs: Any, squares: Any) -> int:
    """Blobs within normalised distance `limit` of one spot (omega, row, col, |sin eta|), nearest first.

    Fills blobs and their squared distances up to their length; returns how many. `error` (3,): rad, px, px.
    """
    centroid, extra_error, edge, size, start, order, largest = lookup
    sine = max(spot[3], 0.02)
    reach_w = limit * math.sqrt(error[0] ** 2 + largest[0] ** 2) / sine
    reach_r = limit * math.sqrt(error[1] ** 2 + largest[1] ** 2)
    reach_c = limit * math.sqrt(error[2] ** 2 + largest[2] ** 2)
    around = min(math.ceil(reach_w / edge[0]), size[0] // 2)
    at = int(spot[0] / edge[0])
    r0, r1 = max(int((spot[1] - reach_r) / edge[1]), 0), min(int((spot[1] + reach_r) / edge[1]), size[1] - 1)
    c0, c1 = max(int((spot[2] - reach_c) / edge[2]), 0), min(int((spot[2] + reach_c) / edge[2]), size[2] - 1)
    count = 0
    if r1 < r0 or c1 < c0:
        return 0
    for step in range(-around, around + 1 if 2 * around < size[0] else around):
        w = (at + step) % size[0]
        for r in range(r0, r1 + 1):
            base = (w * size[1] + r) * size[2]
            for entry in range(start[base + c0], start[base + c1 + 1]):
                b = order[entry]
                dw = (spot[0] - centroid[b, 0] + math.pi) % TURN - math.pi
                dr, dc = spot[1] - centroid[b, 1], spot[2] - centroid[b, 2]
                square = (dw * sine) ** 2 / (error[0] ** 2 + extra_error[b, 0] ** 2)
                square += dr * dr / (error[1] ** 2 + extra_error[b, 1] ** 2)
                square += dc * dc / (error[2] ** 2 + extra_error[b, 2] ** 2)
                if square > limit * limit:
                    continue
                if count < len(blobs):
                    count += 1
                elif square >= squares[count - 1]:
                    continue
                k = count - 1
                while k > 0 and squares[k - 1] > square:
                    squares[k], blobs[k] = squares[k - 1], blobs[k - 1]
                    k -= 1
                squares[k], blobs[k] = square, b
    return count


@njit(cache=True, nogil=True)
def nearest_blob_each(
    spots: Any, state: Any, lookup: Any, error: Any, limit: float, blob: Any, square: Any
) -> None:
    """The nearest blob of every spot of one grain, -1 where there is none; one blob is only the nearest spot's."""
    near = np.empty(1, np.int64)
    distance = np.empty(1)
    for s in range(spots.shape[0]):
        blob[s] = -1
        if state[s] == ABSENT or nearest_blobs(spots[s], lookup, error, limit, near, distance) == 0:
            continue
        blob[s], square[s] = near[0], distance[0]
    for s in range(spots.shape[0]):
        if blob[s] < 0:
            continue
        for t in range(s + 1, spots.shape[0]):
            if blob[t] == blob[s]:
                if square[t] < square[s]:
                    blob[s] = -1
                    break
                blob[t] = -1


@njit(cache=True, nogil=True)
def blob_choices(spots: Any, state: Any, lookup: Any, error: Any, limit: float, blobs: Any, squares: Any) -> None:
    """Up to blobs.shape[1] nearest blobs of every spot, -1 behind them."""
    for s in range(spots.shape[0]):
        count = 0
        if state[s] != ABSENT:
            count = nearest_blobs(spots[s], lookup, error, limit, blobs[s], squares[s])
        blobs[s, count:] = -1
