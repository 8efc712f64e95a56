"""Images with a point spread: each pixel's light goes to its neighbours too."""

from typing import Any

import numpy as np

from friedel.kernels.compiled import njit


@njit(cache=True, nogil=True)
def spread_light(images: Any, taps: Any, out: Any) -> None:
    """Convolve images float32 (n,u,v) along u and v: out (n,u,v). `taps` (k) are the parts that a pixel keeps, and
    that go to its first, second, ... neighbours; nothing comes from beyond the images' edges."""
    count, width, height = images.shape
    reach = len(taps)
    along = np.empty((width, height), dtype=np.float32)
    for n in range(count):
        for u in range(width):
            for v in range(height):
                along[u, v] = taps[0] * images[n, u, v]
            for k in range(1, reach):
                tap = taps[k]
                if u - k >= 0:
                    for v in range(height):
                        along[u, v] += tap * images[n, u - k, v]
                if u + k < width:
                    for v in range(height):
                        along[u, v] += tap * images[n, u + k, v]
        for u in range(width):
            for v in range(height):
                out[n, u, v] = taps[0] * along[u, v]
            for k in range(1, reach):
                tap = taps[k]
                for v in range(k, height):
                    out[n, u, v] += tap * along[u, v - k]
                for v in range(height - k):
                    out[n, u, v] += tap * along[u, v + k]
