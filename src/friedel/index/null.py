"""The null: how much of their spots crystals explain where there are none, and which crystals explain more.

Seeds, fit and counting are the real ones, on the same blobs and pairs without what makes them a grain's. That every
search has a null is ours; GrainSpotter and its like ask for a completeness that the user chooses (Schmidt, J. Appl.
Cryst. 47 (2014) 276).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.stats import binom

from friedel.index.assignment import RefinedGrains
from friedel.index.candidates import Candidate, CandidateSearch, Screen
from friedel.index.mixtures import mixture_spots, worst_of_neighbours
from friedel.index.observations import Observations
from friedel.index.refinement import Rounds, assign_and_refine
from friedel.index.sub_grains import LEAST_DEG
from friedel.index.tolerances import IndexTolerances
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.stream import Executor, Watcher, counted

SEEDS = 192
"""Of the null."""
NULL_SEED = 20260
"""Of the scrambled angles."""
ORDER_SEED = 77
"""Of the order in which pairs become seeds: neighbours in the table are often of one grain."""
SAME_DEG, SAME_LINES = 1.0, 3.0
"""Two crystals this near in orientation (deg) and place (tolerances of a line) are one grain found twice."""
LEAST_SPOTS = 7
"""Fewer spots never make a grain: a seed of four pairs brings eight spots, and a fit bends six numbers to them."""
JOINING = 0.5
"""A sub-grain of a grain needs this part of the spots that a grain needs."""


@dataclass(frozen=True, slots=True)
class ChanceLevel:
    """What chance reaches in one phase: mean completeness of seeds in scrambled data, the largest of any null, and
    of the null that turns the other way alone; and the mean at a first look, before a crystal is fitted."""

    mean: float
    largest: float
    mirrored: float
    first_look: float


@dataclass(frozen=True, slots=True)
class Null:
    """What chance reaches in each phase, and the accepted risk that one crystal that was tried does."""

    levels: tuple[ChanceLevel, ...] = ()
    risk: float = 0.0

    def least_spots(self, phase: int, expected: int) -> int:
        """Spots, of so many expected, that chance does not reach.

        A coin that hits as often as the luckiest of the null's seeds: what pairs of one scan have in common
        without being of one grain is in there too.
        """
        level = self.levels[phase]
        counts = np.arange(expected + 2)
        tail = binom.sf(counts - 1, expected, min(max(level.mean, level.largest), 1.0))
        return max(int(counts[np.argmax(tail < self.risk)]), LEAST_SPOTS)


def measure_null(search: CandidateSearch, executor: Executor, watcher: Watcher | None = None) -> Null:
    """For each phase, the completeness of the best crystals on lines of data in which there are none.

    Scrambled: every blob and every pair gets a random angle of its own (and random orientations are tried there as
    well). Mirrored: the stage turns the other way, all else stays: what pairs have in common is still there.
    """
    rng = np.random.default_rng(NULL_SEED)
    lines, observations = search.lines, search.observations
    blank, mirror = without_grains(search, rng)
    seeds, all_pairs = rng.permutation(len(lines))[:SEEDS].astype(np.int64), np.ones(len(lines), dtype=bool)
    phases = range(len(observations.reflections))
    with counted(watcher, "chance", 2 + len(phases), "searches") as one_more:
        scrambled = blank.in_chunks(seeds, all_pairs, 1, executor)
        one_more()
        mirrored = mirror.in_chunks(seeds, all_pairs, 1, executor)
        one_more()
        orientations = Rotation.random(SEEDS, rng=rng).as_matrix()
        places = _places(search, rng)
        for phase in phases:
            scrambled += [blank.fitted(phase, U, place) for U, place in zip(orientations, places, strict=True)]
            one_more()
    levels = []
    for phase in phases:
        part, other = (_completeness(found, phase, len(observations.blobs)) for found in (scrambled, mirrored))
        most = float(other.max(initial=0.0))
        looks = [blank.first_look(phase, U, place) for U, place in zip(orientations, places, strict=True)]
        first = sum(len(blobs) for blobs, _ in looks) / max(sum(expected for _, expected in looks), 1)
        levels.append(ChanceLevel(float(part.mean()), float(part.max(initial=most)), most, first))
    return Null(tuple(levels), search.params.chance / max(len(lines) * len(phases), 1))


def spots_of_a_grain(search: CandidateSearch) -> Floats:
    """How many spots are expected of a grain of each phase, of the first orientations that come: the median."""
    orientations = Rotation.random(SEEDS, rng=np.random.default_rng(NULL_SEED)).as_matrix()
    phases = range(len(search.observations.reflections))
    return np.array([np.median([search.first_look(p, U, np.zeros(3))[1] for U in orientations]) for p in phases])


def _places(search: CandidateSearch, rng: np.random.Generator) -> Floats:
    """Where grains may be (SEEDS,3), um: on lines of pairs or, without any, anywhere in the sample's box."""
    points = search.lines.point
    if len(points):
        return np.asarray(points[rng.integers(0, len(points), SEEDS)])
    return np.asarray(rng.uniform(-1, 1, (SEEDS, 3)) * search.half_sample)


