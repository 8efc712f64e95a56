"""The robust fit of a detector to rings: pairs against chance, weighted anew in every step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from friedel.calibrator.geometry import NUDGE, STEPS, moved
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.blobs import BlobTable
from friedel.model.setup import Detector

WIDEST = np.array([100.0, 1000.0, 1.0, 1.0, 1.0])
"""Weak prior: standard deviations that no parameter exceeds in one step without reason (um, deg)."""
ROUNDS = 25
START_DEG = 0.08
LEAST_DEG = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class RingFit:
    """The best `step` (5, as in geometry.STEPS), standard deviations `error`, which were `free`."""

    step: Floats
    error: Floats
    free: Mask
    left_alone: tuple[str, ...]


def fit_rings(
    blobs: BlobTable,
    detector: Detector,
    rings: Floats,
    candidates: tuple[Indices, Floats],
    start: Floats,
    tilts: bool,
    least_sigma: float,
) -> RingFit:
    """Move the detector until the pairs' 2 theta lie on rings; tilts that pairs do not show stay."""
    places = [np.asarray(blobs[name], dtype=np.float64)[candidates[0]] for name in ("sc", "fc")]

    def two_theta(step: Floats) -> Floats:
        position = moved(detector, step).position_um(*places)
        a, b = position[:, 0], position[:, 1]
        x, y, z = a[:, 0] + b[:, 0], a[:, 1] + b[:, 1], a[:, 2] - b[:, 2]
        return np.asarray(np.arctan2(np.hypot(y, z), x))

    free = np.array([True, True, tilts, tilts, tilts])
    left_alone: list[str] = []
    while True:
        step, error = _gauss_newton(two_theta, rings, candidates[1], start, free)
        sure = np.abs(step) / np.maximum(error, 1e-12)
        weak = [i for i in range(2, 5) if free[i] and not sure[i] >= least_sigma]
        if not weak:
            return RingFit(step, error, free, tuple(left_alone))
        worst = min(weak, key=lambda i: sure[i])
        free[worst] = False
        start = step.copy()
        start[worst] = 0.0
        left_alone.append(
            f"{STEPS[worst].replace('_', ' ')} stays: the pairs show {step[worst]:.3f} +- {error[worst]:.3f} deg"
        )


def _gauss_newton(
    two_theta: Callable[[Floats], Floats], rings: Floats, likely: Floats, start: Floats, free: Mask
) -> tuple[Floats, Floats]:
    """Steps with weights that are the odds of a pair against an even background; rings narrow on the way."""
    step, width = start.copy(), np.radians(START_DEG)
    error = np.full(len(step), np.inf)
    gap = 2.0 * np.pi / 180.0
    for number in range(ROUNDS):
        angle = two_theta(step)
        off = angle - nearest_ring(rings, angle)
        peak = np.exp(-0.5 * (off / width) ** 2) / (np.sqrt(2 * np.pi) * width)
        weight = likely * peak / (likely * peak + (1.0 - likely) / gap + 0.02 / gap)
        jacobian = np.zeros((len(off), len(step)))
        for i in np.flatnonzero(free):
            nudge = np.zeros(len(step))
            nudge[i] = NUDGE[i]
            jacobian[:, i] = (two_theta(step + nudge) - two_theta(step - nudge)) / (2.0 * NUDGE[i])
        active = jacobian[:, free]
        normal = active.T @ (weight[:, None] * active) / width**2
        prior = np.diag(1.0 / WIDEST[free] ** 2)
        change = np.linalg.solve(normal + prior, -active.T @ (weight * off) / width**2)
        step[free] += change
        error = np.zeros(len(step))
        error[free] = np.sqrt(np.diag(np.linalg.inv(normal + prior)))
        left = off + active @ change
        spread = float(np.sqrt((weight * left**2).sum() / max(weight.sum(), 1e-12)))
        # rings may narrow by half in a step: the fit shall not fall for a wrong one
        width = max(min(max(1.2 * spread, 0.5 * width), width), np.radians(LEAST_DEG))
        if number > 4 and np.all(np.abs(change) < 1e-3 * error[free]):
            break
    return step, error


def nearest_ring(rings: Floats, angle: Floats) -> Floats:
    """The ring nearest to each angle; rings ascend."""
    between = 0.5 * (rings[1:] + rings[:-1])
    return np.asarray(rings[np.searchsorted(between, angle)])
