"""Exact moving median along the rotation, for all pixels at once, by radix selection on bit planes.

A tile is 128 neighbouring pixels of the flat frame. `planes` [half, tile, slot, bit, pixel] (uint16) holds batches
of 16 frames, batch w in slot `w % slots` (a buffer); uint16 values need one half, the sortable 32-bit keys of
float32 values two (low, then high). Each batch is transposed once and serves every window that covers it. `used`
[half, tile, slot] says which bits any value of a tile's batch has set: no time goes into planes of zeros at the
top, which a detector's 16 bits often have (a quarter of the time, `bench/moving_median.py`).
"""

from typing import Any

import numpy as np
from numba import uint16, uint32
from numpy.typing import NDArray

from friedel.kernels.compiled import njit
from friedel.kernels.preprocess.bit_planes import (
    BATCH,
    BATCH_VALUES,
    STATE_SIZE,
    TILE,
    bits_in,
    count_zeros,
    decide,
    forget_zeros,
    narrow,
    narrow_and_count,
    start_selection,
    take_value,
    transpose_bits,
)

_SIGN = 0x80000000
_ALL = 0xFFFFFFFF


@njit(cache=True, nogil=True)
def _select16(
    planes: NDArray[np.uint16],
    slot: int,
    head: int,
    tail: int,
    top: int,
    mask: NDArray[np.uint16],
    state: NDArray[np.uint16],
    out: NDArray[np.uint16],
) -> None:
    """Bits `top` to 0 of the statistic: batches [slot, slot + head) of the buffer, then [0, tail)."""
    rest = mask[head * TILE : (head + tail) * TILE]
    forget_zeros(state)
    count_zeros(planes, slot, head, top, mask, state)
    if tail > 0:
        count_zeros(planes, 0, tail, top, rest, state)
    decide(state, top)
    for below in range(top):
        bit = top - 1 - below
        forget_zeros(state)
        narrow_and_count(planes, slot, head, bit, mask, state)
        if tail > 0:
            narrow_and_count(planes, 0, tail, bit, rest, state)
        decide(state, bit)
    take_value(state, out)


@njit(cache=True, nogil=True)
def _top_bit(used: NDArray[np.uint16], slot: int, head: int, tail: int) -> int:
    """The highest bit set in batches [slot, slot + head) or [0, tail) of a tile; 0 where none is."""
    bits = 0
    for i in range(slot, slot + head):
        bits |= int(used[i])
    for i in range(tail):
        bits |= int(used[i])
    top = 0
    while bits >> (top + 1):
        top += 1
    return top


@njit(cache=True, nogil=True)
def _select(
    planes: NDArray[np.uint16],
    used: NDArray[np.uint16],
    tile: int,
    start: int,
    stop: int,
    rank: int,
    mask: NDArray[np.uint16],
    state: NDArray[np.uint16],
    low: NDArray[np.uint16],
    high: NDArray[np.uint16],
) -> None:
    """The value of `rank` among frames [start, stop) of one tile; uint16 in `low`, or a key in `low` and `high`."""
    halves, _, slots = planes.shape[0], planes.shape[1], planes.shape[2]
    first_batch = start // BATCH
    batches = (stop + BATCH - 1) // BATCH - first_batch
    slot = first_batch % slots
    head = min(batches, slots - slot)
    tail = batches - head
    first = (0xFFFF << (start - first_batch * BATCH)) & 0xFFFF
    last = 0xFFFF >> ((first_batch + batches) * BATCH - stop)
    start_selection(mask, batches, first, last, stop - start, rank, state)
    if halves == 2:
        upper = planes[1, tile].reshape(slots * BATCH_VALUES)
        _select16(upper, slot, head, tail, _top_bit(used[1, tile], slot, head, tail), mask, state, high)
        narrow(upper, slot, head, 0, mask, state)
        narrow(upper, 0, tail, 0, mask[head * TILE : (head + tail) * TILE], state)
    top = _top_bit(used[0, tile], slot, head, tail)
    _select16(planes[0, tile].reshape(slots * BATCH_VALUES), slot, head, tail, top, mask, state, low)


@njit(inline="always")
def key_of(bits: Any) -> Any:
    """A float's bits as an integer that sorts like the float."""
    return uint32(bits ^ uint32(_ALL)) if bits >= uint32(_SIGN) else uint32(bits ^ uint32(_SIGN))


