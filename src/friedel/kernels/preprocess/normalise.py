"""From raw frames to bit planes: dark, gain, fixed point (or sortable keys), in one pass over the raw values.

The order of the float32 operations is fixed, so that results do not depend on blocks or threads:
`v = (float32(raw) - dark) * factor + bias`, where for fixed point `factor = gain * scale`,
`bias = offset + 0.5` and `q = floor(v)` clipped to 0..65535; for float32 `factor = gain` and `bias = 0`.
Pixels that are not kept (masked, or not finite) become 0 counts.
"""

from typing import Any

import numpy as np
from numba import uint16, uint32
from numpy.typing import NDArray

from friedel.kernels.compiled import njit
from friedel.kernels.preprocess.bit_planes import BATCH_VALUES, TILE, bits_in, transpose_bits
from friedel.kernels.preprocess.moving_median import key_of

Raw = NDArray[Any]


@njit(cache=True, nogil=True)
def _fixed_tile(
    raw: Raw,
    at: int,
    dark: NDArray[np.float32],
    keep: NDArray[np.bool_],
    gains: NDArray[np.float32],
    bias: np.float32,
    out: NDArray[np.uint16],
    clipped: NDArray[np.int64],
) -> None:
    """All frames of the tile from pixel `at` on; slices are made here, where they cost no reference counts.

    Values are kept within reach of an integer first, and rows with any beyond the range are counted once more:
    comparisons of floats in this loop would double its time.
    """
    dark_row = dark[at : at + TILE]
    keep_row = keep[at : at + TILE]
    for f in range(raw.shape[0]):
        row = raw[f, at : at + TILE]
        gain = gains[f * TILE : (f + 1) * TILE]
        to = out[f * TILE : (f + 1) * TILE]
        seen = np.int32(0)
        for p in range(TILE):
            v = (np.float32(row[p]) - dark_row[p]) * gain[p] + bias
            v = v if abs(v) < np.float32(np.inf) else bias
            v = v if keep_row[p] else bias
            v = v if v > np.float32(-1) else np.float32(-1)
            v = v if v < np.float32(65536) else np.float32(65536)
            q = np.int32(np.floor(v))
            seen = np.int32(seen | q)
            q = q if q > np.int32(0) else np.int32(0)
            q = q if q < np.int32(65535) else np.int32(65535)
            to[p] = uint16(q)
        if seen < 0 or seen > 65535:
            clipped[f] += _beyond(row, dark_row, keep_row, gain, bias)


@njit(cache=True, nogil=True)
def _beyond(
    row: Raw, dark: NDArray[np.float32], keep: NDArray[np.bool_], gain: NDArray[np.float32], bias: np.float32
) -> int:
    """How many values of a row leave the range of fixed point."""
    count = 0
    for p in range(TILE):
        v = (np.float32(row[p]) - dark[p]) * gain[p] + bias
        if keep[p] and abs(v) < np.float32(np.inf) and (v < np.float32(0) or v >= np.float32(65536)):
            count += 1
    return count


@njit(cache=True, nogil=True)
def _key_tile(
    raw: Raw,
    at: int,
    dark: NDArray[np.float32],
    keep: NDArray[np.bool_],
    gains: NDArray[np.float32],
    value: NDArray[np.float32],
    low: NDArray[np.uint16],
    high: NDArray[np.uint16],
) -> None:
    """As `_fixed_tile`, to the two halves of sortable keys."""
    dark_row = dark[at : at + TILE]
    keep_row = keep[at : at + TILE]
    zero = np.float32(0)
    for f in range(raw.shape[0]):
        row = raw[f, at : at + TILE]
        gain = gains[f * TILE : (f + 1) * TILE]
        for p in range(TILE):
            v = (np.float32(row[p]) - dark_row[p]) * gain[p] + zero  # + 0 turns -0 into 0: they share a key then
            value[p] = v if keep_row[p] & (abs(v) < np.float32(np.inf)) else zero
        bits = value.view(np.uint32)
        to_low = low[f * TILE : (f + 1) * TILE]
        to_high = high[f * TILE : (f + 1) * TILE]
        for p in range(TILE):
            key = key_of(bits[p])
            to_low[p] = uint16(key)
            to_high[p] = uint16(key >> uint32(16))


@njit(cache=True, nogil=True)
def _spread(factors: NDArray[np.float32], part: NDArray[np.uint8], at: int, out: NDArray[np.float32]) -> None:
    """Factor of each frame and pixel of a tile, from that of the part of the detector in which the pixel lies."""
    parts = part[at : at + TILE]
    for f in range(factors.shape[0]):
        row = out[f * TILE : (f + 1) * TILE]
        if factors.shape[1] == 1:
            factor = factors[f, 0]
            for p in range(TILE):
                row[p] = factor
        else:
            for p in range(TILE):
                row[p] = factors[f, parts[p]]


