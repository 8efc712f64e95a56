"""Compression of HDF5 chunks outside h5py's global lock, so that several threads can work at a time.

Formats: `bitshuffle` with LZ4 as in bitshuffle's HDF5 filter 32008 (https://github.com/kiyo-masui/bitshuffle),
`gzip` (deflate, filter 1) with or without byte `shuffle` (filter 2), and no compression.
"""

import ctypes
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import h5py
import hdf5plugin
import imagecodecs
import numpy as np

from friedel.io.byte_reader import Bytes
from friedel.model.arrays import AnyArray

BITSHUFFLE = 32008
_LZ4 = 2
_HEADER = struct.Struct(">QI")
_BLOCK = 8192  # bytes; bitshuffle's own default
_GZIP_LEVEL = 1


class DamagedChunkError(Exception):
    """A chunk that is not what its filters say; the reader turns it into an error that names the frame."""


class Codec(NamedTuple):
    """How to turn a stored chunk into `out`, an array that is C-contiguous and as large as the chunk."""

    name: str
    decode: Callable[[Bytes, AnyArray], None]


def codec_of(dataset: h5py.Dataset) -> Codec | None:
    """The codec of a chunked dataset, or None where only h5py can read it."""
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(i)[:3:2] for i in range(plist.get_nfilters())]
    codes = [code for code, _ in filters]
    if not codes:
        return Codec("not compressed", _decode_plain)
    if codes == [h5py.h5z.FILTER_DEFLATE]:
        return Codec("gzip", _decode_gzip)
    if codes == [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE]:
        return Codec("gzip", _decode_shuffled_gzip)
    if codes == [BITSHUFFLE] and len(filters[0][1]) > 4 and filters[0][1][4] == _LZ4 and _bitshuffle() is not None:
        return Codec("bitshuffle-lz4", _decode_bitshuffle)
    return None


def can_encode() -> bool:
    """Whether `encode_bitshuffle` works here."""
    return _bitshuffle() is not None


def encode_bitshuffle(frame: AnyArray) -> bytes:
    """One frame as a bitshuffle-LZ4 chunk. Releases the interpreter while it works."""
    library = _bitshuffle()
    if library is None:
        raise RuntimeError("bitshuffle's functions are not exported here")  # can_encode() was not asked
    frame = np.ascontiguousarray(frame)
    size = frame.itemsize
    block = _BLOCK // size
    out = ctypes.create_string_buffer(_HEADER.size + library.bshuf_compress_lz4_bound(frame.size, size, block))
    _HEADER.pack_into(out, 0, frame.nbytes, block * size)
    target = ctypes.addressof(out) + _HEADER.size
    written = library.bshuf_compress_lz4(frame.ctypes.data, target, frame.size, size, block)
    if written < 0:
        raise DamagedChunkError(f"bitshuffle error {written}")
    return out.raw[: _HEADER.size + written]


def encode_shuffled_gzip(values: AnyArray) -> bytes:
    """Numbers as a shuffled deflate chunk, which HDF5 reads without a plugin. Others may work meanwhile."""
    plain = np.ascontiguousarray(values)
    planes = plain.view(np.uint8).reshape(-1, plain.itemsize).T.tobytes()
    if imagecodecs.DEFLATE.available:
        return bytes(imagecodecs.deflate_encode(planes, level=_GZIP_LEVEL))
    return zlib.compress(planes, _GZIP_LEVEL)


def _decode_plain(data: Bytes, out: AnyArray) -> None:
    _fill(out, data)


def _decode_gzip(data: Bytes, out: AnyArray) -> None:
    _fill(out, _inflate(data, out.nbytes))


def _decode_shuffled_gzip(data: Bytes, out: AnyArray) -> None:
    plain = _inflate(data, out.nbytes)
    if len(plain) != out.nbytes:
        raise DamagedChunkError(f"holds {len(plain)} bytes instead of {out.nbytes}")
    target = out.reshape(-1).view(np.uint8).reshape(-1, out.itemsize)
    for byte, plane in enumerate(plain.reshape(out.itemsize, -1)):  # 4 times as fast as the transposed copy
        target[:, byte] = plane


def _inflate(data: Bytes, size: int) -> Bytes:
    """libdeflate takes two thirds of zlib's time, but is not part of every build of imagecodecs."""
    failures = (zlib.error, imagecodecs.DeflateError)
    try:
        if imagecodecs.DEFLATE.available:
            return np.frombuffer(imagecodecs.deflate_decode(data.tobytes(), out=size), np.uint8)
        return np.frombuffer(zlib.decompress(data.data, bufsize=size), np.uint8)
    except failures as error:
        raise DamagedChunkError(f"gzip cannot decompress ({error})") from error


def _fill(out: AnyArray, data: Bytes) -> None:
    if len(data) != out.nbytes:
        raise DamagedChunkError(f"holds {len(data)} bytes instead of {out.nbytes}")
    out.reshape(-1).view(np.uint8)[...] = data


def _decode_bitshuffle(data: Bytes, out: AnyArray) -> None:
    from friedel.kernels.io.lz4_blocks import blocks_fit

    library = _bitshuffle()
    assert library is not None  # codec_of has asked
    if len(data) < _HEADER.size:
        raise DamagedChunkError(f"holds {len(data)} bytes only")
    nbytes, block_bytes = _HEADER.unpack_from(data.data)
    size = out.itemsize
    block = (block_bytes or _BLOCK) // size
    if nbytes != out.nbytes or block == 0 or block % 8:
        raise DamagedChunkError(f"is for {nbytes} bytes instead of {out.nbytes}")
    # bitshuffle trusts the sizes that it reads from the chunk: without this check a damaged one ends the process.
    if not blocks_fit(data, _HEADER.size, out.size, size, block):
        raise DamagedChunkError("is cut off or damaged")
    source = data.ctypes.data + _HEADER.size
    read = library.bshuf_decompress_lz4(source, out.ctypes.data, out.size, size, block)
    if read < 0:
        raise DamagedChunkError(f"bitshuffle error {read}")


@cache
def _bitshuffle() -> ctypes.CDLL | None:
    """bitshuffle's own functions in the filter library that hdf5plugin ships, where they are exported."""
    for path in sorted(Path(hdf5plugin.PLUGIN_PATH).glob("libh5bshuf*")):
        try:
            library = ctypes.CDLL(str(path))
            size = ctypes.c_size_t
            for name in ("bshuf_compress_lz4", "bshuf_decompress_lz4"):
                function = getattr(library, name)
                function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, size, size, size]
                function.restype = ctypes.c_int64
            library.bshuf_compress_lz4_bound.argtypes = [size, size, size]
            library.bshuf_compress_lz4_bound.restype = size
        except (OSError, AttributeError):
            return None
        return library
    return None
