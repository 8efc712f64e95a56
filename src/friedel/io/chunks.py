"""Frames of HDF5 datasets whose bytes are read and decompressed outside h5py's global lock.

h5py reads with one thread at a time, and decompresses in it. Where a chunk is one or a few whole frames, its place
in the file is all that HDF5 is needed for: several threads then read and decompress side by side.
"""

from typing import NamedTuple

import h5py
import numpy as np

from friedel.errors import ScanError
from friedel.io.byte_reader import ByteReader, Bytes
from friedel.io.chunk_cache import ChunkCache, room_for
from friedel.io.codecs import Codec, DamagedChunkError, codec_of
from friedel.model.arrays import AnyArray


class Layout(NamedTuple):
    """How a dataset [frame, row, col] is stored: `per_chunk` whole frames a chunk."""

    name: str
    shape: tuple[int, int, int]
    stored: np.dtype[np.generic]
    codec: Codec
    per_chunk: int
    fill: AnyArray


class Place(NamedTuple):
    """Where a piece of a dataset is: `size` bytes from `offset` on."""

    offset: int
    size: int


class ChunkFrames:
    """Frames of a dataset with one or several whole frames a chunk; chunks that are not stored read as `fill`.

    `places` says where each chunk is, by its first frame.
    """

    def __init__(
        self, file: ByteReader, layout: Layout, places: dict[int, Place], cache: ChunkCache | None = None
    ) -> None:
        self._file, self._layout, self._places = file, layout, places
        self.shape, self.dtype = layout.shape, layout.stored.newbyteorder("=")
        each = "one frame" if layout.per_chunk == 1 else f"{layout.per_chunk} frames"
        self.about = f"{layout.codec.name}, {each} a chunk, read by several threads"
        self._cache = cache or ChunkCache()
        self.frames_per_read = layout.per_chunk

    @property
    def held_bytes(self) -> int:
        """Memory for the chunks that are kept."""
        return room_for(self._chunk_bytes) if self._layout.per_chunk > 1 else 0

    @property
    def file_extents(self) -> tuple[tuple[int, ...], ...]:
        """Place and size of every chunk: compressed ones change their size with their content."""
        return tuple((first, *place) for first, place in sorted(self._places.items()))

    @property
    def _chunk_bytes(self) -> int:
        return self._layout.per_chunk * self.shape[1] * self.shape[2] * self._layout.stored.itemsize

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop). Raises `ScanError` that names the file, the dataset and the frame."""
        out = np.empty((stop - start, *self.shape[1:]), self._layout.stored)
        n = self._layout.per_chunk
        for first in range(start - start % n, stop, n):
            if n == 1:
                self._decode(first, out[first - start : first - start + 1])
                continue
            lo, hi = max(first, start), min(first + n, stop)
            out[lo - start : hi - start] = self._whole(first)[lo - first : hi - first]
        return out if self._layout.stored.isnative else out.astype(self.dtype)

    def _whole(self, first: int) -> AnyArray:
        """A chunk of several frames; the last ones are kept, as frames are read in order."""

        def decode() -> AnyArray:
            chunk = np.empty((self._layout.per_chunk, *self.shape[1:]), self._layout.stored)
            self._decode(first, chunk)
            return chunk

        return self._cache.get((self._file.path, self._layout.name, first), self._chunk_bytes, decode)

    def _decode(self, first: int, out: AnyArray) -> None:
        place = self._places.get(first)
        if place is None:
            out[...] = self._layout.fill
            return
        data = self._file.read(place.offset, place.size)
        try:
            if len(data) != place.size:
                raise DamagedChunkError("is cut off")
            self._layout.codec.decode(data, out)
        except DamagedChunkError as error:
            last = min(first + self._layout.per_chunk, self.shape[0]) - 1
            frames = f"frame {first}" if first == last else f"frames {first} to {last}"
            what = f"{frames} of {self._file.path}::{self._layout.name}"
            raise ScanError(what, rule="is damaged", got=f"a chunk that {error}") from error


class ContiguousFrames:
    """Frames that lie one after the other, in the HDF5 file itself or in raw files beside it."""

    about = "not compressed, read by several threads"

    def __init__(
        self,
        pieces: list[tuple[ByteReader, Place]],
        name: str,
        shape: tuple[int, int, int],
        stored: np.dtype[np.generic],
    ) -> None:
        self._pieces, self._name, self.shape = pieces, name, shape
        self._stored, self.dtype = stored, stored.newbyteorder("=")
        self.file_extents = tuple(tuple(place) for _, place in pieces)

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop). Raises `ScanError` that names the file, the dataset and the frame."""
        size = self.shape[1] * self.shape[2] * self._stored.itemsize
        out = np.empty((stop - start, *self.shape[1:]), self._stored)
        done = self._fill(out.reshape(-1).view(np.uint8), start * size)
        if done < out.nbytes:
            frame = start + done // size
            raise ScanError(f"frame {frame} of {self._name}", rule="is cut off", way_out="copy the file again")
        return out if self._stored.isnative else out.astype(self.dtype)

    def _fill(self, out: Bytes, offset: int) -> int:
        """Fill `out` with the bytes from `offset` of all pieces; how many there were."""
        done, at = 0, 0
        for file, place in self._pieces:
            lo, hi = max(offset, at), min(offset + len(out), at + place.size)
            if lo < hi:
                got = file.read_into(out[done : done + hi - lo], place.offset + lo - at)
                done += got
                if got < hi - lo:
                    break
            at += place.size
        return done


def direct_frames(dataset: h5py.Dataset, cache: ChunkCache | None = None) -> ChunkFrames | ContiguousFrames | None:
    """A source that reads the dataset [frame, row, col] without h5py, or None where the layout is unusual.

    `recent` keeps chunks of several frames, together with those of the scan's other datasets.
    """
    if dataset.file.userblock_size or dataset.dtype.kind not in "uif":
        return None
    name = f"{dataset.file.filename}::{dataset.name}"
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is None or dataset.external is not None:
            return None
        place = Place(offset, dataset.size * dataset.dtype.itemsize)
        return ContiguousFrames([(ByteReader(dataset.file.filename), place)], name, dataset.shape, dataset.dtype)
    codec = codec_of(dataset)
    if dataset.chunks[1:] != dataset.shape[1:] or codec is None or not hasattr(dataset.id, "chunk_iter"):
        return None
    places: dict[int, Place] = {}
    skipped = []

    def note(info: h5py.h5d.StoreInfo) -> None:
        places[info.chunk_offset[0]] = Place(info.byte_offset, info.size)
        skipped.append(info.filter_mask)

    dataset.id.chunk_iter(note)
    if any(skipped):  # some chunks were stored without one of the filters
        return None
    missing = len(places) < -(-dataset.shape[0] // dataset.chunks[0])
    # asked for only where it counts: HDF5 crashes on some that are damaged
    fill = np.asarray(dataset.fillvalue if missing else 0, dataset.dtype)
    layout = Layout(dataset.name, dataset.shape, dataset.dtype, codec, dataset.chunks[0], fill)
    return ChunkFrames(ByteReader(dataset.file.filename), layout, places, cache)
