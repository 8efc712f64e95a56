"""Which voxels of a simulated spot can be seen, what they amount to, and which spots have neighbours."""

from typing import Any, NamedTuple

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.simulate.spot_images import ProjectionModel, spot_image


class VisibilityRule(NamedTuple):
    """What is looked at: `sigma` float32 [row, col] is the background's noise, `hidden` [row, col] marks pixels
    that are not looked at; frames outside [0, frames) are lost unless `period` > 0 (then the scan repeats).
    A voxel is seen when it reaches max(peak_share * the spot's peak, noise_share * sigma)."""

    sigma: Any
    hidden: Any
    frames: int
    period: int
    peak_share: float
    noise_share: float


class VisibleSpots(NamedTuple):
    """What `find_visible` fills, one row a spot.

    `sizes` (n) voxels; `clipped` (n) 1 where a voxel that reaches the rule is hidden; `ranges` (n,6) half-open
    frame, row, col and `peak` (n,3) the first brightest voxel, frames unwrapped; `sums` (n,10) of 1, f, r, c, ff,
    rr, cc, fr, fc, rc, weighted with the counts, about the first corner of `ranges`.
    """

    sizes: Any
    clipped: Any
    ranges: Any
    peak: Any
    sums: Any


def no_visible_spots(spots: int) -> VisibleSpots:
    """Before anything is looked at."""
    whole = [np.zeros(shape, dtype=np.int64) for shape in (spots, spots, (spots, 6), (spots, 3))]
    return VisibleSpots(whole[0], whole[1], whole[2], whole[3], np.zeros((spots, 10)))


@njit(cache=True, nogil=True)
def find_visible(
    spots: Any,
    boxes: Any,
    model: ProjectionModel,
    rule: VisibilityRule,
    seen: VisibleSpots,
    voxels: Any,
    values: Any,
) -> int:
    """Look at each spot alone; returns how many voxels there are in all.

    Fills `seen`, `voxels` int32 (m,3) with unwrapped frame, row, col, and `values` float32 (m), spot by spot in
    (frame, row, col) order; m must hold all the boxes clipped to the detector.
    """
    rows, cols = rule.sigma.shape
    found = 0
    part = np.empty(6, dtype=np.int64)
    for i in range(len(spots)):
        box = boxes[i]
        part[:] = box
        if rule.period == 0:
            part[0], part[1] = max(box[0], 0), min(box[1], rule.frames)
        part[2], part[3] = max(box[2], 0), min(box[3], rows)
        part[4], part[5] = max(box[4], 0), min(box[5], cols)
        image = spot_image(spots[i], box, model, False)
        top = np.float32(0.0)
        for frame in range(part[0], part[1]):
            for row in range(part[2], part[3]):
                for col in range(part[4], part[5]):
                    value = image[frame - box[0], row - box[2], col - box[4]]
                    if value > top and not rule.hidden[row, col]:
                        top = value
                        seen.peak[i, 0], seen.peak[i, 1], seen.peak[i, 2] = frame, row, col
        before = found
        for frame in range(part[0], part[1]):
            for row in range(part[2], part[3]):
                for col in range(part[4], part[5]):
                    value = image[frame - box[0], row - box[2], col - box[4]]
                    limit = max(rule.peak_share * top, rule.noise_share * rule.sigma[row, col])
                    if value <= 0.0 or value < limit:
                        continue
                    if rule.hidden[row, col]:
                        seen.clipped[i] = 1
                        continue
                    voxels[found, 0], voxels[found, 1], voxels[found, 2] = frame, row, col
                    values[found] = value
                    found += 1
        seen.sizes[i] = found - before
        if found > before:
            _measure(voxels[before:found], values[before:found], seen.ranges[i], seen.sums[i])
    return found


