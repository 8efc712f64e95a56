"""From bit planes to clean frames: back to values, minus the background, despeckled, a band of rows at a time.

A band and the rows around it that despeckling needs stay in the cache between the steps.
"""

import numpy as np
from numba import njit, uint32
from numpy.typing import NDArray

from friedel.kernels.despeckle import despeckle
from friedel.kernels.moving_median import bits_of
from friedel.kernels.select_bits import TILE, WORD, WORD_SIZE, transpose_bits

_BAND_PIXELS = 32768


@njit(cache=True, nogil=True)
def _subtract_fixed(
    low: NDArray[np.uint16], background: NDArray[np.float32], inverse: np.float32, out: NDArray[np.float32]
) -> None:
    for p in range(TILE):
        out[p] = (np.float32(low[p]) - background[p]) * inverse


@njit(cache=True, nogil=True)
def _subtract_keys(
    low: NDArray[np.uint16],
    high: NDArray[np.uint16],
    background: NDArray[np.float32],
    bits: NDArray[np.uint32],
    out: NDArray[np.float32],
) -> None:
    for p in range(TILE):
        bits[p] = bits_of(uint32(uint32(high[p]) << uint32(16)) | uint32(low[p]))
    value = bits.view(np.float32)
    for p in range(TILE):
        out[p] = value[p] - background[p]


@njit(cache=True, nogil=True)
def _subtract_tiles(
    planes: NDArray[np.uint16],
    slot: int,
    which: NDArray[np.int64],
    first: int,
    backgrounds: NDArray[np.float32],
    inverse: np.float32,
    out: NDArray[np.float32],
) -> None:
    """Tiles from `first` on, as many as `out` [frame, pixel] has; only frames whose background `which` is >= 0."""
    halves = planes.shape[0]
    low = np.empty(WORD_SIZE, np.uint16)
    high = np.empty(WORD_SIZE, np.uint16)
    bits = np.empty(TILE, np.uint32)
    for t in range(out.shape[1] // TILE):
        low[:] = planes[0, first + t, slot].reshape(WORD_SIZE)
        transpose_bits(low)
        if halves == 2:
            high[:] = planes[1, first + t, slot].reshape(WORD_SIZE)
            transpose_bits(high)
        at = (first + t) * TILE
        for f in range(WORD):
            if which[f] >= 0:
                background = backgrounds[which[f], at : at + TILE]
                row = out[f, t * TILE : (t + 1) * TILE]
                here = slice(f * TILE, (f + 1) * TILE)
                if halves == 1:
                    _subtract_fixed(low[here], background, inverse, row)
                else:
                    _subtract_keys(low[here], high[here], background, bits, row)


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
    scratch = np.empty((WORD, (((band + 2 * halo) * cols) // TILE + 2) * TILE), np.float32)
    for start in range(row0, row1, band):
        stop = min(start + band, row1)
        above, below = max(start - halo, 0), min(stop + halo, rows)
        first = above * cols // TILE
        tiles = (below * cols + TILE - 1) // TILE - first
        _subtract_tiles(planes, slot, which, first, backgrounds, inverse, scratch[:, : tiles * TILE])
        shift = above * cols - first * TILE
        n = 0
        for f in range(WORD):
            if which[f] >= 0:
                lane = scratch[f, shift : shift + (below - above) * cols]
                holes = void[void_pointer[f] : void_pointer[f + 1]]
                _blank(holes, above * cols, below * cols, lane)
                image = lane.reshape(below - above, cols)
                despeckle(image, size, start - above, stop - above, out[n, start:stop])
                clean = out[n, start:stop].reshape((stop - start) * cols)
                _blank(holes, start * cols, stop * cols, clean)
                _blank(masked, start * cols, stop * cols, clean)
                n += 1
