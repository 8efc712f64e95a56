"""Arrays on their way to the page: plain little-endian bytes, and a header that says what they are."""

import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from starlette.responses import StreamingResponse

from friedel.explorer.display import ScaledArray
from friedel.model.arrays import AnyArray
from friedel.viewer.drafts import plain

HEADER = "X-Friedel-Array"
_TYPES = ("<u2", "<i2", "<i4", "<f4", "|u1")
_PIECE = 1 << 18
"""Bytes handed on at a time: what waits for a slow line is small, and the array itself is shared."""


def array_response(array: AnyArray | ScaledArray, *, pack: bool = False, **meta: Any) -> StreamingResponse:
    """Answer with an array (u1, u2, i2, i4 or f4; others become i4 or f4), `meta` in the header beside its shape.

    `pack` compresses it, for slow lines; call from a worker thread then.
    """
    given = array if isinstance(array, ScaledArray) else ScaledArray(array)
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
