"""What lies around blobs, just below the threshold that they end at."""

from typing import Any

import numpy as np

from friedel.kernels.compiled import njit

FALL = 0.5
"""Part of a blob's last voxel that the next one outside has, where brightness does not fall towards it."""


@njit(cache=True, nogil=True)
def centroids_with_rims(
    pointer: Any, frame: Any, row: Any, col: Any, intensity: Any, box: Any, turn: int, most: int, out: Any
) -> None:
    """How far the centroids of blobs move, out (n,3) frame, row, col, when the pixels around them count too.

    Voxels of blob i are [pointer[i], pointer[i+1]); `box` (n,6) start and stop of its frames (unwrapped), rows and
    cols, `turn` > 0 the frames of a full turn. A pixel beside a voxel, in its frame, goes on as steeply as
    brightness falls towards it (a geometric row of three), but stays below the blob's dimmest voxel; of several
    neighbours it has the mean. Blobs whose boxes hold more than `most` voxels stay.
    """
    for i in range(len(out)):
        out[i] = 0.0
        first, stop = pointer[i], pointer[i + 1]
        frames, height, width = box[i, 1] - box[i, 0], box[i, 3] - box[i, 2] + 2, box[i, 5] - box[i, 4] + 2
        if stop <= first or frames * height * width > most:
            continue
        image = np.zeros((frames, height, width), dtype=np.float32)
        dimmest = intensity[first]
        for voxel in range(first, stop):
            f = frame[voxel] - box[i, 0]
            if turn > 0:
                f %= turn
            if 0 <= f < frames:
                image[f, row[voxel] - box[i, 2] + 1, col[voxel] - box[i, 4] + 1] = intensity[voxel]
            dimmest = min(dimmest, intensity[voxel])
        _add_rim(image, dimmest, out[i])


@njit(cache=True, nogil=True)
def _add_rim(image: Any, dimmest: float, out: Any) -> None:
    """The change (3) of the centroid of image [frame,row,col], whose border is empty."""
    frames, height, width = image.shape
    inside, rim = np.zeros(4), np.zeros(4)
    for f in range(frames):
        for r in range(height):
            for c in range(width):
                value = float(image[f, r, c])
                sums = inside if value > 0.0 else rim
                if value <= 0.0:
                    value = _going_on(image[f], r, c, dimmest)
                sums[0] += value * f
                sums[1] += value * r
                sums[2] += value * c
                sums[3] += value
    for axis in range(3):
        if inside[3] > 0.0:
            out[axis] = (inside[axis] + rim[axis]) / (inside[3] + rim[3]) - inside[axis] / inside[3]


@njit(cache=True, nogil=True)
def _going_on(image: Any, r: int, c: int, dimmest: float) -> float:
    """What a dark pixel of image [row,col] would hold by what is beside it."""
    height, width = image.shape
    total, count = 0.0, 0
    for side in range(4):
        dr = (side == 0) - (side == 1)
        dc = (side == 2) - (side == 3)
        r1, c1, r2, c2 = r + dr, c + dc, r + 2 * dr, c + 2 * dc
        if not (0 <= r1 < height and 0 <= c1 < width) or image[r1, c1] <= 0.0:
            continue
        near, far = float(image[r1, c1]), 0.0
        if 0 <= r2 < height and 0 <= c2 < width:
            far = float(image[r2, c2])
        value = near * near / far if far > near else FALL * near
        total += min(value, dimmest)
        count += 1
    return total / count if count > 0 else 0.0