@njit(cache=True, nogil=True)
def _measure(voxels: Any, values: Any, ranges: Any, sums: Any) -> None:
    for axis in range(3):
        low = high = voxels[0, axis]
        for voxel in range(len(values)):
            low, high = min(low, voxels[voxel, axis]), max(high, voxels[voxel, axis])
        ranges[2 * axis], ranges[2 * axis + 1] = low, high + 1
    for voxel in range(len(values)):
        w = np.float64(values[voxel])
        f, r, c = voxels[voxel, 0] - ranges[0], voxels[voxel, 1] - ranges[2], voxels[voxel, 2] - ranges[4]
        sums[0] += w
        sums[1] += w * f
        sums[2] += w * r
        sums[3] += w * c
        sums[4] += w * f * f
        sums[5] += w * r * r
        sums[6] += w * c * c
        sums[7] += w * f * r
        sums[8] += w * f * c
        sums[9] += w * r * c


@njit(cache=True, nogil=True)
def near_others(order: Any, pointer: Any, voxels: Any, ranges: Any, period: int, gap: int, out: Any) -> None:
    """Mark in out (n) every spot with a voxel of another one within `gap` voxels in each direction.

    `voxels` (m,3) are unwrapped frame, row, col, those of spot i at [pointer[i], pointer[i+1]); `ranges` (n,6) are
    their half-open ranges; `order` (n) sorts the spots by their first frame; `period` as in `add_spots`.
    """
    n = len(order)
    longest = 0
    for i in range(n):
        longest = max(longest, ranges[i, 1] - ranges[i, 0])
    first = ranges[order, 0]
    turns = 1 if period > 0 else 0
    for a in range(n):
        i = order[a]
        for turn in range(-turns, turns + 1):
            shift = turn * period
            b = np.searchsorted(first, ranges[i, 0] - longest - gap - shift)
            while b < n and first[b] + shift < ranges[i, 1] + gap:
                j = order[b]
                b += 1
                # each pair is asked once, by the spot that comes first in `order`
                if b - 1 <= a or (out[i] and out[j]) or not _boxes_near(ranges[i], ranges[j], shift, gap):
                    continue
                mine, other = voxels[pointer[i] : pointer[i + 1]], voxels[pointer[j] : pointer[j + 1]]
                if _voxels_near(mine, ranges[i], other, ranges[j], shift, gap):
                    out[i] = out[j] = 1


@njit(cache=True, nogil=True)
def _boxes_near(a: Any, b: Any, shift: int, gap: int) -> bool:
    if a[0] >= b[1] + shift + gap or b[0] + shift >= a[1] + gap:
        return False
    return bool(a[2] < b[3] + gap and b[2] < a[3] + gap and a[4] < b[5] + gap and b[4] < a[5] + gap)


@njit(cache=True, nogil=True)
def _voxels_near(mine: Any, a: Any, other: Any, b: Any, shift: int, gap: int) -> bool:
    low = np.empty(3, dtype=np.int64)
    size = np.empty(3, dtype=np.int64)
    for axis in range(3):
        move = shift if axis == 0 else 0
        low[axis] = max(a[2 * axis], b[2 * axis] + move - gap)
        size[axis] = min(a[2 * axis + 1], b[2 * axis + 1] + move + gap) - low[axis]
    mark = np.zeros((size[0], size[1], size[2]), dtype=np.uint8)
    for voxel in range(len(mine)):
        f, r, c = mine[voxel, 0] - low[0], mine[voxel, 1] - low[1], mine[voxel, 2] - low[2]
        if 0 <= f < size[0] and 0 <= r < size[1] and 0 <= c < size[2]:
            mark[f, r, c] = 1
    for voxel in range(len(other)):
        f, r, c = other[voxel, 0] + shift - low[0], other[voxel, 1] - low[1], other[voxel, 2] - low[2]
        for frame in range(max(f - gap, 0), min(f + gap + 1, size[0])):
            for row in range(max(r - gap, 0), min(r + gap + 1, size[1])):
                for col in range(max(c - gap, 0), min(c + gap + 1, size[2])):
                    if mark[frame, row, col]:
                        return True
    return False
