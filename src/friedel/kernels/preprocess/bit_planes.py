"""Order statistics on bit planes: the inner loops of the moving median.

Sixteen frames of a tile of `TILE` pixels are one *batch*: a 16×16 bit transposition per pixel turns their values
into sixteen *planes* `[bit][pixel]`, where bit f of a lane belongs to frame f. Selecting an order statistic then
needs no comparisons: from the top bit down, the candidates with a zero in that bit are counted, and the rank tells
which half goes on (radix selection). Everything is flat, and a slice comes before an index with a constant range,
because only then does LLVM use whole vectors (`bench/moving_median.py`).
"""

from typing import Any

import numpy as np
from numba import uint16
from numba.extending import intrinsic
from numpy.typing import NDArray

from friedel.kernels.compiled import njit

TILE = 128
BATCH = 16
BATCH_VALUES = BATCH * TILE

# The selection's state: rows of TILE lanes.
_RANK = 0
_TOTAL = TILE
_FLIP = 2 * TILE
_ZEROS = 3 * TILE
_VALUE = 4 * TILE
STATE_SIZE = 5 * TILE


@intrinsic
def _popcount(_context: Any, x: Any) -> Any:
    """Number of ones, as the processor counts them."""

    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return x(x), code


@njit(inline="always")
def _swap(a: Any, b: Any, distance: int, mask: int) -> Any:
    """The bits of `a` that leave for `b` (shifted up there), as a pattern to flip in both."""
    return uint16((uint16(a >> distance) ^ b) & uint16(mask))


@njit(inline="always")
def _exchange(rows: Any, p: int, far: int, far_mask: int, near: int, near_mask: int) -> None:
    """Two butterfly stages on four rows: those 2 * `near` apart, then those `near` apart."""
    a = rows[p]
    b = rows[near * TILE + p]
    c = rows[2 * near * TILE + p]
    d = rows[3 * near * TILE + p]
    t = _swap(a, c, far, far_mask)
    u = _swap(b, d, far, far_mask)
    a = uint16(a ^ uint16(t << far))
    b = uint16(b ^ uint16(u << far))
    c = uint16(c ^ t)
    d = uint16(d ^ u)
    t = _swap(a, b, near, near_mask)
    u = _swap(c, d, near, near_mask)
    rows[p] = uint16(a ^ uint16(t << near))
    rows[near * TILE + p] = uint16(b ^ t)
    rows[2 * near * TILE + p] = uint16(c ^ uint16(u << near))
    rows[3 * near * TILE + p] = uint16(d ^ u)


@njit(cache=True, nogil=True)
def transpose_bits(x: NDArray[np.uint16]) -> None:
    """Frames to planes, or planes to frames, in place: `x` is one batch [16][TILE], flat.

    Four butterfly stages (Hacker's Delight, 7-3) in 16-bit lanes, two at a time; its own inverse.
    """
    for row in range(4):
        rows = x[row * TILE : (row + 13) * TILE]
        for p in range(TILE):
            _exchange(rows, p, 8, 0x00FF, 4, 0x0F0F)
    for row in range(4):
        rows = x[4 * row * TILE : 4 * (row + 1) * TILE]
        for p in range(TILE):
            _exchange(rows, p, 2, 0x3333, 1, 0x5555)


@njit(cache=True, nogil=True)
def bits_in(values: NDArray[np.uint16]) -> int:
    """Bits that any of one batch's values [16][TILE] has set: only their planes need to be looked at."""
    bits = uint16(0)
    for i in range(BATCH_VALUES):
        bits = uint16(bits | values[i])
    return int(bits)


@njit(cache=True, nogil=True)
def start_selection(
    mask: NDArray[np.uint16], batches: int, first: int, last: int, frames: int, rank: int, state: NDArray[np.uint16]
) -> None:
    """All frames of the window are candidates: `mask` [batches][TILE] gets ones, `first` and `last` at its ends."""
    for i in range(batches):
        bits = uint16(0xFFFF)
        if i == 0:
            bits &= uint16(first)
        if i == batches - 1:
            bits &= uint16(last)
        row = mask[i * TILE : (i + 1) * TILE]
        for p in range(TILE):
            row[p] = bits
    for p in range(TILE):
        state[_RANK + p] = uint16(rank)
        state[_TOTAL + p] = uint16(frames)
        state[_VALUE + p] = uint16(0)


