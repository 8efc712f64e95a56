"""The last few chunks that were decoded, for chunks of several frames."""

import threading
from collections.abc import Callable, Hashable

from friedel.model.arrays import AnyArray

ROOM_BYTES = 64_000_000
"""Chunks that are kept may take so much, all those of a scan together."""
_FEWEST = 2
"""Threads that read frame after frame are in one chunk or in the next: with fewer, chunks were decoded again."""


def room_for(chunk_bytes: int) -> int:
    """Bytes that a scan with chunks of this size keeps at most."""
    return max(ROOM_BYTES, _FEWEST * chunk_bytes)


class ChunkCache:
    """Keeps the newest chunks; each is decoded once although several threads want it at the same time.

    One serves all the files of a scan: chunks of a file that was read to its end make room for the next one's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[Hashable, _Slot] = {}
        self._bytes = 0

    def __reduce__(self) -> tuple[type["ChunkCache"], tuple[()]]:
        return ChunkCache, ()

    def get(self, key: Hashable, size: int, decode: Callable[[], AnyArray]) -> AnyArray:
        """The chunk of `size` bytes called `key`; what `decode` raises, it raises to everyone who asks."""
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = _Slot(size)
                self._bytes += size
            while self._bytes > ROOM_BYTES and len(self._slots) > _FEWEST:
                self._bytes -= self._slots.pop(next(iter(self._slots))).size
        with slot.lock:
            if slot.chunk is None:
                slot.chunk = decode()
            return slot.chunk


class _Slot:
    def __init__(self, size: int) -> None:
        self.lock = threading.Lock()
        self.size = size
        self.chunk: AnyArray | None = None
