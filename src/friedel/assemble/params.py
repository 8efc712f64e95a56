"""Parameters of the assembly: the recipe's section [assemble]."""

from typing import Literal

from friedel.params import Params, parameter


class AssembleParams(Params):
    """The map of all grains."""

    fill: Literal["auto", "mask", "none"] = parameter(
        "auto",
        "Gaps between grains are given to the likeliest neighbour up to the sample's edge (mask), or left empty "
        "(none); auto: only where grains measure most of the sample.",
    )
    fill_um: float = parameter(
        0.0, "How far from a reconstructed grain gaps are filled; 0 = up to the sample's edge.", unit="um", ge=0
    )
    finer: int = parameter(
        1,
        "Voxels of the map on each edge of a voxel of the shapes: 2 makes eight of one, and boundaries run between "
        "them as the densities say.",
        ge=1,
        le=4,
    )