@njit(cache=True, nogil=True)
def normalise_batch(
    raw: Raw,
    dark: NDArray[np.float32],
    keep: NDArray[np.bool_],
    part: NDArray[np.uint8],
    factors: NDArray[np.float32],
    bias: float,
    slot: int,
    planes: NDArray[np.uint16],
    used: NDArray[np.uint16],
    clipped: NDArray[np.int64],
) -> None:
    """Up to 16 frames `raw` [frame, pixel] into slot `slot` of `planes` [half, tile, slot, bit, pixel].

    `dark`, `keep` and `part` are flat and padded to whole tiles; `factors` [frame, part]. `used` [half, tile, slot]
    gets the bits that any value has. Adds to `clipped` [frame] how many values left the range of fixed point (none
    do with two halves).
    """
    frames, pixels = raw.shape
    halves, tiles = planes.shape[0], planes.shape[1]
    gains = np.empty(BATCH_VALUES, np.float32)
    value = np.empty(TILE, np.float32)
    bias32 = np.float32(bias)
    _spread(factors, part, 0, gains)
    for tile in range(tiles):
        at = start = tile * TILE
        frame_rows = raw
        dark_rows, keep_rows = dark, keep
        if start + TILE > pixels:
            frame_rows = np.zeros((frames, TILE), raw.dtype)
            frame_rows[:, : pixels - start] = raw[:, start:]
            dark_rows, keep_rows, at = dark[start:], keep[start:], 0
        if factors.shape[1] > 1:
            _spread(factors, part, start, gains)
        low = planes[0, tile, slot].reshape(BATCH_VALUES)
        if halves == 1:
            _fixed_tile(frame_rows, at, dark_rows, keep_rows, gains, bias32, low, clipped)
        else:
            high = planes[1, tile, slot].reshape(BATCH_VALUES)
            _key_tile(frame_rows, at, dark_rows, keep_rows, gains, value, low, high)
            high[frames * TILE :] = uint16(0)
            used[1, tile, slot] = bits_in(high)
            transpose_bits(high)
        low[frames * TILE :] = uint16(0)
        used[0, tile, slot] = bits_in(low)
        transpose_bits(low)


@njit(cache=True, nogil=True)
def margin_mean(
    raw: Raw, dark: NDArray[np.float32], pixels: NDArray[np.int64], saturation: float
) -> tuple[float, int]:
    """Mean of raw - dark (float64) over flat `pixels` of a flat frame, and how many of them are saturated.

    Neither these nor NaN count in the mean, which is NaN where nothing is left.
    """
    total = 0.0
    count = 0
    saturated = 0
    for i in range(pixels.size):
        value = np.float64(raw[pixels[i]])
        if value < saturation:
            total += value - np.float64(dark[pixels[i]])
            count += 1
        elif value >= saturation:
            saturated += 1
    return (total / count if count else np.nan), saturated


@njit(cache=True, nogil=True)
def is_constant(raw: Raw) -> bool:
    """Whether all values of a flat frame are one value, or none is a number (ends at the first that differs)."""
    first = raw[0]
    for p in range(1, raw.size):  # noqa: SIM110  (compiled)
        if raw[p] != first and (raw[p] == raw[p] or first == first):  # noqa: PLR0124  (NaN differs from itself)
            return False
    return True


@njit(cache=True, nogil=True)
def _reaches(raw: Raw, threshold: Any) -> bool:
    found = False
    for p in range(raw.size):
        found |= raw[p] >= threshold
    return found


@njit(cache=True, nogil=True)
def _append(runs: NDArray[np.int64], count: int, start: int, stop: int) -> NDArray[np.int64]:
    """`runs` with one more, in a larger array where it is full."""
    if count == len(runs):
        larger = np.empty((2 * count + 16, 2), np.int64)
        larger[:count] = runs
        runs = larger
    runs[count, 0] = start
    runs[count, 1] = stop
    return runs


@njit(cache=True, nogil=True)
def _runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Runs [run, (start, stop)] of flat pixels that are True: few numbers even for a flooded beam."""
    runs = np.empty((0, 2), np.int64)
    count = 0
    start = -1
    for p in range(flags.size):
        if flags[p]:
            start = p if start < 0 else start
        elif start >= 0:
            runs = _append(runs, count, start, p)
            count += 1
            start = -1
    if start >= 0:
        runs = _append(runs, count, start, flags.size)
        count += 1
    return runs[:count].copy()


@njit(cache=True, nogil=True)
def saturated_runs(raw: Raw, threshold: Any) -> NDArray[np.int64]:
    """Runs [run, (start, stop)] of flat pixels >= `threshold`."""
    if not _reaches(raw, threshold):
        return np.empty((0, 2), np.int64)
    runs: NDArray[np.int64] = _runs(raw >= threshold)
    return runs


@njit(cache=True, nogil=True)
def invalid_runs(raw: Raw, keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Runs [run, (start, stop)] of flat pixels that are kept, but not finite."""
    runs: NDArray[np.int64] = _runs(keep[: raw.size] & ~np.isfinite(raw))
    return runs
