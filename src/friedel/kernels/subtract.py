"""From bit planes to clean frames: back to values, minus the background, despeckled, a band of rows at a time.

A band and the rows around it that despeckling needs stay in the cache between the steps.
"""

import numpy as np
from numba import njit, uint32
from numpy.typing import NDArray

from friedel.kernels.despeckle import despeckle
from friedel.kernels.moving_median import bits_of
from friedel.kernels.select_bits import TILE, WORD, WORD_SIZE, transpose_bits

_BAND_PIXELS = 16384


@njit(cache=True, nogil=True)
def _unpack(planes: NDArray[np.uint16], slot: int, first: int, tiles: int, out: NDArray[np.uint16]) -> None:
    """Words of `tiles` tiles from `first` on, back to values [tile][frame][TILE], flat; `planes` is one half."""
    for t in range(tiles):
        word = out[t * WORD_SIZE : (t + 1) * WORD_SIZE]
        word[:] = planes[first + t, slot].reshape(WORD_SIZE)
        transpose_bits(word)


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
        at = t * WORD_SIZE + frame * TILE
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
        at = t * WORD_SIZE + frame * TILE
        lower = low[at : at + TILE]
        upper = high[at : at + TILE]
        level = background[t * TILE : (t + 1) * TILE]
        row = out[t * TILE : (t + 1) * TILE]
        for p in range(TILE):
            bits[p] = bits_of(uint32(uint32(upper[p]) << uint32(16)) | uint32(lower[p]))
        for p in range(TILE):
            row[p] = value[p] - level[p]


@njit(cache=True, nogil=True)
def _blank(pixels: NDArray[np.int64], start: int, stop: int, out: NDArray[np.float32]) -> None:
    """Zero those of the ascending flat `pixels` that lie in [start, stop) of a frame; `out` begins at `start`."""
    for i in range(np.searchsorted(pixels, start), pixels.size):
        if pixels[i] >= stop:
            break
        out[pixels[i] - start] = np.float32(0)


@njit(cache=True, nogil=True)
def clean_word(
    planes: NDArray[np.uint16],
    slot: int,
    which: NDArray[np.int64],
    backgrounds: NDArray[np.float32],
    scale: float,
    size: int,
    masked: NDArray[np.int64],
    void: NDArray[np.int64],
    void_pointer: NDArray[np.int64],
    shape: tuple[int, int],
    row0: int,
    row1: int,
    out: NDArray[np.float32],
) -> None:
    """Rows [row0, row1) of the clean frames of one word into `out` [frame, row, col], in counts.

    Frame f of the word is taken where its row of `backgrounds` [.., pixel], `which[f]`, is >= 0; those frames
    follow each other in `out`. `masked` are flat pixels that are 0 in every frame, and
    `void[void_pointer[f]:void_pointer[f + 1]]` those that are 0 in frame f; both count as 0 in the median of
    `size` × `size` and are 0 after it.
    """
    rows, cols = shape
    halo = size // 2
    band = max(4, _BAND_PIXELS // cols)
    inverse = np.float32(1.0 / scale)
    most = ((band + 2 * halo) * cols) // TILE + 2
    halves = planes.shape[0]
    low = np.empty(most * WORD_SIZE, np.uint16)
    high = np.empty(most * WORD_SIZE if halves == 2 else 0, np.uint16)
    flat = np.empty(most * TILE, np.float32)
    for start in range(row0, row1, band):
        stop = min(start + band, row1)
        above, below = max(start - halo, 0), min(stop + halo, rows)
        first = above * cols // TILE
        tiles = (below * cols + TILE - 1) // TILE - first
        _unpack(planes[0], slot, first, tiles, low)
        if halves == 2:
            _unpack(planes[1], slot, first, tiles, high)
        shift = above * cols - first * TILE
        image = flat[shift : shift + (below - above) * cols].reshape(below - above, cols)
        n = 0
        for f in range(WORD):
            if which[f] >= 0:
                background = backgrounds[which[f], first * TILE :]
                if halves == 1:
                    _subtract_fixed(low, f, tiles, background, inverse, flat)
                else:
                    _subtract_keys(low, high, f, tiles, background, flat)
                holes = void[void_pointer[f] : void_pointer[f + 1]]
                _blank(holes, above * cols, below * cols, flat[shift:])
                despeckle(image, size, start - above, stop - above, out[n, start:stop])
                clean = out[n, start:stop].reshape((stop - start) * cols)
                _blank(holes, start * cols, stop * cols, clean)
                _blank(masked, start * cols, stop * cols, clean)
                n += 1
