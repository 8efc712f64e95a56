"""Some numbers that all grains share, fitted to their assigned spots while the grains move along."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from friedel.calibrator.from_spots import CLIP, Assigned, derivatives, nudged, solve
from friedel.model.arrays import Floats, Mask
from friedel.model.grains import GrainTable

ROUNDS = 5
LEAST_TILT_SIGMA = 3.0
TILTS = (2, 3, 4)
"""Among the detector's `STEPS`."""

Residuals = Callable[[Floats, Floats, Floats], Floats]
"""Of shared numbers (m), orientations (g,3,3) and positions (g,3): predicted minus measured (n,3)."""


class SharedFit(NamedTuple):
    """The numbers' `step` (m) from where they were, its `error` (m), inf for what was held; medians (3) of the
    residuals `before` and `after`."""

    step: Floats
    error: Floats
    before: Floats
    after: Floats


def fit_shared(spots: Assigned, grains: GrainTable, residuals: Residuals, nudges: Floats, free: Mask) -> SharedFit:
    """Robust Gauss-Newton over `free` (m) ones of the numbers; `nudges` (m) are for the derivatives."""
    U, position = np.array(grains.U, dtype=float), np.array(grains.position_um, dtype=float)
    step, error, before = np.zeros(len(nudges)), np.zeros(len(nudges)), np.zeros(3)
    for number in range(ROUNDS):
        off = residuals(step, U, position)
        after = np.median(np.abs(off), axis=0)
        before = before if number else after
        weight = _weight(off, after)
        shared, own = derivatives(residuals, step, U, position, free, nudges)
        shared, own = shared * weight[..., None], own * weight[..., None]
        change, mine, error = solve(spots.grain, len(U), off * weight, shared, own, free)
        step = step + change
        U, position = nudged(U, position, mine)
    return SharedFit(step, error, before, np.median(np.abs(residuals(step, U, position)), axis=0))


def weakest_tilt(fit: SharedFit, free: Mask) -> int | None:
    """The detector's tilt that is shown least, of those that are free and not shown by three standard
    deviations."""
    weak = [i for i in TILTS if free[i] and not abs(fit.step[i]) >= LEAST_TILT_SIGMA * fit.error[i]]
    return min(weak, key=lambda i: abs(fit.step[i]) / fit.error[i]) if weak else None


def _weight(off: Floats, median: Floats) -> Floats:
    """One over the standard deviation, less for what sticks out (Huber), 0 for what is far off."""
    deviation = np.maximum(median / 0.6745, [1e-5, 1e-4, 1e-4])
    z = np.abs(off) / deviation
    return np.asarray(np.sqrt(np.minimum(1.0, CLIP / np.maximum(z, 1e-12))) * (z < 10 * CLIP) / deviation)
