"""Walks over the blocks of a bitshuffle-LZ4 chunk."""

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit


@njit(cache=True, nogil=True)
def blocks_fit(data: NDArray[np.uint8], start: int, elements: int, itemsize: int, block: int) -> bool:
    """Whether the blocks that begin at `data[start]` end exactly with the data.

    Each block of `block` elements is a big-endian 32-bit length and that many bytes; the last one holds what is
    left, rounded down to eight elements, and the fewer than eight remaining elements follow as they are.
    """
    at = np.int64(start)
    blocks = elements // block
    if (elements % block) // 8 > 0:
        blocks += 1
    for _ in range(blocks):
        if at + 4 > data.size:
            return False
        length = (
            (np.int64(data[at]) << 24)
            | (np.int64(data[at + 1]) << 16)
            | (np.int64(data[at + 2]) << 8)
            | np.int64(data[at + 3])
        )
        at += 4 + length
    return bool(at + (elements % 8) * itemsize == data.size)
