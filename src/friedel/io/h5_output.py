"""HDF5 files that are written: whole or not there, and without a crash when a disk is full or a signal comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import h5py

from friedel.io.atomic import atomic
from friedel.io.deferred_signals import DeferredSignals, deferred_signals


class _Sink:
    """The file below HDF5; after the first call that fails it takes everything and keeps nothing.

    HDF5 takes no exception from here: it swallows it and writes on, and a file that it could not write to it keeps
    open, which ends the process with a segmentation fault at exit. So all failures are kept from it, and raised by
    `check`; signals wait until it is done (`h5_output`).
    """

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file, self._path = file, path
        self._error: BaseException | None = None
        self._place = 0  # ours, because that of a file that has failed may be anywhere

    def check(self) -> None:
        """Raise the first error, if there was one; the system's name the file."""
        error = self._error
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        if error is not None:
            raise error

    def write(self, data: bytes) -> int:
        """All of the data, also where the system takes them in pieces."""
        view = memoryview(data)
        done = 0
        try:
            while self._error is None and done < len(view):
                self._file.seek(self._place + done)
                done += self._file.write(view[done:])
        except BaseException as error:  # noqa: BLE001  (whatever it is, HDF5 must not see it)
            self._error = self._error or error
        self._place += len(view)
        return len(view)

    def read(self, size: int = -1) -> bytes:
        """h5py knows a file by this method, and then uses `readinto`."""
        data = bytearray(max(size, 0))
        self.readinto(data)
        return bytes(data)

    def readinto(self, buffer: bytearray) -> int:
        """HDF5 reads back what it wrote; zeros where nothing is kept any more."""
        view, done = memoryview(buffer), 0
        try:
            while self._error is None and done < len(view):
                self._file.seek(self._place + done)
                got = self._file.readinto(view[done:])
                if not got:
                    break
                done += got
        except BaseException as error:  # noqa: BLE001  (as above)
            self._error = self._error or error
        view[done:] = bytes(len(view) - done)
        self._place += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file."""
        if whence == 2:
            offset += self._size()
        self._place = offset + (self._place if whence == 1 else 0)
        return self._place

    def tell(self) -> int:
        """As of a file."""
        return self._place

    def truncate(self, size: int | None = None) -> int:
        """As of a file."""
        size = self._place if size is None else size
        try:
            if self._error is None:
                self._file.truncate(size)
        except BaseException as error:  # noqa: BLE001  (as above)
            self._error = self._error or error
        return size

    def flush(self) -> None:
        """Nothing is held back."""

    def _size(self) -> int:
        try:
            return self._file.seek(0, 2) if self._error is None else self._place
        except BaseException as error:  # noqa: BLE001  (as above)
            self._error = self._error or error
            return self._place


class H5Output(NamedTuple):
    """A file that is being written; `check` raises what the disk has refused, or a signal asked for, so far."""

    file: h5py.File
    sink: _Sink
    signals: DeferredSignals

    def check(self) -> None:
        """Raise `OSError` when a write failed: `h5_output` makes it an `OutputError`."""
        self.sink.check()
        self.signals.deliver()


@contextmanager
def h5_output(path: str | Path) -> Iterator[H5Output]:
    """An HDF5 file that appears at `path` when the block ends well, see `atomic`. Raises `OutputError`.

    It appears only when every write, and closing it, went well. A signal that comes while HDF5 is at work is heard
    when it is done, at the latest before the file appears.
    """
    with (
        atomic(path) as partial,
        FileIO(partial, "r+") as file,
        deferred_signals(*_CALLED_BY_HDF5, _open, _close) as signals,
    ):
        sink = _Sink(file, partial)
        output = _open(sink)
        try:
            yield H5Output(output, sink, signals)
        except Exception:
            sink.check()  # what HDF5 says about zeros that it has read back has this cause
            raise
        finally:
            _close(output)
        sink.check()


def _open(sink: _Sink) -> h5py.File:
    """A new HDF5 file; a function, so that no interrupt leaves one that nobody knows of."""
    return h5py.File(sink, "w")


def _close(output: h5py.File) -> None:
    """Close it whole: one that is half closed is written to when the process ends."""
    output.close()


_CALLED_BY_HDF5 = (_Sink.write, _Sink.read, _Sink.readinto, _Sink.seek, _Sink.tell, _Sink.truncate, _Sink.flush)
