"""Which grains to trust least: everything that is known about how well each stands, as ranks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from friedel.model.arrays import Floats
from friedel.model.grains import GrainTable, GrainVolume, Status


class FigureOfMerit(NamedTuple):
    """One `values` (grains) that speaks for or against grains: `key` in tables of numbers, `name` with its unit for
    people, `form` to print it, and `bad` = +1 where large is bad, -1 where small is."""

    key: str
    name: str
    values: Floats
    form: str
    bad: int


def figures_of_merit(grains: GrainTable, volume: GrainVolume | None = None) -> list[FigureOfMerit]:
    """What is known; the map, where there is one, adds to it."""
    table = [FigureOfMerit("completeness", "completeness", grains.completeness, "{:.2f}", -1)]
    counts = np.diff(grains.blob_pointer)
    table.append(FigureOfMerit("blobs", "spots", counts.astype(np.float64), "{:.0f}", -1))
    if len(grains.residuals):
        off = np.hypot(grains.residuals[:, 1], grains.residuals[:, 2])
        parts = np.split(off, grains.blob_pointer[1:-1])
        medians = np.array([np.median(part) if len(part) else np.nan for part in parts])
        table.append(FigureOfMerit("residual_px", "residual / px", medians, "{:.3f}", 1))
    orientation, position = grains.orientation_error_deg, grains.position_error_um
    table.append(FigureOfMerit("orientation_error_deg", "orientation ± / °", orientation, "{:.4f}", 1))
    table.append(FigureOfMerit("position_error_um", "position ± / µm", position, "{:.2f}", 1))
    odds = grains.alternative_log_odds
    if len(odds) and np.isfinite(odds).all():
        table.append(FigureOfMerit("alternative_log_odds", "ln odds of its standing", odds, "{:.0f}", -1))
    if volume is not None:
        label = volume.grain_id.ravel()
        size = np.bincount(label, minlength=len(grains) + 1)[1 : len(grains) + 1]
        sure = np.bincount(label[volume.status.ravel() == Status.MEASURED], minlength=len(grains) + 1)
        diameter = np.cbrt(6 / np.pi * size) * volume.voxel_um
        table.append(FigureOfMerit("diameter_um", "diameter / µm", diameter, "{:.1f}", -1))
        share = 100 * sure[1 : len(grains) + 1] / np.maximum(size, 1)
        table.append(FigureOfMerit("measured_percent", "measured / %", share, "{:.0f}", -1))
    return table


def mean_rank(table: Sequence[FigureOfMerit]) -> Floats:
    """Mean rank (grains) in 0..1 over the evidence: 1 would be the worst grain in all of it."""
    count = len(table[0].values)
    doubt = np.zeros(count)
    for one in table:
        rank = np.argsort(np.argsort(one.bad * np.nan_to_num(one.values, nan=one.bad * np.inf), kind="stable"))
        doubt += (rank + 0.5) / count / len(table)
    return doubt