def without_grains(search: CandidateSearch, rng: np.random.Generator) -> tuple[CandidateSearch, CandidateSearch]:
    """The same blobs and pairs with every angle scrambled, and as if the stage turned the other way."""
    lines, observations = search.lines, search.observations
    blank = CandidateSearch(
        observations.with_omega(rng.uniform(0, 2 * np.pi, len(observations.blobs))),
        lines.turned(rng.uniform(0, 2 * np.pi, len(lines))),
        search.tolerances,
        search.params,
    )
    mirror = CandidateSearch(observations.mirrored(), lines.mirrored(), search.tolerances, search.params)
    return blank, mirror


def with_luckiest(null: Null, found: Sequence[Candidate], blobs: int) -> Null:
    """The null of another search as well, which found these candidates where there are none."""
    parts = [_completeness(found, phase, blobs) for phase in range(len(null.levels))]
    levels = [
        replace(level, largest=float(part.max(initial=level.largest)))
        for level, part in zip(null.levels, parts, strict=True)
    ]
    return replace(null, levels=tuple(levels))


def _completeness(found: Sequence[Candidate], phase: int, blobs: int) -> Floats:
    """Completeness of candidates of a phase; few expected spots do not make it large."""
    none = np.zeros(blobs, dtype=bool)
    counts = np.array([c.counts(none) for c in found if c.phase == phase], dtype=np.float64).reshape(-1, 3)
    usual = float(np.median(counts[:, 2])) if len(counts) else 1.0
    return np.asarray(counts[:, 1] / np.maximum(counts[:, 2], max(usual, 1.0)))


def candidates_beyond_chance(
    search: CandidateSearch,
    null: Null,
    executor: Executor,
    watcher: Watcher | None = None,
    known: Sequence[Candidate] = (),
) -> tuple[list[Candidate], int]:
    """Candidates that explain more free blobs than chance, as they are found, after those that are `known`; and how
    many were looked at.

    Each takes its blobs, and the pairs of these are no seeds any more.
    """
    lines, accepted = search.lines, list(known)
    taken = np.zeros(len(search.observations.blobs), dtype=bool)
    for candidate in accepted:
        take_blobs(search, candidate, taken)
    unused: Mask = np.asarray(~taken[lines.blob].any(axis=1))
    seeds = np.random.default_rng(ORDER_SEED).permutation(len(lines)).astype(np.int64)
    tried = 0
    screen = Screen(tuple(level.first_look for level in null.levels), taken)
    for batch in search.in_batches(seeds, unused, screen, executor, watcher):
        tried += len(batch)
        for candidate in sorted(batch, key=lambda c: -c.counts(taken)[1]):
            if accept_beyond_chance(search, null, candidate, accepted, taken):
                unused &= ~taken[lines.blob].any(axis=1)
    return accepted, tried


def accept_beyond_chance(
    search: CandidateSearch, null: Null, candidate: Candidate, accepted: list[Candidate], taken: Mask
) -> bool:
    """Put a candidate that explains more free blobs than chance to those `accepted`, and its blobs to the
    `taken`."""
    expected, found, _ = candidate.counts(taken)
    if found < null.least_spots(candidate.phase, expected) or _found_before(candidate, accepted, search):
        return False
    accepted.append(candidate)
    take_blobs(search, candidate, taken)
    return True