@njit(cache=True, nogil=True)
def count_zeros(
    planes: NDArray[np.uint16],
    first: int,
    batches: int,
    bit: int,
    mask: NDArray[np.uint16],
    state: NDArray[np.uint16],
) -> None:
    """Add to the state how many candidates have a zero in `bit`, over batches [first, first + batches) of a
    tile."""
    at = first * BATCH_VALUES + bit * TILE
    m = 0
    i = 0
    while i + 4 <= batches:
        plane = planes[at : at + 3 * BATCH_VALUES + TILE]
        live = mask[m : m + 4 * TILE]
        for p in range(TILE):
            zeros = state[_ZEROS + p]
            zeros = uint16(zeros + _popcount(uint16(live[p] & ~plane[p])))
            zeros = uint16(zeros + _popcount(uint16(live[TILE + p] & ~plane[BATCH_VALUES + p])))
            zeros = uint16(zeros + _popcount(uint16(live[2 * TILE + p] & ~plane[2 * BATCH_VALUES + p])))
            zeros = uint16(zeros + _popcount(uint16(live[3 * TILE + p] & ~plane[3 * BATCH_VALUES + p])))
            state[_ZEROS + p] = zeros
        i += 4
        at += 4 * BATCH_VALUES
        m += 4 * TILE
    while i < batches:
        plane = planes[at : at + TILE]
        live = mask[m : m + TILE]
        for p in range(TILE):
            state[_ZEROS + p] = uint16(state[_ZEROS + p] + _popcount(uint16(live[p] & ~plane[p])))
        i += 1
        at += BATCH_VALUES
        m += TILE


@njit(inline="always")
def _narrowed(live: Any, plane: Any, flip: Any, p: int, batch: int) -> Any:
    """The candidates that are left after the bit above: their lane of that plane, flipped where a zero won."""
    return uint16(live[batch * TILE + p] & uint16(plane[batch * BATCH_VALUES + TILE + p] ^ flip))


@njit(cache=True, nogil=True)
def narrow_and_count(
    planes: NDArray[np.uint16],
    first: int,
    batches: int,
    bit: int,
    mask: NDArray[np.uint16],
    state: NDArray[np.uint16],
) -> None:
    """As `count_zeros`, after narrowing the candidates by what was decided for bit + 1 (one pass for both)."""
    at = first * BATCH_VALUES + bit * TILE
    m = 0
    i = 0
    while i + 4 <= batches:
        plane = planes[at : at + 3 * BATCH_VALUES + 2 * TILE]
        live = mask[m : m + 4 * TILE]
        for p in range(TILE):
            zeros = state[_ZEROS + p]
            flip = state[_FLIP + p]
            left = _narrowed(live, plane, flip, p, 0)
            live[p] = left
            zeros = uint16(zeros + _popcount(uint16(left & ~plane[p])))
            left = _narrowed(live, plane, flip, p, 1)
            live[TILE + p] = left
            zeros = uint16(zeros + _popcount(uint16(left & ~plane[BATCH_VALUES + p])))
            left = _narrowed(live, plane, flip, p, 2)
            live[2 * TILE + p] = left
            zeros = uint16(zeros + _popcount(uint16(left & ~plane[2 * BATCH_VALUES + p])))
            left = _narrowed(live, plane, flip, p, 3)
            live[3 * TILE + p] = left
            zeros = uint16(zeros + _popcount(uint16(left & ~plane[3 * BATCH_VALUES + p])))
            state[_ZEROS + p] = zeros
        i += 4
        at += 4 * BATCH_VALUES
        m += 4 * TILE
    while i < batches:
        plane = planes[at : at + 2 * TILE]
        live = mask[m : m + TILE]
        for p in range(TILE):
            left = _narrowed(live, plane, state[_FLIP + p], p, 0)
            live[p] = left
            state[_ZEROS + p] = uint16(state[_ZEROS + p] + _popcount(uint16(left & ~plane[p])))
        i += 1
        at += BATCH_VALUES
        m += TILE


@njit(cache=True, nogil=True)
def narrow(
    planes: NDArray[np.uint16],
    first: int,
    batches: int,
    bit: int,
    mask: NDArray[np.uint16],
    state: NDArray[np.uint16],
) -> None:
    """Narrow the candidates by what was decided for `bit`: between the upper and the lower half of 32-bit keys."""
    for i in range(batches):
        at = (first + i) * BATCH_VALUES + bit * TILE
        plane = planes[at : at + TILE]
        live = mask[i * TILE : (i + 1) * TILE]
        for p in range(TILE):
            live[p] = uint16(live[p] & uint16(plane[p] ^ state[_FLIP + p]))


@njit(cache=True, nogil=True)
def forget_zeros(state: NDArray[np.uint16]) -> None:
    """Before each bit's count."""
    for p in range(TILE):
        state[_ZEROS + p] = uint16(0)


@njit(cache=True, nogil=True)
def decide(state: NDArray[np.uint16], bit: int) -> None:
    """The rank says whether the statistic has a zero or a one in `bit`."""
    one = uint16(1 << bit)
    for p in range(TILE):
        rank = state[_RANK + p]
        total = state[_TOTAL + p]
        zeros = state[_ZEROS + p]
        value = state[_VALUE + p]
        is_one = rank >= zeros
        state[_RANK + p] = uint16(rank - zeros) if is_one else rank
        state[_TOTAL + p] = uint16(total - zeros) if is_one else zeros
        state[_VALUE + p] = uint16(value | one) if is_one else value
        state[_FLIP + p] = uint16(0) if is_one else uint16(0xFFFF)


@njit(cache=True, nogil=True)
def take_value(state: NDArray[np.uint16], out: NDArray[np.uint16]) -> None:
    """Copy the selected value and begin the next 16 bits."""
    for p in range(TILE):
        out[p] = state[_VALUE + p]
        state[_VALUE + p] = uint16(0)
