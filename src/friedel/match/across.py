"""Pairs across the beam: the planes h and -h of one grain that flash on both sides of the beam one after the other.

They need no half turn, and each gives a point of its grain. Method of the tolerances: as for pairs half a turn
apart (`tolerances`), with one residual for angle and place together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from friedel.kernels.match import eta_pairs
from friedel.kernels.match.friedel_pairs import ANYWHERE, FEATURES, LabSpots, PairLimits, take_best
from friedel.match.measured_spots import MeasuredSpots
from friedel.match.params import MatchParams
from friedel.match.tolerances import (
    ENOUGH,
    MOST,
    SIGNIFICANT,
    UNTUNED,
    fit_mixture,
    scrambled,
    some_of,
)
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.pairs import AcrossTable, PairTolerances
from friedel.model.peak_width import peak_width
from friedel.model.stream import Watcher, counted

ASKED = 3_000
"""So many blobs are enough to measure tolerances."""
WIDE = 8.0
"""Standard deviations of untuned blobs within which pairs are collected to measure tolerances."""
START_ALIKE = (1.0, 1.0, 1.0, 1.0)
LEAST_SCALE = np.array([0.02, 0.3, 1.0, 1.0, 0.3])
"""Scales of place and angle together, then of the features, never go below."""
MOST_BLOBS = 60_000
"""The brightest so many blobs look for partners across the beam: each is compared with a good part of all
others."""
NARROWER = (0.3, 0.1)
MORE = 1.05
"""Where nobody knows where along the beam rays meet, many pairs within wide tolerances are by chance, and hide how
exact the true ones are: so it is looked at with narrower ones too, and those are taken that give clearly more pairs
beyond chance."""
COMPARED = FEATURES
"""Columns of residuals that are compared: the last feature tells nothing across the beam."""


@dataclass(frozen=True, slots=True, eq=False)
class AcrossPairs:
    """One-to-one pairs across the beam: `rows` (n,3) of the earlier spot, the later one and the ring; `residuals`
    (n, eta_pairs.COLUMNS), the `spots` whose variances are scaled to fit, whether the pairs themselves `tuned`
    these;
    `null` (repeats) pairs with scrambled omega, `candidates` before each spot was given to one."""

    rows: Indices
    residuals: Floats
    spots: LabSpots
    tuned: bool
    null: Floats
    candidates: int

    @property
    def excess(self) -> float:
        """Pairs beyond chance."""
        return len(self.rows) - (float(self.null.mean()) if len(self.null) else 0.0)


def pairs_across(
    measured: MeasuredSpots,
    scale: Floats,
    params: MatchParams,
    rng: np.random.Generator,
    lonely: Mask,
    watcher: Watcher | None = None,
) -> AcrossPairs:
    """The pairs within `params.factor` standard deviations, which they measure themselves.

    Of each pair at least one blob is `lonely` (n), has no partner half a turn away. `scale` (RESIDUALS of pairs
    half a turn apart) is what the errors of blobs are multiplied with to begin with.
    """
    # a grain looks otherwise from another side: how alike its spots are across the beam only they can tell
    start = np.concatenate([scale[:2], UNTUNED[2:]])
    with counted(watcher, "pairs across the beam", 2 + params.null_repeats, "searches") as one_more:
        found = _with_start(measured, start, params, rng, lonely, one_more)
    if not (found.tuned and _is_far(found, measured)):
        return found
    for part in NARROWER:
        with counted(watcher, "pairs of a far detector", 2 + params.null_repeats, "searches") as one_more:
            narrow = np.concatenate([part * start[:2], start[2:]])
            other = _with_start(measured, narrow, params, rng, lonely, one_more)
        if other.tuned and other.excess > MORE * found.excess:
            found = other
    return found


def _with_start(
    measured: MeasuredSpots,
    start: Floats,
    params: MatchParams,
    rng: np.random.Generator,
    lonely: Mask,
    one_more: Callable[[], None],
) -> AcrossPairs:
    """The pairs with tolerances that are measured beginning with `start` (RESIDUALS of pairs half a turn apart)."""
    limits = measured.limits._replace(factor=params.factor)
    null = []
    found, tuned = _scale(measured, start, rng)
    one_more()
    spots = measured.scaled(start * np.concatenate([found[:1], found, np.ones(1)]))
    rows, residuals, candidates = best_across(spots, measured.rings, limits, lonely)
    one_more()
    for _ in range(params.null_repeats if len(rows) else 0):
        null.append(len(best_across(scrambled(spots, rng), measured.rings, limits, lonely)[0]))
        one_more()
    return AcrossPairs(rows, residuals, spots, tuned, np.array(null, dtype=np.float64), candidates)


def _is_far(found: AcrossPairs, measured: MeasuredSpots) -> bool:
    """Whether the sample is smaller than what is known of where along the beam rays meet."""
    limits, rows = measured.limits, found.rows
    if limits.kind == ANYWHERE or not len(rows):
        return False
    eta = found.residuals[:, eta_pairs.ETA]
    error = eta_pairs.crossings(found.spots, rows[:, :2], measured.rings[rows[:, 2]], eta).error
    return bool(np.median(error) > limits.half_x)


def brightest(intensity: Floats, most: int) -> Mask:
    """The `most` largest of (n) as a mask; ties by the rows."""
    mask = np.zeros(len(intensity), dtype=bool)
    mask[np.argsort(-intensity, kind="stable")[:most]] = True
    return mask


def best_across(spots: LabSpots, rings: Floats, limits: PairLimits, lonely: Mask) -> tuple[Indices, Floats, int]:
    """One-to-one pairs, the smallest total residual first, ties by the rows; and how many candidates there were."""
    rows, residuals = eta_pairs.find_eta_candidates(spots, rings, limits, lonely=lonely)
    order = np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0], residuals[:, eta_pairs.TOTAL]))
    rows, residuals = rows[order], residuals[order]
    keep = np.zeros(len(rows), np.bool_)
    take_best(rows, np.zeros(len(spots.omega), np.bool_), keep)
    kept = np.flatnonzero(keep)
    kept = kept[np.argsort(rows[kept, 0], kind="stable")]
    return rows[kept], residuals[kept], len(rows)


def _scale(measured: MeasuredSpots, start: Floats, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Factors (COMPARED) that make the residuals of true pairs unit normal, and whether there were enough."""
    whole = np.flatnonzero(~measured.unsure)
    spots = measured.scaled(start).only(whole)
    limits = measured.limits._replace(factor=WIDE)
    few = some_of(len(whole), 200, rng)
    rate = len(eta_pairs.find_eta_candidates(spots, measured.rings, limits, few)[0]) / max(len(few), 1)
    asked = some_of(len(whole), int(np.clip(MOST / max(rate, 1e-9), 300, ASKED)), rng)
    rows, residuals = eta_pairs.find_eta_candidates(spots, measured.rings, limits, asked)
    chance = eta_pairs.find_eta_candidates(scrambled(spots, rng), measured.rings, limits, asked)[1]
    if len(rows) < ENOUGH:
        return np.ones(COMPARED), False
    both = spots.spread[rows[:, 0], 3 : 2 + FEATURES] + spots.spread[rows[:, 1], 3 : 2 + FEATURES]
    # the peak of true pairs may be much narrower than what candidates are collected within
    peak = peak_width(residuals[:, 0], LEAST_SCALE[0])
    mixture = fit_mixture(
        residuals[:, :COMPARED],
        np.column_stack([np.ones(len(rows)), np.sqrt(both)]),
        chance[:, 1:COMPARED],
        np.array([2.0 * WIDE]),
        LEAST_SCALE,
        np.array([peak, *START_ALIKE]),
    )
    enough = mixture.member.sum() >= max(ENOUGH, SIGNIFICANT * np.sqrt(len(rows)))
    return (mixture.scale, True) if enough else (np.ones(COMPARED), False)


