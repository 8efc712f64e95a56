"""Seeds of which a place and one lattice plane are known, and the turn about the plane's normal is not.

Every turn is tried: of a crystal at that place the spots are predicted and looked up among the blobs. So one pair
across the beam is enough for a grain, where orientations from two planes need several pairs. The idea is that of
forward search (Li, Suter, J. Appl. Cryst. 46 (2013) 512), with one angle instead of three.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.index.blob_lookup import EXPECTED, nearest_blobs, predict_spots


@njit(cache=True, nogil=True)
def onto(normal: Any, g: Any) -> Any:
    """A rotation that takes one unit vector along another."""
    axis = np.cross(normal, g)
    sine, cosine = math.sqrt(axis @ axis), normal @ g
    if sine < 1e-9:
        if cosine > 0.0:
            return np.eye(3)
        least = np.argmin(np.abs(normal))
        side = np.zeros(3)
        side[least] = 1.0
        side -= (side @ normal) * normal
        side /= math.sqrt(side @ side)
        return 2.0 * np.outer(side, side) - np.eye(3)
    return about(axis / sine, cosine, sine)


@njit(cache=True, nogil=True)
def about(axis: Any, cosine: float, sine: float) -> Any:
    """The rotation about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return cosine * np.eye(3) + sine * cross + (1.0 - cosine) * np.outer(axis, axis)


@njit(cache=True, nogil=True)
def best_turns(
    points: Any,
    g: Any,
    normals: Any,
    steps: Any,
    B: Any,
    hkl: Any,
    wavelength: float,
    plane: Any,
    window: Any,
    lookup: Any,
    error: Any,
    limit: float,
    scores: Any,
    Us: Any,
    places: Any,
) -> None:
    """The best turns of some hypotheses: `scores` (k) descending, orientations `Us` (k,3,3), `places` (k,3).

    Hypothesis i is a crystal at `points[i]` (um) of which the plane with unit normal `normals[i]` (crystal frame)
    stands along unit `g[i]` (sample frame); `steps[i]` turns about it are tried, over the angle after which the
    lattice repeats: `steps[i]` and that angle (rad) are the columns of `steps` (n,2). A score is the part of the
    expected spots of `hkl` (m,3) that have a blob within `limit` times `error`. One turn of each hypothesis enters.
    """
    m = hkl.shape[0]
    spots, state = np.empty((2 * m, 4)), np.empty(2 * m, np.int64)
    near, distance = np.empty(1, np.int64), np.empty(1)
    scores[:] = 0.0
    base = hkl @ B.T
    for i in range(points.shape[0]):
        vectors = base @ onto(normals[i], g[i]).T
        count = int(steps[i, 0])
        best, best_angle = 0.0, 0.0
        for step in range(count):
            angle = steps[i, 1] * step / count
            turned = vectors @ about(g[i], math.cos(angle), math.sin(angle)).T
            predict_spots(turned, points[i], wavelength, plane, window, spots, state)
            expected = 0
            for s in range(2 * m):
                expected += state[s] == EXPECTED
            left, found = expected, 0
            for s in range(2 * m):
                if state[s] != EXPECTED:
                    continue
                if found + left <= best * expected:
                    break
                left -= 1
                found += nearest_blobs(spots[s], lookup, error, limit, near, distance)
            # a few expected spots are easily found
            score = found / max(expected, 6)
            if score > best:
                best, best_angle = score, angle
        k = len(scores) - 1
        if best <= scores[k]:
            continue
        while k > 0 and scores[k - 1] < best:
            scores[k], Us[k], places[k] = scores[k - 1], Us[k - 1], places[k - 1]
            k -= 1
        scores[k] = best
        Us[k] = about(g[i], math.cos(best_angle), math.sin(best_angle)) @ onto(normals[i], g[i])
        places[k] = points[i]


@njit(cache=True, nogil=True)
def places_of_spot(
    seen: Any, omega: float, two_theta: float, half: Any, box: bool, spacing: float, points: Any, g: Any
) -> int:
    """Where a spot of one ring may come from: fill `points` (m,3) um and unit `g` (m,3), both in the sample frame;
    how many there are, which may be more than fit.

    The grain lies on a cone of rays that end where the spot was `seen` (lab, um), as far as they are in the
    sample: a cylinder, or a box, of half sizes `half` (3,). Places are about `spacing` (um) apart, along the rays
    and across.
    """
    sine, cosine = math.sin(two_theta), math.cos(two_theta)
    c, s = math.cos(omega), math.sin(omega)
    reach = math.sqrt(half[0] ** 2 + half[1] ** 2) if box else half[0]
    across = spacing / max(seen[0] * sine / cosine, spacing)
    count, found = math.ceil(2.0 * math.pi / across), 0
    along = math.ceil(2.0 * reach / spacing)
    for i in range(count):
        eta = 2.0 * math.pi * i / count
        ky, kz = -sine * math.sin(eta), sine * math.cos(eta)
        # where the ray passes the plane of the axis
        middle = seen[0] / cosine
        if abs(seen[2] - middle * kz) > half[2] + reach * sine or abs(seen[1] - middle * ky) > 1.5 * reach:
            continue
        for j in range(along + 1):
            t = middle + (j - 0.5 * along) * spacing
            x, y, z = seen[0] - t * cosine, seen[1] - t * ky, seen[2] - t * kz
            px, py = c * x + s * y, c * y - s * x
            inside = abs(z) <= half[2]
            if box:
                inside &= abs(px) <= half[0] and abs(py) <= half[1]
            else:
                inside &= math.hypot(x, y) <= half[0]
            if not inside:
                continue
            if found < len(points):
                points[found, 0], points[found, 1], points[found, 2] = px, py, z
                gx, gy, gz = -math.sin(0.5 * two_theta), ky, kz
                shrink = math.cos(0.5 * two_theta) / sine
                gy, gz = gy * shrink, gz * shrink
                g[found, 0], g[found, 1], g[found, 2] = c * gx + s * gy, c * gy - s * gx, gz
            found += 1
    return found
