"""Sub-grains: crystals of one orientation side by side that are one grain, as a twin lamella leaves them of it.

Where the sub-grains are seen side by side each has a blob of its own, where one is before the other they have one
together. So a search finds up to three crystals of one orientation: either sub-grain, and their parent, the whole
grain, in the blobs that show both. They are joined to one grain. Where the sub-grains have blobs of their own, the
middle of these, weighted with the counts, is where the parent would be; fitted to all places that show it,
orientation and position are the parent's. The method is ours; docs/decisions/0060 says why, and what it costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from friedel.index.assignment import LEAST_SPOTS, RefinedGrains, predicted_minus_seen
from friedel.index.candidates import Candidate
from friedel.index.observations import Observations
from friedel.index.params import IndexParams
from friedel.kernels.index.blob_lookup import EXPECTED, predict_spots
from friedel.kernels.index.fit_grain import gauss_newton, rotated, spot_residual
from friedel.model.arrays import Floats, Indices

LEAST_DEG, SPREADS = 0.1, 2.0
"""Sub-grains are turned to each other by less than this, or than so many standard deviations inside of them."""
REACH = 1.5
"""Sub-grains are no farther apart than so many times the sum of their radii."""
BALL = np.sqrt(5.0)
"""Radius of a ball over the standard deviation of its projection."""
ROUNDS = 3
FIRST_LOOK = 3.0
"""How many times wider than the tolerance the first look is: the middle of two sub-grains is known that well."""


def group_sub_grains(observations: Observations, candidates: Sequence[Candidate]) -> tuple[Indices, Floats]:
    """A number for each crystal (n), the same for sub-grains of one parent; their orientations (n,3,3).

    Of orientations that the lattice does not tell apart it is the one nearest to that of the parent's first
    sub-grain.
    """
    n = len(candidates)
    U = np.array([candidate.U for candidate in candidates]).reshape(n, 3, 3)
    links = _of_one_grain(observations, candidates, U) if n else np.zeros((0, 2), dtype=np.int64)
    graph = coo_array((np.ones(len(links)), tuple(links.T)), shape=(n, n))
    parent = np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
    first = np.unique(parent, return_index=True)[1]
    for i in np.flatnonzero(first[parent] != np.arange(n)).tolist():
        equivalent = U[i] @ observations.reflections[candidates[i].phase].phase.lattice_symmetry
        U[i] = equivalent[np.argmax(np.einsum("ij,sij->s", U[first[parent[i]]], equivalent))]
    return parent, U


def _of_one_grain(observations: Observations, candidates: Sequence[Candidate], U: Floats) -> Indices:
    """Pairs (m,2) of crystals that are sub-grains of one grain."""
    places = np.array([candidate.position for candidate in candidates])
    sizes = np.array([_radius_and_spread(observations, candidate) for candidate in candidates])
    near = cKDTree(places).query_pairs(2 * REACH * float(sizes[:, 0].max()), output_type="ndarray")
    phases = np.array([candidate.phase for candidate in candidates])
    apart = np.linalg.norm(places[near[:, 0]] - places[near[:, 1]], axis=1)
    near = near[(apart < REACH * sizes[near, 0].sum(axis=1)) & (phases[near[:, 0]] == phases[near[:, 1]])]
    least = np.maximum(LEAST_DEG, SPREADS * sizes[near, 1].min(axis=1))
    phase, turned = phases[near[:, 0]], np.zeros(len(near))
    for number, reflections in enumerate(observations.reflections):
        a, b = near[phase == number].T
        turned[phase == number] = reflections.phase.lattice_misorientation_deg(U[a], U[b])
    return np.asarray(near[turned < least], dtype=np.int64)


def _radius_and_spread(observations: Observations, candidate: Candidate) -> tuple[float, float]:
    """Radius (um) as of a ball, and by how much the lattice turns inside (standard deviation, deg).

    A spot is as wide in omega as the lattice turns, over |sin eta|: a quarter of the spots are hardly widened.
    """
    blobs, mine = observations.blobs, candidate.blob[candidate.blob >= 0]
    if not len(mine):
        return 0.0, 0.0
    width = np.sqrt(blobs["sigs"][mine] * blobs["sigf"][mine])
    return BALL * float(np.median(width)) * observations.pixel_um, float(np.quantile(blobs["sigo"][mine], 0.25))


@dataclass(frozen=True, slots=True, eq=False)
class _Sightings:
    """Where a parent may have been seen (n): one blob, or the middle of several of one spot.

    `hkl`, `centroid` (n,3) rad, px, px, and its errors (n,3) as of Observations; `spot` (n) number of the spot, and
    the `rows` of each among the spots of the sub-grains.
    """

    hkl: Floats
    centroid: Floats
    search_error: Floats
    fit_error: Floats
    spot: Indices
    rows: tuple[Indices, ...]


class _Guess(NamedTuple):
    """What a parent may be."""

    U: Floats
    position: Floats
    log_volume: float


def missing_parents(
    observations: Observations, grains: RefinedGrains, candidates: Sequence[Candidate], params: IndexParams
) -> list[Candidate]:
    """Crystals in the middle of sub-grains where none was found: the spots that show the parent are theirs."""
    found = []
    for parent in np.flatnonzero(np.bincount(grains.parent, minlength=1) > 1):
        members = np.flatnonzero(grains.parent == parent)
        rows = np.flatnonzero(np.isin(grains.grain, members))
        if not len(rows):
            continue
        sightings = _sightings(observations, grains, rows)
        best, guess = _best_guess(observations, grains, members, sightings, params)
        if best >= len(members):
            found.append(replace(candidates[int(members[0])], U=guess.U, position=guess.position))
    return found


def join_sub_grains(
    observations: Observations, grains: RefinedGrains, limits: Indices, params: IndexParams
) -> tuple[RefinedGrains, Indices]:
    """The sub-grains of each parent as one grain, in the place of the first; the largest of their `limits` (n)."""
    first, number = np.unique(grains.parent, return_index=True, return_inverse=True)[1:]
    if len(first) == len(grains):
        return grains, limits
    groups = [np.flatnonzero(number == i) for i in np.argsort(first, kind="stable")]
    parts = [
        grains.only(int(members[0])) if len(members) == 1 else _joined(observations, grains, members, params)
        for members in groups
    ]
    return RefinedGrains.together(parts), np.array([limits[members].max() for members in groups], dtype=np.int64)


def _joined(
    observations: Observations, grains: RefinedGrains, members: Indices, params: IndexParams
) -> RefinedGrains:
    """The grain that crystals (rows) are sub-grains of."""
    rows = np.flatnonzero(np.isin(grains.grain, members))
    sightings = _sightings(observations, grains, rows)
    phase = int(grains.phase[members[0]])
    U, position, log_volume = _best_guess(observations, grains, members, sightings, params)[1]
    near = np.zeros(0, dtype=np.int64)
    for _ in range(ROUNDS):
        near = _near(observations, sightings, phase, U, position, params.tolerance)
        if len(near) >= LEAST_SPOTS:
            U, position, _ = gauss_newton(
                U,
                observations.reflections[phase].B,
                position,
                sightings.hkl[near],
                sightings.centroid[near],
                sightings.fit_error[near],
                observations.wavelength,
                observations.plane,
                4,
            )
    seen = [sightings.rows[i] for i in near]
    one = replace(
        _with_sightings(grains, rows, seen, sightings.centroid[near]),
        phase=grains.phase[members[:1]],
        search=grains.search[members[:1]],
        parent=grains.parent[members[:1]],
        U=U[None],
        position=position[None],
        log_volume=np.array([log_volume]),
    )
    return _measured(observations, one)


def _best_guess(
    observations: Observations, grains: RefinedGrains, members: Indices, sightings: _Sightings, params: IndexParams
) -> tuple[int, _Guess]:
    """The guess that most blobs agree with, and its number among them.

    Two blobs of one spot that show the parent together also say that neither does alone.
    """
    phase, wide = int(grains.phase[members[0]]), FIRST_LOOK * params.tolerance
    guesses = _guesses(grains, members)
    seen = [
        sum(len(sightings.rows[i]) for i in _near(observations, sightings, phase, guess.U, guess.position, wide))
        for guess in guesses
    ]
    best = int(np.argmax(seen))
    return best, guesses[best]


def _guesses(grains: RefinedGrains, members: Indices) -> list[_Guess]:
    """What the parent may be: each of its sub-grains, then the mean of each two."""
    volume = np.where(np.isfinite(grains.log_volume[members]), grains.log_volume[members], 0.0)
    found = [_Guess(grains.U[i], grains.position[i], float(grains.log_volume[i])) for i in members]
    for a in range(len(members)):
        for b in range(a + 1, len(members)):
            part = 1.0 / (1.0 + np.exp(volume[a] - volume[b]))
            i, j = members[a], members[b]
            step = grains.U[j] @ grains.U[i].T
            axial = 0.5 * np.array([step[2, 1] - step[1, 2], step[0, 2] - step[2, 0], step[1, 0] - step[0, 1]])
            place = (1 - part) * grains.position[i] + part * grains.position[j]
            total = float(np.logaddexp(volume[a], volume[b]))
            found.append(_Guess(np.asarray(rotated(grains.U[i], part * axial)), place, total))
    return found


def _sightings(observations: Observations, grains: RefinedGrains, rows: Indices) -> _Sightings:
    """Each blob alone, and all blobs of one spot together."""
    sure = rows[~grains.overlapped[rows]]
    spot = 2 * grains.reflection[sure] + grains.solution[sure]
    groups = [np.array([row]) for row in sure]
    groups += [sure[spot == one] for one in np.flatnonzero(np.bincount(spot, minlength=1) > 1)]
    centroid = np.array([_middle(observations, grains, group) for group in groups]).reshape(-1, 3)
    lead = np.array([group[0] for group in groups], dtype=np.int64)
    extra_error = observations.lookup.extra_error
    extra = np.array([extra_error[grains.blob[group]].max(axis=0) for group in groups]).reshape(-1, 3)
    reflections = observations.reflections[grains.phase[grains.grain[rows[0]]]]
    hkl = reflections.hkl[grains.reflection[lead]]
    number = 2 * grains.reflection[lead] + grains.solution[lead]
    search, fit = (np.sqrt(one**2 + extra**2) for one in (observations.search_error, observations.fit_error))
    return _Sightings(hkl, centroid, search, fit, number, tuple(groups))


def _middle(observations: Observations, grains: RefinedGrains, group: Indices) -> Floats:
    """Mean centroid of some blobs (rows of the grains' spots) by their counts."""
    place = grains.centroid[group].copy()
    place[:, 0] = place[0, 0] + np.mod(place[:, 0] - place[0, 0] + np.pi, 2 * np.pi) - np.pi
    counts = np.maximum(observations.blobs["sum_intensity"][grains.blob[group]], 1e-12)
    middle = np.average(place, axis=0, weights=counts)
    middle[0] = np.mod(middle[0], 2 * np.pi)
    return np.asarray(middle)


def _near(
    observations: Observations, sightings: _Sightings, phase: int, U: Floats, position: Floats, limit: float
) -> Indices:
    """The sightings within `limit` errors of their prediction, of each spot the nearest."""
    UB, out, hit = U @ observations.reflections[phase].B, np.zeros(3), np.zeros(2)
    wavelength, plane = observations.wavelength, observations.plane
    square = np.full(len(sightings.spot), np.inf)
    for i in range(len(sightings.spot)):
        if spot_residual(UB, position, sightings.hkl[i], sightings.centroid[i], wavelength, plane, hit, out):
            square[i] = float(((out / sightings.search_error[i]) ** 2).sum())
    order = np.lexsort((square, sightings.spot))
    best = order[np.unique(sightings.spot[order], return_index=True)[1]]
    return np.sort(best[square[best] <= limit**2])


def _with_sightings(grains: RefinedGrains, rows: Indices, seen: list[Indices], centroids: Floats) -> RefinedGrains:
    """One grain that has every blob once: first those that show the parent, then parts of it, then overlapped ones.

    Of several blobs that show it together the first stands for all of them in a fit.
    """
    centroid, overlapped = grains.centroid.copy(), grains.overlapped.copy()
    overlapped[rows] = True
    for group, middle in zip(seen, centroids, strict=True):
        centroid[group] = middle
        overlapped[group[0]] = False
    rank = np.ones(len(overlapped), dtype=np.int64)
    rank[grains.overlapped] = 2
    if seen:
        rank[np.concatenate(seen)] = 0
    order = rows[np.lexsort((rows, rank[rows]))]
    once = order[np.sort(np.unique(grains.blob[order], return_index=True)[1])]
    once = once[np.lexsort((rank[once], grains.solution[once], grains.reflection[once]))]
    new = replace(grains, centroid=centroid, overlapped=overlapped)
    return replace(new, grain=np.where(np.isin(np.arange(len(overlapped)), once), 0, -1)).only(0)


def _measured(observations: Observations, one: RefinedGrains) -> RefinedGrains:
    """Of a single grain: what is expected, what of it was found (one blob of each spot counts), residuals."""
    reflections = observations.reflections[one.phase[0]]
    n = 2 * len(reflections.hkl)
    place, state = np.zeros((n, 4)), np.zeros(n, dtype=np.int64)
    g, window = reflections.hkl @ (one.U[0] @ reflections.B).T, tuple(observations.window)
    predict_spots(g, one.position[0], observations.wavelength, observations.plane, window, place, state)
    reflections.count_on_used(state)
    spot = 2 * one.reflection + one.solution
    counted = np.zeros(len(spot), dtype=bool)
    counted[np.unique(spot, return_index=True)[1]] = True
    off = predicted_minus_seen(place[spot], one.centroid)
    expected = np.array([np.count_nonzero(state == EXPECTED)], dtype=np.int64)
    return replace(one, counted=counted & (state[spot] == EXPECTED), expected=expected, residual=off)
