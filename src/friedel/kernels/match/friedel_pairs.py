"""Friedel pairs on any flat detector: which two spots can belong together, and the line between them.

The plane h diffracts at w, and -h half a turn later. Turned back by half a turn, the second spot lies on the beam
of the first one, extended backwards: at (-x, -y, z) of where it was seen. So both lie on one line through the
grain, `direction = (xA + xB, yA + yB, zA - zB)` through `A`, in the lab frame at w_A. Its angle to the beam is
2 theta, free of the grain's position. On an ideal detector x is the distance; on a tilted one each has its own.

Angles are in radians, lengths in micrometres. Slow twins: tests/oracles_match.py.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
TURN = 2.0 * math.pi
ANYWHERE, CYLINDER, BOX = 0, 1, 2
"""Kinds of sample: unknown, a cylinder about the axis, a box."""
FEATURES = 5
"""Columns of `features`: log intensity, log voxels, log rows, log columns, correlation of row and column."""
MIRRORED = 4
"""The feature that changes its sign from one spot to its partner."""
RESIDUALS = 2 + FEATURES
"""Columns of residuals: omega times |sin eta| (rad), 2 theta (rad), then the features' differences."""
TOTAL = RESIDUALS
"""The column after them: the sum of their squares, each over its variance."""
LIMIT_OF = (4, 5, 6, 6, 7)
"""Which entry of `PairLimits` belongs to each feature."""


class FriedelLines(NamedTuple):
    """Lines in the sample frame: angles (n) in radians, `point` (n,3) nearest to the origin, unit `direction`."""

    omega: Floats
    two_theta: Floats
    eta: Floats
    point: Floats
    direction: Floats


def friedel_lines(position_a: Floats, position_b: Floats, omega_a: Floats, omega_b: Floats) -> FriedelLines:
    """The line of each pair: positions (n,3) in the lab where the spots were seen, omega (n) of the equations.

    `omega` of the result is the first spot's, averaged over both half a turn apart.
    """
    difference = _signed(np.asarray(omega_b) - np.asarray(omega_a) - math.pi)
    omega = np.mod(omega_a + 0.5 * difference, TURN)
    mirrored = position_b * np.array([-1.0, -1.0, 1.0])
    direction = position_a - mirrored
    direction = direction / np.linalg.norm(direction, axis=1)[:, None]
    middle = 0.5 * (position_a + mirrored)
    point = middle - np.einsum("ij,ij->i", middle, direction)[:, None] * direction
    return FriedelLines(
        omega,
        np.arctan2(np.hypot(direction[:, 1], direction[:, 2]), direction[:, 0]),
        np.arctan2(-direction[:, 1], direction[:, 2]),
        turned_back(point, omega),
        turned_back(direction, omega),
    )


def turned_back(vectors: Floats, omega: Floats) -> Floats:
    """Lab vectors (n,3) at omega (n) in the sample frame: `Rz(-omega) r`."""
    c, s = np.cos(omega), np.sin(omega)
    x, y, z = vectors.T
    return np.column_stack([c * x + s * y, c * y - s * x, z])


def _signed(angle: Floats) -> Floats:
    return np.asarray(np.mod(angle + math.pi, TURN) - math.pi)


class Order(NamedTuple):
    """Spots sorted for the search: `rows` by bin of omega and then by z, bin i at [start[i], start[i+1])."""

    rows: Indices
    start: Indices


def order_spots(omega: Floats, z: Floats, window: float) -> Order:
    """Sort spots into equal bins of omega [0, 2 pi), each at least about half a `window` wide."""
    bins = int(np.clip(TURN / max(0.5 * window, 1e-6), 1, max(1, 2 * len(omega))))
    number = np.minimum((omega * (bins / TURN)).astype(np.int64), bins - 1)
    rows = np.lexsort((np.arange(len(omega)), z, number))
    start = np.searchsorted(number[rows], np.arange(bins + 1))
    return Order(rows.astype(np.int64), start.astype(np.int64))


