"""Spots as images: every voxel of a grain thrown onto the detector along its own diffracted beam.

A voxel's own orientation differs a little from its grain's; frame, direction and place are linear in that
difference (`rotation`, a rotation vector per voxel). Mosaicity spreads each voxel over the rotation as a Gaussian
cut at `CUT` standard deviations, so that no intensity is lost. Frames are counted along the recorded
rotation, edges on integers: frame f covers [f, f+1).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from friedel.kernels.absorption import EMPTY, Body, way_ahead
from friedel.kernels.bragg import meet_plane
from friedel.kernels.compiled import njit

CUT = 3.0
"""Standard deviations of the mosaic spread that are drawn."""
TURN = 1e-3
"""Rotation (rad) by which the slopes of a voxel's place are taken."""
STEPS = 2048
"""Entries of the table of the cut Gaussian's integral; read with linear interpolation it errs by less than 1e-6."""
SPOT = np.dtype(
    [
        ("first", np.int64),
        ("stop", np.int64),
        ("omega", np.float64),
        ("omega_rate", np.float64, (3,)),
        ("frame", np.float64),
        ("frame_rate", np.float64, (3,)),
        ("spread", np.float64),
        ("counts", np.float64),
        ("k", np.float64, (3,)),
        ("k_rate", np.float64, (3, 3)),
        ("moved", np.float64, (3,)),
    ]
)
"""A spot to draw: its grain's voxels [first, stop); angle (rad, of the equations) and frame of its grain's own
orientation, and their change with rotations about x, y, z of the sample frame (per rad); spread in frames; counts
per voxel; beam direction and its change (row i with the rotation about axis i); how far the sample has moved in
the lab (um)."""


ALONG_X = np.array([1.0, 0.0, 0.0])


class ProjectionModel(NamedTuple):
    """What all spots share: voxels `position` float32 (n,3) in um and `rotation` float32 (n,3) in rad, how the
    lattice is turned against the grain's (sample frame); the detector's `plane` (see `bragg.detector_frame`);
    `taps` float32 of the point spread (odd number, sum 1); `beam` (3) the direction of the direct beam; light is
    absorbed by `per_um` (1/um) in the `body` that is the sample."""

    position: Any
    rotation: Any
    plane: Any
    taps: Any
    beam: Any = ALONG_X
    per_um: float = 0.0
    body: Body = EMPTY


def _cut_gaussian() -> Any:
    x = np.linspace(-CUT, CUT, STEPS + 1) / math.sqrt(2.0)
    table = np.array([math.erf(value) for value in x]) / math.erf(CUT / math.sqrt(2.0))
    return np.append(0.5 + 0.5 * table, 1.0)


_INTEGRAL = _cut_gaussian()


@njit(cache=True, nogil=True)
def _place(spot: Any, corner: int, about: int, turn: float, model: ProjectionModel, direct: bool, out: Any) -> None:
    """Where light from the axis (corner 0) or 1 um along x, y, z from it (1, 2, 3) falls: out = row, col.

    The lattice is turned by `turn` (rad) about axis `about`.
    """
    c, s = math.cos(spot.omega), math.sin(spot.omega)
    x = c if corner == 1 else (-s if corner == 2 else 0.0)
    y = s if corner == 1 else (c if corner == 2 else 0.0)
    z = 1.0 if corner == 3 else 0.0
    later = spot.omega_rate[about] * turn
    x, y = x - later * y + spot.moved[0], y + later * x + spot.moved[1]
    z += spot.moved[2]
    if direct:
        beam = model.beam
        met = meet_plane(x, y, z, beam[0], beam[1], beam[2], model.plane, out)
    else:
        kx = spot.k[0] + turn * spot.k_rate[about, 0]
        ky = spot.k[1] + turn * spot.k_rate[about, 1]
        kz = spot.k[2] + turn * spot.k_rate[about, 2]
        met = meet_plane(x, y, z, kx, ky, kz, model.plane, out)
    if not met:
        out[:] = np.nan


@njit(cache=True, nogil=True)
def voxel_to_pixel(spot: Any, model: ProjectionModel, direct: bool, out: Any) -> None:
    """How a voxel's place depends on its position p and rotation r: out (2,4,4), axis row or col.

    `place = out[axis,0,0] + out[axis,0,1:] @ p + sum over i of r[i] * (out[axis,1+i,0] + out[axis,1+i,1:] @ p)`,
    exact in p, linear in r (for a tenth of a degree it errs by less than 0.01 px). Light goes along the diffracted
    beam, or the direct one (`direct`).
    """
    still, less, more = np.empty(2), np.empty(2), np.empty(2)
    for corner in range(4):
        _place(spot, corner, 0, 0.0, model, direct, still)
        out[:, 0, corner] = still
        for about in range(3):
            _place(spot, corner, about, -TURN, model, direct, less)
            _place(spot, corner, about, TURN, model, direct, more)
            out[:, 1 + about, corner] = (more - less) / (2.0 * TURN)
    for corner in range(1, 4):
        out[:, :, corner] -= out[:, :, 0]


