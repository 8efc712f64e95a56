"""Grains without pairs: seeds of one spot, for scans too short or too crowded for pairs.

A spot of a ring comes from somewhere on a cone of rays, as far as that lies in the sample, and the crystal may be
turned about the plane's normal: three numbers, which are tried from coarse to fine. The coarse look has tolerances
as wide as its steps, and what it finds best is fitted while they shrink. Forward search goes back to Li and Suter,
J. Appl. Cryst. 46 (2013) 512; that a spot and its ring leave three numbers of six is ours to use.
"""

from collections.abc import Sequence

import numpy as np

from friedel.index.candidates import Candidate, CandidateSearch
from friedel.index.left_overs import blobs_near_spots
from friedel.index.null import Null, accept_beyond_chance, take_blobs, with_luckiest, without_grains
from friedel.index.turned_seeds import Planes, best_of_turns, how_wide
from friedel.kernels.index.turned_seeds import places_of_spot
from friedel.model.arrays import Floats, Indices
from friedel.model.stream import Executor, Watcher, watched

MOST_SEEDS, NULL_SEEDS = 64, 16
"""Spots that are tried, and spots of the null."""
KEPT = 6
"""Best turns of a coarse look that are fitted."""
MOST_PLACES = 20_000
BATCH = 8
NULL_SEED = 20262
"""Of the scrambled angles."""


def candidates_of_single_spots(
    search: CandidateSearch,
    null: Null,
    accepted: Sequence[Candidate],
    executor: Executor,
    watcher: Watcher | None = None,
) -> tuple[list[Candidate], Null]:
    """The candidates, with more that bright spots of no candidate gave; and the null of all searches together."""
    found, blobs = list(accepted), search.observations.blobs
    half = search.half_sample
    if not len(blobs):
        return found, null
    taken = np.zeros(len(blobs), dtype=bool)
    for candidate in found:
        take_blobs(search, candidate, taken)
    whole = search.observations.whole
    crystals = ((one.phase, one.U, one.position) for one in found)
    near = blobs_near_spots(search.observations, crystals, search.params.tolerance)
    free = np.flatnonzero(~taken & whole & ~near)
    seeds = free[np.argsort(-blobs["sum_intensity"][free], kind="stable")][:MOST_SEEDS]
    if not len(seeds):
        return found, null
    wider = how_wide(search)
    null = _with_null(search, null, half, wider, min(NULL_SEEDS, len(seeds)), executor)
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    for batch in watched(watcher, "grains without pairs", batches, len(batches), "batches"):
        new = _of_spots(search, batch[~taken[batch]], half, wider, executor)
        for candidate in sorted(new, key=lambda c: -c.counts(taken)[1]):
            accept_beyond_chance(search, null, candidate, found, taken)
    return found, null


def _with_null(
    search: CandidateSearch, null: Null, half: Floats, wider: float, most: int, executor: Executor
) -> Null:
    """What the same search reaches where there are no grains."""
    rng, found = np.random.default_rng(NULL_SEED), []
    for one in without_grains(search, rng):
        seeds = rng.permutation(len(search.observations.blobs))[:most].astype(np.int64)
        found += _of_spots(one, seeds, half, wider, executor)
    return with_luckiest(null, found, len(search.observations.blobs))


def _of_spots(
    search: CandidateSearch, seeds: Indices, half: Floats, wider: float, executor: Executor
) -> list[Candidate]:
    """The best candidate of each seed and phase."""

    def work(seed: int) -> list[Candidate]:
        return [
            candidate
            for phase in range(len(search.observations.reflections))
            if (candidate := _of_spot(search, seed, phase, half, wider)) is not None
        ]

    return [candidate for part in executor.map(work, [int(seed) for seed in seeds]) for candidate in part]


def _of_spot(search: CandidateSearch, seed: int, phase: int, half: Floats, wider: float) -> Candidate | None:
    planes = _planes(search, seed, phase, half, wider)
    if not len(planes.row):
        return None
    turns = best_of_turns(search, phase, planes, kept=KEPT, wider=wider)
    none = np.zeros(len(search.observations.blobs), dtype=bool)
    fitted = [search.fitted(phase, turn.U, turn.place, wider=wider) for turn in turns if turn.score > 0]
    return max(fitted, key=lambda one: one.counts(none)[1], default=None)


def _planes(search: CandidateSearch, seed: int, phase: int, half: Floats, wider: float) -> Planes:
    """Where the spot may come from, on each ring, and the planes that it may be of."""
    observations, reflections = search.observations, search.observations.reflections[phase]
    omega, row, col = observations.lookup.centroid[seed]
    seen = observations.setup.detector.position_um(np.array([row]), np.array([col]))[0]
    reach = search.params.tolerance * search.widest * float(observations.search_error[1:].max())
    spacing = wider * reach * observations.pixel_um
    box = observations.setup.sample.kind == "box"
    usable = reflections.seeding[reflections.unique[reflections.seeding]]
    rows, places, gs = [], [], []
    for two_theta in np.unique(reflections.two_theta[usable]):
        points, g = np.empty((MOST_PLACES, 3)), np.empty((MOST_PLACES, 3))
        count = places_of_spot(seen, omega, two_theta, half, box, spacing, points, g)
        count = min(count, MOST_PLACES)
        for one in usable[np.isclose(reflections.two_theta[usable], two_theta, rtol=1e-9)]:
            rows.append(np.full(count, one))
            places.append(points[:count])
            gs.append(g[:count])
    if not rows:
        return Planes(np.zeros(0, dtype=np.int64), np.zeros((0, 3)), np.zeros((0, 3)))
    return Planes(np.concatenate(rows).astype(np.int64), np.concatenate(places), np.concatenate(gs))
