"""Friedel pairs on opposite sides of the beam: planes h and -h that flash one shortly after the other.

The plane h diffracts at w with azimuth eta, and -h at w + D with eta + 180 degrees, where

    sin eta = tan theta / tan(D / 2)

with D signed: which of the two comes first tells the sense of the rotation. It is the same as
D = 2 asin(sin theta / sqrt(1 - cos^2 theta cos^2 eta)). Both rays come from one grain, so they meet: where they do
is where the grain is. One number is unknown, eta; two are measured, the angle D and the distance of the rays: their
least squares leave one residual.

Angles are in radians, lengths in micrometres. Slow twin: tests/oracles_match.py.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit
from friedel.kernels.match.friedel_pairs import (
    ANYWHERE,
    CYLINDER,
    FEATURES,
    LIMIT_OF,
    TURN,
    LabSpots,
    PairLimits,
    order_spots,
)

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
RESIDUALS = 1 + FEATURES
"""Columns of residuals: that of the place and the angle, in standard deviations, then the features' differences."""
TOTAL = RESIDUALS
"""The column after them: the sum of their squares, each over its variance."""
ETA = RESIDUALS + 1
"""The column after that: eta of the first spot."""
COLUMNS = RESIDUALS + 2
STEPS = 6
"""Of Gauss and Newton, for one pair."""
LEAST_SIN_ETA = 0.17
"""Nearer to the axis the partner is far away, and spots last long."""
NUDGE = 1e-4
STEEP = 0.05
"""Where sin eta is nearly 1 the angle says nothing about eta: the search starts so far beside it (rad)."""
SLACK = 1.5
"""A first look takes tolerances so many times too large."""
CONSIDERED = 3.0
"""A grain may lie so many of its standard deviations outside the sample."""
PLACE = 8
"""Of where rays meet: x, y, z and its standard deviation along the mean ray, the unit mean ray, and the deviation
across it."""


def find_eta_candidates(
    spots: LabSpots,
    rings: Floats,
    limits: PairLimits,
    first: Indices | None = None,
    lonely: NDArray[np.bool_] | None = None,
) -> tuple[Indices, Floats]:
    """All pairs across the beam within the limits: rows (m,3) of the earlier spot, the later one and the ring, and
    `COLUMNS` of residuals.

    `first` limits the search to earlier spots among these, `lonely` (n) to pairs of which at least one is marked.
    Sorted by rows.
    """
    if lonely is None:
        lonely = np.ones(len(spots.omega), dtype=np.bool_)
    window = float(np.median(np.diff(np.sort(spots.omega)))) if len(spots.omega) > 1 else 1.0
    order = order_spots(spots.omega, spots.position[:, 2], max(8.0 * window, np.radians(1.0)))
    ordered = LabSpots(*(np.ascontiguousarray(values[order.rows]) for values in spots))
    asked = np.arange(len(order.rows))
    if first is not None:
        asked = np.flatnonzero(np.isin(order.rows, first))
    wanted = np.ascontiguousarray(lonely[order.rows])
    room = max(1024, 4 * len(asked))
    while True:
        rows, residuals = np.empty((room, 3), np.int64), np.empty((room, COLUMNS))
        found = candidates_into(
            asked, wanted, order.rows, order.start, *ordered, rings, limits.flat, rows, residuals
        )
        if found <= room:
            break
        room = found
    rows, residuals = rows[:found], residuals[:found]
    sorting = np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))
    return rows[sorting], residuals[sorting]


