"""The point spread of the detector, from the grains: with it their solid shapes explain their spots best."""

from collections.abc import Mapping

import numpy as np

from friedel.model.stream import Executor, Watcher, watched
from friedel.reconstruct.grain import reconstruct_grain
from friedel.reconstruct.shared_inputs import SharedInputs

TRIED_PX = (0.0, 0.3, 0.6, 0.9, 1.2, 1.5)
FIRST_PX = (0.3, 0.6, 0.9)
"""What detectors have; others where the spots say so."""
GRAINS = 12
"""Grains that are asked."""
KEPT = 0.7
"""So much of it is taken: simulated scans with 0.3, 0.8 and 1.3 px have the fewest wrong voxels with 0.5 to 0.85 of
it, those without noise with less than the others; more makes grains too small."""


def measure_point_spread(inputs: SharedInputs, executor: Executor, watcher: Watcher | None = None) -> float:
    """Standard deviation (px) of the point spread that is in the spots; 0 where no grain tells."""
    listed = np.diff(inputs.grains.blob_pointer)
    grains = np.sort(np.argsort(-listed, kind="stable")[:GRAINS]).tolist()
    known: dict[float, list[float]] = {}

    def residual(of: tuple[float, int]) -> float:
        px, grain = of
        return reconstruct_grain(inputs._replace(point_spread_px=px), grain, bent=False).residual

    def medians() -> dict[float, float]:
        every = np.array(list(known.values()))
        told = every[:, (every < 1.0).all(axis=0)]
        return dict(zip(known, np.median(told, axis=1).tolist(), strict=True)) if told.size else {}

    wanted = list(FIRST_PX)
    while wanted:
        of = [(px, grain) for px in wanted for grain in grains]
        found = list(watched(watcher, "point spread", executor.map(residual, of), len(of), "shapes"))
        known.update({px: found[n * len(grains) : (n + 1) * len(grains)] for n, px in enumerate(wanted)})
        wanted = _beside_lowest(medians())
    return KEPT * _lowest(medians())


def _beside_lowest(residual: Mapping[float, float]) -> list[float]:
    """What is still to be tried: neighbours of the one that is lowest so far."""
    if not residual:
        return []
    at = TRIED_PX.index(min(residual, key=lambda px: (residual[px], px)))
    return [px for px in TRIED_PX[max(at - 1, 0) : at + 2] if px not in residual]


def _lowest(residual: Mapping[float, float]) -> float:
    """Where a parabola through the smallest residual and its neighbours is lowest; 0 where nothing is known."""
    if not residual:
        return 0.0
    px = sorted(residual)
    values = [residual[one] for one in px]
    at = int(np.argmin(values))
    if px[at] in (TRIED_PX[0], TRIED_PX[-1]):
        return px[at]
    curve = np.polyfit(px[at - 1 : at + 2], values[at - 1 : at + 2], 2)
    return float(-curve[1] / (2.0 * curve[0]))