def find_candidates(
    spots: "LabSpots", rings: Floats, limits: "PairLimits", first: Indices | None = None
) -> tuple[Indices, Floats]:
    """All pairs within the limits: rows (m,3) of first spot, second spot and ring, and residuals (m, RESIDUALS +
    1).

    The last residual is the sum of the squares of the others, each over its variance.
    The first spot is the one with the smaller row. `first` limits the search to these spots, each with all others
    (a pair may then occur twice). Sorted by the two rows.
    """
    everyone = first is None
    windows = np.minimum(limits.omega, limits.factor * np.sqrt(2.0 * spots.spread[:, 0]))
    order = order_spots(spots.omega, spots.position[:, 2], float(np.median(windows)) if len(windows) else 1.0)
    # neighbours in the search are neighbours in memory
    ordered = LabSpots(*(np.ascontiguousarray(values[order.rows]) for values in spots))
    asked = np.arange(len(order.rows))
    if first is not None:
        asked = np.flatnonzero(np.isin(order.rows, first))
    room = max(1024, 4 * len(asked))
    while True:
        rows, residuals = np.empty((room, 3), np.int64), np.empty((room, RESIDUALS + 1))
        found = candidates_into(
            asked, everyone, order.rows, order.start, *ordered, rings, limits.flat, rows, residuals
        )
        if found <= room:
            break
        room = found
    rows, residuals = rows[:found], residuals[:found]
    sorting = np.lexsort((rows[:, 1], rows[:, 0]))
    return rows[sorting], residuals[sorting]


class LabSpots(NamedTuple):
    """Measured spots in the lab: omega (n) in [0, 2 pi), position (n,3) in um, spread, features.

    `spread` (n, 3 + FEATURES) holds variances: of omega times |sin eta| (rad^2), of lab y and z (um^2), and of
    each column of `features` (n, FEATURES).
    """

    omega: Floats
    position: Floats
    spread: Floats
    features: Floats

    def only(self, rows: Indices) -> "LabSpots":
        """Some of them."""
        return LabSpots(*(values[rows] for values in self))


class PairLimits(NamedTuple):
    """How far a pair may be off.

    Half a turn within `omega` / |sin eta| (|sin eta| counts as at least `least_sin_eta`), a ring within `two_theta`
    (both in rad), log ratios within `intensity`, `area` and `box`, correlations within `correlation`; each of these
    also within `factor` standard deviations. The line meets the sample (`kind`, half sizes x, y, z, um) or passes
    within `margin` (um) of it.
    """

    omega: float
    two_theta: float
    least_sin_eta: float
    factor: float
    intensity: float
    area: float
    box: float
    correlation: float
    kind: int
    half_x: float
    half_y: float
    half_z: float
    margin: float

    @property
    def flat(self) -> Floats:
        """As the kernel takes them."""
        return np.array(self, dtype=np.float64)


