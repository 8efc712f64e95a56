"""From bit planes to clean frames: back to values, minus the background, despeckled, a band of rows at a time.

A band and the rows around it that despeckling needs stay in the cache between the steps. Fixed-point values minus
a background of whole numbers are differences of 16 bits, cut off at their limits: half the work of float32, and the
same result, because a median that is not at a limit knows nothing of how far away others are. Where one is at a
limit (thousands of counts), and where backgrounds end in a half, a band is done in float32.
"""

from typing import Any

import numpy as np
from numba import int16, int32, uint16, uint32
from numpy.typing import NDArray

from friedel.kernels.compiled import njit
from friedel.kernels.preprocess.bit_planes import BATCH, BATCH_VALUES, TILE, transpose_bits
from friedel.kernels.preprocess.despeckle import despeckle
from friedel.kernels.preprocess.moving_median import bits_of

_BAND_PIXELS = 16384
_LEAST, _MOST = -32768, 32767


@njit(cache=True, nogil=True)
def _level_of(backgrounds: NDArray[np.float32], which: int, at: int, level: NDArray[np.int16]) -> bool:
    """A tile of a background, 0..65535 as -32768..32767; False where it is not whole numbers."""
    background = backgrounds[which, at : at + TILE]
    differs = np.int32(0)
    for p in range(TILE):
        whole = np.int32(background[p])
        differs |= np.int32(np.float32(whole) != background[p])
        level[p] = int16(uint16(whole) ^ uint16(0x8000))
    return bool(differs == 0)


@njit(cache=True, nogil=True)
def _difference(values: NDArray[np.uint16], frame: int, level: NDArray[np.int16], out: NDArray[np.int16]) -> None:
    """One frame of an unpacked tile minus its level, cut off at 16 bits (a single instruction, found by LLVM)."""
    row = values[frame * TILE : (frame + 1) * TILE]
    for p in range(TILE):
        value = int16(row[p] ^ uint16(0x8000))
        difference = int32(int32(value) - int32(level[p]))
        difference = difference if difference > int32(_LEAST) else int32(_LEAST)
        difference = difference if difference < int32(_MOST) else int32(_MOST)
        out[p] = int16(difference)


@njit(cache=True, nogil=True)
def _differences(
    planes: NDArray[np.uint16],
    slot: int,
    first: int,
    tiles: int,
    which: NDArray[np.int64],
    backgrounds: NDArray[np.float32],
    out: NDArray[np.int16],
) -> bool:
    """Frames of a batch minus their backgrounds into `out` [frame, pixel]; False where a background is not
    whole."""
    values = np.empty(BATCH_VALUES, np.uint16)
    level = np.empty(TILE, np.int16)
    for t in range(tiles):
        _unpack(planes, slot, first + t, 1, values)
        n = 0
        last = -1
        for f in range(BATCH):
            if which[f] < 0:
                continue
            if which[f] != last:
                last = which[f]
                if not _level_of(backgrounds, last, (first + t) * TILE, level):
                    return False
            _difference(values, f, level, out[n, t * TILE : (t + 1) * TILE])
            n += 1
    return True


@njit(cache=True, nogil=True)
def _to_counts(values: NDArray[np.int16], inverse: np.float32, out: NDArray[np.float32]) -> bool:
    """Fixed-point differences in counts; False where one is at a limit of its 16 bits."""
    low = np.int16(0)
    high = np.int16(0)
    for p in range(values.size):
        value = values[p]
        out[p] = np.float32(value) * inverse
        low = min(low, value)
        high = max(high, value)
    return bool(low > _LEAST and high < _MOST)


@njit(cache=True, nogil=True)
def _copy(batch: NDArray[np.uint16], out: NDArray[np.uint16]) -> None:
    """A loop over a constant: an assignment to a slice takes 8 times as long."""
    for i in range(BATCH_VALUES):
        out[i] = batch[i]


