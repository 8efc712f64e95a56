"""Sums over the voxels of blobs: centroid, spread, extent.

All sums are float64, about the blob's peak, over a row's stretch first and then in (frame, row, col) order, so they
do not depend on how the scan was cut.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from friedel.kernels.segment.bright_runs import AnyArray, Runs


class Stretches(NamedTuple):
    """Voxels of blobs as stretches of rows: those of blob b are [pointer[b], pointer[b + 1]), in order.

    `frame, row, col, length` int32, `at` the place of the first voxel among the values.
    """

    pointer: AnyArray
    frame: AnyArray
    row: AnyArray
    col: AnyArray
    length: AnyArray
    at: AnyArray


WHOLE = ("voxels", "first_frame", "last_frame", "start", "stop", "frames", "row0", "row1", "col0", "col1",
         "max_frame", "max_row", "max_col")  # fmt: skip
"""Columns of the integer result of `measure_blobs`: boxes are half-open, `start, stop` unwrapped frames."""

REAL = ("sum", "max", "frame", "row", "col", "var_frame", "var_row", "var_col", "cov_row_col", "cov_row_frame",
        "cov_col_frame")  # fmt: skip
"""Columns of the real result: centroids (frames unwrapped), variances, covariances, in voxels."""


@njit(cache=True, nogil=True)
def claimed_stretches(runs: Runs, claimed: AnyArray, last: AnyArray, blob: AnyArray, out: Runs) -> int:
    """The stretches that blobs claimed, as runs in order, and whose they are; returns how many.

    `claimed` [voxel] is blob + 1, 0 for none; `last` [run, 2] the stretch that a run lost last.
    """
    frame, row, col, length, _, offset = runs
    o_frame, o_row, o_col, o_length, _, o_offset = out
    n = 0
    for r in range(length.size):
        if last[r, 1] == 0:
            continue
        start = offset[r]
        end = start + length[r]
        whole = last[r, 0] == start and last[r, 1] == end
        while start < end:
            mine = claimed[start]
            q = end if whole else start + 1
            while q < end and claimed[q] == mine:
                q += 1
            if mine > 0:
                o_frame[n] = frame[r]
                o_row[n] = row[r]
                o_col[n] = col[r] + (start - offset[r])
                o_length[n] = q - start
                o_offset[n] = start
                blob[n] = mine - 1
                n += 1
            start = q
    return n


@njit(cache=True, nogil=True)
def sort_stretches(
    claimed: Runs,
    claimer: AnyArray,
    seeds: Runs,
    seed: AnyArray,
    rejected: AnyArray,
    place: AnyArray,
    out: Stretches,
) -> None:
    """Write the claimed stretches, and those of rejected seeds, to `out`, each at its blob's next place."""
    for r in range(claimer.size):
        _put(claimed, r, claimer[r], place, out)
    for r in range(seed.size):
        if rejected[seed[r]]:
            _put(seeds, r, seed[r], place, out)


@njit(cache=True, nogil=True)
def _put(runs: Runs, r: int, blob: int, place: AnyArray, out: Stretches) -> None:
    p = place[blob]
    place[blob] += 1
    out.frame[p] = runs.frame[r]
    out.row[p] = runs.row[r]
    out.col[p] = runs.col[r]
    out.length[p] = runs.length[r]
    out.at[p] = runs.offset[r]


