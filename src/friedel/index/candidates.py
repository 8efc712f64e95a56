"""Candidates: crystals that some Friedel pairs suggest and that are fitted to all the spots they predict.

A seed is a pair: where many other lines cross its own and the angles between the g-vectors are the lattice's, a
crystal is assumed (lines of pairs: Ludwig et al., Rev. Sci. Instrum. 80 (2009) 033905). That a grain is known by
the part of its predicted spots that are there goes back to GRAINDEX (Lauridsen et al., J. Appl. Cryst. 34 (2001)
744).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import bdtrc

from friedel.index.observations import Observations, PairLines
from friedel.index.params import IndexParams
from friedel.index.phase_reflections import PhaseReflections
from friedel.index.tolerances import IndexTolerances, possible_reflections
from friedel.kernels.index.blob_lookup import ABSENT, EXPECTED, nearest_blob_each, predict_spots
from friedel.kernels.index.fit_grain import count_spots, fit_to_nearest_blobs
from friedel.kernels.index.grain_seeds import search_seeds, triad
from friedel.kernels.index.line_lookup import LineLookup, make_line_lookup
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.setup import Setup
from friedel.model.stream import Executor, Watcher, counted

BATCH, CHUNK = 64, 8
"""Seeds between two looks at what is found: the same for any number of threads, so that the result is."""
WIDEST_DEG, WIDEST_PX = 0.4, 3.0
"""A seed's spots are looked for at least this far from where it says."""
DOUBTFUL, LEAST_FOUND = 0.6, 6
"""Below this completeness, and with so many spots, the pseudo-twins of a candidate are tried."""
TWIN_REACH = 0.3
"""Part of the widest reach in which a pseudo-twin's spots must be more than the candidate's to be fitted."""
UNLIKELY = 0.01
"""A seed is fitted if chance finds as many of its spots more rarely than this."""
FAR = 0.995
"""The sample reaches as far as this part of the lines' points nearest to the axis."""
PLANES = 4
"""Found planes, the nearest to their blobs, of which each two are tried for pseudo-twins."""
NEARLY_PARALLEL = 0.95
SAME_RING = 1e-4
SAME_DEG = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A crystal of one phase (its row) with orientation `U` and `position` (um), and the spots that it explains.

    `blob`, `square`, `state` (2n) of both spots of each reflection: row of its blob or -1, squared normalised
    distance to it, and what was predicted (`kernels.index.blob_lookup`). `search` is the number of the search that
    found it.
    """

    phase: int
    U: Floats
    position: Floats
    blob: Indices
    square: Floats
    state: Indices
    search: int = 0

    def counts(self, taken: Mask) -> tuple[int, int, int]:
        """Expected spots whose blob is not taken (blobs) yet, how many of them are found, expected in all."""
        out = np.zeros(3, dtype=np.int64)
        count_spots(self.blob, self.state, taken, out)
        return int(out[0]), int(out[1]), int(out[2])


class Screen(NamedTuple):
    """What is not fitted: `by_chance` is the part of its spots that a crystal of each phase finds by chance at a
    first look; `taken` (blobs) marks those that others have."""

    by_chance: tuple[float, ...]
    taken: Mask


class CandidateSearch:
    """Pairs among some observations, sorted so that candidates are found fast."""

    def __init__(
        self, observations: Observations, lines: PairLines, tolerances: IndexTolerances, params: IndexParams
    ) -> None:
        self.observations, self.lines = observations, lines
        self.tolerances, self.params = tolerances, params
        self.possible = [
            possible_reflections(lines, reflections.two_theta[reflections.seeding], tolerances.two_theta_rad)
            for reflections in observations.reflections
        ]
        self.half_sample = _half_sample(observations, lines)
        self.lookup = _line_lookup(lines, self.half_sample, tolerances.line_um)

    def again(self, observations: Observations) -> "CandidateSearch":
        """The same search of the same pairs with the errors of other observations."""
        tolerances = replace(self.tolerances, error=observations.search_error)
        return CandidateSearch(observations, self.lines, tolerances, self.params)

    @property
    def widest(self) -> float:
        """How many times wider than its tolerance a seed's first look is."""
        reach = self.params.tolerance * self.tolerances.error
        return float(max(np.radians(WIDEST_DEG) / reach[0], WIDEST_PX / reach[1], 2.0))

    def from_seeds(
        self, seeds: Indices, unused: Mask, least: int, screen: "Screen | None" = None
    ) -> list[Candidate]:
        """Candidates of each phase on the lines of some seeds (rows), among pairs that are not used yet.

        At least `least` pairs must agree on each. With a `screen` those are left out at once that find no more
        spots at a first look than chance.
        """
        found = []
        for phase, reflections in enumerate(self.observations.reflections):
            usable = unused & (self.possible[phase][:, 1] > self.possible[phase][:, 0])
            mine = seeds[usable[seeds]]
            support, rows = np.zeros(len(mine), dtype=np.int64), reflections.seeding
            Us, positions = np.zeros((len(mine), 3, 3)), np.zeros((len(mine), 3))
            search_seeds(
                mine,
                self.lines.g,
                self.lines.point,
                self.lines.direction,
                usable,
                self.possible[phase],
                reflections.B,
                reflections.normal[rows],
                reflections.unique[rows],
                tuple(self.lookup),
                self.tolerances.line_um,
                self.tolerances.direction_rad,
                support,
                Us,
                positions,
            )
            for i in np.flatnonzero(support >= least):
                if screen is not None and not self._promising(phase, Us[i], positions[i], int(support[i]), screen):
                    continue
                candidate = self.fitted(phase, Us[i], positions[i])
                better = self.best_pseudo_twin(candidate)
                # a twin that explains more may be another grain: both are offered, and the better one takes first
                found += [candidate] if better is candidate else [better, candidate]
        return found

    def first_look(self, phase: int, U: Floats, position: Floats, part: float = 1.0) -> tuple[Indices, int]:
        """Blobs of the expected spots of a crystal within a part of the widest reach, and how many are expected."""
        place, state = self._predicted(phase, U, position)
        expected = state == EXPECTED
        state[~expected] = ABSENT
        blob, _ = self._nearest(place, state, max(part * self.widest, 1.0))
        return blob[blob >= 0], int(np.count_nonzero(expected))

    def unfitted(self, phase: int, U: Floats, position: Floats) -> Candidate:
        """A crystal as it is, with the blobs within tolerance of its spots."""
        place, state = self._predicted(phase, U, position)
        blob, square = self._nearest(place, state, 1.0)
        self.observations.reflections[phase].count_on_used(state)
        return Candidate(phase, U, position, blob, square, state)

    def _predicted(self, phase: int, U: Floats, position: Floats) -> tuple[Floats, Indices]:
        """Place (2n,4) and state (2n) of both spots of each reflection."""
        observations, reflections = self.observations, self.observations.reflections[phase]
        n = 2 * len(reflections.hkl)
        place, state = np.zeros((n, 4)), np.zeros(n, dtype=np.int64)
        g, window = reflections.hkl @ (U @ reflections.B).T, tuple(observations.window)
        predict_spots(g, position, observations.wavelength, observations.plane, window, place, state)
        return place, state

    def _nearest(self, place: Floats, state: Indices, wider: float) -> tuple[Indices, Floats]:
        """The blob of each spot (n), -1 without one, and its squared distance."""
        blob, square = np.full(len(state), -1, dtype=np.int64), np.zeros(len(state))
        reach, lookup = wider * self.observations.search_error, tuple(self.observations.lookup)
        nearest_blob_each(place, state, lookup, reach, self.params.tolerance, blob, square)
        return blob, square

    def _promising(self, phase: int, U: Floats, position: Floats, support: int, screen: "Screen") -> bool:
        """Whether a first look finds more free blobs than the pairs that suggest the crystal have, and chance."""
        blobs, expected = self.first_look(phase, U, position)
        taken = int(np.count_nonzero(screen.taken[blobs]))
        found, expected = len(blobs) - taken, expected - taken
        if found > DOUBTFUL * expected and found > taken:
            return True
        own = 2 * support
        return bool(bdtrc(found - own - 1, max(expected - own, 1), screen.by_chance[phase]) < UNLIKELY)

    def fitted(self, phase: int, U: Floats, position: Floats, wider: float = 1.0) -> Candidate:
        """A crystal fitted to the spots it predicts; at first they are looked for `wider` than from a seed."""
        observations, reflections = self.observations, self.observations.reflections[phase]
        n = 2 * len(reflections.hkl)
        blob, square, state = np.full(n, -1, dtype=np.int64), np.zeros(n), np.zeros(n, dtype=np.int64)
        U, position = fit_to_nearest_blobs(
            U,
            position,
            reflections.B,
            reflections.hkl,
            observations.wavelength,
            observations.plane,
            tuple(observations.window),
            tuple(observations.lookup),
            observations.search_error,
            self.params.tolerance,
            wider * self.widest,
            blob,
            square,
            state,
        )
        return _best_standing(reflections, Candidate(phase, U, position, blob, square, state))

    def best_pseudo_twin(self, candidate: Candidate) -> Candidate:
        """The candidate, or one that explains some of the same spots by other planes if it explains more in all.

        A few pairs may belong to planes that two orientations have in common, as those of twins have.
        """
        none_taken = np.zeros(len(self.observations.blobs), dtype=bool)
        _, found, expected = candidate.counts(none_taken)
        if found < LEAST_FOUND or found > DOUBTFUL * expected:
            return candidate
        best, most = candidate, found
        phase, position = candidate.phase, candidate.position
        seen = len(self.first_look(phase, candidate.U, position, TWIN_REACH)[0])
        for U in pseudo_twins(self.observations, candidate, self.tolerances):
            if len(self.first_look(phase, U, position, TWIN_REACH)[0]) <= seen:
                continue
            other = self.fitted(phase, U, position)
            count = other.counts(none_taken)[1]
            if count > most:
                best, most = other, count
        return best

    def in_batches(
        self,
        seeds: Indices,
        unused: Mask,
        screen: "Screen",
        executor: Executor,
        watcher: Watcher | None = None,
    ) -> Iterator[list[Candidate]]:
        """Candidates of 64 seeds at a time; whoever takes them marks in `unused` the pairs that are used up, and in
        `screen` the blobs."""
        tried = 0
        with counted(watcher, "grains", len(seeds), "pairs") as one_more:
            while tried < len(seeds):
                batch: list[int] = []
                while tried < len(seeds) and len(batch) < BATCH:
                    if unused[seeds[tried]]:
                        batch.append(int(seeds[tried]))
                    tried += 1
                    one_more()
                some, least = np.array(batch, dtype=np.int64), self.params.min_pairs
                now = screen._replace(taken=screen.taken.copy())
                yield self.in_chunks(some, unused.copy(), least, executor, now)

    def in_chunks(
        self, seeds: Indices, unused: Mask, least: int, executor: Executor, screen: "Screen | None" = None
    ) -> list[Candidate]:
        """Candidates of some seeds, eight seeds a thread at a time."""
        chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
        parts = executor.map(lambda chunk: self.from_seeds(chunk, unused, least, screen), chunks)
        return [candidate for part in parts for candidate in part]


