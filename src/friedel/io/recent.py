"""The last few chunks that were decoded, for chunks of several frames."""

import threading
from collections.abc import Callable

from friedel.model.arrays import AnyArray

_KEPT = 4
"""Chunks: threads that read frame after frame are in one chunk or in the next."""


class Recent:
    """Keeps the newest chunks; each is decoded once although several threads want it at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[int, _Slot] = {}

    def __reduce__(self) -> tuple[type["Recent"], tuple[()]]:
        return Recent, ()

    def get(self, first: int, decode: Callable[[], AnyArray]) -> AnyArray:
        """The chunk that begins with frame `first`; what `decode` raises, it raises to everyone who asks."""
        with self._lock:
            slot = self._slots.setdefault(first, _Slot())
            while len(self._slots) > _KEPT:
                del self._slots[next(iter(self._slots))]
        with slot.lock:
            if slot.chunk is None:
                slot.chunk = decode()
            return slot.chunk


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.chunk: AnyArray | None = None
