"""Match: Friedel pairs among blobs, with tolerances that the blobs themselves give.

Two blobs are a pair when they are half a turn apart, the angle between their line and the beam is on a ring of the
lattice, the line passes through the sample, and they look alike. The pairs' own residuals, told from
chance by a mixture fit, scale the blobs' uncertainties; then each blob is given to at most one pair, best first.
Method of pairs: Ludwig et al., Rev. Sci. Instrum. 80, 033905 (2009). The fit of tolerances is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from friedel.kernels.match import friedel_pairs
from friedel.match.across import MOST_BLOBS, across_table, brightest, pairs_across
from friedel.match.measured_spots import MeasuredSpots, measured_spots, pairable_fraction, partner_recorded
from friedel.match.params import MatchParams
from friedel.match.quadruplets import find_quadruplets
from friedel.match.tolerances import UNTUNED, deviations, scrambled, tolerance_scale
from friedel.model.arrays import Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.families import phase_rings
from friedel.model.pairs import AcrossTable, PairTable, PairTolerances, no_across
from friedel.model.setup import Setup
from friedel.model.stream import Watcher, counted

MOSTLY = 0.5
"""Where so many angles have their half turn recorded, only blobs whose partner lies in a gap look across."""


def match(
    blobs: BlobTable,
    setup: Setup,
    phases: Sequence[Phase],
    params: MatchParams,
    *,
    seed: int = 0,
    watcher: Watcher | None = None,
) -> PairTable:
    """Pairs of kept blobs, in the order of their first blob; `seed` scrambles omega for the null.

    Families are those of `model.families.used_reflections`. Where fewer pairs than chance allows to judge are
    found, the tolerances are the blobs' own, unscaled. Blobs without a partner half a turn away, as all of a short
    scan are, are paired across the beam.
    """
    rings, phase, family = phase_rings(phases, setup, blobs.shape[1:])
    measured = measured_spots(blobs, setup, rings, params)
    half_turn = _half_a_turn_apart(blobs, measured, params, seed, watcher)
    across = no_across()
    pairable = pairable_fraction(blobs)
    if params.across == "on" or (params.across == "auto" and pairable < 1.0):
        lonely = brightest(blobs["sum_intensity"], MOST_BLOBS)
        lonely[half_turn.rows[:, :2]] = False
        if params.across == "auto" and pairable >= MOSTLY:
            lonely &= ~partner_recorded(blobs)
        found = pairs_across(measured, half_turn.scale, params, np.random.default_rng([seed, 303]), lonely, watcher)
        across = across_table(found, (rings, phase, family), params.factor)
    return _table(blobs, setup, half_turn, (phase, family), across)


@dataclass(frozen=True, slots=True, eq=False)
class _HalfTurn:
    """Pairs half a turn apart: `rows` (n,3), `residuals`, and what they are judged by."""

    rows: Indices
    residuals: Floats
    scale: Floats
    null: float
    tolerances: PairTolerances
    candidates: int
    quadruplets: int
    null_quadruplets: float


def _half_a_turn_apart(
    blobs: BlobTable, measured: MeasuredSpots, params: MatchParams, seed: int, watcher: Watcher | None
) -> _HalfTurn:
    if blobs.at_most_half_a_turn:
        nothing = np.zeros((0, 3), dtype=np.int64), np.zeros((0, friedel_pairs.RESIDUALS + 1))
        return _HalfTurn(*nothing, UNTUNED, 0.0, PairTolerances(), 0, 0, 0.0)
    rng, rings = np.random.default_rng([seed, 301]), measured.rings
    with counted(watcher, "pairs", 2 + params.null_repeats, "searches") as one_more:
        scale, tuned = tolerance_scale(measured, rng) if params.tune else (np.ones(friedel_pairs.RESIDUALS), False)
        one_more()
        limits = measured.limits._replace(factor=params.factor if params.tune else np.inf)
        spots = measured.scaled(scale)
        rows, residuals, candidates, quadruplets = _one_to_one(spots, rings, limits, confirm=tuned)
        one_more()
        null: list[tuple[float, float]] = []
        for _ in range(params.null_repeats if len(rows) else 0):
            by_chance = _one_to_one(scrambled(spots, rng), rings, limits, confirm=tuned)
            null.append((len(by_chance[0]), by_chance[3]))
            one_more()
    tolerances = _tolerances(spots, rows, residuals, limits, tuned)
    null_pairs, null_quadruplets = np.mean(null or [(0.0, 0.0)], axis=0).tolist()
    scale = scale if tuned else UNTUNED
    return _HalfTurn(rows, residuals, scale, null_pairs, tolerances, candidates, quadruplets, null_quadruplets)


def best_pairs(
    spots: friedel_pairs.LabSpots, rings: Floats, limits: friedel_pairs.PairLimits
) -> tuple[Indices, Floats, int]:
    """One-to-one pairs, the smallest total residual first, ties by the rows; in the order of their first blob. And
    how many candidates there were."""
    return _one_to_one(spots, rings, limits, confirm=False)[:3]


def _one_to_one(
    spots: friedel_pairs.LabSpots, rings: Floats, limits: friedel_pairs.PairLimits, *, confirm: bool
) -> tuple[Indices, Floats, int, int]:
    """As `best_pairs`, but those that a partner across the beam confirms first; and how many quadruplets there are.

    Where tolerances could not be measured they are so wide that chance makes quadruplets too: then not.
    """
    rows, residuals = friedel_pairs.find_candidates(spots, rings, limits)
    members = find_quadruplets(spots, rows, rings, limits) if confirm else np.zeros((0, 2), dtype=np.int64)
    confirmed = np.zeros(len(rows), dtype=bool)
    confirmed[members] = True
    order = np.lexsort((rows[:, 1], rows[:, 0], residuals[:, friedel_pairs.TOTAL], ~confirmed))
    keep = np.zeros(len(rows), np.bool_)
    friedel_pairs.take_best(rows[order], np.zeros(len(spots.omega), np.bool_), keep)
    kept = order[np.flatnonzero(keep)]
    taken = np.zeros(len(rows), dtype=bool)
    taken[kept] = True
    kept = kept[np.argsort(rows[kept, 0], kind="stable")]
    return rows[kept], residuals[kept], len(rows), int(taken[members].all(axis=1).sum())


def _tolerances(
    spots: friedel_pairs.LabSpots, rows: Indices, residuals: Floats, limits: friedel_pairs.PairLimits, tuned: bool
) -> PairTolerances:
    """What a typical pair was allowed to be off by."""
    if not len(rows):
        return PairTolerances(0.0, 0.0, limits.factor, tuned)
    deviation = np.median(deviations(spots, rows), axis=0)
    allowed = np.minimum(limits.factor * deviation[:2], [limits.omega, limits.two_theta])
    return PairTolerances(float(np.degrees(allowed[0])), float(np.degrees(allowed[1])), limits.factor, tuned)


def _table(
    blobs: BlobTable,
    setup: Setup,
    pairs: _HalfTurn,
    rings: tuple[Indices, Indices],
    across: AcrossTable,
) -> PairTable:
    rows, residuals = pairs.rows, pairs.residuals
    stage = blobs["omega"]
    # the first blob of a pair is the one that came first in the scan
    later = stage[rows[:, 0]] > stage[rows[:, 1]]
    a, b = np.where(later, rows[:, 1], rows[:, 0]), np.where(later, rows[:, 0], rows[:, 1])
    position = setup.detector.position_um(blobs["sc"], blobs["fc"])
    omega = setup.lab_omega_rad(stage)
    lines = friedel_pairs.friedel_lines(position[a], position[b], omega[a], omega[b])
    order = np.lexsort((b, a))
    columns = {
        "blob_a": a,
        "blob_b": b,
        "phase": rings[0][rows[:, 2]],
        "family": rings[1][rows[:, 2]],
        "two_theta": np.degrees(lines.two_theta),
        "eta": np.degrees(lines.eta),
        "omega": np.degrees(lines.omega),
        **{f"line_{axis}": lines.point[:, i] for i, axis in enumerate("xyz")},
        **{f"direction_{axis}": lines.direction[:, i] for i, axis in enumerate("xyz")},
        "residual": np.sqrt(residuals[:, friedel_pairs.TOTAL] / friedel_pairs.RESIDUALS),
        "omega_residual": np.degrees(np.where(later, -residuals[:, 0], residuals[:, 0])),
        "two_theta_residual": np.degrees(residuals[:, 1]),
    }
    return PairTable(
        {name: values[order] for name, values in columns.items()},
        null_pairs=pairs.null,
        candidates=pairs.candidates,
        tolerances=pairs.tolerances,
        pairable=pairable_fraction(blobs),
        blobs=len(blobs),
        across=across,
        quadruplets=pairs.quadruplets,
        null_quadruplets=pairs.null_quadruplets,
    )
