"""How exact pairs are, measured on the pairs: a mixture of true ones and chance."""

from dataclasses import dataclass

import numpy as np

from friedel.kernels.match import friedel_pairs
from friedel.match.measured_spots import MeasuredSpots
from friedel.model.arrays import Floats, Indices

ASKED = 3_000
"""So many blobs are enough to measure tolerances."""
MOST = 200_000
"""More candidates tell no more: then fewer blobs are asked."""
ROUNDS = 40
TAIL, TAIL_DEVIATIONS = 0.95, 1.96
"""The part of true pairs that lies within so many standard deviations: dim blobs make long tails."""
LEAST_SCALE = np.array([1e-3, 1e-3, 0.1, 0.3, 1.0, 1.0, 0.3])
"""Scales never go below; boxes are whole pixels."""
UNTUNED = np.array([5.0, 5.0, 2.0, 2.0, 1.0, 1.0, 3.0])
"""Scales where there are too few pairs to measure them: as on noisy scans."""
ENOUGH = 25.0
SIGNIFICANT = 2.5
"""It takes so many true pairs to measure tolerances, and so many times the root of the candidates."""


def tolerance_scale(measured: MeasuredSpots, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Factors (RESIDUALS) on the uncertainties of whole blobs that make the true pairs' residuals unit normal.

    Second: whether there were enough true pairs for it.
    """
    columns = list(range(friedel_pairs.RESIDUALS))
    found = candidate_pairs(measured, measured.limits, columns, rng, most=ASKED, least=ENOUGH)
    if found is None:
        return UNTUNED, False
    enough = found.member.sum() >= max(ENOUGH, SIGNIFICANT * np.sqrt(len(found.member)))
    return (found.scale, True) if enough else (UNTUNED, False)


@dataclass(frozen=True, slots=True, eq=False)
class CandidatePairs:
    """Pairs of whole blobs within wide limits: rows (m,2) of the table, and for each the odds (0 to 1) that it is
    true. `scale` are the widths of the true pairs' residuals over the deviations that the blobs give."""

    rows: Indices
    member: Floats
    scale: Floats


def candidate_pairs(
    measured: MeasuredSpots,
    limits: friedel_pairs.PairLimits,
    columns: list[int],
    rng: np.random.Generator,
    *,
    most: int,
    least: float,
) -> CandidatePairs | None:
    """True pairs and chance, told apart by some `columns` of their residuals; None for fewer than `least` of both.

    Candidates within wide limits are a mixture: true pairs, whose normalised residuals are normal about zero, and
    chance, which is even in omega and 2 theta (columns 0 and 1), and normal in the features with the widths that
    pairs have when omega is scrambled. Fitted in turns, from wide to narrow; widths are those of the tails. At most
    `most` blobs look for partners.
    """
    whole = np.flatnonzero(~measured.unsure)
    spots = measured.spots.only(whole)
    asked = enough_to_ask(spots, measured.rings, limits, most, rng)
    rows, residuals = friedel_pairs.find_candidates(spots, measured.rings, limits, asked)
    chance = friedel_pairs.find_candidates(scrambled(spots, rng), measured.rings, limits, asked)[1]
    if len(rows) < least:
        return None
    even = 2.0 * np.array([limits.omega, limits.two_theta])[[column for column in columns if column < 2]]
    mixture = fit_mixture(
        residuals[:, columns],
        deviations(spots, rows)[:, columns],
        chance[:, 2 : friedel_pairs.RESIDUALS],
        even,
        LEAST_SCALE[columns],
    )
    return CandidatePairs(whole[rows[:, :2]], mixture.member, mixture.scale)


def candidates_of_unsure_detector(
    measured: MeasuredSpots, off_um: float, rng: np.random.Generator, *, most: int, least: float
) -> CandidatePairs | None:
    """`candidate_pairs` of a detector that may be `off_um` (um) aside, and at another distance than is thought.

    Their 2 theta is not limited and tells nothing; their lines pass the sample within `off_um` more. A sample of
    unknown size is taken for a cylinder as large as half of where there are spots.
    """
    limits = measured.limits._replace(two_theta=np.inf, margin=measured.limits.margin + off_um)
    if limits.kind == friedel_pairs.ANYWHERE:
        # the sample's shadow lies on the detector beside its spots: it fills at most half of it
        position = measured.spots.position
        half = 0.25 * np.ptp(position[:, 1:], axis=0) if len(position) else np.ones(2)
        limits = limits._replace(
            kind=friedel_pairs.CYLINDER, half_x=float(half[0]), half_y=float(half[0]), half_z=float(half[1])
        )
    all_but_two_theta = [0, *range(2, friedel_pairs.RESIDUALS)]
    return candidate_pairs(measured, limits, all_but_two_theta, rng, most=most, least=least)


def enough_to_ask(
    spots: friedel_pairs.LabSpots,
    rings: Floats,
    limits: friedel_pairs.PairLimits,
    most: int,
    rng: np.random.Generator,
) -> Indices:
    """Which spots look for partners: at most so many, fewer where each finds many."""
    few = some_of(len(spots.omega), 200, rng)
    rate = len(friedel_pairs.find_candidates(spots, rings, limits, few)[0]) / max(len(few), 1)
    return some_of(len(spots.omega), int(np.clip(MOST / max(rate, 1e-9), 300, most)), rng)


def some_of(count: int, most: int, rng: np.random.Generator) -> Indices:
    """At most `most` of the rows 0..count-1, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(rng.choice(count, most, replace=False)).astype(np.int64)


def deviations(spots: friedel_pairs.LabSpots, rows: Indices) -> Floats:
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


def fit_mixture(
    residuals: Floats, deviation: Floats, chance: Floats, even: Floats, least: Floats, start: Floats | None = None
) -> Mixture:
    """Tell true pairs from chance by all residuals (n,k) together.

    `start` (k) are scales to begin with (default: half of what all candidates scatter by). By chance the first
    columns are even over the widths `even` (e), the others like `chance` (m,k-e), candidates with scrambled omega.
    Scales never fall below `least` (k).
    """
    z = np.abs(residuals) / deviation
    orders = [np.argsort(column, kind="stable") for column in z.T]
    rest = residuals[:, len(even) :]
    by_chance = -np.log(even).sum() + _normal_log_density(rest, chance if len(chance) > 50 else rest)
    constant = -np.log(deviation).sum(axis=1) - 0.5 * residuals.shape[1] * np.log(2 * np.pi)
    # chance makes as many pairs as there are with scrambled omega: what is more is true
    part = float(np.clip(1.0 - len(chance) / len(residuals), 0.01, 0.99))
    scale = np.maximum(np.median(z, axis=0) / 2.0 if start is None else start, least)
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


def scrambled(spots: friedel_pairs.LabSpots, rng: np.random.Generator) -> friedel_pairs.LabSpots:
    """The same spots with their angles dealt out anew."""
    return spots._replace(omega=rng.permutation(spots.omega))
