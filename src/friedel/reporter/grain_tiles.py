"""The headline numbers about grains and their map."""

import numpy as np

from friedel.model.grains import Status
from friedel.reporter.material import Material
from friedel.reporter.panel import Tile
from friedel.reporter.volume import coverage


def grain_tiles(material: Material) -> list[Tile]:
    """Grains found, how complete, how well known, and how much of the map was measured."""
    grains, volume = material.grains, material.volume
    if grains is None:
        return []
    found = material.evaluation.get("grains", {})
    note = (
        f"of {found['truth']:,}, {found['false']:,} false" if {"truth", "false"} <= set(found) else _pairs(material)
    )
    shown = [Tile(f"{len(grains):,}", "grains found", note)]
    if not len(grains):
        return shown
    chance = f"chance reaches {100 * grains.null_limit.max():.0f} %" if len(grains.null_limit) else "median"
    shown.append(Tile(f"{100 * np.median(grains.completeness):.0f} %", "completeness, median", chance))
    turn, place = np.nanmedian(grains.orientation_error_deg), np.nanmedian(grains.position_error_um)
    shown.append(Tile(f"{turn:.2g}°", "orientation known to", f"and the place to {place:.2g} µm (one sigma)"))
    if volume is not None:
        known = coverage(volume)
        note = f"{100 * known[Status.CONTESTED]:.1f} % contested, {100 * known[Status.DILATED]:.1f} % filled"
        shown.append(Tile(f"{100 * known[Status.MEASURED]:.1f} %", "of the map measured", note))
    return shown


def _pairs(material: Material) -> str:
    return f"from {len(material.pairs):,} Friedel pairs" if material.pairs is not None else ""
