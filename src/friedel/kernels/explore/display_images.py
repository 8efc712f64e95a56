"""Images for the screen: 16-bit numbers, and fewer pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit


@njit(cache=True, nogil=True)
def to_int16(values: NDArray[np.float32], inverse: np.float32, out: NDArray[np.int16]) -> None:
    """round(value × inverse), cut off at 16 bits; what is not a number becomes the least, -32768. Flat arrays."""
    for p in range(values.size):
        v = values[p] * inverse
        v = v if v > np.float32(-32767) else np.float32(-32767)
        v = v if v < np.float32(32767) else np.float32(32767)
        q = np.int32(np.floor(v + np.float32(0.5)))
        out[p] = np.int16(q if values[p] == values[p] else np.int32(-32768))


@njit(cache=True, nogil=True)
def to_uint16(values: NDArray[Any], offset: np.float32, inverse: np.float32, out: NDArray[np.uint16]) -> None:
    """round((value - offset) × inverse), cut off at 16 bits; 0 for what is not a number. Flat arrays."""
    for p in range(values.size):
        v = (np.float32(values[p]) - offset) * inverse
        v = v if v > np.float32(0) else np.float32(0)
        v = v if v < np.float32(65535) else np.float32(65535)
        out[p] = np.uint16(np.int32(np.floor(v + np.float32(0.5))))


@njit(cache=True, nogil=True)
def block_mean(image: NDArray[Any], step: int, out: NDArray[np.float32]) -> None:
    """Mean over squares of `step` pixels; those at the right and lower edge may be smaller."""
    rows, cols = image.shape
    for j in range(out.shape[0]):
        last = min((j + 1) * step, rows)
        for i in range(out.shape[1]):
            end = min((i + 1) * step, cols)
            total = np.float32(0)
            for y in range(j * step, last):
                for x in range(i * step, end):
                    total += np.float32(image[y, x])
            out[j, i] = total / np.float32((last - j * step) * (end - i * step))


@njit(cache=True, nogil=True)
def block_max(image: NDArray[Any], step: int, out: NDArray[np.float32]) -> None:
    """Largest value of squares of `step` pixels, so that small spots stay; NaN only where nothing is a number."""
    rows, cols = image.shape
    for j in range(out.shape[0]):
        last = min((j + 1) * step, rows)
        for i in range(out.shape[1]):
            end = min((i + 1) * step, cols)
            most = np.float32(np.nan)
            for y in range(j * step, last):
                for x in range(i * step, end):
                    value = np.float32(image[y, x])
                    if not (value <= most):
                        most = most if value != value else value  # noqa: PLR0124  (NaN)
            out[j, i] = most


@njit(cache=True, nogil=True)
def largest(values: NDArray[np.float32]) -> np.float32:
    """Largest absolute value of a flat array, of the numbers in it."""
    most = np.float32(0)
    for p in range(values.size):
        v = abs(values[p])
        most = v if v > most else most
    return most
