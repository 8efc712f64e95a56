"""What one sees of labelled voxels from outside: rays through a volume of grains, a corner of it cut away.

Boundaries are where two grains have the same weight of a cubic B-spline over the voxels (Sigg & Hadwiger, GPU
Gems 2, chapter 20), made wider: a picture has no steps, however few voxels there are. Places are in voxels
(z, y, x), the first voxel's centre at 0.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit

NEAR = 1.8
"""Voxels from the sample within which a ray looks closely: a diagonal, rounded up."""
FINE = 0.5
STEP_OF_SLOPE = 1.0
CANDIDATES = 8
SPREAD = 1.7
"""How much wider than voxels the B-splines of labels are: 1 leaves the steps of slanted boundaries to be seen."""
REACH = 4
"""Voxels to either side that such a spline covers."""


@njit(cache=True, nogil=True)
def cast_rays(
    label: Any, solid: Any, distance: Any, start: Any, right: Any, down: Any, forward: Any, cut: Any, out: Any
) -> None:
    """Follow one ray a pixel; `out` [row, col, 5] gets label, depth, normal (z, y, x); depth inf for a miss.

    `label` [z,y,x]; `solid` float32 is above 0.5 in the sample, `distance` float32 in voxels from it. A ray begins
    at `start + row * down + col * right` and goes along `forward` (unit). What lies beyond `cut` (3,) in all of z
    (above), y (below) and x (above) is not there.
    """
    reach = 2.0 * math.sqrt(label.shape[0] ** 2 + label.shape[1] ** 2 + label.shape[2] ** 2)
    ray, place = np.empty(3), np.empty(3)
    work, names = np.empty((4, 2 * REACH)), np.empty(CANDIDATES, np.int64)
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            for axis in range(3):
                ray[axis] = start[axis] + row * down[axis] + col * right[axis]
            depth = _meet(solid, distance, ray, forward, cut, reach, place)
            out[row, col, 1] = depth
            if depth < np.inf:
                _normal(solid, place, cut, out[row, col, 2:5])
                out[row, col, 0] = vote(label, place, work, names)


@njit(cache=True, nogil=True)
def _meet(solid: Any, distance: Any, ray: Any, forward: Any, cut: Any, reach: float, place: Any) -> float:
    """How far along the ray the sample begins, inf if nowhere; `place` is where."""
    last, t = 0.0, 0.0
    while t < reach:
        _go(ray, forward, t, place)
        away = _far(distance, place)
        if away < NEAR and _inside(solid, place, cut):
            break
        last = t
        t += max(away - NEAR, FINE)
    if t >= reach:
        return np.inf
    for _ in range(7):
        middle = 0.5 * (last + t)
        _go(ray, forward, middle, place)
        if _inside(solid, place, cut):
            t = middle
        else:
            last = middle
    _go(ray, forward, t, place)
    return t


@njit(cache=True, nogil=True)
def _go(ray: Any, forward: Any, t: float, place: Any) -> None:
    for axis in range(3):
        place[axis] = ray[axis] + t * forward[axis]


@njit(cache=True, nogil=True)
def _far(distance: Any, place: Any) -> float:
    """At least so far from the sample: `distance` inside the volume, beyond it the way to the volume as well."""
    z = min(max(place[0], 0.0), distance.shape[0] - 1.0)
    y = min(max(place[1], 0.0), distance.shape[1] - 1.0)
    x = min(max(place[2], 0.0), distance.shape[2] - 1.0)
    outside = math.sqrt((place[0] - z) ** 2 + (place[1] - y) ** 2 + (place[2] - x) ** 2)
    return max(outside, float(distance[int(z + 0.5), int(y + 0.5), int(x + 0.5)]) - outside)


@njit(cache=True, nogil=True)
def _inside(solid: Any, place: Any, cut: Any) -> bool:
    if place[0] > cut[0] and place[1] < cut[1] and place[2] > cut[2]:
        return False
    return bool(smooth(solid, place) > 0.5)


@njit(cache=True, nogil=True)
def smooth(values: Any, place: Any) -> float:
    """Between the eight voxels [z,y,x] around a place, linearly; 0 beyond the volume."""
    z0, y0, x0 = math.floor(place[0]), math.floor(place[1]), math.floor(place[2])
    if z0 < 0 or y0 < 0 or x0 < 0:
        return 0.0
    z, y, x = int(z0), int(y0), int(x0)
    if z + 1 >= values.shape[0] or y + 1 >= values.shape[1] or x + 1 >= values.shape[2]:
        return 0.0
    c, b, a = place[0] - z0, place[1] - y0, place[2] - x0
    low = (1 - b) * ((1 - a) * values[z, y, x] + a * values[z, y, x + 1]) + b * (
        (1 - a) * values[z, y + 1, x] + a * values[z, y + 1, x + 1]
    )
    high = (1 - b) * ((1 - a) * values[z + 1, y, x] + a * values[z + 1, y, x + 1]) + b * (
        (1 - a) * values[z + 1, y + 1, x] + a * values[z + 1, y + 1, x + 1]
    )
    return float((1 - c) * low + c * high)


@njit(cache=True, nogil=True)
def _normal(solid: Any, place: Any, cut: Any, out: Any) -> None:
    """Outward unit normal: of the cut where the place lies on it, else down the slope of `solid`."""
    edge = 0.02
    if place[0] > cut[0] - edge and place[1] < cut[1] + edge and place[2] > cut[2] - edge:
        least = 0
        for axis in range(1, 3):
            if abs(place[axis] - cut[axis]) < abs(place[least] - cut[least]):
                least = axis
        if abs(place[least] - cut[least]) < edge:
            out[:] = 0.0
            out[least] = -1.0 if least == 1 else 1.0
            return
    total, at = 1e-12, place.copy()
    for axis in range(3):
        at[axis] = place[axis] + STEP_OF_SLOPE
        ahead = smooth(solid, at)
        at[axis] = place[axis] - STEP_OF_SLOPE
        out[axis] = smooth(solid, at) - ahead
        at[axis] = place[axis]
        total += out[axis] ** 2
    for axis in range(3):
        out[axis] /= math.sqrt(total)


@njit(cache=True, nogil=True)
def _weigh(part: float, weights: Any) -> None:
    """Weights of the voxels around, for a place `part` of the way between the middle two."""
    for i in range(2 * REACH):
        far = abs(i - (REACH - 1) - part) / SPREAD
        if far < 1.0:
            weights[i] = 2.0 / 3.0 - 0.5 * far * far * (2.0 - far)
        elif far < 2.0:
            weights[i] = (2.0 - far) ** 3 / 6.0
        else:
            weights[i] = 0.0


@njit(cache=True, nogil=True)
def _alone(label: Any, z0: int, y0: int, x0: int) -> int:
    """The only label at the middle and at the corners of what a spline covers, 0 where there are several."""
    found = 0
    for i in range(-REACH, REACH + 2, REACH):
        z = min(max(z0 + i, 0), label.shape[0] - 1)
        for j in range(-REACH, REACH + 2, REACH):
            y = min(max(y0 + j, 0), label.shape[1] - 1)
            for k in range(-REACH, REACH + 2, REACH):
                name = label[z, y, min(max(x0 + k, 0), label.shape[2] - 1)]
                if name == 0:
                    continue
                if found > 0 and name != found:
                    return 0
                found = name
    return found


@njit(cache=True, nogil=True)
def vote(label: Any, place: Any, work: Any, names: Any) -> int:
    """The label with most weight around a place."""
    votes, weights = work[0], work[1:4]
    z0, y0, x0 = math.floor(place[0]), math.floor(place[1]), math.floor(place[2])
    only: int = _alone(label, int(z0), int(y0), int(x0))
    if only != 0:
        return only
    _weigh(place[0] - z0, weights[0])
    _weigh(place[1] - y0, weights[1])
    _weigh(place[2] - x0, weights[2])
    used = 0
    for i in range(2 * REACH):
        z = min(max(int(z0) + i - REACH + 1, 0), label.shape[0] - 1)
        for j in range(2 * REACH):
            y = min(max(int(y0) + j - REACH + 1, 0), label.shape[1] - 1)
            beside = weights[0, i] * weights[1, j]
            if beside == 0.0:
                continue
            for k in range(2 * REACH):
                name = label[z, y, min(max(int(x0) + k - REACH + 1, 0), label.shape[2] - 1)]
                if name == 0:
                    continue
                slot = 0
                while slot < used and names[slot] != name:
                    slot += 1
                if slot == used:
                    if used == CANDIDATES:
                        continue
                    names[slot], votes[slot] = name, 0.0
                    used += 1
                votes[slot] += beside * weights[2, k]
    best, winner = 0.0, 0
    for slot in range(used):
        if votes[slot] > best:
            best, winner = votes[slot], names[slot]
    return winner
