"""The section [scan] of a recipe: what the input is, and what its files do not tell."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from friedel.params import Params, parameter

GridSide = Annotated[int, Field(ge=1, le=64)]


class OmegaParams(Params):
    """Angles of the frames: regular steps, or an array of them in a file."""

    start_deg: float | None = parameter(
        None, "Where the first exposure begins; left out: 0 with step_deg, else as the angles say.", unit="deg"
    )
    step_deg: float | None = parameter(
        None, "What one frame integrates; negative for a scan that runs backwards.", unit="deg"
    )
    path: str | None = parameter(None, "An array of angles, one a frame, as file::/path.")
    at: Literal["start", "centre"] = parameter("start", "What an array of angles tells of each exposure.")

    @model_validator(mode="after")
    def _one_of_them(self) -> "OmegaParams":
        if self.step_deg is not None and self.path is not None:
            raise ValueError("give step_deg or path, not both")
        if self.step_deg == 0:
            raise ValueError("step_deg must not be 0")
        return self


class ScanParams(Params):
    """The input: frames, darks, angles, mask."""

    frames: str = parameter(
        "", "The frames: an HDF5 file (file::/path where it holds several), a folder, a pattern, a TIFF, a .npy."
    )
    dark: float | str | None = parameter(
        None, "Dark image or stack (its median is taken), or a number; left out: found in the scan.", unit="counts"
    )
    omega: OmegaParams | None = parameter(None, "Angles; left out: read from the scan.", unit="deg")
    grid: tuple[GridSide, GridSide] = parameter((1, 1), "Parts of a stored image: rows, columns.")
    grid_kind: Literal["frames", "quadrants"] = parameter(
        "frames", "What the parts are: frames in reading order, or read-outs of one frame with their own gain."
    )
    mask: str = parameter("", "Bad pixels: an image of whole numbers, 0 = good, all others = bad.")
    saturation: float | None = parameter(
        None,
        "Raw value from which a pixel is saturated; left out: the largest of its type.",
        unit="counts",
        gt=0,
        allow_inf_nan=True,  # infinity is the largest float
    )
