"""Match: Friedel pairs among blobs, with tolerances that the blobs themselves give.

Two blobs are a pair when they are half a turn apart, the angle between their line and the beam is on a ring of the
lattice, the line passes through the sample, and they look alike (PIPELINE 4). The pairs' own residuals, told from
chance by a mixture fit, scale the blobs' uncertainties; then each blob is given to at most one pair, best first.
Method of pairs: Ludwig et al., J. Appl. Cryst. 42 (2009) 302. The fit of tolerances is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from friedel.errors import InputError
from friedel.kernels import pairs as kernel
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.families import phase_rings
from friedel.model.pairs import PairTable, Tolerances
from friedel.model.setup import Setup
from friedel.model.uncertainty import blob_uncertainty
from friedel.params import Params, parameter

LEAST_SIN_ETA = 0.1
"""Nearer to the axis omega says nothing."""
HALF_TURN = 180.0
TRUSTED_PX, TRUSTED_STEP = 0.05, 0.03
UNLIKE = np.array([0.7, 0.7, 0.35, 0.35, 0.25])
"""How unlike a blob of which a part is missing may be: standard deviations of the features."""
ALIKE = np.array([0.02, 0.05, 0.0, 0.0, 0.02])
"""The least standard deviations of the features of whole blobs; boxes are known to a pixel."""
ASKED = 3_000
"""So many blobs are enough to measure tolerances."""
ROUNDS = 40
TAIL, TAIL_DEVIATIONS = 0.95, 1.96
"""The part of true pairs that lies within so many standard deviations: dim blobs make long tails."""
LEAST_SCALE = np.array([1e-3, 1e-3, 0.1, 0.3, 1.0, 1.0, 0.3])
"""Scales never go below; boxes are whole pixels."""
ENOUGH = 25.0
SIGNIFICANT = 2.5
"""It takes so many true pairs to measure tolerances, and so many times the root of the candidates."""


class MatchParams(Params):
    """Friedel pairs: two blobs half a turn apart from the same planes of the same grain."""

    factor: float = parameter(
        4.0, "Tolerances are so many standard deviations, as measured on the pairs themselves.", gt=0, le=100
    )
    omega_tol_deg: float = parameter(
        0.6, "A pair is never further than this (over |sin eta|) from half a turn.", unit="deg", gt=0, le=45
    )
    two_theta_tol_deg: float = parameter(
        0.3, "A pair's 2 theta is never further than this from a ring of the lattice.", unit="deg", gt=0, le=10
    )
    tune: bool = parameter(
        True, "Measure the tolerances; otherwise the two above hold as they are, with the ratios below."
    )
    intensity_ratio: float = parameter(6.0, "Intensities differ at most by this factor.", gt=1)
    area_ratio: float = parameter(4.0, "Numbers of voxels differ at most by this factor.", gt=1)
    box_ratio: float = parameter(3.0, "Edges of the boxes differ at most by this factor.", gt=1)
    margin_px: float = parameter(2.0, "Lines may pass the sample at this distance.", unit="px", ge=0)
    null_repeats: int = parameter(3, "So often is omega scrambled to count pairs by chance.", ge=1, le=100)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Blobs as matching sees them: spots with the least of their variances, and all that limits a pair."""

    spots: kernel.Spots
    cut: Floats
    unsure: Mask
    rings: Floats
    gates: kernel.Gates

    def scaled(self, scale: Floats) -> kernel.Spots:
        """The spots with variances scaled by squares of (RESIDUALS) factors; what is cut comes on top, unscaled."""
        squares = np.concatenate([scale[:1], scale[1:2], scale[1:2], scale[2:]]) ** 2
        return self.spots._replace(spread=self.spots.spread * squares + self.cut)


def match(
    blobs: BlobTable, setup: Setup, phases: Sequence[Phase], params: MatchParams, *, seed: int = 0
) -> PairTable:
    """Pairs of kept blobs, in the order of their first blob; `seed` scrambles omega for the null.

    Families are those of `model.families.used_reflections`. Where fewer pairs than chance allows to judge are
    found, the tolerances are the blobs' own, unscaled. Raises `InputError` for a scan of half a turn or less:
    no blob of it has a partner.
    """
    check_turn(blobs)
    rings, phase, family = phase_rings(phases, setup, blobs.shape[1:])
    scene = make_scene(blobs, setup, rings, params)
    rng = np.random.default_rng([seed, 301])
    scale, tuned = tolerance_scale(scene, rng) if params.tune else (np.ones(kernel.RESIDUALS), False)
    gates = scene.gates._replace(factor=params.factor if params.tune else np.inf)
    spots = scene.scaled(scale)
    rows, residuals, candidates = best_pairs(spots, rings, gates)
    repeats = params.null_repeats if len(rows) else 0
    null = [float(len(best_pairs(scrambled(spots, rng), rings, gates)[0])) for _ in range(repeats)]
    tolerances = _tolerances(spots, rows, residuals, gates, tuned)
    return _table(
        blobs, setup, (rows, residuals), (phase, family), float(np.mean(null or [0.0])), tolerances, candidates
    )


