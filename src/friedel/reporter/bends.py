"""The panel about lattices that bend inside their grains."""

from collections.abc import Iterable

import numpy as np
from matplotlib import colormaps

from friedel.model.arrays import AnyArray
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.lattice_bends import reference_deviation
from friedel.reporter.panel import Panel
from friedel.reporter.volume import draw_slices

UNKNOWN = 0.82
"""Grey of voxels whose rotation is not known."""


def bend_panels(grains: GrainTable, volume: GrainVolume) -> Iterable[Panel]:
    """Slices by how far each voxel's lattice is turned from its grain's mean; what is said where nobody can
    tell."""
    asked = np.isfinite(grains.bend_explained) if len(grains.bend_explained) else np.zeros(len(grains), bool)
    if not asked.any():
        return
    spread = grains.orientation_spread_deg
    known = np.isfinite(spread)
    title = "Lattice rotation inside grains"
    if volume.rotation_deg is None or not known.any():
        yield Panel(
            title,
            f"Asked of {np.count_nonzero(asked)} grains, found in none: their spots show no more of it than with "
            "their frames in any order. Each grain has one orientation.",
            verdict="good",
        )
        return
    off = reference_deviation(volume)
    top = float(np.nanquantile(off, 0.98)) or 1.0
    parted = int(np.count_nonzero(grains.sub_grains > 1))
    sharp = f"{parted} of them have sharp boundaries inside: `sub_grains` in grains.h5. " if parted else ""
    told = f"median {np.median(spread[known]):.2g}°, largest {spread[known].max():.2g}°"
    yield Panel(
        title,
        f"How far the lattice of each voxel is turned from the mean of its grain: from 0 (dark blue) to {top:.2g}° "
        f"(yellow). Known of {np.count_nonzero(known)} of {len(grains)} grains (grey: of none), whose spots "
        f"tell it better than with their frames shuffled; root mean square in a grain: {told}. {sharp}Vectors, "
        "kernel average and reference deviation are layers of volume.h5.",
        draw_slices(volume, _colours(off, top), None),
    )


def _colours(off: AnyArray, top: float) -> AnyArray:
    shade = colormaps["viridis"](np.clip(np.nan_to_num(off) / top, 0.0, 1.0))[..., :3]
    return np.where(np.isfinite(off)[..., None], shade, UNKNOWN)
