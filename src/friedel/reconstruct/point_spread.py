"""The point spread of the detector, from the grains: with it their solid shapes explain their spots best."""

from collections.abc import Sequence

import numpy as np

from friedel.model.stream import Executor, Watcher, watched
from friedel.reconstruct.grain import reconstruct_grain
from friedel.reconstruct.shared_inputs import SharedInputs

TRIED_PX = (0.0, 0.3, 0.6, 0.9, 1.2, 1.5)
GRAINS = 12
"""Grains that are asked."""
KEPT = 0.7
"""So much of it is taken: simulated scans with 0.3, 0.8 and 1.3 px have the fewest wrong voxels with 0.5 to 0.85 of
it, those without noise with less than the others; more makes grains too small."""


def measure_point_spread(inputs: SharedInputs, executor: Executor, watcher: Watcher | None = None) -> float:
    """Standard deviation (px) of the point spread that is in the spots; 0 where no grain tells."""
    listed = np.diff(inputs.grains.blob_pointer)
    grains = np.sort(np.argsort(-listed, kind="stable")[:GRAINS])

    def residuals(grain: int) -> list[float]:
        return [
            reconstruct_grain(inputs._replace(point_spread_px=px), grain, bent=False).residual for px in TRIED_PX
        ]

    work = executor.map(residuals, grains.tolist())
    found = list(watched(watcher, "point spread", work, len(grains), "grains"))
    told = [one for one in found if max(one) < 1.0]
    return KEPT * _lowest(np.median(told, axis=0).tolist()) if told else 0.0


def _lowest(residual: Sequence[float]) -> float:
    """Where a parabola through the smallest residual and its neighbours is lowest."""
    at = int(np.argmin(residual))
    if at in (0, len(TRIED_PX) - 1):
        return TRIED_PX[at]
    curve = np.polyfit(TRIED_PX[at - 1 : at + 2], residual[at - 1 : at + 2], 2)
    return float(-curve[1] / (2.0 * curve[0]))
