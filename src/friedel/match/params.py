"""Parameters of matching."""

from typing import Literal

from friedel.params import Params, parameter


class MatchParams(Params):
    """Friedel pairs: two blobs from both sides of the same planes of the same grain."""

    factor: float = parameter(
        4.0, "Tolerances are so many standard deviations, as measured on the pairs themselves.", gt=0, le=100
    )
    omega_tol_deg: float = parameter(
        0.6, "A pair is never further than this (over |sin eta|) from half a turn.", unit="deg", gt=0, le=45
    )
    two_theta_tol_deg: float = parameter(
        0.3, "A pair's 2 theta is never further than this from a ring of the lattice.", unit="deg", gt=0, le=10
    )
    tune: bool = parameter(
        True, "Measure the tolerances; otherwise the two above hold as they are, with the ratios below."
    )
    intensity_ratio: float = parameter(6.0, "Intensities differ at most by this factor.", gt=1)
    area_ratio: float = parameter(4.0, "Numbers of voxels differ at most by this factor.", gt=1)
    box_ratio: float = parameter(3.0, "Edges of the boxes differ at most by this factor.", gt=1)
    margin_px: float = parameter(2.0, "Lines may pass the sample at this distance.", unit="px", ge=0)
    null_repeats: int = parameter(3, "So often is omega scrambled to count pairs by chance.", ge=1, le=100)
    across: Literal["auto", "on", "off"] = parameter(
        "auto",
        "Pairs across the beam, a few degrees apart, of blobs without a partner half a turn away; auto: where a "
        "part of the scan has its half turn away not recorded.",
    )