def _best_standing(reflections: PhaseReflections, candidate: Candidate) -> Candidate:
    """Of a crystal's alternatives the one of whose reflections in use most are found; the first of equal ones.

    Only these are expected then.
    """
    seen = (candidate.blob >= 0) & (candidate.state == EXPECTED)
    found = seen[0::2].astype(np.int64) + seen[1::2]
    number = int(np.argmax(reflections.in_use[reflections.row_of] @ found))
    if number:
        rows = 2 * np.argsort(reflections.row_of[number])
        spots = np.column_stack([rows, rows + 1]).ravel()
        turned = candidate.U @ reflections.phase.alternatives.rotation[number]
        blob, square, state = candidate.blob[spots], candidate.square[spots], candidate.state[spots]
        candidate = replace(candidate, U=turned, blob=blob, square=square, state=state)
    reflections.count_on_used(candidate.state)
    return candidate


def _line_lookup(lines: PairLines, half: Floats, reach: float) -> LineLookup:
    """Cells of the sample of half extents `half` (3,)."""
    half = half * 1.03 + 2 * reach
    cell = max(reach, float((8 * np.prod(half) / 8e6) ** (1 / 3)))
    return make_line_lookup(lines.point, lines.direction, -half, half, cell)


def _half_sample(observations: Observations, lines: PairLines) -> Floats:
    """Half extents of the sample (x, y, z): as the setup has it, or as far as the lines say."""
    if knows_sample(observations.setup):
        return np.array(observations.setup.sample.size_um, dtype=np.float64) / 2
    return _reach_of_lines(lines)


