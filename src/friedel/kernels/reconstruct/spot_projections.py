"""Images of spots: blobs summed over their frames, and laid onto an ideal detector.

A window is a piece of the detector [row, col], possibly over its edges. Pixels that nothing is known about
(beyond the detector, or where another blob has claimed voxels in the same frames) are not `known`.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit


@njit(cache=True, nogil=True)
def sum_over_frames(blobs: Any, corner: Any, pointer: Any, row: Any, col: Any, intensity: Any, out: Any) -> None:
    """Add the voxels of each blob to its window: out float32 [spot,row,col], first pixel at corner (spot,2)."""
    _, height, width = out.shape
    for n in range(len(blobs)):
        for voxel in range(pointer[blobs[n]], pointer[blobs[n] + 1]):
            r, c = row[voxel] - corner[n, 0], col[voxel] - corner[n, 1]
            if 0 <= r < height and 0 <= c < width:
                out[n, r, c] += intensity[voxel]


@njit(cache=True, nogil=True)
def mark_outside(corner: Any, rows: int, cols: int, known: Any) -> None:
    """Mark the pixels of windows known [spot,row,col] that lie beyond the detector as not known."""
    spots, height, width = known.shape
    for n in range(spots):
        for r in range(height):
            for c in range(width):
                on = 0 <= corner[n, 0] + r < rows and 0 <= corner[n, 1] + c < cols
                if not on:
                    known[n, r, c] = False


@njit(cache=True, nogil=True)
def claimed_by_others(
    blobs: Any, corner: Any, box: Any, order: Any, longest: int, turn: int, pointer: Any, voxels: Any, known: Any
) -> None:
    """Mark pixels of each window that others claimed, in frames of the blob, as not known.

    `box` (all,6) are the blobs' frame, row and col ranges (frames unwrapped), `order` sorts them by first frame,
    `longest` is the largest number of frames of one. `turn` > 0 is the number of frames of a full turn. `voxels`
    are (frame, row, col) of all, frames in the scan.
    """
    _, height, width = known.shape
    frame, row, col = voxels
    starts = box[order, 0]
    for n in range(len(blobs)):
        mine = box[blobs[n]]
        for shift in range(-1, 2):
            if shift != 0 and turn == 0:
                continue
            start, stop = mine[0] + shift * turn, mine[1] + shift * turn
            for at in range(np.searchsorted(starts, start - longest), np.searchsorted(starts, stop)):
                other = order[at]
                theirs = box[other]
                if other == blobs[n] or theirs[1] <= start:
                    continue
                if theirs[2] >= corner[n, 0] + height or theirs[3] <= corner[n, 0]:
                    continue
                if theirs[4] >= corner[n, 1] + width or theirs[5] <= corner[n, 1]:
                    continue
                for voxel in range(pointer[other], pointer[other + 1]):
                    f = frame[voxel]
                    if turn > 0:
                        f = start + (f - start) % turn
                    r, c = row[voxel] - corner[n, 0], col[voxel] - corner[n, 1]
                    if start <= f < stop and 0 <= r < height and 0 <= c < width:
                        known[n, r, c] = False


@njit(cache=True, nogil=True)
def resample(images: Any, known: Any, affine: Any, samples: int, out: Any, weight: Any) -> None:
    """Read windows [spot,row,col] at the pixels of an ideal detector: out and weight [spot,u,v].

    `affine` (spot,2,3): row and col in the window = affine @ (u, v, 1). Each pixel is the mean of samples x
    samples bilinear readings; where one of them needs a pixel that is not known, the weight is 0, else 1.
    """
    spots, height, width = images.shape
    _, across, tall = out.shape
    for n in range(spots):
        m = affine[n]
        for u in range(across):
            for v in range(tall):
                total, good = 0.0, True
                for part in range(samples * samples):
                    du = (part // samples + 0.5) / samples - 0.5
                    dv = (part % samples + 0.5) / samples - 0.5
                    row = m[0, 0] * (u + du) + m[0, 1] * (v + dv) + m[0, 2]
                    col = m[1, 0] * (u + du) + m[1, 1] * (v + dv) + m[1, 2]
                    # readings at whole pixels must not need a neighbour because of rounding
                    if abs(row - round(row)) < 1e-6:
                        row = float(round(row))
                    if abs(col - round(col)) < 1e-6:
                        col = float(round(col))
                    r, c = math.floor(row), math.floor(col)
                    a, b = row - r, col - c
                    for corner in range(4):
                        weigh = (a if corner // 2 else 1.0 - a) * (b if corner % 2 else 1.0 - b)
                        if weigh == 0.0:
                            continue
                        rr, cc = r + corner // 2, c + corner % 2
                        if 0 <= rr < height and 0 <= cc < width and known[n, rr, cc]:
                            total += weigh * images[n, rr, cc]
                        else:
                            good = False
                out[n, u, v] = total / (samples * samples) if good else 0.0
                weight[n, u, v] = 1.0 if good else 0.0


@njit(cache=True, nogil=True)
def sum_with_omega(
    blobs: Any, corner: Any, pointer: Any, voxels: Any, intensity: Any, first: Any, turn: int, omega: Any, out: Any
) -> None:
    """Add intensity times the omega of its frame, for each blob: out float32 [spot,row,col].

    Windows as in `sum_over_frames`. `voxels` are (frame, row, col) of all, frames in the scan; `first` (spot) are
    the blobs' first frames, unwrapped, `turn` > 0 the number of frames of a full turn; `omega` (spot, frame of the
    blob).
    """
    frame, row, col = voxels
    _, height, width = out.shape
    for n in range(len(blobs)):
        for voxel in range(pointer[blobs[n]], pointer[blobs[n] + 1]):
            f = frame[voxel] - first[n]
            if turn > 0:
                f %= turn
            r, c = row[voxel] - corner[n, 0], col[voxel] - corner[n, 1]
            if 0 <= r < height and 0 <= c < width and 0 <= f < omega.shape[1]:
                out[n, r, c] += intensity[voxel] * omega[n, f]