@njit(cache=True, nogil=True)
def candidates_into(
    asked: Any,
    wanted: Any,
    names: Any,
    start: Any,
    omega: Any,
    position: Any,
    spread: Any,
    features: Any,
    rings: Any,
    limits: Any,
    rows: Any,
    residuals: Any,
) -> int:
    """Fill rows and residuals as far as there is room; the number of pairs found. Spots are in the search's
    order."""
    bins = len(start) - 1
    width = TURN / bins
    found = 0
    radius, height = limits[9] if limits[8] == CYLINDER else math.hypot(limits[9], limits[10]), limits[11]
    if limits[8] == ANYWHERE:
        radius = height = np.inf
    halves = np.tan(0.5 * rings)
    least, most = rings[0], 2.0 * math.atan(halves[-1] / LEAST_SIN_ETA)
    y, z, half_turned = position[:, 1].copy(), position[:, 2].copy(), np.tan(0.5 * omega)
    low_x = position[:, 0].min() if len(position) else 0.0
    high_x = position[:, 0].max() if len(position) else 0.0
    steepest = math.tan(rings[-1])
    aside = (high_x - low_x) * steepest + 2.0 * limits[12]
    apart = 2.0 * radius * math.sin(min(0.5 * most, 0.5 * math.pi)) * steepest
    across, along = 2.0 * radius + apart + aside, 2.0 * height + apart + aside
    one = np.empty(COLUMNS)
    for a in asked:
        late = limits[3] * math.sqrt(2.0 * spread[a, 0]) / LEAST_SIN_ETA
        begin, stop = math.floor((omega[a] + least - late) / width), math.floor((omega[a] + most) / width)
        low_y, high_y = -y[a] - across, -y[a] + across
        low_z, high_z = -z[a] - along, -z[a] + along
        for unwrapped in range(begin, min(stop, begin + bins - 1) + 1):
            first, last = start[unwrapped % bins], start[unwrapped % bins + 1]
            for b in range(first + np.searchsorted(z[first:last], low_z), last):
                if z[b] > high_z:
                    break
                if not (wanted[a] or wanted[b]) or y[b] < low_y or y[b] > high_y or b == a:
                    continue
                if abs(features[a, 0] - features[b, 0]) > limits[4]:
                    continue
                half_angle = (half_turned[b] - half_turned[a]) / (1.0 + half_turned[a] * half_turned[b])
                for ring in range(len(rings)):
                    if not may_cross(
                        position[a], position[b], half_angle, halves[ring], spread[a], spread[b], radius, limits
                    ):
                        continue
                    after = (omega[b] - omega[a]) % TURN
                    if eta_pair_residuals(a, b, after, rings[ring], omega, position, spread, features, limits, one):
                        if found < len(rows):
                            rows[found, 0], rows[found, 1], rows[found, 2] = names[a], names[b], ring
                            residuals[found] = one
                        found += 1
    return found


@njit(cache=True, nogil=True)
def may_cross(
    seen_a: Any,
    seen_b: Any,
    half_angle: float,
    half: float,
    spread_a: Any,
    spread_b: Any,
    radius: float,
    limits: Any,
) -> bool:
    """Whether the rays of two spots may meet in the sample: what nearly all pairs fail, without any trigonometry.

    `half_angle` is tan(D / 2), `half` tan theta. With the grain at P, turned with the sample, X = P_x + P'_x of
    both times, y - y' = -tan(2 theta) sin eta (x + x' - X) - X tan(D / 2) and z - z' = tan(2 theta) cos eta (x +
    x' - X): the first gives X, and the second has to agree.
    """
    if half_angle <= 0.0:
        return False
    sine = half / half_angle
    if sine < LEAST_SIN_ETA:
        return False
    unsure = limits[3] * math.sqrt(spread_a[0] + spread_b[0]) / min(sine, 1.0) * 0.5 * (half + sine * sine / half)
    if sine - unsure > 1.0:
        return False
    tangent = 2.0 * half / (1.0 - half * half)
    dx, dy, dz = seen_a[0] + seen_b[0], seen_a[1] - seen_b[1], abs(seen_a[2] - seen_b[2])
    low, high = min(max(sine - unsure, 0.0), 1.0), min(sine + unsure, 1.0)
    by_y = tangent * sine - half_angle
    if abs(by_y) < 1e-3:
        return True
    low_x, high_x = (dy + tangent * low * dx) / by_y, (dy + tangent * high * dx) / by_y
    error = limits[3] * math.sqrt(spread_a[1] + spread_b[1]) / abs(by_y)
    reach = 2.0 * (radius + 2.0 * limits[12]) + error
    if (low_x > reach and high_x > reach) or (low_x < -reach and high_x < -reach):
        return False
    low_z = dz - tangent * math.sqrt(1.0 - low * low) * (dx - low_x)
    high_z = dz - tangent * math.sqrt(1.0 - high * high) * (dx - high_x)
    allowed = SLACK * (limits[3] * math.sqrt(spread_a[2] + spread_b[2]) + tangent * error)
    return not ((low_z > allowed and high_z > allowed) or (low_z < -allowed and high_z < -allowed))


