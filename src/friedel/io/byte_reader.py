"""Bytes of a file at a place, for several threads at a time."""

import os
import threading
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from friedel.io.foreign import parsing

Bytes = NDArray[np.uint8]


class ByteReader:
    """A file opened at the first read and closed with the object; can be sent to another process."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._handle: int | None = None

    def __reduce__(self) -> tuple[type["ByteReader"], tuple[Path]]:
        return ByteReader, (self.path,)

    def read(self, offset: int, size: int) -> Bytes:
        """`size` bytes from `offset`; fewer at the end of the file. Raises `ScanError` when it cannot be read."""
        with parsing(self.path):
            there = os.fstat(self._open()).st_size - offset  # a size that was read from a file may be anything
            data = np.empty(max(0, min(size, there)), np.uint8)
            return data[: self.read_into(data, offset)]

    def read_into(self, out: Bytes, offset: int) -> int:
        """Fill `out` from `offset` on; how many bytes there were. Raises `ScanError` when it cannot be read."""
        view, done = out.data, 0
        with parsing(self.path):
            handle = self._open()
            while done < len(view):  # the system gives two gigabytes at a time at most
                got = self._once(handle, view[done:], offset + done)
                if got == 0:
                    break
                done += got
        return done

    def _once(self, handle: int, view: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(handle, [view], offset)
        with self._lock:  # Windows
            os.lseek(handle, offset, os.SEEK_SET)
            data = os.read(handle, len(view))
        view[: len(data)] = data
        return len(data)

    def _open(self) -> int:
        if self._handle is None:
            with self._lock:
                if self._handle is None:
                    handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
                    weakref.finalize(self, os.close, handle)
                    self._handle = handle
        return self._handle
