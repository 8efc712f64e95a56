"""Grains with few pairs: seeds of one pair, turned about its plane's normal until its spots are there.

A pair across the beam gives the place; of one half a turn apart the places on its line are tried. They are looked
for among what the grains that many pairs suggest have left, and have to beat the same search where nothing is:
angles scrambled, the stage turned the other way.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from friedel.index.candidates import Candidate, CandidateSearch
from friedel.index.null import Null, accept_beyond_chance, take_blobs, with_luckiest, without_grains
from friedel.index.phase_reflections import PhaseReflections
from friedel.kernels.index.turned_seeds import best_turns
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.stream import Executor, Watcher, watched

MOST_SEEDS, NULL_SEEDS = 400, 64
"""Pairs across the beam whose turn is looked for, and pairs of the null."""
MOST_LINES, NULL_LINES = 160, 12
"""The same of pairs half a turn apart, of which the place on the line is not known either."""
OVER_CHANCE = 1.5
"""They are tried where more of them are left than so many times what chance makes: each takes long."""
IN_VAIN = 32
"""After so many of them without a grain the others are left alone: what is left are pairs by chance."""
WIDEST, BY_CHANCE = 3.0, 0.08
"""Where the place is not known either, a coarse look is so many times wider than a seed's first look, less where a
spot would then be there by chance more often than this."""
MOST_PLACES = 100
"""On a line: where blobs are known so well that more would have to be tried, it is left alone."""
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
    """The candidates, with more that single pairs gave; and the null of both searches together."""
    found, lines = list(accepted), search.lines
    taken = np.zeros(len(search.observations.blobs), dtype=bool)
    for candidate in found:
        take_blobs(search, candidate, taken)
    free = ~taken[lines.blob].any(axis=1)
    kinds = []
    if (free & ~lines.half_turn).any():
        kinds.append((~lines.half_turn, MOST_SEEDS, NULL_SEEDS))
    if np.count_nonzero(free & lines.half_turn) > OVER_CHANCE * lines.by_chance:
        kinds.append((lines.half_turn, MOST_LINES, NULL_LINES))
    if not kinds:
        return found, null
    null = _with_null_of_turns(search, null, [(kind, most) for kind, _, most in kinds], executor)
    for kind, most, _ in kinds:
        seeds, in_vain = _brightest(search, np.flatnonzero(free & kind), most), 0
        batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
        for batch in watched(watcher, "grains with few pairs", batches, len(batches), "batches"):
            left = batch[~taken[lines.blob[batch]].any(axis=1)]
            before = len(found)
            for candidate in sorted(_turned(search, left, executor), key=lambda c: -c.counts(taken)[1]):
                accept_beyond_chance(search, null, candidate, found, taken)
            in_vain = 0 if len(found) > before else in_vain + len(left)
            if in_vain >= IN_VAIN and lines.half_turn[seeds[0]]:
                break
    return found, null


def _brightest(search: CandidateSearch, seeds: Indices, most: int) -> Indices:
    bright = search.observations.blobs["sum_intensity"][search.lines.blob[seeds]].sum(axis=1)
    return seeds[np.argsort(-bright, kind="stable")][:most]


def _with_null_of_turns(
    search: CandidateSearch, null: Null, kinds: Sequence[tuple[Mask, int]], executor: Executor
) -> Null:
    """What the same search reaches where there are no grains; `kinds` are pairs (mask) and how many of them."""
    found: list[Candidate] = []
    for one in without_grains(search, np.random.default_rng(NULL_SEED)):
        for kind, most in kinds:
            seeds = np.flatnonzero(kind)
            seeds = seeds[:: max(len(seeds) // most, 1)][:most]
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
        wider = how_wide(search) if lines.half_turn[seed] else 1.0
        places = _places(search, seed, wider)
        if len(places) > MOST_PLACES:
            continue
        g = np.tile(lines.g[seed], (len(rows) * len(places), 1))
        planes = Planes(np.repeat(rows, len(places)), np.tile(places, (len(rows), 1)), g)
        turns = best_of_turns(search, phase, planes, kept=KEPT, wider=wider)
        found += [search.fitted(phase, turn.U, turn.place, wider) for turn in turns if turn.score > least]
    return found


def how_wide(search: CandidateSearch) -> float:
    """How much wider a coarse look may be: spots must not be there by chance too often."""
    observations = search.observations
    _, rows, cols = observations.blobs.shape
    reach = search.params.tolerance * search.widest * observations.search_error
    sweep = abs(float(observations.window.sweep))
    part = 4.0 / 3.0 * np.pi * float(np.prod(reach)) / (sweep * rows * cols) * len(observations.blobs)
    return float(np.clip((BY_CHANCE / max(part, 1e-12)) ** (1 / 3), 1.0, WIDEST))


def _places(search: CandidateSearch, seed: int, wider: float) -> Floats:
    """Where the grain of a pair may be (n,3), um: one place, or along its line as far as that is in the sample."""
    lines, half = search.lines, search.half_sample
    if not lines.half_turn[seed]:
        return np.asarray(lines.point[seed][None])
    observations = search.observations
    reach = search.params.tolerance * search.widest * float(observations.search_error[1:].max())
    spacing = wider * reach * observations.pixel_um
    point, along = lines.point[seed], lines.direction[seed]
    count = int(np.ceil(float(np.linalg.norm(half)) / spacing))
    places = point + spacing * np.arange(-count, count + 1)[:, None] * along
    inside = np.abs(places[:, 2]) <= half[2] + spacing
    if observations.setup.sample.kind == "box":
        inside &= (np.abs(places[:, :2]) <= half[:2] + spacing).all(axis=1)
    else:
        inside &= np.hypot(places[:, 0], places[:, 1]) <= half[0] + spacing
    return np.asarray(places[inside] if inside.any() else point[None])


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
