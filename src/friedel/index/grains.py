"""Indexing from start to end: tolerances, null, search, settlement."""

from collections.abc import Sequence

import numpy as np

from friedel.index.candidate import Candidate
from friedel.index.families import LEAST_DEG
from friedel.index.mixtures import mixed, worst_apart
from friedel.index.params import IndexParams
from friedel.index.pieces import join, wholes
from friedel.index.scatter import Tolerances, measure
from friedel.index.scene import Scene, make_lines, make_scene
from friedel.index.search import Null, Search, measure_null
from friedel.index.settle import Settled, settle_all
from friedel.index.table import make_table
from friedel.model.arrays import AnyArray, Indices
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.model.stream import Executor, Serial

SAME_DEG, SAME_LINES = 1.0, 3.0
"""Two crystals this near in orientation (deg) and place (tolerances of a line) are one grain found twice."""
ORDER_SEED = 77
"""Of the order in which pairs become seeds: neighbours in the table are often of one grain."""
JOINING = 0.5
"""A piece of a grain needs this part of the spots that a grain needs."""

OFF_RINGS = 0.005
"""Rings that are larger by this part are worth a word: calibration is usually ten times better."""
MIRROR_SUSPECT = 0.4
"""A completeness with the other sense of rotation that is worth a word."""


def index(
    blobs: BlobTable,
    pairs: PairTable,
    setup: Setup,
    phases: Sequence[Phase],
    params: IndexParams,
    *,
    executor: Executor | None = None,
) -> GrainTable:
    """Find the grains: blobs, orientation, position of each.

    Entries of the table's `blobs` are spot3d_id of kept blobs. Without pairs there are no grains, and a note says
    why. The same for any number of threads.
    """
    executor = executor or Serial()
    scene = make_scene(blobs, setup, phases, params)
    lines = make_lines(scene, pairs)
    if not len(lines):
        return _nothing(scene, params, [_no_pairs(blobs)])
    tolerances = measure(scene, lines)
    scene = scene.with_error(tolerances.error)
    search = Search(scene, lines, tolerances, params)
    nulls = measure_null(search, executor)
    grains, tried = _search(search, nulls, executor)
    if not grains:
        return _nothing(scene, params, [_no_grains(len(lines), tried, nulls), *_off_rings(tolerances)])
    settled, scene = settle_all(scene, grains, tolerances, params)
    if more := wholes(scene, settled, grains, params):
        grains = [*grains, *more]
        settled, scene = settle_all(scene, grains, tolerances, params)
    settled, limits = _believed(scene, settled, grains, tolerances, nulls, len(lines), params)
    if not len(settled):
        return _nothing(scene, params, [_no_grains(len(lines), tried, nulls), *_off_rings(tolerances)])
    settled, limits = join(scene, settled, limits, params)
    return make_table(scene, settled, nulls, limits, params, _off_rings(tolerances))


def _search(search: Search, nulls: Sequence[Null], executor: Executor) -> tuple[list[Candidate], int]:
    """Accepted crystals in the order they were found, and how many were looked at."""
    lines, scene, params = search.lines, search.scene, search.params
    alive, claimed = np.ones(len(lines), dtype=bool), np.zeros(len(scene.blobs), dtype=bool)
    seeds = np.random.default_rng(ORDER_SEED).permutation(len(lines)).astype(np.int64)
    trials = len(lines) * len(scene.crystals)
    accepted: list[Candidate] = []
    tried = 0
    for batch in search.in_batches(seeds, alive, executor):
        tried += len(batch)
        for candidate in sorted(batch, key=lambda c: -c.counts(claimed)[1]):
            expected, found, _ = candidate.counts(claimed)
            null = nulls[candidate.crystal]
            if found < null.least(expected, params.chance, trials) or _is_double(candidate, accepted, search):
                continue
            accepted.append(candidate)
            claimed[candidate.blob[candidate.blob >= 0]] = True
            alive &= ~claimed[lines.blob].any(axis=1)
    return accepted, tried


