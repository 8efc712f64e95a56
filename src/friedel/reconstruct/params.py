"""Parameters of the reconstruction: the recipe's section [reconstruct]."""

from typing import Literal

from friedel.params import Params, parameter


class ReconstructParams(Params):
    """The shape of each grain, from its spots."""

    voxel_um: float = parameter(0.0, "Edge of a voxel of the map; 0 = one pixel.", unit="um", ge=0)
    projections: int = parameter(60, "Most spots that a grain is reconstructed from: the best ones.", ge=3)
    fewest_projections: int = parameter(4, "A grain with fewer spots gets no shape.", ge=1)
    iterations: int = parameter(24, "Rounds of SIRT.", ge=2, le=1000)
    margin_px: float = parameter(2.0, "Room around the extent of the spots.", unit="px", ge=0, le=50)
    footprint_px: int = parameter(
        2, "After the first rounds, blobs are cut this far outside the grain's own projection.", unit="px", ge=0
    )
    bent: Literal["auto", "off"] = parameter(
        "auto",
        "Lattice rotation from voxel to voxel of a grain, where its spots show one; or one orientation a grain.",
    )
    faint: bool = parameter(
        True,
        "Spots that grains predict and no blob shows are looked for in the clean frames, which are read again.",
    )
