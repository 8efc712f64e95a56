"""Grains with few pairs: seeds of one pair across the beam, turned about its plane's normal until its spots are
there.

They are looked for among what the grains that many pairs suggest have left, and have to beat the same search where
there is nothing: angles scrambled, the stage turned the other way.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from friedel.index.candidates import Candidate, CandidateSearch
from friedel.index.null import Null, accept_beyond_chance, take_blobs, with_luckiest, without_grains
from friedel.index.phase_reflections import PhaseReflections
from friedel.kernels.index.turned_seeds import best_turns
from friedel.model.arrays import Floats, Indices
from friedel.model.stream import Executor, Watcher, watched

MOST_SEEDS, NULL_SEEDS = 400, 64
"""Pairs whose turn is looked for, and pairs of the null."""
KEPT = 2
"""Best turns of a seed that are fitted."""
STEP_DEG = 0.5
"""Of the turn; spots are looked for within the widest tolerance of a seed."""
STRONGEST = 40
"""Reflections that are looked up."""
PROMISING = 0.35
"""A seed is fitted when so many of these are there."""
CHUNK, BATCH = 4, 32
"""Pairs of a thread, and between two looks at what is found: the same for any number of threads."""
NULL_SEED = 20261
"""Of the scrambled angles."""


def candidates_by_turning(
    search: CandidateSearch,
    null: Null,
    accepted: Sequence[Candidate],
    executor: Executor,
    watcher: Watcher | None = None,
) -> tuple[list[Candidate], Null]:
    """The candidates, with more that single pairs across the beam gave; and the null of both searches together."""
    found, lines = list(accepted), search.lines
    taken = np.zeros(len(search.observations.blobs), dtype=bool)
    for candidate in found:
        take_blobs(search, candidate, taken)
    seeds = np.flatnonzero(~lines.half_turn & ~taken[lines.blob].any(axis=1))
    if not len(seeds):
        return found, null
    bright = search.observations.blobs["sum_intensity"][lines.blob[seeds]].sum(axis=1)
    seeds = seeds[np.argsort(-bright, kind="stable")][:MOST_SEEDS]
    null = _with_null_of_turns(search, null, executor)
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    for batch in watched(watcher, "grains with few pairs", batches, len(batches), "batches"):
        left = batch[~taken[lines.blob[batch]].any(axis=1)]
        for candidate in sorted(_turned(search, left, executor), key=lambda c: -c.counts(taken)[1]):
            accept_beyond_chance(search, null, candidate, found, taken)
    return found, null


def _with_null_of_turns(search: CandidateSearch, null: Null, executor: Executor) -> Null:
    """What the same search reaches where there are no grains."""
    found: list[Candidate] = []
    for one in without_grains(search, np.random.default_rng(NULL_SEED)):
        seeds = np.flatnonzero(~one.lines.half_turn)
        seeds = seeds[:: max(len(seeds) // NULL_SEEDS, 1)][:NULL_SEEDS]
        found += _turned(one, seeds, executor, least=0.0)
    return with_luckiest(null, found, len(search.observations.blobs))


def _turned(
    search: CandidateSearch, seeds: Indices, executor: Executor, least: float = PROMISING
) -> list[Candidate]:
    """Fitted candidates of some seeds (rows of the lines), of each phase."""
    chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]

    def work(chunk: Indices) -> list[Candidate]:
        return [one for seed in chunk for one in _of_seed(search, int(seed), least)]

    return [candidate for part in executor.map(work, chunks) for candidate in part]


def _of_seed(search: CandidateSearch, seed: int, least: float) -> list[Candidate]:
    lines, found = search.lines, []
    for phase, reflections in enumerate(search.observations.reflections):
        first, stop = search.possible[phase][seed]
        rows = reflections.seeding[first:stop]
        rows = rows[reflections.unique[rows]]
        if not len(rows):
            continue
        places, g = np.tile(lines.point[seed], (len(rows), 1)), np.tile(lines.g[seed], (len(rows), 1))
        turns = best_of_turns(search, phase, Planes(rows, places, g), kept=KEPT)
        found += [search.fitted(phase, turn.U, turn.place) for turn in turns if turn.score > least]
    return found


class Planes(NamedTuple):
    """Hypotheses: reflection `row` (n), at `place` (n,3) um, along `g` (n,3) of the sample frame."""

    row: Indices
    place: Floats
    g: Floats


class Turn(NamedTuple):
    """A crystal's orientation and place (um), and the part of its expected spots that are there."""

    score: float
    U: Floats
    place: Floats


def best_of_turns(
    search: CandidateSearch, phase: int, planes: Planes, *, kept: int, wider: float = 1.0
) -> list[Turn]:
    """The best turns about the normals of planes, best first; `wider` steps with as much wider tolerances."""
    observations, reflections = search.observations, search.observations.reflections[phase]
    repeats = np.array([_repeats(reflections, int(row)) for row in np.unique(planes.row)])
    repeats = repeats[np.unique(planes.row, return_inverse=True)[1]]
    steps = np.column_stack([np.ceil(360.0 / (STEP_DEG * wider) / repeats), 2.0 * np.pi / repeats])
    scores, Us, places = np.zeros(kept), np.zeros((kept, 3, 3)), np.zeros((kept, 3))
    best_turns(
        planes.place,
        planes.g / np.linalg.norm(planes.g, axis=1)[:, None],
        np.ascontiguousarray(reflections.normal[planes.row]),
        steps,
        reflections.B,
        _strongest(reflections),
        observations.wavelength,
        observations.plane,
        tuple(observations.window),
        tuple(observations.lookup),
        wider * search.widest * observations.search_error,
        search.params.tolerance,
        scores,
        Us,
        places,
    )
    return [Turn(float(score), U, place) for score, U, place in zip(scores, Us, places, strict=True)]


def _strongest(reflections: PhaseReflections) -> Floats:
    used = np.flatnonzero(reflections.in_use)
    order = used[np.argsort(-reflections.f_squared[used], kind="stable")][:STRONGEST]
    return np.ascontiguousarray(reflections.hkl[np.sort(order)])


def _repeats(reflections: PhaseReflections, row: int) -> int:
    """After what part of a turn about a plane's normal the crystal looks the same: 1, 2, 3, 4 or 6."""
    normal = reflections.normal[row]
    same = np.abs(reflections.phase.lattice_symmetry @ normal - normal).max(axis=1) < 1e-6
    return max(int(same.sum()), 1)
