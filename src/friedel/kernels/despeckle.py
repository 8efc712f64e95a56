"""Median of a square neighbourhood, equal to `scipy.ndimage.median_filter(mode="nearest")` bit for bit.

3×3 is a network: the three values of each column are sorted once, and the median of nine is the median of (the
largest of the smallest, the median of the middle ones, the smallest of the largest). Larger squares forget
extremes: of k values, drop the smallest and the largest, add the next, until three are left. All lanes do the
same, so that whole vectors are used: values are float32, or int16, twice as many to a vector. None may be NaN.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Values = NDArray[Any]

_LANES = 128


@njit(inline="always")
def _least(a: Any, b: Any) -> Any:
    return a if a < b else b


@njit(inline="always")
def _most(a: Any, b: Any) -> Any:
    return a if a > b else b


@njit(inline="always")
def _middle(a: Any, b: Any, c: Any) -> Any:
    return _most(_least(a, b), _least(_most(a, b), c))


@njit(cache=True, nogil=True)
def _sort_columns(
    above: Values,
    here: Values,
    below: Values,
    low: Values,
    mid: Values,
    high: Values,
) -> None:
    """Sorted columns of three rows into [1, cols + 1) of the lanes, their ends repeated."""
    cols = above.size
    inner_low, inner_mid, inner_high = low[1 : cols + 1], mid[1 : cols + 1], high[1 : cols + 1]
    for j in range(cols):
        a = above[j]
        b = here[j]
        c = below[j]
        small = _least(a, b)
        large = _most(a, b)
        rest = _least(large, c)
        inner_high[j] = _most(large, c)
        inner_low[j] = _least(small, rest)
        inner_mid[j] = _most(small, rest)
    for lanes in (low, mid, high):
        lanes[0] = lanes[1]
        lanes[cols + 1] = lanes[cols]


@njit(cache=True, nogil=True)
def _merge_columns(low: Values, mid: Values, high: Values, out: Values) -> None:
    cols = out.size
    low0, low1, low2 = low[:cols], low[1 : cols + 1], low[2 : cols + 2]
    mid0, mid1, mid2 = mid[:cols], mid[1 : cols + 1], mid[2 : cols + 2]
    high0, high1, high2 = high[:cols], high[1 : cols + 1], high[2 : cols + 2]
    for j in range(cols):
        largest = _most(_most(low0[j], low1[j]), low2[j])
        smallest = _least(_least(high0[j], high1[j]), high2[j])
        out[j] = _middle(largest, _middle(mid0[j], mid1[j], mid2[j]), smallest)


@njit(cache=True, nogil=True)
def _median_of_nine(image: Values, first: int, last: int, out: Values) -> None:
    rows, cols = image.shape
    low = np.empty(cols + 2, image.dtype)
    mid = np.empty(cols + 2, image.dtype)
    high = np.empty(cols + 2, image.dtype)
    for j in range(first, last):
        _sort_columns(image[max(j - 1, 0)], image[j], image[min(j + 1, rows - 1)], low, mid, high)
        _merge_columns(low, mid, high, out[j - first])


@njit(cache=True, nogil=True)
def _order(lanes: Values, low: int, high: int) -> None:
    """Rows `low` and `high` of `lanes` [value, lane], flat, such that the first holds the smaller values."""
    a = lanes[low * _LANES : (low + 1) * _LANES]
    b = lanes[high * _LANES : (high + 1) * _LANES]
    for p in range(_LANES):
        x = a[p]
        y = b[p]
        sorted_already = x < y  # one comparison for both: nearly twice as fast
        a[p] = x if sorted_already else y
        b[p] = y if sorted_already else x


@njit(cache=True, nogil=True)
def _forget(lanes: Values, count: int) -> int:
    """Which row of `lanes` [value, lane], flat, holds the median of `count` (odd) values after reordering them.

    Of any count // 2 + 2 values neither the least nor the most is the median of all.
    """
    first = 0
    last = count // 2 + 2
    for following in range(last, count + 1):
        for i in range(first + 1, last):
            _order(lanes, first, i)
        for i in range(first + 1, last - 1):
            _order(lanes, i, last - 1)
        first += 1
        if following < count:
            lanes[(last - 1) * _LANES : last * _LANES] = lanes[following * _LANES : (following + 1) * _LANES]
    return first


@njit(cache=True, nogil=True)
def _median_of_square(image: Values, size: int, first: int, last: int, out: Values) -> None:
    rows, cols = image.shape
    half = size // 2
    padded = np.empty((size, cols + size - 1 + _LANES), image.dtype)
    lanes = np.empty(size * size * _LANES, image.dtype)
    for j in range(first, last):
        for r in range(size):
            line = image[min(max(j + r - half, 0), rows - 1)]
            padded[r, :half] = line[0]
            padded[r, half : half + cols] = line
            padded[r, half + cols :] = line[cols - 1]
        for start in range(0, cols, _LANES):
            for r in range(size):
                for c in range(size):
                    at = (r * size + c) * _LANES
                    lanes[at : at + _LANES] = padded[r, start + c : start + c + _LANES]
            width = min(_LANES, cols - start)
            at = _forget(lanes, size * size) * _LANES
            out[j - first, start : start + width] = lanes[at : at + width]


@njit(cache=True, nogil=True)
def despeckle(image: Values, size: int, first: int, last: int, out: Values) -> None:
    """Median over size × size neighbours (odd) of rows [first, last) of `image` [row, col] into `out`.

    Neighbours beyond the image's edges are the nearest pixel of the image; size 1 copies.
    """
    if size == 1:
        out[:] = image[first:last]
    elif size == 3:
        _median_of_nine(image, first, last, out)
    else:
        _median_of_square(image, size, first, last, out)
