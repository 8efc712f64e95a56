"""From pairs to crystals that their spots confirm: seeds in batches, each verified, the null by the same way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.stats import binom

from friedel.index.candidate import Candidate
from friedel.index.params import IndexParams
from friedel.index.related import related_orientations
from friedel.index.scatter import Tolerances, family_ranges
from friedel.index.scene import Lines, Scene
from friedel.kernels.index.fit_grain import settle
from friedel.kernels.index.grain_seeds import search_seeds
from friedel.kernels.index.line_lookup import LineGrid, make_line_grid
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.stream import Executor

BATCH, CHUNK = 64, 8
"""Seeds between two looks at what is found: the same for any number of threads, so that the result is."""
WIDEST_DEG, WIDEST_PX = 0.4, 3.0
"""A seed's spots are looked for at least this far from where it says."""
NULL_SEEDS = 192
DOUBTFUL, LEAST_FOUND = 0.6, 6
"""Below this completeness, and with so many spots, a candidate is tried in related orientations."""
NULL_SEED = 20260
"""Of the scrambled angles."""
FAR = 0.995
"""The sample reaches as far as this part of the lines' points nearest to the axis."""


@dataclass(frozen=True, slots=True)
class Null:
    """What chance reaches: mean completeness of seeds in scrambled data, the largest of any null, and of the null
    that turns the other way alone."""

    mean: float
    largest: float
    mirrored: float

    def least(self, expected: int, chance: float, trials: int) -> int:
        """Spots, of so many expected, that chance does not reach in so many trials at risk `chance`.

        A coin that hits as often as the luckiest of the null's seeds: what pairs of one scan have in common
        without being of one grain is in there too.
        """
        counts = np.arange(expected + 2)
        risk = binom.sf(counts - 1, expected, min(max(self.mean, self.largest), 1.0))
        return int(counts[np.argmax(risk < chance / max(trials, 1))])


class Search:
    """Pairs of one scene, sorted so that seeds are found fast."""

    def __init__(self, scene: Scene, lines: Lines, tolerances: Tolerances, params: IndexParams) -> None:
        self.scene, self.lines, self.tolerances, self.params = scene, lines, tolerances, params
        self.ranges = [family_ranges(lines, c.two_theta, tolerances.two_theta_rad) for c in scene.crystals]
        self.grid = _grid(scene, lines, tolerances.line_um)

    @property
    def widest(self) -> float:
        """How many times wider than its tolerance a seed's first look is."""
        reach = self.params.tolerance * self.tolerances.error
        return float(max(np.radians(WIDEST_DEG) / reach[0], WIDEST_PX / reach[1], 2.0))

    def crystals(self, seeds: Indices, alive: AnyArray, least: int) -> list[Candidate]:
        """The crystals on the lines of some seeds, for each phase, with their spots."""
        found = []
        for number, crystal in enumerate(self.scene.crystals):
            here = alive & (self.ranges[number][:, 1] > self.ranges[number][:, 0])
            mine = seeds[here[seeds]]
            support = np.zeros(len(mine), dtype=np.int64)
            Us, positions = np.zeros((len(mine), 3, 3)), np.zeros((len(mine), 3))
            search_seeds(
                mine,
                self.lines.g,
                self.lines.point,
                self.lines.direction,
                here,
                self.ranges[number],
                crystal.B,
                crystal.unit,
                crystal.heads,
                tuple(self.grid),
                self.tolerances.line_um,
                self.tolerances.direction_rad,
                support,
                Us,
                positions,
            )
            for i in np.flatnonzero(support >= least):
                candidate = self.verified(number, Us[i], positions[i], int(support[i]))
                better = self.best_related(candidate)
                # a twin that explains more may be another grain: both are offered, and the better one takes first
                found += [candidate] if better is candidate else [better, candidate]
        return found

    def verified(self, number: int, U: Floats, position: Floats, support: int) -> Candidate:
        """A crystal fitted to the spots it predicts."""
        scene, crystal = self.scene, self.scene.crystals[number]
        n = 2 * len(crystal.hkl)
        blob, square, state = np.full(n, -1, dtype=np.int64), np.zeros(n), np.zeros(n, dtype=np.int64)
        U, position = settle(
            U,
            position,
            crystal.B,
            crystal.hkl,
            scene.wavelength,
            scene.plane,
            tuple(scene.window),
            tuple(scene.grid),
            scene.error,
            self.params.tolerance,
            self.widest,
            blob,
            square,
            state,
        )
        return Candidate(number, U, position, support, blob, square, state)

    def best_related(self, candidate: Candidate) -> Candidate:
        """The candidate, or one that explains some of the same spots by other planes if it explains more in all.

        A few pairs may belong to planes that two orientations have in common, as those of twins have.
        """
        nobody = np.zeros(len(self.scene.blobs), dtype=bool)
        _, found, expected = candidate.counts(nobody)
        if found < LEAST_FOUND or found > DOUBTFUL * expected:
            return candidate
        best, most = candidate, found
        for U in related_orientations(self.scene, candidate, self.tolerances):
            other = self.verified(candidate.crystal, U, candidate.position, candidate.support)
            count = other.counts(nobody)[1]
            if count > most:
                best, most = other, count
        return best

    def in_batches(self, seeds: Indices, alive: AnyArray, executor: Executor) -> Iterator[list[Candidate]]:
        """Candidates of 64 seeds at a time; whoever takes them marks in `alive` the pairs that are used up."""
        tried = 0
        while tried < len(seeds):
            batch: list[int] = []
            while tried < len(seeds) and len(batch) < BATCH:
                if alive[seeds[tried]]:
                    batch.append(int(seeds[tried]))
                tried += 1
            snapshot = alive.copy()
            chunks = [np.array(batch[i : i + CHUNK], dtype=np.int64) for i in range(0, len(batch), CHUNK)]

            def work(chunk: Indices, snapshot: AnyArray = snapshot) -> list[Candidate]:
                return self.crystals(chunk, snapshot, self.params.min_pairs)

            yield [candidate for part in executor.map(work, chunks) for candidate in part]


