"""Voxels that wait for their turn, the highest first."""

from typing import NamedTuple

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray

_LOW = (1 << 32) - 1


class Heap(NamedTuple):
    """Voxels that wait: `key` holds level and position, the greatest comes first; `place` is a run or a cell."""

    key: AnyArray
    place: AnyArray


def ranks(level: AnyArray) -> AnyArray:
    """Whole numbers (int32) in the order of float32 levels, equal where these are equal."""
    bits = (level + np.float32(0)).view(np.int32)  # a negative zero becomes one
    return np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits)


@njit(cache=True, nogil=True)
def key_of(rank: int, at: int) -> int:
    """Of a voxel at position `at`: the higher first, then the earlier in the scan."""
    return int((np.int64(rank) << 32) | (_LOW - at))


@njit(cache=True, nogil=True)
def position(key: int) -> int:
    """The position that a key holds."""
    return int(_LOW - (key & _LOW))


@njit(cache=True, nogil=True)
def push(heap: Heap, n: int, key: int, place: int) -> int:
    """Put a voxel in; the heap's size."""
    i = n
    while i > 0:
        up = (i - 1) >> 1
        if heap.key[up] > key:
            break
        heap.key[i], heap.place[i] = heap.key[up], heap.place[up]
        i = up
    heap.key[i], heap.place[i] = key, place
    return n + 1


@njit(cache=True, nogil=True)
def pop(heap: Heap, n: int) -> int:
    """Take the uppermost voxel off (the last one sinks to its place); the heap's size."""
    n -= 1
    key, place = heap.key[n], heap.place[n]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and heap.key[child + 1] > heap.key[child]:
            child += 1
        if heap.key[child] < key:
            break
        heap.key[i], heap.place[i] = heap.key[child], heap.place[child]
        i = child
    heap.key[i], heap.place[i] = key, place
    return n
