"""How long light's way through a sample is: straight lines in the sample's own frame."""

import math
from typing import Any, NamedTuple

import numpy as np

from friedel.kernels.compiled import njit

NOTHING, CYLINDER, BOX, VOXELS = 0, 1, 2, 3
STEPS = 2.0
"""Readings of voxels on a way as long as a voxel."""
PARALLEL = 1e-12


class Body(NamedTuple):
    """What light passes through, in the sample frame (um).

    `kind` is `NOTHING`, a `CYLINDER` about z or a `BOX` about the origin, of which `half` (3) is half the size
    along x, y, z, or `VOXELS`: `inside` bool [z,y,x], the lower `corner` (3) of the first one, their edge.
    """

    kind: int
    half: Any
    inside: Any
    corner: Any
    voxel_um: float


NO_VOXELS = np.zeros((0, 0, 0), dtype=np.bool_)
EMPTY = Body(NOTHING, np.zeros(3), NO_VOXELS, np.zeros(3), 1.0)


@njit(cache=True, nogil=True)
def _between(at: float, along: float, low: float, high: float, span: Any) -> None:
    """Cut span (2) of a line's lengths down to where its coordinate, `at` + length * `along`, is in [low, high]."""
    if abs(along) < PARALLEL:
        if at < low or at > high:
            span[1] = span[0]
        return
    first, last = (low - at) / along, (high - at) / along
    span[0] = max(span[0], min(first, last))
    span[1] = min(span[1], max(first, last))


@njit(cache=True, nogil=True)
def _within_circle(x: float, y: float, dx: float, dy: float, radius: float, span: Any) -> None:
    """Cut span (2) of a line's lengths down to what is in the circle about the origin."""
    across, along, away = dx * dx + dy * dy, x * dx + y * dy, x * x + y * y - radius * radius
    if across < PARALLEL:
        if away > 0.0:
            span[1] = span[0]
        return
    root = along * along - across * away
    if root <= 0.0:
        span[1] = span[0]
        return
    root = math.sqrt(root)
    span[0] = max(span[0], (-along - root) / across)
    span[1] = min(span[1], (-along + root) / across)


@njit(cache=True, nogil=True)
def way_ahead(place: Any, direction: Any, body: Any, span: Any) -> float:
    """Length in um of what lies in the body ahead of a place (3), along a unit direction (3).

    Through voxels it is read twice a voxel, from the nearest one. `span` (2) is room for its ends.
    """
    span[0], span[1] = 0.0, np.inf
    if body.kind == NOTHING:
        return 0.0
    if body.kind == VOXELS:
        return float(_through_voxels(place, direction, body, span))
    _between(place[2], direction[2], -body.half[2], body.half[2], span)
    if body.kind == CYLINDER:
        _within_circle(place[0], place[1], direction[0], direction[1], body.half[0], span)
    else:
        for axis in range(2):
            _between(place[axis], direction[axis], -body.half[axis], body.half[axis], span)
    return float(max(span[1] - span[0], 0.0))


@njit(cache=True, nogil=True)
def _through_voxels(place: Any, direction: Any, body: Any, span: Any) -> float:
    shape, corner, voxel = body.inside.shape, body.corner, body.voxel_um
    for axis in range(3):
        _between(place[axis], direction[axis], corner[axis], corner[axis] + shape[2 - axis] * voxel, span)
    if not span[1] > span[0]:
        return 0.0
    count = max(math.ceil((span[1] - span[0]) / voxel * STEPS), 1)
    step = (span[1] - span[0]) / count
    lit = 0
    for i in range(count):
        far = span[0] + (i + 0.5) * step
        x = int((place[0] + far * direction[0] - corner[0]) / voxel)
        y = int((place[1] + far * direction[1] - corner[1]) / voxel)
        z = int((place[2] + far * direction[2] - corner[2]) / voxel)
        if 0 <= x < shape[2] and 0 <= y < shape[1] and 0 <= z < shape[0] and body.inside[z, y, x]:
            lit += 1
    return float(lit * step)


@njit(cache=True, nogil=True)
def ways_ahead(place: Any, direction: Any, body: Any, out: Any) -> None:
    """Lengths (n) in um of what lies in the body ahead of places (n,3), along unit directions (n,3)."""
    span = np.empty(2)
    for i in range(len(out)):
        out[i] = way_ahead(place[i], direction[i], body, span)