def _grid(scene: Scene, lines: Lines, reach: float) -> LineGrid:
    """Cells of the sample: as the setup has it, or as far as the lines say."""
    shape = scene.setup.sample
    if shape.kind in ("cylinder", "box") and min(shape.size_um) > 0:
        half = np.array(shape.size_um) / 2
    else:
        half = _reach_of_lines(lines)
    half = half * 1.03 + 2 * reach
    cell = max(reach, float((8 * np.prod(half) / 8e6) ** (1 / 3)))
    return make_line_grid(lines.point, lines.direction, -half, half, cell)


def _reach_of_lines(lines: Lines) -> Floats:
    """Half extents of the sample (x, y, z) as the points of the lines nearest to the axis show them."""
    flat = (lines.direction[:, :2] ** 2).sum(axis=1)
    t = -(lines.point[:, :2] * lines.direction[:, :2]).sum(axis=1) / np.maximum(flat, 1e-12)
    nearest = lines.point + t[:, None] * lines.direction
    radius = float(np.quantile(np.hypot(nearest[:, 0], nearest[:, 1]), FAR))
    height = float(np.quantile(np.abs(nearest[:, 2]), FAR))
    return np.array([radius, radius, height])


def measure_null(search: Search, executor: Executor) -> list[Null]:
    """For each phase, the completeness of the best crystals on lines of data in which there are none.

    Scrambled: every blob and every pair gets a random angle of its own (and random orientations are tried there as
    well). Mirrored: the stage turns the other way, all else stays: what pairs have in common is still there. Seeds,
    fit and verification are the real ones.
    """
    rng = np.random.default_rng(NULL_SEED)
    lines, scene = search.lines, search.scene
    blank = Search(
        scene.with_omega(rng.uniform(0, 2 * np.pi, len(scene.grid.place))),
        lines.turned(rng.uniform(0, 2 * np.pi, len(lines))),
        search.tolerances,
        search.params,
    )
    mirror = Search(scene.mirrored(), lines.mirrored(), search.tolerances, search.params)
    seeds = rng.permutation(len(lines))[:NULL_SEEDS].astype(np.int64)
    scrambled, mirrored = (_at_random(other, seeds, executor) for other in (blank, mirror))
    turns = Rotation.random(NULL_SEEDS, rng=rng).as_matrix()
    places = lines.point[rng.integers(0, len(lines), NULL_SEEDS)]
    for number in range(len(scene.crystals)):
        scrambled += [blank.verified(number, U, place, 0) for U, place in zip(turns, places, strict=True)]
    nulls = []
    for number in range(len(scene.crystals)):
        part = _shares([c for c in scrambled if c.crystal == number], len(scene.blobs))
        other = _shares([c for c in mirrored if c.crystal == number], len(scene.blobs))
        most = float(other.max(initial=0.0))
        nulls.append(Null(float(part.mean()), float(part.max(initial=most)), most))
    return nulls


def _at_random(search: Search, seeds: Indices, executor: Executor) -> list[Candidate]:
    alive = np.ones(len(search.lines), dtype=bool)
    chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
    return [c for part in executor.map(lambda chunk: search.crystals(chunk, alive, 1), chunks) for c in part]


def _shares(found: Sequence[Candidate], blobs: int) -> Floats:
    """Completeness of candidates; few expected spots do not make it large."""
    counts = np.array([c.counts(np.zeros(blobs, dtype=bool)) for c in found], dtype=np.float64).reshape(-1, 3)
    usual = float(np.median(counts[:, 2])) if len(counts) else 1.0
    return np.asarray(counts[:, 1] / np.maximum(counts[:, 2], max(usual, 1.0)))
