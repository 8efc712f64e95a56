"""Bright runs: what is left of a frame when only voxels at or above the floor are kept.

A run is a stretch of neighbouring bright voxels in one row. Runs are kept in (frame, row, col) order, their
values one after the other, so memory grows with the bright voxels and not with the scan.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit

AnyArray = NDArray[Any]

BLOCK = 64
"""Columns that are tested at a time: most blocks hold nothing bright, and the test of a block is vectorised."""

OPEN, MIXED, CLOSED = 0, 1, 2
"""A block of columns without, with some, and with only pixels that are left out."""

LARGEST = np.float32(np.finfo(np.float32).max)


class Runs(NamedTuple):
    """Runs in order of position within each section (see `components`).

    `frame, row, col, length` int32; `peak` float32, the largest value; `offset` int64, where the values start.
    """

    frame: AnyArray
    row: AnyArray
    col: AnyArray
    length: AnyArray
    peak: AnyArray
    offset: AnyArray

    def take(self, index: AnyArray | slice) -> "Runs":
        """The runs at `index` (also a mask or a slice); their values stay where they are."""
        return Runs(*[field[index] for field in self])


def empty_runs(count: int = 0) -> Runs:
    """Room for `count` runs."""
    kinds = (np.int32, np.int32, np.int32, np.int32, np.float32, np.int64)
    return Runs(*(np.empty(count, kind) for kind in kinds))


def smallest_float32(threshold: float) -> np.float32:
    """The smallest float32 x with x >= threshold: for float32 values v, v >= x just when v >= threshold."""
    if threshold > float(LARGEST):
        return np.float32(np.inf)
    nearest = np.float32(threshold)
    return nearest if float(nearest) >= threshold else np.nextafter(nearest, np.float32(np.inf))


def block_states(left_out: AnyArray) -> AnyArray:
    """OPEN, MIXED or CLOSED, uint8 [row, block of columns], of a mask [row, col] of pixels that are left out."""
    rows, cols = left_out.shape
    blocks = -(-cols // BLOCK)
    out, kept = np.zeros((rows, blocks * BLOCK), dtype=bool), np.zeros((rows, blocks * BLOCK), dtype=bool)
    out[:, :cols] = left_out
    kept[:, :cols] = ~left_out
    some_out = np.any(out.reshape(rows, blocks, BLOCK), axis=2)
    some_kept = np.any(kept.reshape(rows, blocks, BLOCK), axis=2)
    return np.where(some_out & some_kept, MIXED, np.where(some_out, CLOSED, OPEN)).astype(np.uint8)


def lowest_counts(floor: float, noise: AnyArray) -> AnyArray:
    """Values (float32, of the shape of `noise`) below which value / noise is below `floor`, roundings included.

    They let whole blocks be tested without dividing, which takes four times as long.
    """
    product = np.float64(floor) * noise.astype(np.float64)
    safe = product - 1e-6 * np.abs(product) - 1e-30
    return np.where(noise > 0, safe, np.inf).astype(np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def extract_runs(
    frames: AnyArray,
    first: int,
    floor: np.float32,
    noise: AnyArray | None,
    lowest: AnyArray | None,
    left_out: AnyArray,
    states: AnyArray,
    limit: int,
    runs: Runs,
    level: AnyArray,
    intensity: AnyArray | None,
    invalid: AnyArray,
) -> tuple[int, int, int]:
    """Append the runs of `frames` [frame, row, col], float32, the first of which is number `first`.

    What is compared is the level: the value, or with an image `noise` [row, col] the float32 quotient
    value / noise, `lowest` being its `lowest_counts`. Voxels with floor <= level <= largest float32 are
    bright; NaN, infinities and pixels of `left_out` are in nothing. Levels go to `level`, with `noise` also values
    to `intensity` (else None), runs to `runs` (not their offset). `invalid` [frame] counts the values that are not
    finite. Returns (runs, voxels, -1), or as third the index of the first frame with more than `limit` bright
    voxels.
    """
    count, rows, cols = frames.shape
    n_runs = 0
    n_voxels = 0
    for k in range(count):
        n_before = n_voxels
        n_invalid = 0
        for j in range(rows):
            line = frames[k, j]
            begin = end = -1  # of the run at hand, which is written when it is over
            peak = np.float32(0)
            for b in range(states.shape[1]):
                if states[j, b] == CLOSED:
                    continue
                start = b * BLOCK
                stop = min(start + BLOCK, cols)
                hits = np.int32(0)
                if noise is None or lowest is None:
                    if stop - start == BLOCK:
                        piece = line[start : start + BLOCK]
                        for i in range(BLOCK):
                            hits = np.int32(hits | np.int32(not (piece[i] < floor)))
                    else:
                        for i in range(start, stop):
                            hits += int(not (line[i] < floor))
                elif stop - start == BLOCK:
                    piece = line[start : start + BLOCK]
                    least = lowest[j, start : start + BLOCK]
                    for i in range(BLOCK):
                        hits = np.int32(hits | np.int32(not (piece[i] < least[i])))
                else:
                    for i in range(start, stop):
                        hits += int(not (line[i] < lowest[j, i]))
                if hits == 0:
                    continue
                mixed = states[j, b] == MIXED
                for i in range(start, stop):
                    v = line[i] if noise is None else line[i] / noise[j, i]
                    if v < floor or (mixed and left_out[j, i]):
                        continue
                    if not (v <= LARGEST):
                        n_invalid += 1
                        continue
                    level[n_voxels] = v
                    if noise is not None and intensity is not None:
                        intensity[n_voxels] = line[i]
                    n_voxels += 1
                    if end != i:
                        if end >= 0:
                            runs.length[n_runs - 1] = end - begin
                            runs.peak[n_runs - 1] = peak
                        runs.frame[n_runs] = first + k
                        runs.row[n_runs] = j
                        runs.col[n_runs] = i
                        n_runs += 1
                        begin = i
                        peak = v
                    peak = max(peak, v)
                    end = i + 1
            if end >= 0:
                runs.length[n_runs - 1] = end - begin
                runs.peak[n_runs - 1] = peak
            if n_voxels - n_before > limit:
                return n_runs, n_voxels, k
        invalid[k] = n_invalid
    return n_runs, n_voxels, -1


@njit(cache=True, nogil=True)
def pack_values(runs: Runs, values: AnyArray, out: AnyArray) -> None:
    """Copy the runs' values to `out`, one run after the other."""
    n = 0
    for r in range(runs.length.size):
        start = runs.offset[r]
        for i in range(runs.length[r]):
            out[n + i] = values[start + i]
        n += runs.length[r]


@njit(cache=True, nogil=True)
def beside_invalid(
    frame: AnyArray,
    left_out: AnyArray,
    row: AnyArray,
    col: AnyArray,
    length: AnyArray,
    out: AnyArray,
    at_side: AnyArray,
) -> int:
    """Bright voxels of one frame [row, col] with a neighbour in the frame that is not finite.

    `row, col, length` are the frame's runs. Flat indices into the frame go to `out`, ascending, and to `at_side`
    whether such a neighbour shares a side and not just a corner; returns how many.
    """
    rows, cols = frame.shape
    n = 0
    for r in range(row.size):
        j = row[r]
        for i in range(col[r], col[r] + length[r]):
            found = False
            side = False
            for y in range(max(j - 1, 0), min(j + 2, rows)):
                for x in range(max(i - 1, 0), min(i + 2, cols)):
                    if not left_out[y, x] and not np.isfinite(frame[y, x]):
                        found = True
                        side |= y == j or x == i
            if found:
                out[n] = np.int64(j) * cols + i
                at_side[n] = side
                n += 1
    return n
