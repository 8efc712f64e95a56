"""Images for a screen: numbers in few bytes, fewer pixels, and sensible ends of the grey scale."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from friedel.kernels.explore.display_images import block_max, block_mean, largest, to_int16, to_uint16
from friedel.model.arrays import AnyArray, Image


@dataclass(frozen=True, slots=True, eq=False)
class ScaledArray:
    """Numbers in few bytes: value = stored × scale + offset. `meta` says what they are."""

    array: AnyArray
    scale: float = 1.0
    offset: float = 0.0
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Of the stored numbers."""
        return self.array.nbytes


def clean_image(clean: Image, quantum: float | None, **meta: Any) -> ScaledArray:
    """Clean counts, of any shape, as int16, -32768 where there is no number.

    Exact where all are multiples of `quantum` and fit; else as fine as they fit.
    """
    values = np.ascontiguousarray(clean, np.float32)
    step = max(float(largest(values.reshape(-1))) / 32767, 1e-30)
    if quantum is not None and step <= quantum:
        step = quantum
    out = np.empty(values.shape, np.int16)
    to_int16(values.reshape(-1), np.float32(1 / step), out.reshape(-1))
    return ScaledArray(out, float(step), 0.0, {"invalid": -32768, **meta})


def count_image(counts: AnyArray, quantum: float | None = None, **meta: Any) -> ScaledArray:
    """Raw counts or a background as uint16.

    Exact where all are whole numbers, or multiples of `quantum`, and fit; else as fine as they fit.
    """
    values = np.ascontiguousarray(counts)
    if values.dtype in (np.uint8, np.uint16):
        return ScaledArray(values.astype("<u2", copy=False), 1.0, 0.0, meta)
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
    return ScaledArray(out, step, low, meta)


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
