"""The robust fit of a detector to rings: pairs against chance, weighted anew in every step.

How sure it is, is told by what pairs have in common: those of one ring, or of one direction around the beam, err
together (a ring beside another one, a glow, a threshold), and count as one: clusters in two ways, as in Cameron,
Gelbach, Miller, J. Bus. Econ. Stat. 29 (2011) 238.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from friedel.calibrator.geometry import NUDGE, STEPS, moved
from friedel.model.arrays import Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.clusters import COMMON_PX, cluster_sums, left_out_variance
from friedel.model.setup import Detector
from friedel.model.uncertainty import alike_by_threshold, shift_of_threshold

FREE = 2
"""What pairs move of `geometry.STEPS`: across and distance. Tilts about x and y leave them as they are (what these
do to a spot, its partner undoes), and one about z looks like a shift across: they make the others less sure."""
WIDEST = np.array([100.0, 1000.0])
"""Weak prior: standard deviations that no parameter exceeds in one step without reason (um)."""
TILT_DEG = 0.2
"""Prior of each tilt: how well detectors are usually aligned, one standard deviation."""
SECTORS = 12
"""Directions around the beam within which pairs err together."""
ROUNDS = 25
START_DEG = 0.08
LEAST_DEG = 1e-4


class RingFit(NamedTuple):
    """The best `step` (5, as in geometry.STEPS; tilts are zero), and standard deviations (2) of what is free."""

    step: Floats
    error: Floats


def fit_rings(
    blobs: BlobTable, detector: Detector, rings: Floats, candidates: tuple[Indices, Floats], start: Floats
) -> RingFit:
    """Move the detector sideways and along the beam until the pairs' 2 theta lie on rings.

    `candidates` are rows (n,2) of the blobs and how likely (n) each is a true pair, `start` (5) is a step.
    """
    places = np.stack([np.asarray(blobs[name], dtype=np.float64)[candidates[0]] for name in ("sc", "fc")])

    def lines(step: Floats, places: Floats = places) -> Floats:
        position = moved(detector, step).position_um(*places)
        a, b = position[:, 0], position[:, 1]
        return np.stack([a[:, 0] + b[:, 0], a[:, 1] + b[:, 1], a[:, 2] - b[:, 2]])

    def two_theta(step: Floats) -> Floats:
        x, y, z = lines(step)
        return np.asarray(np.arctan2(np.hypot(y, z), x))

    step, width = _gauss_newton(two_theta, rings, candidates[1], start)
    x, y, z = lines(step)
    tilts = TILT_DEG * _derivatives(two_theta, step, len(STEPS))[:, FREE:]
    outwards = 2.0 * COMMON_PX * np.linalg.norm(detector.u_um) * x / (x**2 + y**2 + z**2)
    angle = two_theta(step)
    shift = alike_by_threshold(shift_of_threshold(blobs)[candidates[0].ravel(), 1:]).reshape(
        *candidates[0].shape, 2
    )
    x_cut, y_cut, z_cut = lines(step, places + np.moveaxis(shift, -1, 0))
    cut = np.arctan2(np.hypot(y_cut, z_cut), x_cut) - angle
    unseen = np.column_stack([tilts, outwards, cut])
    spots = WeightedPairs(angle, candidates[1], np.arctan2(-y, z), _derivatives(two_theta, step, FREE))
    return RingFit(step, _error(spots, rings, width, unseen))


def _gauss_newton(
    two_theta: Callable[[Floats], Floats], rings: Floats, likely: Floats, start: Floats
) -> tuple[Floats, float]:
    """The step, and how wide (rad) rings are at the end: they narrow on the way."""
    step, width = start.copy(), np.radians(START_DEG)
    prior = np.diag(1.0 / WIDEST**2)
    for number in range(ROUNDS):
        angle = two_theta(step)
        off = angle - nearest_ring(rings, angle)
        weight = _odds(off, likely, width)
        active = _derivatives(two_theta, step, FREE)
        normal = active.T @ (weight[:, None] * active) / width**2 + prior
        change = np.linalg.solve(normal, -active.T @ (weight * off) / width**2)
        step[:FREE] += change
        left = off + active @ change
        spread = float(np.sqrt((weight * left**2).sum() / max(weight.sum(), 1e-12)))
        # rings may narrow by half in a step: the fit shall not fall for a wrong one
        width = max(min(max(1.2 * spread, 0.5 * width), width), np.radians(LEAST_DEG))
        if number > 4 and np.all(np.abs(change) < 1e-3 * np.sqrt(np.diag(np.linalg.inv(normal)))):
            break
    return step, width


def _odds(off: Floats, likely: Floats, width: float) -> Floats:
    """How likely (n) each pair is one of its ring, against an even background; `off` and `width` in rad."""
    gap = 2.0 * np.pi / 180.0
    peak = likely * np.exp(-0.5 * (off / width) ** 2) / (np.sqrt(2 * np.pi) * width)
    return np.asarray(peak / (peak + (1.0 - likely) / gap + 0.02 / gap))


def _derivatives(two_theta: Callable[[Floats], Floats], step: Floats, count: int) -> Floats:
    """Of 2 theta by the first `count` of `geometry.STEPS`: (n, count)."""
    columns = []
    for i in range(count):
        nudge = np.where(np.arange(len(STEPS)) == i, NUDGE, 0.0)
        columns.append((two_theta(step + nudge) - two_theta(step - nudge)) / (2.0 * NUDGE[i]))
    return np.column_stack(columns)


class WeightedPairs(NamedTuple):
    """Pairs (n) as the fit leaves them: 2 theta (rad), how likely each is a true one, eta (rad), and how 2 theta
    changes with what is free (n,2)."""

    two_theta: Floats
    likely: Floats
    eta: Floats
    active: Floats


def _error(pairs: WeightedPairs, rings: Floats, width: float, unseen: Floats) -> Floats:
    """Standard deviations (2) of what was free.

    By what clusters have in common, and by what the fit takes for a shift: `unseen` (n,u) is how one standard
    deviation of each such thing changes 2 theta (rad).
    """
    angle, likely, eta, active = pairs
    off = angle - nearest_ring(rings, angle)
    weight = _odds(off, likely, width)
    # the weights move with the residuals: curvature of the likelihood, not of the weighted sum of squares
    pull = weight * (1.0 - (1.0 - weight) * (off / width) ** 2) / width**2
    curvature = pull[:, None, None] * active[:, :, None] * active[:, None, :]
    whole = curvature.sum(axis=0)
    if np.linalg.eigvalsh(whole).min() <= 0:
        return np.full(FREE, np.inf)
    score = active * (weight * off)[:, None] / width**2
    ring = np.searchsorted(0.5 * (rings[1:] + rings[:-1]), angle)
    sector = np.floor((eta / (2 * np.pi) + 0.5) * SECTORS).astype(np.int64) % SECTORS
    variance = _two_ways(score, curvature, ring, sector)
    slip = np.linalg.solve(whole, active.T @ (pull[:, None] * unseen))
    return np.asarray(np.sqrt(variance + (slip**2).sum(axis=1)))


def _two_ways(score: Floats, curvature: Floats, one: Indices, other: Indices) -> Floats:
    """Variances (k) where pairs err together that agree in `one` (n) or in `other` (n).

    Their difference may come out small by chance: never less than by any of the clusters alone.
    """
    both = one * SECTORS + other
    ways = [
        np.diag(left_out_variance(cluster_sums(score, labels), cluster_sums(curvature, labels)))
        for labels in (one, other, both)
    ]
    finite = [way for way in ways if np.isfinite(way).all()]
    if len(finite) < len(ways):
        return np.asarray(np.max(finite, axis=0) if finite else np.full(FREE, np.inf))
    return np.asarray(np.max([ways[0] + ways[1] - ways[2], *ways], axis=0))


def nearest_ring(rings: Floats, angle: Floats) -> Floats:
    """The ring nearest to each angle; rings ascend."""
    between = 0.5 * (rings[1:] + rings[:-1])
    return np.asarray(rings[np.searchsorted(between, angle)])
