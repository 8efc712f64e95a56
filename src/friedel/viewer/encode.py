"""Arrays on their way to the page: plain little-endian bytes, and a header that says what they are."""

import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from starlette.responses import StreamingResponse

from friedel.kernels.explore.display_images import block_max, block_mean, largest, to_int16, to_uint16
from friedel.model.arrays import AnyArray, Image
from friedel.viewer.drafts import plain

HEADER = "X-Friedel-Array"
_TYPES = ("<u2", "<i2", "<i4", "<f4", "|u1")
_PIECE = 1 << 18
"""Bytes handed on at a time: what waits for a slow line is small, and the array itself is shared."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Numbers as they are sent: value = stored × scale + offset."""

    array: AnyArray
    scale: float = 1.0
    offset: float = 0.0
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Of the numbers."""
        return self.array.nbytes


def array_response(array: AnyArray | Encoded, *, pack: bool = False, **meta: Any) -> StreamingResponse:
    """Answer with an array (u1, u2, i2, i4 or f4; others become i4 or f4), `meta` in the header beside its shape.

    `pack` compresses it, for slow lines; call from a worker thread then.
    """
    given = array if isinstance(array, Encoded) else Encoded(array)
    numbers = _plain_type(given.array)
    about = {
        "dtype": numbers.dtype.str.replace("|", ""),
        "shape": list(numbers.shape),
        "scale": given.scale,
        "offset": given.offset,
        **plain(given.meta),
        **plain(meta),
    }
    body = np.ascontiguousarray(numbers).reshape(-1).view(np.uint8).data if numbers.size else memoryview(b"")
    headers = {HEADER: json.dumps(about), "Cache-Control": "no-store"}
    if pack:
        body = memoryview(_gzip(body))
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return StreamingResponse(_pieces(body), media_type="application/octet-stream", headers=headers)


async def _pieces(body: memoryview) -> AsyncIterator[memoryview]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


def _gzip(body: memoryview) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _plain_type(array: AnyArray) -> AnyArray:
    array = np.asarray(array)
    if array.dtype == np.bool_:
        array = array.view(np.uint8) if array.flags.c_contiguous else array.astype(np.uint8)
    if array.dtype.newbyteorder("<").str in _TYPES:
        return array.astype(array.dtype.newbyteorder("<"), copy=False)
    return array.astype("<f4" if array.dtype.kind == "f" else "<i4")


def clean_image(clean: Image, quantum: float | None, **meta: Any) -> Encoded:
    """Clean counts, of any shape, as int16, -32768 where there is no number.

    Exact where all are multiples of `quantum` and fit; else as fine as they fit.
    """
    values = np.ascontiguousarray(clean, np.float32)
    step = max(float(largest(values.reshape(-1))) / 32767, 1e-30)
    if quantum is not None and step <= quantum:
        step = quantum
    out = np.empty(values.shape, np.int16)
    to_int16(values.reshape(-1), np.float32(1 / step), out.reshape(-1))
    return Encoded(out, float(step), 0.0, {"invalid": -32768, **meta})


def count_image(counts: AnyArray, quantum: float | None = None, **meta: Any) -> Encoded:
    """Raw counts or a background as uint16.

    Exact where all are whole numbers, or multiples of `quantum`, and fit; else as fine as they fit.
    """
    values = np.ascontiguousarray(counts)
    if values.dtype in (np.uint8, np.uint16):
        return Encoded(values.astype("<u2", copy=False), 1.0, 0.0, meta)
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low = float(finite.min(initial=0.0)) if finite.size else 0.0
    high = float(finite.max(initial=0.0)) if finite.size else 0.0
    step = max((high - low) / 65535, 1e-30)
    finest = 1.0 if values.dtype.kind in "iu" else quantum
    if finest is not None and step <= finest:
        step = finest
    out = np.empty(values.shape, np.uint16)
    flat = values.reshape(-1) if values.dtype == np.float32 else values.reshape(-1).astype(np.float32)
    to_uint16(flat, np.float32(low), np.float32(1 / step), out.reshape(-1))
    return Encoded(out, step, low, meta)


def fewer_pixels(image: AnyArray, step: int, *, brightest: bool) -> Image:
    """Squares of `step` × `step` pixels as one: their mean, or their brightest."""
    rows, cols = image.shape
    out = np.empty((-(-rows // step), -(-cols // step)), np.float32)
    (block_max if brightest else block_mean)(image, step, out)
    return out


def limits(values: AnyArray, low: float, high: float) -> tuple[float, float]:
    """Percentiles of an image, from some of its pixels: sensible ends of the grey scale."""
    step = max(values.size // 40_000, 1)
    some = np.asarray(values.reshape(-1)[::step], np.float32)
    some = some[np.isfinite(some)]
    if not some.size:
        return 0.0, 1.0
    ends = np.percentile(some, [low, high])
    return float(ends[0]), max(float(ends[1]), float(ends[0]) + 1e-6)