@njit(inline="always")
def bits_of(key: Any) -> Any:
    """Inverse of `key_of`."""
    return uint32(key ^ uint32(_SIGN)) if key >= uint32(_SIGN) else uint32(key ^ uint32(_ALL))


@njit(cache=True, nogil=True)
def _to_float(
    low: NDArray[np.uint16],
    high: NDArray[np.uint16],
    halves: int,
    keys: NDArray[np.uint32],
    out: NDArray[np.float32],
) -> None:
    if halves == 2:
        for p in range(TILE):
            keys[p] = bits_of(uint32(uint32(high[p]) << uint32(16)) | uint32(low[p]))
        floats = keys.view(np.float32)
        for p in range(TILE):
            out[p] = floats[p]
    else:
        for p in range(TILE):
            out[p] = np.float32(low[p])


@njit(cache=True, nogil=True)
def median_of_planes(
    planes: NDArray[np.uint16],
    used: NDArray[np.uint16],
    first_tile: int,
    last_tile: int,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Medians over frames [starts[b], stops[b]) of tiles [first_tile, last_tile) into `out` [b, pixel].

    `out` has room for whole tiles. An even window gives the mean of the two middle values, as numpy.median.
    """
    halves = planes.shape[0]
    longest = 1
    for b in range(starts.size):
        longest = max(longest, stops[b] // BATCH + 2 - starts[b] // BATCH)
    mask = np.empty(longest * TILE, np.uint16)
    state = np.empty(STATE_SIZE, np.uint16)
    low = np.empty(TILE, np.uint16)
    high = np.empty(TILE, np.uint16)
    keys = np.empty(TILE, np.uint32)
    upper = np.empty(TILE, np.float32)
    for tile in range(first_tile, last_tile):
        for b in range(starts.size):
            frames = stops[b] - starts[b]
            row = out[b, tile * TILE : (tile + 1) * TILE]
            _select(planes, used, tile, starts[b], stops[b], (frames - 1) // 2, mask, state, low, high)
            _to_float(low, high, halves, keys, row)
            if frames % 2 == 0:
                _select(planes, used, tile, starts[b], stops[b], frames // 2, mask, state, low, high)
                _to_float(low, high, halves, keys, upper)
                for p in range(TILE):
                    row[p] = (row[p] + upper[p]) * np.float32(0.5)


@njit(cache=True, nogil=True)
def pack_batch(frames: NDArray[np.uint16], start: int, stop: int, pixel: int, out: NDArray[np.uint16]) -> int:
    """Frames [start, stop) (at most 16) of one tile of `frames` [frame, pixel] as planes; what is missing is 0.

    Returns the bits that any value has.
    """
    width = min(TILE, frames.shape[1] - pixel)
    for f in range(BATCH):
        row = out[f * TILE : (f + 1) * TILE]
        if start + f < stop and width == TILE:
            whole = frames[start + f, pixel : pixel + TILE]
            for p in range(TILE):
                row[p] = whole[p]
        else:
            row[:] = uint16(0)
            if start + f < stop:
                row[:width] = frames[start + f, pixel : pixel + width]
    bits = bits_in(out)
    transpose_bits(out)
    return int(bits)


@njit(cache=True, nogil=True)
def moving_median_uint16(
    frames: NDArray[np.uint16],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    first_tile: int,
    last_tile: int,
    out: NDArray[np.float32],
) -> None:
    """Medians of `frames` [frame, pixel] over [starts[b], stops[b]) into `out` [b, pixel], tiles of a range.

    The planes of one tile stay in the cache; nothing else is kept.
    """
    batches = (frames.shape[0] + BATCH - 1) // BATCH
    planes = np.empty((1, 1, batches, BATCH, TILE), np.uint16)
    used = np.empty((1, 1, batches), np.uint16)
    flat = planes.reshape(batches * BATCH_VALUES)
    row = np.empty((starts.size, TILE), np.float32)
    for tile in range(first_tile, last_tile):
        for w in range(batches):
            batch = flat[w * BATCH_VALUES : (w + 1) * BATCH_VALUES]
            used[0, 0, w] = pack_batch(frames, w * BATCH, frames.shape[0], tile * TILE, batch)
        median_of_planes(planes, used, 0, 1, starts, stops, row)
        width = min(TILE, frames.shape[1] - tile * TILE)
        for b in range(starts.size):
            out[b, tile * TILE : tile * TILE + width] = row[b, :width]