@njit(cache=True, nogil=True)
def _unpack(planes: NDArray[np.uint16], slot: int, first: int, tiles: int, out: NDArray[np.uint16]) -> None:
    """Batches of `tiles` tiles from `first` on, back to values [tile][frame][TILE], flat; `planes` is one half."""
    for t in range(tiles):
        batch = out[t * BATCH_VALUES : (t + 1) * BATCH_VALUES]
        _copy(planes[first + t, slot].reshape(BATCH_VALUES), batch)
        transpose_bits(batch)


@njit(cache=True, nogil=True)
def _subtract_fixed(
    low: NDArray[np.uint16],
    frame: int,
    tiles: int,
    background: NDArray[np.float32],
    inverse: np.float32,
    out: NDArray[np.float32],
) -> None:
    """One frame of unpacked tiles minus the background [pixel]; slices are made here, free of reference counts."""
    for t in range(tiles):
        at = t * BATCH_VALUES + frame * TILE
        values = low[at : at + TILE]
        level = background[t * TILE : (t + 1) * TILE]
        row = out[t * TILE : (t + 1) * TILE]
        for p in range(TILE):
            row[p] = (np.float32(values[p]) - level[p]) * inverse


@njit(cache=True, nogil=True)
def _subtract_keys(
    low: NDArray[np.uint16],
    high: NDArray[np.uint16],
    frame: int,
    tiles: int,
    background: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """As `_subtract_fixed`, from the two halves of sortable keys."""
    bits = np.empty(TILE, np.uint32)
    value = bits.view(np.float32)
    for t in range(tiles):
        at = t * BATCH_VALUES + frame * TILE
        lower = low[at : at + TILE]
        upper = high[at : at + TILE]
        level = background[t * TILE : (t + 1) * TILE]
        row = out[t * TILE : (t + 1) * TILE]
        for p in range(TILE):
            bits[p] = bits_of(uint32(uint32(upper[p]) << uint32(16)) | uint32(lower[p]))
        for p in range(TILE):
            row[p] = value[p] - level[p]


@njit(cache=True, nogil=True)
def put(value: Any, pixels: NDArray[np.int64], start: int, stop: int, out: NDArray[Any]) -> None:
    """`value` at those of the ascending flat `pixels` in [start, stop) of a frame; `out` begins at `start`."""
    for i in range(np.searchsorted(pixels, start), pixels.size):
        if pixels[i] >= stop:
            break
        out[pixels[i] - start] = value


@njit(cache=True, nogil=True)
def _band_in_16_bits(
    planes: NDArray[np.uint16],
    slot: int,
    which: NDArray[np.int64],
    backgrounds: NDArray[np.float32],
    inverse: np.float32,
    size: int,
    invalid: NDArray[np.int64],
    invalid_pointer: NDArray[np.int64],
    rows: tuple[int, int, int, int],
    differences: NDArray[np.int16],
    median: NDArray[np.int16],
    out: NDArray[np.float32],
) -> bool:
    """Rows [start, stop) of `out` [frame, row, col] from those in [above, below); False if 16 bits do not do."""
    above, start, stop, below = rows
    cols = out.shape[2]
    first = above * cols // TILE
    tiles = (below * cols + TILE - 1) // TILE - first
    if not _differences(planes, slot, first, tiles, which, backgrounds, differences):
        return False
    shift = above * cols - first * TILE
    n = 0
    for f in range(BATCH):
        if which[f] >= 0:
            flat = differences[n, shift : shift + (below - above) * cols]
            put(0, invalid[invalid_pointer[f] : invalid_pointer[f + 1]], above * cols, below * cols, flat)
            image = flat.reshape(below - above, cols)
            despeckle(image, size, start - above, stop - above, median[: stop - start])
            flat_median = median[: stop - start].reshape((stop - start) * cols)
            if not _to_counts(flat_median, inverse, out[n, start:stop].reshape((stop - start) * cols)):
                return False
            n += 1
    return True


@njit(cache=True, nogil=True)
def _band_in_floats(
    planes: NDArray[np.uint16],
    slot: int,
    which: NDArray[np.int64],
    backgrounds: NDArray[np.float32],
    inverse: np.float32,
    size: int,
    invalid: NDArray[np.int64],
    invalid_pointer: NDArray[np.int64],
    rows: tuple[int, int, int, int],
    out: NDArray[np.float32],
) -> None:
    """As `_band_in_16_bits`, for any values."""
    above, start, stop, below = rows
    cols = out.shape[2]
    first = above * cols // TILE
    tiles = (below * cols + TILE - 1) // TILE - first
    halves = planes.shape[0]
    low = np.empty(tiles * BATCH_VALUES, np.uint16)
    high = np.empty(tiles * BATCH_VALUES if halves == 2 else 0, np.uint16)
    flat = np.empty(tiles * TILE, np.float32)
    _unpack(planes[0], slot, first, tiles, low)
    if halves == 2:
        _unpack(planes[1], slot, first, tiles, high)
    shift = above * cols - first * TILE
    image = flat[shift : shift + (below - above) * cols].reshape(below - above, cols)
    n = 0
    for f in range(BATCH):
        if which[f] >= 0:
            background = backgrounds[which[f], first * TILE :]
            if halves == 1:
                _subtract_fixed(low, f, tiles, background, inverse, flat)
            else:
                _subtract_keys(low, high, f, tiles, background, flat)
            put(0, invalid[invalid_pointer[f] : invalid_pointer[f + 1]], above * cols, below * cols, flat[shift:])
            despeckle(image, size, start - above, stop - above, out[n, start:stop])
            n += 1


@njit(cache=True, nogil=True)
def clean_batch(
    planes: NDArray[np.uint16],
    slot: int,
    which: NDArray[np.int64],
    backgrounds: NDArray[np.float32],
    scale: float,
    size: int,
    masked: NDArray[np.int64],
    invalid: NDArray[np.int64],
    invalid_pointer: NDArray[np.int64],
    shape: tuple[int, int],
    row0: int,
    row1: int,
    out: NDArray[np.float32],
) -> None:
    """Rows [row0, row1) of the clean frames of one batch into `out` [frame, row, col], in counts.

    Frame f of the batch is taken where its row of `backgrounds` [.., pixel], `which[f]`, is >= 0; those frames
    follow each other in `out`. `masked` are flat pixels that are nothing in any frame, and
    `invalid[invalid_pointer[f]:invalid_pointer[f + 1]]` those that are not known in frame f; both count as 0 in the
    median of `size` × `size`, after which masked ones are 0 and unknown ones NaN.
    """
    rows, cols = shape
    halo = size // 2
    band = max(4, _BAND_PIXELS // cols)
    inverse = np.float32(1.0 / scale)
    fixed = planes.shape[0] == 1
    room = ((band + 2 * halo) * cols // TILE + 2) * TILE
    differences = np.empty((BATCH if fixed else 0, room), np.int16)
    median = np.empty((band, cols), np.int16)
    for start in range(row0, row1, band):
        stop = min(start + band, row1)
        reach = (max(start - halo, 0), start, stop, min(stop + halo, rows))
        if not fixed or not _band_in_16_bits(
            planes[0],
            slot,
            which,
            backgrounds,
            inverse,
            size,
            invalid,
            invalid_pointer,
            reach,
            differences,
            median,
            out,
        ):
            _band_in_floats(planes, slot, which, backgrounds, inverse, size, invalid, invalid_pointer, reach, out)
        n = 0
        for f in range(BATCH):
            if which[f] >= 0:
                clean = out[n, start:stop].reshape((stop - start) * cols)
                put(np.nan, invalid[invalid_pointer[f] : invalid_pointer[f + 1]], start * cols, stop * cols, clean)
                put(0, masked, start * cols, stop * cols, clean)
                n += 1
