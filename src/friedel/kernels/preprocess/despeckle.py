"""Median of a square neighbourhood, equal to `scipy.ndimage.median_filter(mode="nearest")` bit for bit.

3×3 is a network: the three values of each column are sorted once, and the median of nine is the median of (the
largest of the smallest, the median of the middle ones, the smallest of the largest). Larger squares are networks
too (`networks`), carried out exchange by exchange on some hundred neighbouring pixels at once. All lanes do the
same, so that whole vectors are used: values are float32, or int16, twice as many to a vector. None may be NaN.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit
from friedel.kernels.preprocess.sorting_networks import GREATER, LESSER, column_plan, square_plan

Values = NDArray[Any]

_LANES = 256
"""Pixels to a step: many, because an exchange costs some ns to begin; few enough for 49 lanes of them in L1."""
_WIDE = _LANES + 32
"""Columns sorted for a step: those beside it too, and whole vectors."""
_COLUMNS_5, _COLUMNS_7 = column_plan(5), column_plan(7)
_SQUARE_5, _MEDIAN_5 = square_plan(5)
_SQUARE_7, _MEDIAN_7 = square_plan(7)


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
def _carry_out(plan: NDArray[np.int64], lanes: Values, width: int) -> None:
    """The exchanges of a plan among the lanes [lane, pixel], flat, `width` pixels each."""
    for e in range(len(plan)):
        low, high, needed = plan[e, 0] * width, plan[e, 1] * width, plan[e, 2]
        a, b = lanes[low : low + width], lanes[high : high + width]
        if needed == LESSER:
            for p in range(width):
                a[p] = _least(a[p], b[p])
        elif needed == GREATER:
            for p in range(width):
                b[p] = _most(a[p], b[p])
        else:
            for p in range(width):
                x, y = a[p], b[p]
                a[p] = _least(x, y)
                b[p] = _most(x, y)


@njit(cache=True, nogil=True)
def _copy(source: Values, start: int, target: Values, at: int, count: int) -> None:
    """A loop, because numba assigns to slices ten times slower."""
    a, b = source[start : start + count], target[at : at + count]
    for p in range(count):
        b[p] = a[p]


@njit(cache=True, nogil=True)
def _median_of_square(
    image: Values,
    size: int,
    columns: NDArray[np.int64],
    square: NDArray[np.int64],
    median: int,
    first: int,
    last: int,
    out: Values,
) -> None:
    rows, cols = image.shape
    half = size // 2
    padded = np.empty((size, cols + half + _WIDE), image.dtype)
    sorted_columns = np.empty(size * _WIDE, image.dtype)
    lanes = np.empty(size * size * _LANES, image.dtype)
    for j in range(first, last):
        for r in range(size):
            line = image[min(max(j + r - half, 0), rows - 1)]
            padded[r, :half] = line[0]
            _copy(line, 0, padded[r], half, cols)
            padded[r, half + cols :] = line[cols - 1]
        for start in range(0, cols, _LANES):
            for r in range(size):
                _copy(padded[r], start, sorted_columns, r * _WIDE, _WIDE)
            _carry_out(columns, sorted_columns, _WIDE)
            for r in range(size):
                for c in range(size):
                    _copy(sorted_columns, r * _WIDE + c, lanes, (r * size + c) * _LANES, _LANES)
            _carry_out(square, lanes, _LANES)
            _copy(lanes, median * _LANES, out[j - first], start, min(_LANES, cols - start))


@njit(cache=True, nogil=True)
def despeckle(image: Values, size: int, first: int, last: int, out: Values) -> None:
    """Median over size × size neighbours (1, 3, 5 or 7) of rows [first, last) of `image` [row, col] into `out`.

    Neighbours beyond the image's edges are the nearest pixel of the image; size 1 copies.
    """
    if size == 1:
        out[:] = image[first:last]
    elif size == 3:
        _median_of_nine(image, first, last, out)
    elif size == 5:
        _median_of_square(image, size, _COLUMNS_5, _SQUARE_5, _MEDIAN_5, first, last, out)
    else:
        _median_of_square(image, size, _COLUMNS_7, _SQUARE_7, _MEDIAN_7, first, last, out)
