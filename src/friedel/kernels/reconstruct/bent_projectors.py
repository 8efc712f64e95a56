"""Projections of a bent grain, forth and back: every voxel along the diffracted beam of its own lattice.

Where a voxel falls is linear in its place and in its lattice rotation: `(u, v) = matrix[p] @ (i, j, k, 1, x, y, z)`
with the voxel's `place` (n,3) = (i, j, k) and its rotation vector `turn` (n,3) = (x, y, z) in radians; `matrix`
(p,2,7). It throws `values[n] @ rates[p]` onto the four pixels around, with bilinear weights: `values` (n,m) are what
it holds, `rates` (p,m) what of it a projection sees (ones for the density alone). What falls outside is lost.
`forward_bent` adds to projections [p,u,v]; `back_bent` is its exact transpose.
"""

import math
from typing import Any

from friedel.kernels.compiled import njit


@njit(cache=True, nogil=True)
def _at(m: Any, place: Any, turn: Any) -> float:
    straight = m[0] * place[0] + m[1] * place[1] + m[2] * place[2] + m[3]
    return float(straight + m[4] * turn[0] + m[5] * turn[1] + m[6] * turn[2])


@njit(cache=True, nogil=True)
def forward_bent(place: Any, turn: Any, matrix: Any, values: Any, rates: Any, out: Any) -> None:
    """Add the projections of voxels (n,3) that hold values (n,m) to out [p,u,v]; see the module."""
    projections, width, height = out.shape
    for p in range(projections):
        image = out[p]
        for n in range(len(place)):
            value = 0.0
            for part in range(values.shape[1]):
                value += rates[p, part] * values[n, part]
            u, v = _at(matrix[p, 0], place[n], turn[n]), _at(matrix[p, 1], place[n], turn[n])
            col, row = math.floor(u), math.floor(v)
            if col < -1 or row < -1 or col >= width or row >= height:
                continue
            a, b = u - col, v - row
            if col >= 0:
                if row >= 0:
                    image[col, row] += (1.0 - a) * (1.0 - b) * value
                if row + 1 < height:
                    image[col, row + 1] += (1.0 - a) * b * value
            if col + 1 < width:
                if row >= 0:
                    image[col + 1, row] += a * (1.0 - b) * value
                if row + 1 < height:
                    image[col + 1, row + 1] += a * b * value


@njit(cache=True, nogil=True)
def back_bent(images: Any, place: Any, turn: Any, matrix: Any, rates: Any, out: Any) -> None:
    """Add the transpose of `forward_bent` applied to images [p,u,v] to out (n,m)."""
    projections, width, height = images.shape
    for p in range(projections):
        image = images[p]
        for n in range(len(place)):
            u, v = _at(matrix[p, 0], place[n], turn[n]), _at(matrix[p, 1], place[n], turn[n])
            col, row = math.floor(u), math.floor(v)
            if col < -1 or row < -1 or col >= width or row >= height:
                continue
            a, b = u - col, v - row
            total = 0.0
            if col >= 0:
                if row >= 0:
                    total += (1.0 - a) * (1.0 - b) * image[col, row]
                if row + 1 < height:
                    total += (1.0 - a) * b * image[col, row + 1]
            if col + 1 < width:
                if row >= 0:
                    total += a * (1.0 - b) * image[col + 1, row]
                if row + 1 < height:
                    total += a * b * image[col + 1, row + 1]
            for part in range(out.shape[1]):
                out[n, part] += rates[p, part] * total
