"""The headline numbers about grains and their map."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from friedel.model.grains import Status
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Tile
from friedel.reporter.volume import coverage


def grain_tiles(inputs: ReportInputs) -> list[Tile]:
    """Grains found, how complete, how well known, and how much of the map was measured."""
    grains, volume = inputs.grains, inputs.volume
    if grains is None:
        return []
    found = inputs.evaluation.get("grains", {})
    note = (
        f"of {found['truth']:,}, {found['false']:,} false" if {"truth", "false"} <= set(found) else _pairs(inputs)
    )
    shown = [Tile(f"{len(grains):,}", "grains found", note)]
    if not len(grains):
        return shown
    chance = (
        f"chance reaches {100 * float(np.median(grains.null_limit)):.0f} %" if len(grains.null_limit) else "median"
    )
    shown.append(Tile(f"{100 * np.median(grains.completeness):.0f} %", "completeness, median", chance))
    turn, place = np.nanmedian(grains.orientation_error_deg), np.nanmedian(grains.position_error_um)
    note = f"and the place to {place:.2g} µm, one sigma" + _off(found)
    shown.append(Tile(f"{turn:.2g}°", "orientation known to", note))
    if volume is not None:
        known = coverage(volume)
        note = (
            f"{100 * known[Status.CONTESTED]:.1f} % contested, {100 * known[Status.DILATED]:.1f} % filled"
            + _right(inputs)
        )
        shown.append(Tile(f"{100 * known[Status.MEASURED]:.1f} %", "of the map measured", note))
    return shown


def _off(found: Mapping[str, Any]) -> str:
    """What truth says of the same, where it is known."""
    turn, place = (found.get(key, {}).get("median") for key in ("misorientation_deg", "position_um"))
    return "" if turn is None or place is None else f"; off truth by {turn:.2g}° and {place:.2g} µm, median"


def _right(inputs: ReportInputs) -> str:
    right = inputs.evaluation.get("volume", {}).get("voxel_agreement")
    return "" if right is None else f"; {100 * right:.1f} % of voxels as in the true map"


def _pairs(inputs: ReportInputs) -> str:
    return f"from {inputs.pairs.pairs_of_both_kinds:,} Friedel pairs" if inputs.pairs is not None else ""
