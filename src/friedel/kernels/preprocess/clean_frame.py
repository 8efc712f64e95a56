"""One clean frame by itself, where its background is known: all steps at once, a band of rows at a time.

The order of the float32 operations is that of `normalise` and `subtract_background`, so that the values are the
pass's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit
from friedel.kernels.preprocess.despeckle import despeckle
from friedel.kernels.preprocess.subtract_background import put

_BAND_PIXELS = 16384


@njit(cache=True, nogil=True)
def _fixed_line(
    raw: NDArray[Any],
    dark: NDArray[np.float32],
    keep: NDArray[np.bool_],
    factor: NDArray[np.float32],
    background: NDArray[np.float32],
    scale: np.float32,
    offset: np.float32,
    out: NDArray[np.float32],
) -> None:
    """Fixed point, minus the background (counts), in counts."""
    bias = offset + np.float32(0.5)
    inverse = np.float32(1) / scale
    for p in range(raw.size):
        v = (np.float32(raw[p]) - dark[p]) * factor[p] + bias
        v = v if abs(v) < np.float32(np.inf) else bias
        v = v if v > np.float32(-1) else np.float32(-1)
        v = v if v < np.float32(65536) else np.float32(65536)
        q = np.floor(v)
        q = q if q > np.float32(0) else np.float32(0)
        q = q if q < np.float32(65535) else np.float32(65535)
        d = (q - (background[p] * scale + offset)) * inverse
        out[p] = d if keep[p] else np.float32(0)


@njit(cache=True, nogil=True)
def _float_line(
    raw: NDArray[Any],
    dark: NDArray[np.float32],
    keep: NDArray[np.bool_],
    factor: NDArray[np.float32],
    background: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """The same in float32 throughout."""
    for p in range(raw.size):
        v = (np.float32(raw[p]) - dark[p]) * factor[p]
        v = v if abs(v) < np.float32(np.inf) else np.float32(0)
        out[p] = v - background[p] if keep[p] else np.float32(0)


@njit(cache=True, nogil=True)
def clean_frame(
    raw: NDArray[Any],
    dark: NDArray[np.float32],
    keep: NDArray[np.bool_],
    part: NDArray[np.uint8],
    factors: NDArray[np.float32],
    fixed: bool,
    scale: float,
    offset: float,
    background: NDArray[np.float32],
    size: int,
    masked: NDArray[np.int64],
    invalid: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """A flat frame `raw`, uint16 or float32, into `out` [row, col], counts.

    `factors` [part] is gain times `scale` (float32 arithmetic: the gain); `background` [row, col] in counts;
    `masked` and `invalid` are flat pixels that are nothing, and not known in this frame: both count as 0 in the
    median of `size` × `size`, after which masked ones are 0 and unknown ones NaN.
    """
    rows, cols = out.shape
    halo = size // 2
    band = max(4, _BAND_PIXELS // cols)
    flat = np.empty((band + 2 * halo) * cols, np.float32)
    factor = np.full(cols, factors[0], np.float32)
    for start in range(0, rows, band):
        stop = min(start + band, rows)
        above, below = max(start - halo, 0), min(stop + halo, rows)
        for j in range(above, below):
            at = j * cols
            if factors.size > 1:
                for p in range(cols):
                    factor[p] = factors[part[at + p]]
            line = flat[(j - above) * cols : (j - above + 1) * cols]
            values, darks, keeps = raw[at : at + cols], dark[at : at + cols], keep[at : at + cols]
            if fixed:
                _fixed_line(
                    values, darks, keeps, factor, background[j], np.float32(scale), np.float32(offset), line
                )
            else:
                _float_line(values, darks, keeps, factor, background[j], line)
        used = flat[: (below - above) * cols]
        put(0, invalid, above * cols, below * cols, used)
        despeckle(used.reshape(below - above, cols), size, start - above, stop - above, out[start:stop])
        clean = out[start:stop].reshape((stop - start) * cols)
        put(np.nan, invalid, start * cols, stop * cols, clean)
        put(0, masked, start * cols, stop * cols, clean)
