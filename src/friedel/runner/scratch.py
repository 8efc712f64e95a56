"""Scratch space in files without a name: bounded memory, and nothing left behind however a run ends."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

import numpy as np
from numpy.typing import DTypeLike

from friedel.model.arrays import AnyArray


class FileSpool:
    """Pieces in a file; the whole is mapped, so that the system may drop what memory it needs."""

    def __init__(self, file: IO[bytes], kind: DTypeLike) -> None:
        self._file, self._kind, self._bytes = file, np.dtype(kind), 0

    def append(self, values: AnyArray) -> None:
        """Write a piece. Raises `OSError` when the disk is full."""
        piece = np.ascontiguousarray(values, dtype=self._kind)
        self._file.write(piece.data)
        self._bytes += piece.nbytes

    def whole(self) -> AnyArray:
        """All pieces as one array."""
        self._file.flush()
        return _mapped(self._file, self._bytes // self._kind.itemsize, self._kind)


class FileScratch:
    """Scratch space in `folder`; the files are gone when nothing uses them any more, also after a kill.

    A context manager: arrays that it gave stay usable afterwards, spools do not.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def spool(self, kind: DTypeLike) -> FileSpool:
        """A file to append to."""
        return FileSpool(self._file(), kind)

    def empty(self, count: int, kind: DTypeLike) -> AnyArray:
        """A mapped array. Its place is taken at once: a full disk is an error here, not a crash later."""
        file = self._file()
        _reserve(file, count * np.dtype(kind).itemsize)
        return _mapped(file, count, np.dtype(kind))

    def _file(self) -> IO[bytes]:
        return self._open.enter_context(tempfile.TemporaryFile(dir=self._folder))


def _reserve(file: IO[bytes], size: int) -> None:
    if size and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    elif size:  # macOS has no such call: zeros take the place
        zeros = bytes(1 << 20)
        for start in range(0, size, len(zeros)):
            file.write(zeros[: size - start])
        file.flush()


def _mapped(file: IO[bytes], count: int, kind: np.dtype[np.generic]) -> AnyArray:
    if count == 0:  # nothing cannot be mapped
        return np.empty(0, kind)
    return np.asarray(np.memmap(file, dtype=kind, mode="r+", shape=(count,)))
