"""Where a pair's line is crossed by many others, and how a crystal there must stand: the seed of a grain.

Lines of Friedel pairs pass through their grain (Ludwig et al., Rev. Sci. Instrum. 80 (2009) 033905). An orientation
comes from two directions by TRIAD (Black, AIAA J. 2 (1964) 1350) and from many by Kabsch's rotation (Acta Cryst.
A32 (1976) 922). Which lines are looked at together is ours.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.index.line_lookup import lines_near

STRETCHES = 6
"""Stretches of one line, those that most others cross first, that are looked at."""
MOST_LINES = 16384
MOST_TRIADS = 3000
LEAST_SINE = 0.1
"""Of the angle between two lines: where nearly parallel ones come nearest says nothing."""


@njit(cache=True, nogil=True)
def triad(h1: Any, h2: Any, g1: Any, g2: Any) -> Any:
    """The rotation that takes h1 along g1 and h2 into the plane of g1 and g2 (unit vectors, not parallel)."""
    hn = np.cross(h1, h2)
    hn /= math.sqrt(hn @ hn)
    gn = np.cross(g1, g2)
    gn /= math.sqrt(gn @ gn)
    ho, go = np.cross(hn, h1), np.cross(gn, g1)
    U = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            U[i, j] = g1[i] * h1[j] + gn[i] * hn[j] + go[i] * ho[j]
    return U


@njit(cache=True, nogil=True)
def is_lattice_vector(U: Any, B: Any, inverse: Any, g: Any, tolerance: float, h: Any) -> bool:
    """Whether g is a lattice vector of the crystal within an angle; h (3,) = its nearest indices."""
    v0 = U[0, 0] * g[0] + U[1, 0] * g[1] + U[2, 0] * g[2]
    v1 = U[0, 1] * g[0] + U[1, 1] * g[1] + U[2, 1] * g[2]
    v2 = U[0, 2] * g[0] + U[1, 2] * g[1] + U[2, 2] * g[2]
    for a in range(3):
        h[a] = np.rint(inverse[a, 0] * v0 + inverse[a, 1] * v1 + inverse[a, 2] * v2)
    e0 = B[0, 0] * h[0] + B[0, 1] * h[1] + B[0, 2] * h[2] - v0
    e1 = B[1, 0] * h[0] + B[1, 1] * h[1] + B[1, 2] * h[2] - v1
    e2 = B[2, 0] * h[0] + B[2, 1] * h[1] + B[2, 2] * h[2] - v2
    return bool(e0 * e0 + e1 * e1 + e2 * e2 < tolerance * tolerance * (v0 * v0 + v1 * v1 + v2 * v2))


@njit(cache=True, nogil=True)
def count_lattice_vectors(U: Any, B: Any, inverse: Any, g: Any, members: Any, tolerance: float) -> int:
    """How many of the members' g-vectors are lattice vectors of the crystal."""
    h = np.empty(3)
    count = 0
    for m in members:
        count += is_lattice_vector(U, B, inverse, g[m], tolerance, h)
    return count


@njit(cache=True, nogil=True)
def best_orientation(
    i: int,
    members: Any,
    g: Any,
    ranges: Any,
    B: Any,
    inverse: Any,
    normals: Any,
    unique: Any,
    tolerance: float,
    U: Any,
) -> int:
    """The orientation that most of the members share, through triads of i and each of them; its count, U filled.

    `ranges` (n,2) are the rows of `normals` (unit, crystal frame) that a pair may be, by its 2theta; `unique` marks
    the symmetry-unique ones: one of each set that rotations of the crystal take into each other.
    """
    best, tried = 0, 0
    unit_i = g[i] / math.sqrt(g[i] @ g[i])
    for j in members:
        if j == i:
            continue
        unit_j = g[j] / math.sqrt(g[j] @ g[j])
        cosine = unit_i @ unit_j
        sine = math.sqrt(max(1.0 - cosine * cosine, 0.0))
        if sine < 0.15:
            continue
        for a in range(ranges[i, 0], ranges[i, 1]):
            if not unique[a]:
                continue
            for b in range(ranges[j, 0], ranges[j, 1]):
                if abs(normals[a] @ normals[b] - cosine) > 1.5 * tolerance * sine:
                    continue
                trial = triad(normals[a], normals[b], unit_i, unit_j)
                count = count_lattice_vectors(trial, B, inverse, g, members, tolerance)
                tried += 1
                if count > best:
                    best = count
                    U[:] = trial
        if tried > MOST_TRIADS or best >= max(8, 0.7 * len(members)):
            break
    return best


