"""Sums of clean frames over the footprints of predicted spots: what a matched filter is made of."""

import math
from typing import Any

from friedel.kernels.compiled import njit


@njit(cache=True, nogil=True)
def read_windows(
    images: Any, pointer: Any, size: Any, inverse: Any, window: Any, window_pointer: Any, out: Any
) -> None:
    """The footprints of spots (s) on the pixels of their windows: out float32, flat.

    Image of spot s is `images[pointer[s]:pointer[s+1]]` as [u,v] of `size` (s,2), read at `inverse` (s,2,3) @ (row,
    col, 1). `window` (s,4) are start and stop of rows and cols, whose pixels [row,col] are
    `out[window_pointer[s]:window_pointer[s+1]]`.
    """
    for s in range(len(window)):
        width, height = size[s]
        image = images[pointer[s] : pointer[s + 1]]
        m = inverse[s]
        at = window_pointer[s]
        for row in range(window[s, 0], window[s, 1]):
            for col in range(window[s, 2], window[s, 3]):
                u = m[0, 0] * row + m[0, 1] * col + m[0, 2]
                v = m[1, 0] * row + m[1, 1] * col + m[1, 2]
                left, low = math.floor(u), math.floor(v)
                out[at] = 0.0
                if 0 <= left < width - 1 and 0 <= low < height - 1:
                    a, b = u - left, v - low
                    p = left * height + low
                    light = (1.0 - a) * ((1.0 - b) * image[p] + b * image[p + 1])
                    out[at] = light + a * ((1.0 - b) * image[p + height] + b * image[p + height + 1])
                at += 1


@njit(cache=True, nogil=True)
def take_light(spots: Any, light: Any, window: Any, window_pointer: Any, footprint: Any, frame: Any) -> None:
    """Subtract from a frame float32 [row,col] what spots (k rows of the tables) put there: `light` (k) counts each.

    `window` (s,4), `window_pointer` (s+1), `footprint` as `read_windows` makes them.
    """
    for k in range(len(spots)):
        s = spots[k]
        at = window_pointer[s]
        for row in range(window[s, 0], window[s, 1]):
            for col in range(window[s, 2], window[s, 3]):
                frame[row, col] -= light[k] * footprint[at]
                at += 1


@njit(cache=True, nogil=True)
def matched_sums(
    spots: Any, window: Any, window_pointer: Any, footprint: Any, frame: Any, weight: Any, out: Any
) -> None:
    """Of spots (k rows of the tables) in a frame [row,col]: sums of footprint * weight * counts, and of footprint^2
    * weight; out (k,2). Pixels of weight 0 are not known."""
    for k in range(len(spots)):
        s = spots[k]
        at, match, square = window_pointer[s], 0.0, 0.0
        for row in range(window[s, 0], window[s, 1]):
            for col in range(window[s, 2], window[s, 3]):
                w = weight[row, col] * footprint[at]
                if w > 0.0:
                    match += w * frame[row, col]
                    square += w * footprint[at]
                at += 1
        out[k, 0], out[k, 1] = match, square


@njit(cache=True, nogil=True)
def add_windows(
    spots: Any, own: Any, part: Any, window: Any, window_pointer: Any, footprint: Any, frame: Any, weight: Any,
    start: Any, light: Any, seen: Any,
) -> None:  # fmt: skip
    """Add to `light`, where the weight is not 0, the counts of a frame [row,col] in the windows of spots (k), with
    `own` (k) counts as their footprints have them, and to `seen` the `part` (k) of the spot that is in the frame.

    Both float32, flat, spot k from `start` (k) on.
    """
    for k in range(len(spots)):
        s = spots[k]
        at, to = window_pointer[s], start[k]
        for row in range(window[s, 0], window[s, 1]):
            for col in range(window[s, 2], window[s, 3]):
                if weight[row, col] > 0.0:
                    light[to] += frame[row, col] + own[k] * footprint[at]
                    seen[to] += part[k]
                at += 1
                to += 1