def take_blobs(search: CandidateSearch, candidate: Candidate, taken: Mask) -> None:
    """Mark the blobs of a candidate's bright spots."""
    bright = ~np.repeat(search.observations.reflections[candidate.phase].dark, 2)
    taken[candidate.blob[bright & (candidate.blob >= 0)]] = True


def _found_before(candidate: Candidate, accepted: Sequence[Candidate], search: CandidateSearch) -> bool:
    """Whether a grain was found before, its alternatives too. A sub-grain of one, which has the same orientation,
    joins it later."""
    turned = _turned_to(candidate, accepted, search.observations, search.tolerances)
    return bool(((turned > LEAST_DEG) & (turned < SAME_DEG)).any())


def is_known(
    candidate: Candidate, grains: Sequence[Candidate], observations: Observations, tolerances: IndexTolerances
) -> bool:
    """Whether a candidate is one of some grains once more, or a part of it."""
    return bool((_turned_to(candidate, grains, observations, tolerances) < SAME_DEG).any())


def _turned_to(
    candidate: Candidate, others: Sequence[Candidate], observations: Observations, tolerances: IndexTolerances
) -> Floats:
    """By how much (deg) a candidate is turned to those others that have its place, as far as lattices tell."""
    reach = SAME_LINES * tolerances.line_um
    near = [
        other.U
        for other in others
        if other.phase == candidate.phase and np.linalg.norm(other.position - candidate.position) < reach
    ]
    if not near:
        return np.zeros(0)
    phase = observations.reflections[candidate.phase].phase
    return np.asarray(phase.lattice_misorientation_deg(np.array(near), candidate.U))


class Searched(NamedTuple):
    """What a search went through: the blobs that were `free` (n) in it, and what chance reaches in these."""

    null: Null
    free: Mask


def keep_beyond_chance(
    observations: Observations,
    grains: RefinedGrains,
    candidates: Sequence[Candidate],
    searches: Sequence[Searched],
    rounds: Rounds,
) -> tuple[RefinedGrains, Indices]:
    """Without the grains that, refined together, explain no more spots of their own than chance does in the search
    that found them.

    Blobs are assigned again without those. Also, for each grain, the number of spots that chance does not reach.
    """
    while len(grains):
        limits, keep = _test_against_chance(observations, grains, searches)
        if keep.all():
            return grains, limits
        candidates = [
            replace(candidate, U=grains.U[i], position=grains.position[i])
            for i, candidate in enumerate(candidates)
            if keep[i]
        ]
        grains, observations = assign_and_refine(observations, candidates, rounds, times=1)
    return grains, np.zeros(0, dtype=np.int64)


def _test_against_chance(
    observations: Observations, grains: RefinedGrains, searches: Sequence[Searched]
) -> tuple[Indices, Mask]:
    """Spots that chance does not reach (n), and whether each grain's own exceed that.

    Where all do, mixtures of two neighbours are looked for: of mixtures that may be each other's only the worst
    goes, so that the next look sees the others without it.
    """
    own = grains.counted & ~grains.shared
    for number, search in enumerate(searches):
        own &= search.free[grains.blob] | (grains.search[grains.grain] != number)
    nulls = [searches[number].null for number in grains.search.tolist()]
    limits, alone = _limits_of(grains, own, nulls)
    keep = alone >= limits
    # what joins a grain that is there need not show that it is there
    keep |= np.isin(grains.parent, grains.parent[keep]) & (alone >= JOINING * limits)
    if keep.all() and (mixed := mixture_spots(observations, grains)).any():
        least, alone = _limits_of(grains, own & ~mixed, nulls)
        doubtful = np.flatnonzero(alone < least)
        keep[worst_of_neighbours(grains, doubtful, alone / np.maximum(least, 1))] = False
    return limits, keep


def _limits_of(grains: RefinedGrains, own: Mask, nulls: Sequence[Null]) -> tuple[Indices, Indices]:
    """Of each grain's spots that no other has: how many chance does not reach, and how many `own` (m) marks."""
    alone = grains.per_grain(own)
    expected = grains.expected - (grains.found - alone)
    counts = zip(nulls, grains.phase.tolist(), expected.tolist(), strict=True)
    least = [null.least_spots(phase, number) for null, phase, number in counts]
    return np.array(least, dtype=np.int64), alone
