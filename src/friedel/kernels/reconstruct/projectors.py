"""Parallel projections of a volume, and their exact transpose: a matched pair, twice.

A volume is [x, y, z], projections are [projection, u, v] (here u comes first, so that z and v are both innermost).
Every voxel throws its value onto the four pixels around the place where its centre falls, with bilinear weights;
what falls outside is lost. `forward_*` add to projections, `back_*` (the same weights, transposed) to a volume.

Columns: on a detector whose v lies along z and whose pixels are as large as voxels, u does not depend on z and v
grows by one per voxel, so the weights are constant along a column of voxels and both loops run over contiguous
memory. `slope` (n,2,2) and `offset` (n,2) give `u = slope[p,0] @ (i, j) + offset[p,0]`, `v = slope[p,1] @ (i, j)
+ k + offset[p,1]`. `spans` (x,y,2) limits each column to voxels [start, stop); the others count as zero, and are
left alone by the transpose.

Any: `matrix` (n,2,4) gives `(u, v) = matrix[p] @ (i, j, k, 1)`; slow, the oracle of the columns.

Source of the method: a splat in the manner of J. A. Fessler's bilinear footprints, arranged by columns; the
transpose is exact for float64 to 1e-12 and for float32 to about 1e-6 of the inner product.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit

uint = np.uintp
ZERO, ONE = uint(0), uint(1)
"""Unsigned indices cannot be negative: no wrap-around, so that the loops run in vectors (1.5 times faster)."""
PATCH = 8
"""Columns on a side of the patch that goes through all projections before the next: it and its lines stay near."""


@njit(cache=True, nogil=True, fastmath={"contract"})
def _scatter_at_edge(column: Any, col: int, row: int, a: float, b: float, image: Any) -> None:
    """Add a column to both of its lines where some of the pixels are missing."""
    width, height = image.shape
    kind = image.dtype.type
    for k in range(len(column)):
        for side in range(4):
            c, r = col + side // 2, row + k + side % 2
            if 0 <= c < width and 0 <= r < height:
                weight = (a if side // 2 else 1.0 - a) * (b if side % 2 else 1.0 - b)
                image[c, r] += kind(weight) * column[k]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _scatter_patch(volume: Any, spans: Any, i0: int, j0: int, slope: Any, offset: Any, image: Any) -> None:
    """Add the columns of one patch to one projection."""
    across, deep, _ = volume.shape
    width, height = image.shape
    kind = volume.dtype.type
    for i in range(i0, min(i0 + PATCH, across)):
        for j in range(j0, min(j0 + PATCH, deep)):
            first, last = spans[i, j, 0], spans[i, j, 1]
            u = slope[0, 0] * i + slope[0, 1] * j + offset[0]
            v = slope[1, 0] * i + slope[1, 1] * j + offset[1]
            col, row = math.floor(u), math.floor(v)
            if first >= last or col < -1 or col >= width:
                continue
            a, b = u - col, v - row
            if not (0 <= col < width - 1 and row + first >= 0 and row + last < height):
                _scatter_at_edge(volume[i, j, first:last], col, row + first, a, b, image)
                continue
            w00, w01 = kind((1.0 - a) * (1.0 - b)), kind((1.0 - a) * b)
            w10, w11 = kind(a * (1.0 - b)), kind(a * b)
            x, y, z, count = uint(i), uint(j), uint(first), uint(last - first)
            near, far, v0 = uint(col), uint(col + 1), uint(row + first)
            here, below = volume[x, y, z], volume[x, y, z + count - ONE]
            image[near, v0] += w00 * here
            image[far, v0] += w10 * here
            image[near, v0 + count] += w01 * below
            image[far, v0 + count] += w11 * below
            for k in range(ONE, count):
                here, below = volume[x, y, z + k], volume[x, y, z + k - ONE]
                image[near, v0 + k] += w00 * here + w01 * below
                image[far, v0 + k] += w10 * here + w11 * below


@njit(cache=True, nogil=True, fastmath={"contract"})
def forward_columns(volume: Any, spans: Any, slope: Any, offset: Any, out: Any) -> None:
    """Add the projections of volume [x,y,z] to out [projection,u,v]; see the module."""
    across, deep, _ = volume.shape
    for i0 in range(0, across, PATCH):
        for j0 in range(0, deep, PATCH):
            for p in range(len(out)):
                _scatter_patch(volume, spans, i0, j0, slope[p], offset[p], out[p])


@njit(cache=True, nogil=True, fastmath={"contract"})
def _gather_at_edge(image: Any, col: int, row: int, a: float, b: float, out: Any) -> None:
    """Add to a column what both of its lines hold where some of the pixels are missing."""
    width, height = image.shape
    kind = image.dtype.type
    for k in range(len(out)):
        for side in range(4):
            c, r = col + side // 2, row + k + side % 2
            if 0 <= c < width and 0 <= r < height:
                weight = (a if side // 2 else 1.0 - a) * (b if side % 2 else 1.0 - b)
                out[k] += kind(weight) * image[c, r]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _gather_patch(image: Any, spans: Any, i0: int, j0: int, slope: Any, offset: Any, volume: Any) -> None:
    """Add to the columns of one patch what one projection holds beside them."""
    across, deep, _ = volume.shape
    width, height = image.shape
    kind = image.dtype.type
    for i in range(i0, min(i0 + PATCH, across)):
        for j in range(j0, min(j0 + PATCH, deep)):
            first, last = spans[i, j, 0], spans[i, j, 1]
            u = slope[0, 0] * i + slope[0, 1] * j + offset[0]
            v = slope[1, 0] * i + slope[1, 1] * j + offset[1]
            col, row = math.floor(u), math.floor(v)
            if first >= last or col < -1 or col >= width:
                continue
            a, b = u - col, v - row
            if not (0 <= col < width - 1 and row + first >= 0 and row + last < height):
                _gather_at_edge(image, col, row + first, a, b, volume[i, j, first:last])
                continue
            w00, w01 = kind((1.0 - a) * (1.0 - b)), kind((1.0 - a) * b)
            w10, w11 = kind(a * (1.0 - b)), kind(a * b)
            x, y, z = uint(i), uint(j), uint(first)
            near, far, v0 = uint(col), uint(col + 1), uint(row + first)
            for k in range(ZERO, uint(last - first)):
                low = w00 * image[near, v0 + k] + w10 * image[far, v0 + k]
                high = w01 * image[near, v0 + k + ONE] + w11 * image[far, v0 + k + ONE]
                volume[x, y, z + k] += low + high


@njit(cache=True, nogil=True, fastmath={"contract"})
def back_columns(images: Any, spans: Any, slope: Any, offset: Any, out: Any) -> None:
    """Add the transpose applied to images [projection,u,v] to out [x,y,z]; see the module."""
    across, deep, _ = out.shape
    for i0 in range(0, across, PATCH):
        for j0 in range(0, deep, PATCH):
            for p in range(len(images)):
                _gather_patch(images[p], spans, i0, j0, slope[p], offset[p], out)


@njit(cache=True, nogil=True)
def forward_any(volume: Any, matrix: Any, out: Any) -> None:
    """Add the projections of volume [x,y,z] along any direction onto any plane to out [projection,u,v]."""
    projections, width, height = out.shape
    across, deep, tall = volume.shape
    for p in range(projections):
        m = matrix[p]
        for i in range(across):
            for j in range(deep):
                for k in range(tall):
                    u = m[0, 0] * i + m[0, 1] * j + m[0, 2] * k + m[0, 3]
                    v = m[1, 0] * i + m[1, 1] * j + m[1, 2] * k + m[1, 3]
                    col, row = math.floor(u), math.floor(v)
                    a, b = u - col, v - row
                    for side in range(4):
                        c, r = col + side // 2, row + side % 2
                        if 0 <= c < width and 0 <= r < height:
                            weight = (a if side // 2 else 1.0 - a) * (b if side % 2 else 1.0 - b)
                            out[p, c, r] += weight * volume[i, j, k]


@njit(cache=True, nogil=True)
def back_any(images: Any, matrix: Any, out: Any) -> None:
    """Add the transpose of `forward_any` applied to images [projection,u,v] to out [x,y,z]."""
    projections, width, height = images.shape
    across, deep, tall = out.shape
    for p in range(projections):
        m = matrix[p]
        for i in range(across):
            for j in range(deep):
                for k in range(tall):
                    u = m[0, 0] * i + m[0, 1] * j + m[0, 2] * k + m[0, 3]
                    v = m[1, 0] * i + m[1, 1] * j + m[1, 2] * k + m[1, 3]
                    col, row = math.floor(u), math.floor(v)
                    a, b = u - col, v - row
                    total = 0.0
                    for side in range(4):
                        c, r = col + side // 2, row + side % 2
                        if 0 <= c < width and 0 <= r < height:
                            weight = (a if side // 2 else 1.0 - a) * (b if side % 2 else 1.0 - b)
                            total += weight * images[p, c, r]
                    out[i, j, k] += total