def knows_sample(setup: Setup) -> bool:
    """Whether the set-up says how large the sample is."""
    return setup.sample.kind in ("cylinder", "box") and min(setup.sample.size_um) > 0


def _reach_of_lines(lines: PairLines) -> Floats:
    """Half extents of the sample (x, y, z) as the points of the lines nearest to the axis show them."""
    flat = (lines.direction[:, :2] ** 2).sum(axis=1)
    t = -(lines.point[:, :2] * lines.direction[:, :2]).sum(axis=1) / np.maximum(flat, 1e-12)
    nearest = lines.point + t[:, None] * lines.direction
    radius = float(np.quantile(np.hypot(nearest[:, 0], nearest[:, 1]), FAR))
    height = float(np.quantile(np.abs(nearest[:, 2]), FAR))
    return np.array([radius, radius, height])


def pseudo_twins(observations: Observations, candidate: Candidate, tolerances: IndexTolerances) -> list[Floats]:
    """Orientations in which two found planes are others of the same families, without those that are the same.

    Such orientations predict many of the same spots: pseudo-twins (Schmidt, GrainSpotter, J. Appl. Cryst. 47 (2014)
    276).
    """
    reflections = observations.reflections[candidate.phase]
    found = np.flatnonzero((candidate.blob >= 0) & (candidate.state == EXPECTED))
    best = found[np.argsort(candidate.square[found], kind="stable")] // 2
    rows = list(dict.fromkeys(int(row) for row in best))[:PLANES]
    orientations = [candidate.U]
    for a, b in combinations(rows, 2):
        for U in _by_two_planes(reflections, candidate.U, a, b, tolerances.direction_rad):
            if (reflections.phase.lattice_misorientation_deg(np.array(orientations), U) > SAME_DEG).all():
                orientations.append(U)
    return orientations[1:]


def _by_two_planes(reflections: PhaseReflections, U: Floats, a: int, b: int, tolerance: float) -> list[Floats]:
    """Orientations in which the normals of planes a and b (rows) are those of two planes of their families."""
    length, normal = reflections.g_length, reflections.normal
    first, second = U @ normal[a], U @ normal[b]
    cosine = float(first @ second)
    if abs(cosine) > NEARLY_PARALLEL:
        return []
    sine = np.sqrt(1 - cosine**2)
    like_a = np.flatnonzero((np.abs(length / length[a] - 1) < SAME_RING) & reflections.unique)
    like_b = np.flatnonzero(np.abs(length / length[b] - 1) < SAME_RING)
    close = np.abs(normal[like_a] @ normal[like_b].T - cosine) < tolerance * sine
    return [
        np.asarray(triad(normal[like_a[i]], normal[like_b[j]], first, second), dtype=np.float64)
        for i, j in np.argwhere(close)
    ]