def check_turn(blobs: BlobTable) -> None:
    """Raise `InputError` where the scan is too short for any pair."""
    covered = blobs.shape[0] * abs(blobs.omega_step_deg)
    if covered <= HALF_TURN + 1e-6 + 2 * abs(blobs.omega_step_deg):
        raise InputError(
            "Friedel pairs",
            rule="need a scan of more than half a turn",
            got=f"{covered:g} deg",
            way_out="a spot's partner is 180 deg away: record a full turn, or stop after segment (--to segment)",
        )


def pairable_fraction(blobs: BlobTable) -> float:
    """The part of the scan whose partner angle was recorded too: 1 for a full turn, 0 for half of one."""
    covered = blobs.shape[0] * abs(blobs.omega_step_deg)
    return float(np.clip(2.0 * (covered - HALF_TURN) / covered, 0.0, 1.0)) if covered < 2 * HALF_TURN else 1.0


def make_scene(blobs: BlobTable, setup: Setup, rings: Floats, params: MatchParams) -> Scene:
    """Blobs in the lab, with what is known about their precision."""
    omega = np.mod(setup.lab_omega_rad(blobs["omega"]), kernel.TURN)
    omega[omega >= kernel.TURN] = 0.0
    position = setup.detector.position_um(blobs["sc"], blobs["fc"])
    known = blob_uncertainty(blobs)
    whole = np.flatnonzero(~known.unsure)
    step = abs(blobs.omega_step_deg)
    hit = np.hypot(position[:, 1], position[:, 2])
    sin_eta = np.maximum(np.abs(position[:, 1]) / np.maximum(hit, 1e-9), LEAST_SIN_ETA)
    rows, cols = blobs["row_stop"] - blobs["row_start"], blobs["col_stop"] - blobs["col_start"]
    features = np.column_stack(
        [
            np.log(np.maximum(blobs["sum_intensity"], 1e-30)),
            np.log(np.maximum(blobs["Number_of_pixels"], 1)),
            np.log(np.maximum(rows, 1)),
            np.log(np.maximum(cols, 1)),
            blobs["covsf"],
        ]
    )
    alike = np.tile(ALIKE**2, (len(omega), 1))
    alike[:, :2] += known.intensity[:, None] ** 2
    alike[:, 2] += (0.7 / np.maximum(rows, 1)) ** 2
    alike[:, 3] += (0.7 / np.maximum(cols, 1)) ** 2
    alike[:, 4] += known.intensity**2
    regular = _lab_variances(setup, known.row, known.col, known.omega, sin_eta)
    # nobody knows which blob is the best: none is trusted much more than the typical one
    regular += np.median(regular[whole], axis=0) if len(whole) else 0.0
    # what no scale takes away: centroids are never trusted beyond a part of a pixel and of a frame
    row, col = np.hypot(known.cut_row, TRUSTED_PX), np.hypot(known.cut_col, TRUSTED_PX)
    cut = _lab_variances(setup, row, col, np.hypot(known.cut_omega, TRUSTED_STEP * step), sin_eta)
    unlike = known.unsure[:, None] * UNLIKE**2
    spots = kernel.Spots(omega, position, np.column_stack([regular, alike]), features)
    return Scene(spots, np.column_stack([cut, unlike]), known.unsure, rings, _gates(setup, params))


def _lab_variances(setup: Setup, row: Floats, col: Floats, omega_deg: Floats, sin_eta: Floats) -> Floats:
    """Variances (n,3) of omega |sin eta| (rad^2), lab y and z (um^2)."""
    u, v = setup.detector.u_um, setup.detector.v_um
    return np.column_stack(
        [
            (np.radians(omega_deg) * sin_eta) ** 2,
            (u[1] * col) ** 2 + (v[1] * row) ** 2,
            (u[2] * col) ** 2 + (v[2] * row) ** 2,
        ]
    )