@njit(cache=True, nogil=True)
def unwrap(frame: AnyArray, p0: int, p1: int, peak: int, turn: int) -> tuple[int, int, int, int, int]:
    """Where a blob of a full turn is cut open, so that its frames hang together around its peak.

    `frame` [p0:p1] ascends. Returns (frames, first, last, cut, shift): frames from `cut` on are moved by -turn
    (shift -1) or those before it by +turn (shift +1). A blob in every frame is cut opposite its peak.
    """
    frames = 1
    gap = 0
    cut = 0
    for p in range(p0 + 1, p1):
        if frame[p] != frame[p - 1]:
            frames += 1
            if frame[p] - frame[p - 1] > max(gap, 1):
                gap = frame[p] - frame[p - 1]
                cut = frame[p]
    first = frame[p0]
    last = frame[p1 - 1]
    if turn == 0 or first != 0 or last != turn - 1:
        return frames, first, last, 0, 0
    if frames == turn:  # peak - turn // 2 is the first of its frames
        cut = peak - turn // 2
        if cut > 0:
            return frames, first, last, cut, 1
        return frames, first, last, cut + turn, (-1 if cut < 0 else 0)
    return frames, first, last, cut, (1 if peak >= cut else -1)


@njit(cache=True, nogil=True)
def measure_blobs(
    stretches: Stretches,
    intensity: AnyArray,
    peak: AnyArray,
    turn: int,
    values: AnyArray,
    value_pointer: AnyArray,
    whole: AnyArray,
    real: AnyArray,
) -> None:
    """Fill `whole` [blob, WHOLE] and `real` [blob, REAL], and copy the voxels' values to `values`.

    `peak` [blob, 3] is frame, row, col. `value_pointer` [blob + 1] says where each blob's values go. `turn` is
    the number of frames of a full turn, 0 where the scan is not one.
    """
    pointer, frame = stretches.pointer, stretches.frame
    sums = np.empty(10)
    for b in range(pointer.size - 1):
        p0 = pointer[b]
        p1 = pointer[b + 1]
        frames, first, last, cut, shift = unwrap(frame, p0, p1, peak[b, 0], turn)
        row = whole[b]
        row[0] = value_pointer[b + 1] - value_pointer[b]
        row[1] = first
        row[2] = last
        row[5] = frames
        before = turn if shift > 0 else 0
        behind = -turn if shift < 0 else 0
        out = values[value_pointer[b] : value_pointer[b + 1]]
        real[b, 1] = _add_up(stretches, p0, p1, intensity, peak[b], cut, before, behind, out, row, sums)
        _central_moments(sums, peak[b], real[b])


@njit(cache=True, nogil=True)
def _add_up(
    stretches: Stretches,
    p0: int,
    p1: int,
    intensity: AnyArray,
    peak: AnyArray,
    cut: int,
    before: int,
    behind: int,
    values: AnyArray,
    whole: AnyArray,
    sums: AnyArray,
) -> float:
    """Raw moments of one blob about its peak, its box and its brightest voxel; returns that one's value.

    Frames below `cut` are moved by `before`, the others by `behind`. `sums` are those of v times 1, x, y, z, xx,
    yy, zz, xy, yz, xz with x along columns, y along rows, z along frames.
    """
    z0, y0, x0 = int(peak[0]), int(peak[1]), int(peak[2])
    s = sx = sy = sz = 0.0
    sxx = syy = szz = sxy = syz = sxz = 0.0
    top = -np.inf
    top_z, top_y, top_x = z0, y0, x0
    start, stop, row_low, row_high, col_low, col_high = z0, z0, y0, y0, x0, x0
    n = 0
    for p in range(p0, p1):
        f = int(stretches.frame[p]) + (before if stretches.frame[p] < cut else behind)
        j, left, count = int(stretches.row[p]), int(stretches.col[p]), int(stretches.length[p])
        first = stretches.at[p]
        t0 = t1 = t2 = 0.0
        for i in range(count):
            values[n + i] = intensity[first + i]
            w = np.float64(intensity[first + i])
            x = np.float64(left + i - x0)
            t0 += w
            t1 += w * x
            t2 += w * x * x
            if w > top:
                top = w
                top_z, top_y, top_x = f, j, left + i
        n += count
        y = np.float64(j - y0)
        z = np.float64(f - z0)
        s += t0
        sx += t1
        sy += t0 * y
        sz += t0 * z
        sxx += t2
        syy += t0 * (y * y)
        szz += t0 * (z * z)
        sxy += t1 * y
        syz += t0 * (y * z)
        sxz += t1 * z
        start = min(start, f)
        stop = max(stop, f)
        row_low = min(row_low, j)
        row_high = max(row_high, j)
        col_low = min(col_low, left)
        col_high = max(col_high, left + count - 1)
    whole[3:5] = start, stop + 1
    whole[6:10] = row_low, row_high + 1, col_low, col_high + 1
    whole[10:13] = top_z, top_y, top_x
    sums[:] = s, sx, sy, sz, sxx, syy, szz, sxy, syz, sxz
    return top


