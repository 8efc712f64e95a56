"""Sums over the voxels of blobs: centroid, spread, extent.

All sums are float64, about the blob's peak, over a row's run first and then in (frame, row, col) order, so they
do not depend on how the scan was cut.
"""

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray
from friedel.kernels.segment.runs_by_blob import RunsByBlob

WHOLE = ("voxels", "first_frame", "last_frame", "start", "stop", "frames", "row0", "row1", "col0", "col1",
         "max_frame", "max_row", "max_col")  # fmt: skip
"""Columns of the integer result of `measure_blobs`: boxes are half-open, `start, stop` unwrapped frames."""

REAL = ("sum", "max", "frame", "row", "col", "var_frame", "var_row", "var_col", "cov_row_col", "cov_row_frame",
        "cov_col_frame")  # fmt: skip
"""Columns of the real result: centroids (frames unwrapped), variances, covariances, in voxels."""


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
    blobs: RunsByBlob,
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
    pointer, frame = blobs.pointer, blobs.frame
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
        real[b, 1] = _add_up(blobs, p0, p1, intensity, peak[b], cut, before, behind, out, row, sums)
        _central_moments(sums, peak[b], real[b])


@njit(cache=True, nogil=True)
def _add_up(
    blobs: RunsByBlob,
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
        f = int(blobs.frame[p]) + (before if blobs.frame[p] < cut else behind)
        j, left, count = int(blobs.row[p]), int(blobs.col[p]), int(blobs.length[p])
        first = blobs.offset[p]
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
def count_marked_voxels(blobs: RunsByBlob, shape: tuple[int, int, int], marks: AnyArray, out: AnyArray) -> None:
    """Count, for every blob, its voxels among `marks`: ascending flat indices into a scan of that shape."""
    for b in range(blobs.pointer.size - 1):
        n = 0
        for p in range(blobs.pointer[b], blobs.pointer[b + 1]):
            line = np.int64(blobs.frame[p]) * shape[1] + blobs.row[p]
            key = line * shape[2] + blobs.col[p]
            n += np.searchsorted(marks, key + blobs.length[p]) - np.searchsorted(marks, key)
        out[b] = n


@njit(cache=True, nogil=True)
def touch_marked_pixels(blobs: RunsByBlob, seen: AnyArray, out: AnyArray) -> None:
    """Whether a blob has a voxel on a marked pixel; `seen` [row, col + 1] counts the marks left of each pixel."""
    for b in range(blobs.pointer.size - 1):
        found = False
        for p in range(blobs.pointer[b], blobs.pointer[b + 1]):
            j = blobs.row[p]
            i = blobs.col[p]
            if seen[j, i + blobs.length[p]] > seen[j, i]:
                found = True
                break
        out[b] = found


@njit(cache=True, nogil=True)
def touch_marked_frames(blobs: RunsByBlob, marked: AnyArray, out: AnyArray) -> None:
    """Whether a blob has a voxel on a marked frame."""
    for b in range(blobs.pointer.size - 1):
        found = False
        for p in range(blobs.pointer[b], blobs.pointer[b + 1]):
            found |= marked[blobs.frame[p]]
        out[b] = found