@njit(cache=True, nogil=True)
def fit_to_pairs(
    U: Any,
    position: Any,
    members: Any,
    g: Any,
    points: Any,
    directions: Any,
    B: Any,
    inverse: Any,
    tolerance: float,
) -> Any:
    """(U, position) from all the pairs that fit: rotation by Kabsch, the point nearest to their lines."""
    M, A, b, h = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3), np.empty(3)
    for m in members:
        if not is_lattice_vector(U, B, inverse, g[m], tolerance, h):
            continue
        v = B @ h
        M += np.outer(g[m], v) / (v @ v)
        across = np.eye(3) - np.outer(directions[m], directions[m])
        A += across
        b += across @ points[m]
    left, _, right = np.linalg.svd(M)
    flip = np.eye(3)
    flip[2, 2] = np.sign(np.linalg.det(left @ right))
    A += 1e-9 * np.eye(3)
    return left @ flip @ right, np.linalg.solve(A, b + 1e-9 * position)


@njit(cache=True, nogil=True)
def search_seeds(
    seeds: Any,
    g: Any,
    points: Any,
    directions: Any,
    usable: Any,
    ranges: Any,
    B: Any,
    normals: Any,
    unique: Any,
    lookup: Any,
    reach: float,
    tolerance: float,
    support: Any,
    Us: Any,
    positions: Any,
) -> None:
    """For each seed (row of the pairs) the best crystal on its line: support (pairs that fit), U and position.

    `usable` (n) pairs that take part; `reach` in the unit of `points`, `tolerance` the angle (rad) between
    g-vectors that counts as none.
    """
    seen_from = np.full(len(g), -1, np.int64)
    room = min(len(g), MOST_LINES)
    found, along = np.empty(room + 1, np.int64), np.empty(room + 1)
    inverse = np.linalg.inv(B)
    U = np.eye(3)
    for s in range(len(seeds)):
        i = seeds[s]
        support[s] = 0
        seen_from[i] = -1
        n = lines_near(
            i, points, directions, usable, lookup, reach, LEAST_SINE, seen_from, found[:room], along[:room]
        )
        order = np.argsort(along[:n])
        near, t = found[:n][order], along[:n][order]
        free = np.ones(n, np.bool_)
        for _ in range(STRETCHES):
            first, last = _densest_stretch(t, free, 3.0 * reach)
            if last - first < 2:
                break
            free[first:last] = False
            members = np.empty(last - first + 1, np.int64)
            members[:-1] = near[first:last]
            members[-1] = i
            count = best_orientation(i, members, g, ranges, B, inverse, normals, unique, tolerance, U)
            if count > support[s]:
                support[s] = count
                place = points[i] + 0.5 * (t[first] + t[last - 1]) * directions[i]
                Us[s], positions[s] = fit_to_pairs(U, place, members, g, points, directions, B, inverse, tolerance)
            if count >= max(8, 0.7 * len(members)):
                break


@njit(cache=True, nogil=True)
def _densest_stretch(t: Any, free: Any, width: float) -> Any:
    """The longest run of free entries of ascending t within `width`: [first, last)."""
    best_first, best_last = 0, 0
    first = 0
    for last in range(len(t)):
        if not free[last]:
            first = last + 1
            continue
        while t[last] - t[first] > width:
            first += 1
        if last + 1 - first > best_last - best_first:
            best_first, best_last = first, last + 1
    return best_first, best_last
