"""Projections of a bent grain, forth and back: every voxel along the diffracted beam of its own lattice.

Where a voxel falls is linear in its place and in its lattice rotation: `(u, v) = matrix[p] @ (i, j, k, 1, x, y, z)`
with the voxel's `place` (n,3) = (i, j, k) and its rotation vector `turn` (n,3) = (x, y, z) in radians; `matrix`
(p,2,7). It throws `values[n] @ rates[p]` onto the four pixels around, with bilinear weights: `values` (n,m) are
what it holds, `rates` (p,m) what of it a projection sees (ones for the density alone). What falls outside is lost.
`forward_bent` adds to projections [p,u,v]; `back_bent` is its exact transpose; `forward_parts` keeps what voxels
hold apart.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit

uint = np.uintp
"""Unsigned indices cannot be negative: no wrap-around."""


@njit(cache=True, nogil=True, inline="always")
def _at(m: Any, at: Any, n: int) -> float:
    straight = m[0] * at[n, 0] + m[1] * at[n, 1] + m[2] * at[n, 2] + m[3]
    return float(straight + m[4] * at[n, 3] + m[5] * at[n, 4] + m[6] * at[n, 5])


@njit(cache=True, nogil=True)
def _joined(place: Any, turn: Any) -> Any:
    """Places and turns side by side, so that a voxel's six numbers are read together."""
    out = np.empty((len(place), 6))
    for n in range(len(place)):
        for axis in range(3):
            out[n, axis], out[n, 3 + axis] = place[n, axis], turn[n, axis]
    return out


@njit(cache=True, nogil=True)
def _matrix(matrix: Any, p: int, axis: int) -> Any:
    m = matrix[p, axis]
    return m[0], m[1], m[2], m[3], m[4], m[5], m[6]


@njit(cache=True, nogil=True)
def _splat_at_edge(image: Any, col: int, row: int, a: float, b: float, value: float) -> None:
    """Add to those of the four pixels that are there."""
    width, height = image.shape
    for side in range(4):
        c, r = col + side // 2, row + side % 2
        if 0 <= c < width and 0 <= r < height:
            weight = (a if side // 2 else 1.0 - a) * (b if side % 2 else 1.0 - b)
            image[c, r] += weight * value


@njit(cache=True, nogil=True)
def _gather_at_edge(image: Any, col: int, row: int, a: float, b: float) -> float:
    """The mean of those of the four pixels that are there, others are 0."""
    width, height = image.shape
    total = 0.0
    for side in range(4):
        c, r = col + side // 2, row + side % 2
        if 0 <= c < width and 0 <= r < height:
            weight = (a if side // 2 else 1.0 - a) * (b if side % 2 else 1.0 - b)
            total += weight * image[c, r]
    return total


@njit(cache=True, nogil=True)
def forward_bent(place: Any, turn: Any, matrix: Any, values: Any, rates: Any, out: Any) -> None:
    """Add the projections of voxels (n,3) that hold values (n,m) to out [p,u,v]; see the module."""
    projections, width, height = out.shape
    parts = values.shape[1]
    at = _joined(place, turn)
    for p in range(projections):
        image = out[p]
        u_of, v_of = _matrix(matrix, p, 0), _matrix(matrix, p, 1)
        for n in range(len(at)):
            value = 0.0
            for part in range(parts):
                value += rates[p, part] * values[n, part]
            u, v = _at(u_of, at, n), _at(v_of, at, n)
            col, row = math.floor(u), math.floor(v)
            a, b = u - col, v - row
            if not (0 <= col < width - 1 and 0 <= row < height - 1):
                _splat_at_edge(image, col, row, a, b, value)
                continue
            near, far, low, high = uint(col), uint(col + 1), uint(row), uint(row + 1)
            image[near, low] += (1.0 - a) * (1.0 - b) * value
            image[near, high] += (1.0 - a) * b * value
            image[far, low] += a * (1.0 - b) * value
            image[far, high] += a * b * value


@njit(cache=True, nogil=True)
def forward_parts(place: Any, turn: Any, matrix: Any, values: Any, out: Any) -> None:
    """Add the projections of each of the values (n,m) of voxels (n,3) to out [p,u,v,m]; see the module."""
    projections, width, height, parts = out.shape
    at = _joined(place, turn)
    for p in range(projections):
        image = out[p]
        u_of, v_of = _matrix(matrix, p, 0), _matrix(matrix, p, 1)
        for n in range(len(at)):
            u, v = _at(u_of, at, n), _at(v_of, at, n)
            col, row = math.floor(u), math.floor(v)
            a, b = u - col, v - row
            for side in range(4):
                c, r = col + side // 2, row + side % 2
                if 0 <= c < width and 0 <= r < height:
                    weight = (a if side // 2 else 1.0 - a) * (b if side % 2 else 1.0 - b)
                    for part in range(parts):
                        image[c, r, part] += weight * values[n, part]


@njit(cache=True, nogil=True)
def back_bent(images: Any, place: Any, turn: Any, matrix: Any, rates: Any, out: Any) -> None:
    """Add the transpose of `forward_bent` applied to images [p,u,v] to out (n,m)."""
    projections, width, height = images.shape
    parts = out.shape[1]
    at = _joined(place, turn)
    for p in range(projections):
        image = images[p]
        u_of, v_of = _matrix(matrix, p, 0), _matrix(matrix, p, 1)
        for n in range(len(at)):
            u, v = _at(u_of, at, n), _at(v_of, at, n)
            col, row = math.floor(u), math.floor(v)
            a, b = u - col, v - row
            if 0 <= col < width - 1 and 0 <= row < height - 1:
                near, far, low, high = uint(col), uint(col + 1), uint(row), uint(row + 1)
                left = (1.0 - b) * image[near, low] + b * image[near, high]
                right = (1.0 - b) * image[far, low] + b * image[far, high]
                total = (1.0 - a) * left + a * right
            else:
                total = _gather_at_edge(image, col, row, a, b)
            for part in range(parts):
                out[n, part] += rates[p, part] * total
