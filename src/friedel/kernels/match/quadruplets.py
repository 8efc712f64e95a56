"""All four spots of a plane: two pairs half a turn apart that are partners of each other across the beam.

A plane h and its opposite flash four times in a turn: h at w and at w' + 180 degrees, -h at w' and w + 180 degrees,
where w' = w + D and D is that of `eta_pairs`. So a pair half a turn apart, whose line, ring and eta are known, says
exactly where its partner pair has to be, and the lines of both cross in the grain.

Angles are in radians, lengths in micrometres. Slow twin: tests/oracles_match.py.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.match.friedel_pairs import TURN


@njit(cache=True, nogil=True)
def partner_pairs(
    early: Any,
    late: Any,
    start: Any,
    omega: Any,
    eta: Any,
    two_theta: Any,
    point: Any,
    direction: Any,
    errors: Any,
    factor: float,
    reach: float,
    partner: Any,
    misfit: Any,
) -> None:
    """For each of the pairs `early` (k rows) the best of the pairs `late`: `partner` (k) its place in `late`, -1
    for none, and `misfit` (k), the sum of squares of what is off over its error.

    `late` (m) holds rows of pairs twice, as seen from either spot: `omega`, `eta` (m) and the other arrays have
    the late views after the early ones (k + m), sorted in bins of ring and omega, of which `start` is the first
    place of each: `start[ring * bins + bin]`. `two_theta` (k) are rings, `errors` (3) standard deviations of omega
    times |sin eta|, of eta times sin 2 theta, and of the distance of two lines (um); lines may cross up to `reach`
    (um) from the axis.
    """
    k = len(early)
    rings = len(two_theta)
    bins = (len(start) - 1) // rings
    width = TURN / bins
    for i in range(k):
        partner[i], misfit[i] = -1, np.inf
        ring = early[i, 1]
        sine = math.sin(eta[i])
        after = 2.0 * math.atan2(math.tan(0.5 * two_theta[ring]), sine)
        wanted = (omega[i] + after) % TURN
        wanted_eta = eta[i] + math.pi
        off_reach = factor * errors[0] / max(sine, 0.1)
        low, high = math.floor((wanted - off_reach) / width), math.floor((wanted + off_reach) / width)
        if high - low >= bins:
            low, high = 0, bins - 1
        best = 3.0 * factor * factor
        across = math.sin(two_theta[ring])
        for unwrapped in range(low, high + 1):
            cell = ring * bins + unwrapped % bins
            for j in range(start[cell], start[cell + 1]):
                off = ((omega[k + j] - wanted + math.pi) % TURN - math.pi) * sine / errors[0]
                aside = ((eta[k + j] - wanted_eta + math.pi) % TURN - math.pi) * across / errors[1]
                total = off * off + aside * aside
                if abs(off) > factor or abs(aside) > factor or total > best:
                    continue
                total += (lines_apart(point, direction, i, k + j, reach) / errors[2]) ** 2
                if total < best:
                    best = total
                    partner[i], misfit[i] = j, total


@njit(cache=True, nogil=True)
def lines_apart(point: Any, direction: Any, i: int, j: int, reach: float) -> float:
    """Distance of two lines, infinite where they come nearest farther than `reach` from the axis."""
    dx = point[j, 0] - point[i, 0]
    dy = point[j, 1] - point[i, 1]
    dz = point[j, 2] - point[i, 2]
    ax, ay, az = direction[i, 0], direction[i, 1], direction[i, 2]
    bx, by, bz = direction[j, 0], direction[j, 1], direction[j, 2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    square = nx * nx + ny * ny + nz * nz
    if square < 1e-12:
        return np.inf
    dot = ax * bx + ay * by + az * bz
    along_a, along_b = dx * ax + dy * ay + dz * az, dx * bx + dy * by + dz * bz
    t = (along_a - dot * along_b) / square
    if math.hypot(point[i, 0] + t * ax, point[i, 1] + t * ay) > reach:
        return np.inf
    return float(abs(dx * nx + dy * ny + dz * nz) / math.sqrt(square))
