"""Noise of clean frames: robust, so that spots do not count."""

import numpy as np
from scipy import ndimage

from friedel.model.arrays import AnyArray, Frames, Image, Mask

_TO_SIGMA = 1.4826
_REFINEMENTS = 3
_WITHIN_THREE = 0.98658
"""Standard deviation of a normal distribution cut at three sigma."""
_BLOCK = 32
_MOST_VALUES = 4_000_000


def robust_sigma(values: AnyArray, floor: float) -> float:
    """Standard deviation of the noise in `values`, at least `floor`; spots and hot pixels do not count.

    The median absolute deviation finds what is noise; the standard deviation of the values within three sigma
    refines it, because clean values come in steps and so would the median. Where more than half of the values are
    equal (single counts), the outermost hundredth is left out instead.
    """
    flat = values.ravel()
    flat = flat[:: max(flat.size // _MOST_VALUES, 1)]
    if flat.size == 0:
        return floor
    deviation = np.abs(flat - np.median(flat))
    sigma = _TO_SIGMA * float(np.median(deviation))
    if sigma == 0:
        return max(_spread(deviation[deviation <= np.quantile(deviation, 0.99)]), floor)
    for _ in range(_REFINEMENTS):
        inner = deviation[deviation <= 3 * sigma]
        sigma = _spread(inner) / _WITHIN_THREE
    return max(sigma, floor)


def _spread(deviation: AnyArray) -> float:
    return float(np.sqrt(np.mean(np.square(deviation, dtype=np.float64))))


def local_sigma(clean: Frames, mask: Mask, floor: float) -> Image:
    """Noise per pixel [row, col] of frames `clean` [frame, row, col]: blocks of 32 × 32, interpolated."""
    _, rows, cols = clean.shape
    row_edges, col_edges = _edges(rows), _edges(cols)
    grid = np.empty((len(row_edges) - 1, len(col_edges) - 1))
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            here = slice(row_edges[i], row_edges[i + 1]), slice(col_edges[j], col_edges[j + 1])
            keep = ~mask[here]
            grid[i, j] = robust_sigma(clean[:, *here][:, keep], floor) if keep.any() else np.nan
    empty = np.isnan(grid)
    if empty.all():
        return np.full((rows, cols), floor, np.float32)
    nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    grid = grid[tuple(nearest)]
    return _between(_between(grid, row_edges).T, col_edges).T.astype(np.float32)


def _edges(size: int) -> AnyArray:
    return np.linspace(0, size, max(size // _BLOCK, 1) + 1).round().astype(int)


def _between(grid: AnyArray, edges: AnyArray) -> AnyArray:
    """Linear interpolation along axis 0 from the centres of the blocks to every pixel; constant beyond them."""
    centres = (edges[:-1] + edges[1:] - 1) / 2
    at = np.interp(np.arange(edges[-1]), centres, np.arange(len(centres)))
    low = np.minimum(at.astype(int), max(len(centres) - 2, 0))
    high = np.minimum(low + 1, len(centres) - 1)
    share = (at - low)[:, None]
    return np.asarray((1 - share) * grid[low] + share * grid[high])
