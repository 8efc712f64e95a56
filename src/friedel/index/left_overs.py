"""Searches in what grains leave over: blobs that none of them explains, with a null of their own.

Where most blobs are set aside the few of a small grain stand out: chance explains less of them. A blob is explained
when a grain has it, or predicts a spot there, of whatever ring. What is found is refined together with all other
grains, and has to beat the null of its own search with blobs that were free in it. Searching again what a solution
leaves is usual for multi-grain indexing (GrainSpotter, Schmidt, J. Appl. Cryst. 47 (2014) 276); the null is ours.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from friedel.index.assignment import RefinedGrains
from friedel.index.candidates import Candidate, CandidateSearch
from friedel.index.null import Searched, candidates_beyond_chance, is_known, keep_beyond_chance, measure_null
from friedel.index.observations import Observations, PairLines
from friedel.index.refinement import Rounds, assign_and_refine
from friedel.index.turned_seeds import candidates_by_turning
from friedel.kernels.index.blob_lookup import EXPECTED, blob_choices, predict_spots
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.families import farthest_two_theta_rad
from friedel.model.stream import Executor

MOST_SEARCHES = 4
"""The first one among them."""
OVER_CHANCE, SPREADS = 1.2, 3.0
"""Searched again are pairs that are so many times more than chance makes, and so many standard deviations."""
NEIGHBOURS, NEAR = 4, 2.0
"""Blobs near a spot, within twice the tolerance, that are taken for its own or its parts."""

Crystal = tuple[int, Floats, Floats]
"""Phase, U and position (um)."""


class Found(NamedTuple):
    """Grains, for each the number of spots that chance does not reach (n), and the searches that found them."""

    grains: RefinedGrains
    limits: Indices
    searches: list[Searched]


def search_left_overs(
    observations: Observations, lines: PairLines, found: Found, rounds: Rounds, executor: Executor, *, turned: bool
) -> Found:
    """What was found, with the grains that further searches find; single pairs are seeds where that is worth its
    time, since they have given grains before (`turned`)."""
    grains, limits, searches = found
    while len(searches) < MOST_SEARCHES:
        free = ~explained_blobs(observations, grains, rounds.params.tolerance)
        left = lines.among(free)
        if not worth_searching(left, rounds.params.min_pairs):
            break
        new, searched = _searched(observations, left, free, rounds, executor, turned)
        known = as_candidates(grains)
        new = [replace(one, search=len(searches)) for one in new]
        new = [one for one in new if not is_known(one, known, observations, rounds.tolerances)]
        searches = [*searches, searched]
        if not new:
            break
        more, seen = assign_and_refine(observations, [*known, *new], rounds)
        more, more_limits = keep_beyond_chance(seen, more, [*known, *new], searches, rounds)
        if len(more) <= len(grains):
            break
        grains, limits = more, more_limits
    return Found(grains, limits, searches)


def worth_searching(lines: PairLines, least: int) -> bool:
    """Whether there are more pairs, half a turn apart or across the beam, than chance makes; `least` at least."""
    kinds = (lines.half_turn, lines.by_chance), (~lines.half_turn, lines.across_by_chance)
    return any(
        np.count_nonzero(mine) >= max(least, OVER_CHANCE * chance + SPREADS * np.sqrt(chance))
        for mine, chance in kinds
    )


def _searched(
    observations: Observations, lines: PairLines, free: Mask, rounds: Rounds, executor: Executor, turned: bool
) -> tuple[list[Candidate], Searched]:
    """What a search among free blobs and their pairs finds, and its null."""
    search = CandidateSearch(observations.without(~free), lines, rounds.tolerances, rounds.params)
    null = measure_null(search, executor, rounds.watcher)
    found, _ = candidates_beyond_chance(search, null, executor, rounds.watcher)
    if turned:
        found, null = candidates_by_turning(search, null, found, executor, rounds.watcher)
    return found, Searched(null, free)


def as_candidates(grains: RefinedGrains) -> list[Candidate]:
    """Grains as candidates, as they were refined, with the blobs that they have."""
    found = []
    for i in range(len(grains)):
        blob = grains.blob[grains.grain == i]
        seen, state = np.zeros(len(blob)), np.full(len(blob), EXPECTED, dtype=np.int64)
        one = int(grains.phase[i]), grains.U[i], grains.position[i]
        found.append(Candidate(*one, blob, seen, state, int(grains.search[i])))
    return found


def explained_blobs(observations: Observations, grains: RefinedGrains, tolerance: float) -> Mask:
    """Blobs (n) that a grain has, or where one has a spot of any ring that the detector sees."""
    crystals = zip(grains.phase.tolist(), grains.U, grains.position, strict=True)
    marked = blobs_near_spots(observations, crystals, tolerance)
    marked[grains.blob] = True
    return marked


def blobs_near_spots(observations: Observations, crystals: Iterable[Crystal], tolerance: float) -> Mask:
    """Blobs (n) where a crystal has a spot of any ring that the detector sees, those not in use too."""
    marked = np.zeros(len(observations.blobs), dtype=bool)
    wavelength, shape = observations.wavelength, observations.blobs.shape[1:]
    sine = np.sin(farthest_two_theta_rad(observations.setup.detector, shape) / 2)
    every = [one.phase.reflections(wavelength / (2.0 * sine)).hkl for one in observations.reflections]
    for phase, U, position in crystals:
        hkl, B = every[phase], observations.reflections[phase].B
        place, state = np.zeros((2 * len(hkl), 4)), np.zeros(2 * len(hkl), dtype=np.int64)
        window = tuple(observations.window)
        predict_spots(hkl @ (U @ B).T, position, wavelength, observations.plane, window, place, state)
        near, square = np.full((len(state), NEIGHBOURS), -1, dtype=np.int64), np.zeros((len(state), NEIGHBOURS))
        reach = tolerance * NEAR
        blob_choices(place, state, tuple(observations.lookup), observations.search_error, reach, near, square)
        marked[near[near >= 0]] = True
    return marked
