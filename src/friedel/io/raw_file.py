"""Bytes of a file at a place, for several threads at a time."""

import os
import threading
import weakref
from pathlib import Path

from friedel.errors import ScanError


class RawFile:
    """A file opened at the first read and closed with the object; can be sent to another process."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._handle: int | None = None

    def __reduce__(self) -> tuple[type["RawFile"], tuple[Path]]:
        return RawFile, (self.path,)

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`; fewer at the end of the file. Raises `ScanError` when it cannot be read."""
        try:
            handle = self._open()
            if hasattr(os, "pread"):
                return os.pread(handle, size, offset)
            with self._lock:  # Windows
                os.lseek(handle, offset, os.SEEK_SET)
                return os.read(handle, size)
        except OSError as error:
            raise ScanError(str(self.path), rule="cannot be read", got=error.strerror) from error

    def _open(self) -> int:
        if self._handle is None:
            with self._lock:
                if self._handle is None:
                    handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
                    weakref.finalize(self, os.close, handle)
                    self._handle = handle
        return self._handle