def _gates(setup: Setup, params: MatchParams) -> kernel.Gates:
    """The widest gates."""
    sample = setup.sample
    kind = {"cylinder": kernel.CYLINDER, "box": kernel.BOX}.get(sample.kind, kernel.ANYWHERE)
    pixel = max(float(np.linalg.norm(setup.detector.u_um)), float(np.linalg.norm(setup.detector.v_um)))
    return kernel.Gates(
        omega=float(np.radians(params.omega_tol_deg)),
        two_theta=float(np.radians(params.two_theta_tol_deg)),
        least_sin_eta=LEAST_SIN_ETA,
        factor=np.inf,
        intensity=float(np.log(params.intensity_ratio)),
        area=float(np.log(params.area_ratio)),
        box=float(np.log(params.box_ratio)),
        correlation=2.0,
        kind=kind,
        half_x=sample.size_um[0] / 2,
        half_y=sample.size_um[1] / 2,
        half_z=sample.size_um[2] / 2,
        margin=params.margin_px * pixel,
    )


def scrambled(spots: kernel.Spots, rng: np.random.Generator) -> kernel.Spots:
    """The same spots with their angles dealt out anew."""
    return spots._replace(omega=rng.permutation(spots.omega))


def best_pairs(spots: kernel.Spots, rings: Floats, gates: kernel.Gates) -> tuple[Indices, Floats, int]:
    """One-to-one pairs: the smallest total residual first, ties by the rows; and how many candidates there were."""
    rows, residuals = kernel.find_candidates(spots, rings, gates)
    order = np.lexsort((rows[:, 1], rows[:, 0], residuals[:, kernel.TOTAL]))
    rows, residuals = rows[order], residuals[order]
    keep = np.zeros(len(rows), np.bool_)
    kernel.take_best(rows, np.zeros(len(spots.omega), np.bool_), keep)
    kept = np.flatnonzero(keep)
    kept = kept[np.argsort(rows[kept, 0], kind="stable")]
    return rows[kept], residuals[kept], len(rows)


def tolerance_scale(scene: Scene, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Factors (RESIDUALS) on the uncertainties of whole blobs that make the true pairs' residuals unit normal.

    Candidates within the widest gates are a mixture: true pairs, whose normalised residuals are normal about
    zero, and chance, which is even in omega and 2 theta, and normal in the features with the widths that pairs have
    when omega is scrambled. Fitted in turns, from wide to narrow; widths are those of the tails. Second: whether
    there were enough true pairs for it.
    """
    whole = np.flatnonzero(~scene.unsure)
    spots = kernel.Spots(*(values[whole] for values in scene.spots))
    asked = some_of(len(whole), ASKED, rng)
    rows, residuals = kernel.find_candidates(spots, scene.rings, scene.gates, asked)
    chance = kernel.find_candidates(scrambled(spots, rng), scene.rings, scene.gates, asked)[1]
    if len(rows) < ENOUGH:
        return np.ones(kernel.RESIDUALS), False
    even = np.array([2.0 * scene.gates.omega, 2.0 * scene.gates.two_theta])
    fit = fit_mixture(
        residuals[:, : kernel.RESIDUALS],
        deviations(spots, rows),
        chance[:, 2 : kernel.RESIDUALS],
        even,
        LEAST_SCALE,
    )
    enough = fit.member.sum() >= max(ENOUGH, SIGNIFICANT * np.sqrt(len(rows)))
    return (fit.scale, True) if enough else (np.ones_like(fit.scale), False)


def some_of(count: int, most: int, rng: np.random.Generator) -> Indices:
    """At most `most` of the rows 0..count-1, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(rng.choice(count, most, replace=False)).astype(np.int64)


def deviations(spots: kernel.Spots, rows: Indices) -> Floats:
    """Standard deviation (m, RESIDUALS) of each residual, from both blobs."""
    both = spots.spread[rows[:, 0]] + spots.spread[rows[:, 1]]
    a, b = spots.position[rows[:, 0]], spots.position[rows[:, 1]]
    dx, dy, dz = a[:, 0] + b[:, 0], a[:, 1] + b[:, 1], a[:, 2] - b[:, 2]
    squared = dy**2 + dz**2
    two_theta = np.sqrt((dy**2 * both[:, 1] + dz**2 * both[:, 2]) / squared) * np.abs(dx) / (dx**2 + squared)
    return np.column_stack([np.sqrt(both[:, 0]), two_theta, np.sqrt(both[:, 3:])])


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Scales (k) of the true pairs' residuals, and for each candidate the odds (n, 0 to 1) that it is true."""

    scale: Floats
    member: Floats


def fit_mixture(residuals: Floats, deviation: Floats, chance: Floats, even: Floats, least: Floats) -> Mixture:
    """Tell true pairs from chance by all residuals (n,k) together.

    By chance the first columns are even over the widths `even` (e), the others like `chance` (m,k-e), candidates
    with scrambled omega. Scales never fall below `least` (k).
    """
    z = np.abs(residuals) / deviation
    orders = [np.argsort(column, kind="stable") for column in z.T]
    rest = residuals[:, len(even) :]
    by_chance = -np.log(even).sum() + _normal_log_density(rest, chance if len(chance) > 50 else rest)
    constant = -np.log(deviation).sum(axis=1) - 0.5 * residuals.shape[1] * np.log(2 * np.pi)
    # chance makes as many pairs as there are with scrambled omega: what is more is true
    part = float(np.clip(1.0 - len(chance) / len(residuals), 0.01, 0.99))
    scale = np.maximum(np.median(z, axis=0) / 2.0, least)
    member = np.zeros(len(z))
    for _ in range(ROUNDS):
        true = constant - 0.5 * ((z / scale) ** 2).sum(axis=1) - np.log(scale).sum()
        odds = np.log(part / (1 - part)) + true - by_chance
        member = 1.0 / (1.0 + np.exp(-np.clip(odds, -500, 500)))
        tails = [_weighted_quantile(column, member, order) for column, order in zip(z.T, orders, strict=True)]
        before, scale = scale, np.maximum(np.array(tails) / TAIL_DEVIATIONS, least)
        if np.abs(np.log(scale / before)).max() < 5e-3:
            break
    return Mixture(scale, member)


def _normal_log_density(values: Floats, sample: Floats) -> Floats:
    """Log density of values (n,k) under the normal distribution about zero that a sample (m,k) has."""
    covariance = sample.T @ sample / len(sample) + 1e-6 * np.eye(sample.shape[1])
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), values.T)
    return np.asarray(
        -0.5 * (whitened**2).sum(axis=0)
        - 0.5 * np.linalg.slogdet(covariance)[1]
        - 0.5 * sample.shape[1] * np.log(2 * np.pi)
    )