@njit(cache=True, nogil=True)
def eta_pair_residuals(
    a: int,
    b: int,
    after: float,
    two_theta: float,
    omega: Any,
    position: Any,
    spread: Any,
    features: Any,
    limits: Any,
    out: Any,
) -> bool:
    """Residuals of one pair into out; whether it is within the limits."""
    square = limits[3] * limits[3]
    out[TOTAL] = 0.0
    for i in range(FEATURES - 1):  # seen from elsewhere, a grain leans otherwise: that tells nothing
        out[1 + i] = features[b, i] - features[a, i]
        unlike = out[1 + i] * out[1 + i] / (spread[a, 3 + i] + spread[b, 3 + i])
        if abs(out[1 + i]) > limits[LIMIT_OF[i]] or unlike > square:
            return False
        out[TOTAL] += unlike
    out[FEATURES] = 0.0
    place = np.empty(PLACE)
    eta, residual = solve_eta(position[a], position[b], after, two_theta, spread[a], spread[b], limits[3], place)
    if not abs(residual) <= limits[3]:
        return False
    out[0], out[ETA] = residual, eta
    out[TOTAL] += residual * residual
    return bool(within_sample(place, omega[a], limits))


@njit(cache=True, nogil=True)
def solve_eta(
    seen_a: Any, seen_b: Any, after: float, two_theta: float, spread_a: Any, spread_b: Any, limit: float, place: Any
) -> Any:
    """Eta of the first spot and the residual (standard deviations); infinite where there is none.

    `place` (PLACE) = where the rays meet, in the lab at the first spot's omega, and how well that is known.
    """
    theta = 0.5 * two_theta
    sine = math.tan(theta) / math.tan(0.5 * after)
    up = 1.0 if seen_a[2] >= seen_b[2] else -1.0
    eta = math.asin(min(sine, 1.0))
    eta = min(eta, 0.5 * math.pi - STEEP)
    if up < 0:
        eta = math.pi - eta
    angle, miss = 0.0, np.inf
    for step in range(STEPS):
        angle, miss = misfits(seen_a, seen_b, after, two_theta, eta, spread_a, spread_b, place)
        if step == 2 and angle * angle + miss * miss > 100.0 * limit * limit:
            return eta, np.inf
        more_angle, more_miss = misfits(seen_a, seen_b, after, two_theta, eta + NUDGE, spread_a, spread_b, place)
        by_angle, by_miss = (more_angle - angle) / NUDGE, (more_miss - miss) / NUDGE
        weight = by_angle * by_angle + by_miss * by_miss
        if weight <= 0.0:
            return eta, np.inf
        change = -(angle * by_angle + miss * by_miss) / weight
        change = max(min(change, 0.2), -0.2)
        eta += change
        if abs(change) * math.sqrt(weight) < 1e-3:
            break
    angle, miss = misfits(seen_a, seen_b, after, two_theta, eta, spread_a, spread_b, place)
    residual = math.hypot(angle, miss)
    return eta, (residual if miss >= 0.0 else -residual)