def _is_double(candidate: Candidate, accepted: Sequence[Candidate], search: Search) -> bool:
    """Whether a grain was found before. A piece of one, which has the same orientation, joins it later."""
    phase = search.scene.crystals[candidate.crystal].phase
    reach = SAME_LINES * search.tolerances.line_um
    near = [
        other.U
        for other in accepted
        if other.crystal == candidate.crystal and np.linalg.norm(other.position - candidate.position) < reach
    ]
    if not near:
        return False
    turned = phase.misorientation_deg(np.array(near), candidate.U)
    return bool(((turned > LEAST_DEG) & (turned < SAME_DEG)).any())


def _believed(
    scene: Scene,
    settled: Settled,
    grains: Sequence[Candidate],
    tolerances: Tolerances,
    nulls: Sequence[Null],
    trials: int,
    params: IndexParams,
) -> tuple[Settled, Indices]:
    """Without the grains that, after the settlement, explain no more spots of their own than chance does."""
    while len(settled):
        limits, keep = _judged(scene, settled, nulls, trials * len(scene.crystals), params)
        if keep.all():
            return settled, limits
        grains = [
            Candidate(g.crystal, settled.U[i], settled.position[i], g.support, g.blob, g.square, g.state)
            for i, g in enumerate(grains)
            if keep[i]
        ]
        settled, scene = settle_all(scene, grains, tolerances, params, rounds=1)
    return settled, np.zeros(0, dtype=np.int64)


def _judged(
    scene: Scene, settled: Settled, nulls: Sequence[Null], trials: int, params: IndexParams
) -> tuple[Indices, AnyArray]:
    """Spots that chance does not reach, and whether each grain's own exceed that.

    Where all do, mixtures of two neighbours are looked for: of mixtures that may be each other's only the worst
    goes, so that the next look sees the others without it.
    """

    def judged(own: AnyArray) -> tuple[Indices, Indices]:
        alone = settled.per_grain(own)
        expected = settled.expected - (settled.found - alone)
        least = [
            nulls[c].least(int(n), params.chance, trials) for c, n in zip(settled.crystal, expected, strict=True)
        ]
        return np.array(least, dtype=np.int64), alone

    own = settled.counted & ~settled.shared
    limits, alone = judged(own)
    keep = alone >= limits
    # what joins a grain that is there need not show that it is there
    keep |= np.isin(settled.family, settled.family[keep]) & (alone >= JOINING * limits)
    if keep.all() and (blends := mixed(scene, settled)).any():
        least, alone = judged(own & ~blends)
        keep[worst_apart(settled, np.flatnonzero(alone < least), alone / np.maximum(least, 1))] = False
    return limits, keep


def _nothing(scene: Scene, params: IndexParams, notes: list[str]) -> GrainTable:
    settled, scene = settle_all(scene, [], Tolerances(scene.error, 1.0, 1.0, 1.0), params, rounds=0)
    return make_table(scene, settled, [], np.zeros(0, dtype=np.int64), params, notes)


def _no_pairs(blobs: BlobTable) -> str:
    if abs(blobs.shape[0] * blobs.omega_step_deg) <= 180.0 + 2 * abs(blobs.omega_step_deg):
        return (
            "no Friedel pairs: the scan covers half a turn, and a partner comes half a turn later; "
            "indexing starts from pairs and cannot be done"
        )
    return "no Friedel pairs, no grains: check energy, lattice, centre and distance (or calibrate)"


def _off_rings(tolerances: Tolerances) -> list[str]:
    if abs(tolerances.off_rings) < OFF_RINGS:
        return []
    percent = 100 * tolerances.off_rings
    return [f"rings differ from the lattice's by {percent:+.1f} %: check lattice, energy and distance"]


def _no_grains(pairs: int, tried: int, nulls: Sequence[Null]) -> str:
    turned = max((null.mirrored for null in nulls), default=0.0)
    if turned > MIRROR_SUSPECT:
        return (
            f"no grains: turned the other way, crystals would explain {100 * turned:.0f} % of their spots; "
            "check the rotation sense (or a flip of the columns)"
        )
    if tried == 0:
        return (
            f"no grains: the lines of {pairs} pairs never meet at the lattice's angles; "
            "check the lattice and the rotation sense"
        )
    return (
        f"no grains: {tried} crystals fitted some of {pairs} pairs, but none explains more spots than chance; "
        "check rotation sense, centre, distance and lattice (or calibrate)"
    )