@njit(cache=True, nogil=True)
def _central_moments(sums: AnyArray, peak: AnyArray, real: AnyArray) -> None:
    """From raw moments about the peak to sum, centroid, variances and covariances, in place of REAL."""
    s = sums[0]
    x, y, z = sums[1] / s, sums[2] / s, sums[3] / s
    real[0] = s
    real[2] = peak[0] + z
    real[3] = peak[1] + y
    real[4] = peak[2] + x
    real[5] = max(sums[6] / s - z * z, 0.0)
    real[6] = max(sums[5] / s - y * y, 0.0)
    real[7] = max(sums[4] / s - x * x, 0.0)
    real[8] = sums[7] / s - x * y
    real[9] = sums[8] / s - y * z
    real[10] = sums[9] / s - x * z


@njit(cache=True, nogil=True)
def count_marks(stretches: Stretches, shape: tuple[int, int, int], marks: AnyArray, out: AnyArray) -> None:
    """Count, for every blob, its voxels among `marks`: ascending flat indices into a scan of that shape."""
    for b in range(stretches.pointer.size - 1):
        n = 0
        for p in range(stretches.pointer[b], stretches.pointer[b + 1]):
            line = np.int64(stretches.frame[p]) * shape[1] + stretches.row[p]
            key = line * shape[2] + stretches.col[p]
            n += np.searchsorted(marks, key + stretches.length[p]) - np.searchsorted(marks, key)
        out[b] = n


@njit(cache=True, nogil=True)
def beside_pixels(stretches: Stretches, seen: AnyArray, out: AnyArray) -> None:
    """Whether a blob has a voxel on a marked pixel; `seen` [row, col + 1] counts the marks left of each pixel."""
    for b in range(stretches.pointer.size - 1):
        found = False
        for p in range(stretches.pointer[b], stretches.pointer[b + 1]):
            j = stretches.row[p]
            i = stretches.col[p]
            if seen[j, i + stretches.length[p]] > seen[j, i]:
                found = True
                break
        out[b] = found


@njit(cache=True, nogil=True)
def on_frames(stretches: Stretches, marked: AnyArray, out: AnyArray) -> None:
    """Whether a blob has a voxel on a marked frame."""
    for b in range(stretches.pointer.size - 1):
        found = False
        for p in range(stretches.pointer[b], stretches.pointer[b + 1]):
            found |= marked[stretches.frame[p]]
        out[b] = found


@njit(cache=True, nogil=True)
def spell_out(
    stretches: Stretches,
    values: AnyArray,
    value_pointer: AnyArray,
    place: AnyArray,
    frame: AnyArray,
    row: AnyArray,
    col: AnyArray,
    intensity: AnyArray,
) -> None:
    """Write one entry per voxel, blob b's from place[b] on."""
    for b in range(place.size):
        n = place[b]
        start = value_pointer[b]
        for q in range(value_pointer[b + 1] - start):
            intensity[n + q] = values[start + q]
        for p in range(stretches.pointer[b], stretches.pointer[b + 1]):
            f = stretches.frame[p]
            j = stretches.row[p]
            c = stretches.col[p]
            for x in range(stretches.length[p]):
                frame[n + x] = f
                row[n + x] = j
                col[n + x] = c + x
            n += stretches.length[p]