@njit(cache=True, nogil=True)
def misfits(
    seen_a: Any, seen_b: Any, after: float, two_theta: float, eta: float, spread_a: Any, spread_b: Any, place: Any
) -> Any:
    """How far the angle between the spots and the distance of their rays are off, in standard deviations.

    `place` (PLACE) is filled.
    """
    sine, cosine = math.sin(eta), math.cos(eta)
    kx, across = math.cos(two_theta), math.sin(two_theta)
    ky, kz = -across * sine, across * cosine
    expected = 2.0 * math.atan2(math.tan(0.5 * two_theta), sine)
    angle = (after - expected) * abs(sine) / math.sqrt(spread_a[0] + spread_b[0])
    c, s = math.cos(after), math.sin(after)
    # the second ray, turned back to when the first came
    ex, ey, ez = c * kx - s * ky, -s * kx - c * ky, -kz
    qx, qy, qz = c * seen_b[0] + s * seen_b[1], -s * seen_b[0] + c * seen_b[1], seen_b[2]
    nx, ny, nz = ky * ez - kz * ey, kz * ex - kx * ez, kx * ey - ky * ex
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    both = math.sqrt((kx + ex) ** 2 + (ky + ey) ** 2 + (kz + ez) ** 2)
    place[4], place[5], place[6] = (kx + ex) / both, (ky + ey) / both, (kz + ez) / both
    place[7] = math.sqrt(spread_a[1] + spread_a[2] + spread_b[1] + spread_b[2])
    if length < 1e-9:
        place[3] = np.inf
        return angle, np.inf
    nx, ny, nz = nx / length, ny / length, nz / length
    dx, dy, dz = qx - seen_a[0], qy - seen_a[1], qz - seen_a[2]
    turned = s * nx + c * ny
    variance = ny * ny * spread_a[1] + nz * nz * spread_a[2] + turned * turned * spread_b[1] + nz * nz * spread_b[2]
    miss = (dx * nx + dy * ny + dz * nz) / math.sqrt(variance)
    # nearest points of both rays: p + t k and q + r e
    dot = kx * ex + ky * ey + kz * ez
    along_k, along_e = dx * kx + dy * ky + dz * kz, dx * ex + dy * ey + dz * ez
    t = (along_k - dot * along_e) / (length * length)
    r = (dot * along_k - along_e) / (length * length)
    place[0] = 0.5 * (seen_a[0] + t * kx + qx + r * ex)
    place[1] = 0.5 * (seen_a[1] + t * ky + qy + r * ey)
    place[2] = 0.5 * (seen_a[2] + t * kz + qz + r * ez)
    place[3] = place[7] / length
    return angle, miss


@njit(cache=True, nogil=True)
def within_sample(place: Any, omega: float, limits: Any) -> bool:
    """Whether a place of the lab at omega is in the sample, or as near to it as its errors allow.

    Along the rays a far detector does not know it: it may lie wherever they come nearest to the axis.
    """
    kind = limits[8]
    if kind == ANYWHERE:
        return True
    flat = place[4] * place[4] + place[5] * place[5]
    nearest = -(place[0] * place[4] + place[1] * place[5]) / flat
    reach = CONSIDERED * place[3]
    t = max(min(nearest, reach), -reach)
    at_x, at_y, at_z = place[0] + t * place[4], place[1] + t * place[5], place[2] + t * place[6]
    margin = limits[12] + min(CONSIDERED * place[7], limits[9])
    if abs(at_z) > limits[11] + margin:
        return False
    if kind == CYLINDER:
        return bool(math.hypot(at_x, at_y) <= limits[9] + margin)
    c, s = math.cos(omega), math.sin(omega)
    x, y = c * at_x + s * at_y, c * at_y - s * at_x
    return bool(abs(x) <= limits[9] + margin and abs(y) <= limits[10] + margin)


class Crossings(NamedTuple):
    """Where pairs' rays meet, in the sample frame: `omega` (n) of the first spot, `point` (n,3), unit `direction`
    (n,3) of the mean ray, along which the point is known worst, and `error` (n), its standard deviation there."""

    omega: Floats
    point: Floats
    direction: Floats
    error: Floats


def crossings(spots: LabSpots, rows: Indices, two_theta: Floats, eta: Floats) -> Crossings:
    """Of pairs `rows` (n,2) with their `two_theta` (n) and `eta` (n) of the first spot."""
    omega, after = spots.omega[rows[:, 0]], np.mod(spots.omega[rows[:, 1]] - spots.omega[rows[:, 0]], TURN)
    point, direction, error = np.empty((len(rows), 3)), np.empty((len(rows), 3)), np.empty(len(rows))
    place = np.empty(PLACE)
    for i, (a, b) in enumerate(rows):
        misfits(
            spots.position[a], spots.position[b], after[i], two_theta[i], eta[i],
            spots.spread[a], spots.spread[b], place,
        )  # fmt: skip
        point[i], error[i], direction[i] = place[:3], place[3], place[4:7]
    return Crossings(omega, _turned_back(point, omega), _turned_back(direction, omega), error)


def _turned_back(vectors: Floats, omega: Floats) -> Floats:
    c, s = np.cos(omega), np.sin(omega)
    x, y, z = vectors.T
    return np.column_stack([c * x + s * y, c * y - s * x, z])