@njit(cache=True, nogil=True)
def candidates_into(
    asked: Any,
    everyone: bool,
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
    """Fill rows and residuals as far as there is room; the number of pairs found. Spots are in the search's order.

    When everyone is asked, a pair is found by the spot whose omega is known worse: its own uncertainty then says
    how far to look, and most spots need to look at very few others.
    """
    bins = len(start) - 1
    width = TURN / bins
    found = 0
    bounds, one = np.empty(4), np.empty(RESIDUALS + 1)
    y, z = position[:, 1].copy(), position[:, 2].copy()
    reach = np.array([position[:, 0].min(), position[:, 0].max()]) if len(position) else np.zeros(2)
    for a in asked:
        least = partner_bounds(position[a], reach, limits, math.tan(rings[-1] + limits[1]), bounds)
        worst = spread[a, 0]
        limit = min(limits[0], limits[3] * math.sqrt(2.0 * worst)) if everyone else limits[0]
        window = limit / least
        wanted = (omega[a] + math.pi) % TURN
        low, high = math.floor((wanted - window) / width), math.floor((wanted + window) / width)
        if high - low >= bins:
            low, high = 0, bins - 1
        for unwrapped in range(low, high + 1):
            begin, end = start[unwrapped % bins], start[unwrapped % bins + 1]
            for b in range(begin + np.searchsorted(z[begin:end], bounds[0]), end):
                if z[b] > bounds[1]:
                    break
                if y[b] < bounds[2] or y[b] > bounds[3] or b == a:
                    continue
                if too_late(omega[b] - wanted, y[a] + y[b], z[a] - z[b], limit, limits[2]):
                    continue
                if everyone and (spread[b, 0] > worst or (spread[b, 0] == worst and names[b] < names[a])):
                    continue
                first, second = (a, b) if names[a] < names[b] else (b, a)
                ring = pair_residuals(first, second, omega, position, spread, features, rings, limits, one)
                if ring < 0:
                    continue
                if found < len(rows):
                    rows[found, 0], rows[found, 1], rows[found, 2] = names[first], names[second], ring
                    residuals[found] = one
                found += 1
    return found


@njit(cache=True, nogil=True)
def too_late(off: float, dy: float, dz: float, limit: float, least: float) -> bool:
    """Whether omega is off by more than limit / |sin eta|: what most spots fail, without root or division."""
    off = abs(off)
    off = min(off, abs(TURN - off))
    across = dy * dy + dz * dz
    return bool(off * off * max(dy * dy, least * least * across) > 1.000001 * limit * limit * across)


@njit(cache=True, nogil=True)
def partner_bounds(spot: Any, reach: Any, limits: Any, tangent: float, out: Any) -> float:
    """Where partners of a spot can be: out = least z, most z, least y, most y. Returns the least |sin eta|.

    The point p of the line within the sample is a part s of the way from the spot (x,y,z) to (-x', -y', z') of its
    partner: s = (x - p_x) / (x + x'). So z' = z + (p_z - z) / s and y' = (y - p_y) / s - y, for all p in
    the sample and all x' on the detector.
    """
    floor = limits[2]
    out[0], out[1], out[2], out[3] = -np.inf, np.inf, -np.inf, np.inf
    kind, margin = limits[8], limits[12]
    if kind == ANYWHERE:
        return float(floor)
    radius = limits[9] if kind == CYLINDER else math.hypot(limits[9], limits[10])
    radius += margin
    height = limits[11] + margin
    x, y, z = spot[0], spot[1], spot[2]
    if x <= radius or reach[0] + x <= 0.0:
        return float(floor)
    few, many = (x + reach[0]) / (x + radius), (x + reach[1]) / (x - radius)
    out[0], out[1] = z + _smallest(-height - z, few, many), z - _smallest(z - height, few, many)
    out[2], out[3] = _smallest(y - radius, few, many) - y, -_smallest(-y - radius, few, many) - y
    # |sin eta| = |y + y'| / hypot(y + y', z - z'), and the second is at most what the largest ring allows
    across = max(0.0, y + out[2], -(y + out[3]))
    largest = (x + reach[1]) * tangent if tangent > 0.0 else np.inf
    return float(max(floor, min(1.0, across / largest)))


@njit(cache=True, nogil=True)
def _smallest(value: float, few: float, many: float) -> float:
    return min(value * few, value * many)


@njit(cache=True, nogil=True)
def pair_residuals(
    a: int, b: int, omega: Any, position: Any, spread: Any, features: Any, rings: Any, limits: Any, out: Any
) -> int:
    """Residuals of one pair into out; its ring, or -1 where it is outside the limits."""
    dx = position[a, 0] + position[b, 0]
    dy = position[a, 1] + position[b, 1]
    dz = position[a, 2] - position[b, 2]
    across = math.hypot(dy, dz)
    if across == 0.0:
        return -1
    sin_eta = max(abs(dy) / across, limits[2])
    off = (omega[b] - omega[a]) % TURN - math.pi
    out[0] = off * sin_eta
    limit = limits[3] * limits[3]
    out[TOTAL] = out[0] * out[0] / (spread[a, 0] + spread[b, 0])
    if abs(out[0]) > limits[0] or out[TOTAL] > limit:
        return -1
    two_theta = math.atan2(across, dx)
    ring = nearest(rings, two_theta)
    out[1] = two_theta - rings[ring]
    off_ring = (out[1] / two_theta_deviation(a, b, spread, dx, dy, dz)) ** 2
    if abs(out[1]) > limits[1] or off_ring > limit:
        return -1
    out[TOTAL] += off_ring
    for i in range(FEATURES):
        other = -features[b, i] if i == MIRRORED else features[b, i]
        out[2 + i] = other - features[a, i]
        unlike = out[2 + i] * out[2 + i] / (spread[a, 3 + i] + spread[b, 3 + i])
        if abs(out[2 + i]) > limits[LIMIT_OF[i]] or unlike > limit:
            return -1
        out[TOTAL] += unlike
    if not passes_sample(a, b, omega[a] + 0.5 * off, position, dx, dy, dz, limits):
        return -1
    return int(ring)


@njit(cache=True, nogil=True)
def two_theta_deviation(a: int, b: int, spread: Any, dx: float, dy: float, dz: float) -> float:
    """Standard deviation of a pair's 2 theta (rad) from those of both centroids."""
    squared = dy * dy + dz * dz
    along = dy * dy * (spread[a, 1] + spread[b, 1]) + dz * dz * (spread[a, 2] + spread[b, 2])
    return math.sqrt(along / squared) * abs(dx) / (dx * dx + squared)


@njit(cache=True, nogil=True)
def nearest(rings: Any, two_theta: float) -> int:
    """Row of the ring nearest to an angle; rings ascend."""
    above = np.searchsorted(rings, two_theta)
    if above == 0:
        return 0
    if above == len(rings) or two_theta - rings[above - 1] <= rings[above] - two_theta:
        return int(above - 1)
    return int(above)


@njit(cache=True, nogil=True)
def passes_sample(
    a: int, b: int, omega: float, position: Any, dx: float, dy: float, dz: float, limits: Any
) -> bool:
    """Whether the line of a pair meets the sample, grown by the margin on every side."""
    kind, margin = limits[8], limits[12]
    if kind == ANYWHERE:
        return True
    x, y, z = position[a, 0], position[a, 1], position[a, 2]
    if kind == CYLINDER:
        radius = limits[9] + margin
        squared = dx * dx + dy * dy
        t = -(x * dx + y * dy) / squared
        room = radius * radius - (x + t * dx) ** 2 - (y + t * dy) ** 2
        if room < 0.0:
            return False
        return bool(abs(z + t * dz) <= limits[11] + margin + math.sqrt(room / squared) * abs(dz))
    c, s = math.cos(omega), math.sin(omega)
    low, high = -np.inf, np.inf
    for i in range(3):
        p, d = (
            (c * x + s * y, c * dx + s * dy) if i == 0 else (c * y - s * x, c * dy - s * dx) if i == 1 else (z, dz)
        )
        half = limits[9 + i] + margin
        if d == 0.0:
            if abs(p) > half:
                return False
            continue
        one, two = (-half - p) / d, (half - p) / d
        low, high = max(low, min(one, two)), min(high, max(one, two))
    return bool(low <= high)


@njit(cache=True, nogil=True)
def take_best(rows: Any, taken: Any, keep: Any) -> int:
    """Go through pairs (m,3), best first, and keep those of which neither spot is taken; how many."""
    kept = 0
    for i in range(len(rows)):
        a, b = rows[i, 0], rows[i, 1]
        keep[i] = not (taken[a] or taken[b])
        if keep[i]:
            taken[a] = taken[b] = True
            kept += 1
    return kept