def across_table(across: AcrossPairs, rings: tuple[Floats, Indices, Indices], factor: float) -> AcrossTable:
    """As a table; `rings` are two-theta (rad), phase and family of each ring."""
    first, second, ring = across.rows.T if len(across.rows) else np.zeros((3, 0), dtype=np.int64)
    two_theta, eta = rings[0][ring], across.residuals[:, eta_pairs.ETA]
    where = eta_pairs.crossings(across.spots, across.rows[:, :2], two_theta, eta)
    after = np.mod(across.spots.omega[second] - across.spots.omega[first], 2.0 * np.pi)
    columns = {
        "blob_a": first,
        "blob_b": second,
        "phase": rings[1][ring],
        "family": rings[2][ring],
        "two_theta": np.degrees(two_theta),
        "eta": np.degrees(np.mod(eta + np.pi, 2.0 * np.pi) - np.pi),
        "omega": np.degrees(where.omega),
        "after": np.degrees(after),
        **{f"point_{axis}": where.point[:, i] for i, axis in enumerate("xyz")},
        **{f"direction_{axis}": where.direction[:, i] for i, axis in enumerate("xyz")},
        "point_error": where.error,
        "residual": np.sqrt(across.residuals[:, eta_pairs.TOTAL] / COMPARED),
    }
    null = float(across.null.mean()) if len(across.null) else 0.0
    tolerances = _tolerances(across, factor)
    return AcrossTable(columns, null_pairs=null, candidates=across.candidates, tolerances=tolerances)