@njit(cache=True, nogil=True, inline="always")
def _apply(m: Any, x: float, y: float, z: float, r: Any) -> float:
    place = m[0, 0] + m[0, 1] * x + m[0, 2] * y + m[0, 3] * z
    for about in range(3):
        slope = m[1 + about]
        place += r[about] * (slope[0] + slope[1] * x + slope[2] * y + slope[3] * z)
    return float(place)


@njit(cache=True, nogil=True, inline="always")
def _frame(spot: Any, r: Any) -> float:
    """When a voxel turned by r flashes."""
    rate = spot.frame_rate
    return float(spot.frame + rate[0] * r[0] + rate[1] * r[1] + rate[2] * r[2])


@njit(cache=True, nogil=True)
def extents(spots: Any, model: ProjectionModel, direct: bool, out: Any) -> None:
    """Fill out (n,6) with frame, row and col ranges (half-open, not clipped) that each spot can touch.

    The reach of the point spread is part of them. A spot that misses the plane gets zeros.
    """
    reach = len(model.taps) // 2
    m = np.empty((2, 4, 4))
    for i in range(len(spots)):
        spot = spots[i]
        voxel_to_pixel(spot, model, direct, m)
        rows, cols = m[0], m[1]
        row0 = col0 = end0 = np.inf
        row1 = col1 = end1 = -np.inf
        for voxel in range(spot.first, spot.stop):
            x, y, z = model.position[voxel, 0], model.position[voxel, 1], model.position[voxel, 2]
            r = model.rotation[voxel]
            row, col, frame = _apply(rows, x, y, z, r), _apply(cols, x, y, z, r), _frame(spot, r)
            row0, row1 = min(row0, row), max(row1, row)
            col0, col1 = min(col0, col), max(col1, col)
            end0, end1 = min(end0, frame), max(end1, frame)
        out[i] = 0
        if not (math.isfinite(row0) and math.isfinite(col0) and math.isfinite(m.sum())):
            continue
        out[i, 0] = math.floor(end0 - CUT * spot.spread)
        out[i, 1] = math.floor(end1 + CUT * spot.spread) + 1
        out[i, 2], out[i, 3] = math.floor(row0) - reach, math.floor(row1) + 2 + reach
        out[i, 4], out[i, 5] = math.floor(col0) - reach, math.floor(col1) + 2 + reach


@njit(cache=True, nogil=True)
def _ways(spot: Any, model: ProjectionModel, direct: bool, out: Any) -> None:
    """Where a voxel's light comes from and goes to, out (2,3): unit vectors of the sample frame, away from it."""
    c, s = math.cos(spot.omega), math.sin(spot.omega)
    for way in range(2):
        x, y, z = -model.beam[0], -model.beam[1], -model.beam[2]
        if way == 1 and direct:
            x, y, z = model.beam[0], model.beam[1], model.beam[2]
        elif way == 1:
            x, y, z = spot.k[0], spot.k[1], spot.k[2]
        out[way, 0], out[way, 1], out[way, 2] = c * x + s * y, -s * x + c * y, z


