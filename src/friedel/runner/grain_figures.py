"""Figures of shapes and map, grain by grain and in all, as `run.json`, the log and `grains.h5` have them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from friedel.model.arrays import Floats
from friedel.model.grains import GrainVolume
from friedel.model.lattice_bends import spread_of_grains
from friedel.model.shapes import GrainShape
from friedel.model.spots import Came
from friedel.model.sub_grains import sub_grains_of


def spots_by_way(shapes: Sequence[GrainShape]) -> dict[str, Any]:
    """How many of the predicted spots were found in which way, and how many were not."""
    came = np.concatenate([np.zeros(0, dtype=np.int64), *(shape.spots.came for shape in shapes)])
    return {f"spots_{way.text}": int(np.count_nonzero(came == way)) for way in Came}


def about_bends(bent: int, asked: int, shapes: int) -> str:
    """For how many grains the lattice rotation of the voxels is known, and why not for the others."""
    text = f"lattice rotation inside {bent} of {shapes} grains"
    if asked > bent:
        text += f"; in {asked - bent} the spots show none that frames in any order would not"
    if shapes > asked:
        text += f"; {shapes - asked} have too few spots that are longer than a frame to tell"
    return text


def completeness_with_faint(shapes: Sequence[GrainShape], grains: int) -> Floats:
    """Of each grain's predicted spots the part that was found in whatever way; nan without a shape."""
    out = np.full(grains, np.nan)
    for shape in shapes:
        if len(shape.spots):
            out[shape.grain] = shape.spots.found.mean()
    return out


def bends_of_grains(volume: GrainVolume, shapes: Sequence[GrainShape], grains: int) -> dict[str, Any]:
    """The grains' columns about their lattice rotation; none where no grain was asked."""
    told = {"bend_explained": np.full(grains, np.nan), "bend_null": np.full(grains, np.nan)}
    for shape in shapes:
        for name, values in told.items():
            values[shape.grain] = getattr(shape, name)
    if not np.isfinite(told["bend_explained"]).any():
        return {}
    parts = sub_grains_of(volume, grains)
    return {"orientation_spread_deg": spread_of_grains(volume, grains), **told, "sub_grains": parts}