def _tolerances(across: AcrossPairs, factor: float) -> PairTolerances:
    """What a typical pair was allowed to be off by, as of pairs half a turn apart of the same blobs."""
    if not len(across.rows):
        return PairTolerances(0.0, 0.0, factor, across.tuned)
    spread, position = across.spots.spread[across.rows[:, :2]], across.spots.position[across.rows[:, :2]]
    omega = np.median(np.sqrt(spread[:, :, 0].sum(axis=1)))
    place = np.sqrt(0.5 * spread[:, :, 1:3].sum(axis=(1, 2)))
    distance = position[:, :, 0].sum(axis=1)
    across_beam = np.hypot(position[:, 0, 1] - position[:, 1, 1], position[:, 0, 2] - position[:, 1, 2])
    two_theta = np.median(place * distance / (distance**2 + across_beam**2))
    return PairTolerances(
        float(np.degrees(factor * omega)), float(np.degrees(factor * two_theta)), factor, across.tuned
    )


def near_misses(spots: LabSpots, rings: Floats, limits: PairLimits, asked: Indices) -> Floats:
    """Of each spot (n) that was `asked` for its partner, how near the best partner's rays pass: 1 meets, 0 none."""
    rows, residuals = eta_pairs.find_eta_candidates(spots, rings, limits, asked)
    best = np.zeros(len(spots.omega))
    np.maximum.at(best, rows[:, 0], np.exp(-0.5 * residuals[:, 0] ** 2))
    return best


def ray_misses(across: AcrossPairs, rings: Floats, position: Floats) -> Floats:
    """By how much (n) the rays of pairs miss each other, in standard deviations, with spots at other places
    (um)."""
    return _with_spots_at(across, rings, position)[0]


def meeting_depths(across: AcrossPairs, rings: Floats, position: Floats) -> Floats:
    """Where along their mean ray (n) the rays of pairs meet, um from the axis, with spots at other places (um)."""
    return _with_spots_at(across, rings, position)[1]


def _with_spots_at(across: AcrossPairs, rings: Floats, position: Floats) -> tuple[Floats, Floats]:
    """Misses (n) in standard deviations, and depths (n) um."""
    spots, place = across.spots, np.empty(eta_pairs.PLACE)
    after = np.mod(spots.omega[across.rows[:, 1]] - spots.omega[across.rows[:, 0]], 2.0 * np.pi)
    miss, depth = np.empty(len(after)), np.empty(len(after))
    for i, (a, b, ring) in enumerate(across.rows):
        miss[i] = eta_pairs.solve_eta(
            position[a], position[b], after[i], rings[ring], spots.spread[a], spots.spread[b], np.inf, place
        )[1]
        depth[i] = place[0] * place[4] + place[1] * place[5]
    return miss, depth


def meeting_points(across: AcrossPairs, rings: Floats) -> tuple[Floats, Floats, Floats]:
    """Where the rays of pairs meet (n,3) um, how exactly (n) along them, and how it moves (n,3) with the centre.

    That is shifted along lab y. Seen from half way between both times the point moves sideways, more than the
    centre does.
    """
    where = eta_pairs.crossings(
        across.spots, across.rows[:, :2], rings[across.rows[:, 2]], across.residuals[:, eta_pairs.ETA]
    )
    after = np.mod(across.spots.omega[across.rows[:, 1]] - where.omega, 2.0 * np.pi)
    middle = where.omega + 0.5 * after
    along = np.column_stack([np.sin(middle), np.cos(middle), np.zeros(len(middle))])
    return where.point, where.error, along / np.cos(0.5 * after)[:, None]


def alike_clusters(across: AcrossPairs) -> Indices:
    """A number (n) for pairs that err together: of one ring and one side of the beam."""
    return np.asarray(2 * across.rows[:, 2] + (np.cos(across.residuals[:, eta_pairs.ETA]) < 0), dtype=np.int64)