def _weighted_quantile(values: Floats, weights: Floats, order: Indices) -> float:
    sums = np.cumsum(weights[order])
    place = np.searchsorted(sums, TAIL * sums[-1])
    return float(values[order[min(place, len(order) - 1)]])


def _tolerances(
    spots: kernel.Spots, rows: Indices, residuals: Floats, gates: kernel.Gates, tuned: bool
) -> Tolerances:
    """What a typical pair was allowed to be off by."""
    if not len(rows):
        return Tolerances(0.0, 0.0, gates.factor, tuned)
    deviation = np.median(deviations(spots, rows), axis=0)
    allowed = np.minimum(gates.factor * deviation[:2], [gates.omega, gates.two_theta])
    return Tolerances(float(np.degrees(allowed[0])), float(np.degrees(allowed[1])), gates.factor, tuned)


def _table(
    blobs: BlobTable,
    setup: Setup,
    pairs: tuple[Indices, Floats],
    rings: tuple[Indices, Indices],
    null: float,
    tolerances: Tolerances,
    candidates: int,
) -> PairTable:
    rows, residuals = pairs
    stage = blobs["omega"]
    # the first blob of a pair is the one that came first in the scan
    later = stage[rows[:, 0]] > stage[rows[:, 1]]
    a, b = np.where(later, rows[:, 1], rows[:, 0]), np.where(later, rows[:, 0], rows[:, 1])
    position = setup.detector.position_um(blobs["sc"], blobs["fc"])
    omega = setup.lab_omega_rad(stage)
    lines = kernel.friedel_lines(position[a], position[b], omega[a], omega[b])
    ids = blobs["spot3d_id"]
    order = np.lexsort((ids[b], ids[a]))
    columns = {
        "blob_a": ids[a],
        "blob_b": ids[b],
        "phase": rings[0][rows[:, 2]],
        "family": rings[1][rows[:, 2]],
        "two_theta": np.degrees(lines.two_theta),
        "eta": np.degrees(lines.eta),
        "omega": np.degrees(lines.omega),
        **{f"line_{axis}": lines.point[:, i] for i, axis in enumerate("xyz")},
        **{f"direction_{axis}": lines.direction[:, i] for i, axis in enumerate("xyz")},
        "residual": np.sqrt(residuals[:, kernel.TOTAL] / kernel.RESIDUALS),
        "omega_residual": np.degrees(np.where(later, -residuals[:, 0], residuals[:, 0])),
        "two_theta_residual": np.degrees(residuals[:, 1]),
    }
    return PairTable(
        {name: values[order] for name, values in columns.items()},
        null_pairs=null,
        candidates=candidates,
        tolerances=tolerances,
        pairable=pairable_fraction(blobs),
        blobs=len(blobs),
    )