@njit(cache=True, nogil=True)
def draw(spot: Any, model: ProjectionModel, direct: bool, corner: Any, image: Any) -> None:
    """Add a spot to image float32 [frame, row, col] whose first voxel is `corner` (frame, row, col).

    What falls outside the image is left out; a frame's content does not depend on which others are drawn.
    """
    frames, rows, cols = image.shape
    m = np.empty((2, 4, 4))
    voxel_to_pixel(spot, model, direct, m)
    m_row, m_col = m[0], m[1]
    spread = max(spot.spread, 1e-9)
    per_frame = STEPS / (2.0 * CUT * spread)
    ways, span = np.empty((2, 3)), np.empty(2)
    _ways(spot, model, direct, ways)
    for voxel in range(spot.first, spot.stop):
        r = model.rotation[voxel]
        # in frames of the scan, not of the image: rounding must not depend on where a scan is cut
        centre = _frame(spot, r)
        start = centre - CUT * spread
        first, last = math.floor(start), math.floor(centre + CUT * spread)
        if last < corner[0] or first >= corner[0] + frames:
            continue
        x, y, z = model.position[voxel, 0], model.position[voxel, 1], model.position[voxel, 2]
        at_row = _apply(m_row, x, y, z, r) - corner[1]
        at_col = _apply(m_col, x, y, z, r) - corner[2]
        row, col = math.floor(at_row), math.floor(at_col)
        if row < 0 or col < 0 or row >= rows - 1 or col >= cols - 1:
            continue
        a, b = at_row - row, at_col - col
        counts = spot.counts
        if model.per_um > 0.0:
            place = model.position[voxel]
            way = way_ahead(place, ways[0], model.body, span) + way_ahead(place, ways[1], model.body, span)
            counts *= math.exp(-model.per_um * way)
        w00, w01 = counts * (1.0 - a) * (1.0 - b), counts * (1.0 - a) * b
        w10, w11 = counts * a * (1.0 - b), counts * a * b
        begin = max(first, corner[0])
        below = 0.0 if begin == first else _integral((begin - start) * per_frame)
        for frame in range(begin, min(last + 1, corner[0] + frames)):
            upto = 1.0 if frame == last else _integral((frame + 1 - start) * per_frame)
            part = upto - below
            below = upto
            here = frame - corner[0]
            image[here, row, col] += np.float32(part * w00)
            image[here, row, col + 1] += np.float32(part * w01)
            image[here, row + 1, col] += np.float32(part * w10)
            image[here, row + 1, col + 1] += np.float32(part * w11)


@njit(cache=True, nogil=True, inline="always")
def _integral(at: float) -> float:
    entry = min(max(at, 0.0), float(STEPS))
    whole = np.int64(entry)
    return float(_INTEGRAL[whole] + (entry - whole) * (_INTEGRAL[whole + 1] - _INTEGRAL[whole]))


@njit(cache=True, nogil=True)
def blur(image: Any, taps: Any) -> None:
    """Convolve each frame of image [frame, row, col] in place with taps (odd number) along rows and cols.

    The image must have a rim of len(taps) // 2 empty pixels, so that nothing leaves it.
    """
    reach = len(taps) // 2
    if reach == 0:
        return
    frames, rows, cols = image.shape
    between = np.empty((rows, cols), dtype=np.float32)
    for frame in range(frames):
        here = image[frame]
        between[:] = 0.0
        for row in range(reach, rows - reach):
            for tap in range(len(taps)):
                weight = taps[tap]
                source, target = here[row], between[row + tap - reach]
                for col in range(cols):
                    target[col] += weight * source[col]
        here[:] = 0.0
        for row in range(rows):
            source, target = between[row], here[row]
            for tap in range(len(taps)):
                weight = taps[tap]
                for col in range(cols - 2 * reach):
                    target[col + tap] += weight * source[col + reach]


@njit(cache=True, nogil=True)
def spot_image(spot: Any, box: Any, model: ProjectionModel, direct: bool) -> Any:
    """One spot after the point spread, float32 [frame, row, col] over box (6: frame, row, col ranges)."""
    image = np.zeros((box[1] - box[0], box[3] - box[2], box[5] - box[4]), dtype=np.float32)
    draw(spot, model, direct, np.array([box[0], box[2], box[4]]), image)
    blur(image, model.taps)
    return image


@njit(cache=True, nogil=True)
def add_spots(
    spots: Any, boxes: Any, model: ProjectionModel, direct: bool, start: int, period: int, factor: float, out: Any
) -> None:
    """Add `factor` times every spot to out float32 [frame, row, col], whose first frame is `start`.

    `boxes` are the spots' extents; `period` > 0 repeats the rotation after as many frames, 0 does not. Spots are
    added in their order, whatever frames are asked for, so that a scan is the same however it is cut.
    """
    frames, rows, cols = out.shape
    weight = np.float32(factor)
    box = np.empty(6, dtype=np.int64)
    for i in range(len(spots)):
        row0, row1 = max(boxes[i, 2], 0), min(boxes[i, 3], rows)
        col0, col1 = max(boxes[i, 4], 0), min(boxes[i, 5], cols)
        if row0 >= row1 or col0 >= col1:
            continue
        turns = 1 + (boxes[i, 1] - boxes[i, 0]) // period if period > 0 else 0
        for turn in range(-turns, turns + 1):
            shift = turn * period
            box[:] = boxes[i]
            box[0] = max(boxes[i, 0], start - shift)
            box[1] = min(boxes[i, 1], start + frames - shift)
            if box[0] >= box[1]:
                continue
            image = spot_image(spots[i], box, model, direct)
            for frame in range(image.shape[0]):
                target = out[box[0] + shift + frame - start]
                for row in range(row0, row1):
                    for col in range(col0, col1):
                        target[row, col] += weight * image[frame, row - box[2], col - box[4]]
