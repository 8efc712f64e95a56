"""HDF5 files that are written: whole or not there, and without a crash when the disk is full."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import h5py

from friedel.io.atomic import atomic


class _Sink:
    """The file below HDF5; after the first write that fails it takes everything and keeps nothing.

    HDF5 cannot close a file that it cannot write to: it keeps it open, and ends the process with a segmentation
    fault at exit. So failures are kept from it, and raised by `check`.
    """

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file, self._path = file, path
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the first error, if there was one; it names the file."""
        if self._error is not None:
            raise OSError(self._error.errno, self._error.strerror, str(self._path)) from self._error

    def write(self, data: bytes) -> int:
        """All of the data, also where the system takes them in pieces."""
        view = memoryview(data)
        done = 0
        try:
            while self._error is None and done < len(view):
                done += self._file.write(view[done:])
        except OSError as error:
            self._error = error
        return len(view)

    def read(self, size: int = -1) -> bytes:
        """h5py knows a file by this method, and then uses `readinto`."""
        return self._file.read(size) or b""

    def readinto(self, buffer: bytearray) -> int:
        """HDF5 reads back what it wrote; zeros where nothing is kept any more."""
        read = self._file.readinto(buffer) or 0
        if read < len(buffer):
            memoryview(buffer)[read:] = bytes(len(buffer) - read)
        return len(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of a file."""
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        """As of a file."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0

    def flush(self) -> None:
        """Nothing is held back."""


class H5Output(NamedTuple):
    """A file that is being written; `check` raises what the disk has refused so far."""

    file: h5py.File
    sink: _Sink

    def check(self) -> None:
        """Raise `OSError` when a write failed: `h5_output` makes it an `OutputError`."""
        self.sink.check()


@contextmanager
def h5_output(path: str | Path) -> Iterator[H5Output]:
    """An HDF5 file that appears at `path` when the block ends well, see `atomic`. Raises `OutputError`."""
    with atomic(path) as partial, FileIO(partial, "w+") as file:
        sink = _Sink(file, partial)
        output = h5py.File(sink, "w")
        try:
            yield H5Output(output, sink)
        finally:
            output.close()
        sink.check()
