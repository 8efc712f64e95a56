"""The section [scan] of a recipe: what the input is, and what its files do not tell."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from friedel.params import Params, parameter

FrameNumber = Annotated[int, Field(ge=0)]
FrameRange = Annotated[str, Field(pattern=r"^\s*\d{1,9}\s*-\s*\d{1,9}\s*$")]
GridSide = Annotated[int, Field(ge=1, le=64)]


class OmegaParams(Params):
    """Angles of the frames: regular steps, or an array of them in a file."""

    start_deg: float | None = parameter(
        None,
        "Where the exposure of stored frame 0 begins; left out: 0 with step_deg, else as the angles say.",
        unit="deg",
    )
    step_deg: float | None = parameter(
        None, "What one frame integrates; negative for a scan that runs backwards.", unit="deg"
    )
    path: str | None = parameter(None, "An array of angles, one a frame, as file::/path.")
    unit: Literal["auto", "deg", "rad"] = parameter(
        "auto", "Of an array of angles; auto: as its file says, radians where they span pi or 2 pi, else degrees."
    )
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
    first: int = parameter(0, "Frames stored before this one are left out (the first is 0).", ge=0)
    last: int | None = parameter(None, "Frames stored after this one are left out; left out: none.", ge=0)
    skip: tuple[FrameNumber | FrameRange, ...] = parameter(
        (), 'Stored frames that are left out, numbers and ranges as in [7, "20-25"]: their angles become gaps.'
    )
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

    @model_validator(mode="after")
    def _some_frames(self) -> "ScanParams":
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last must not be before first ({self.last} < {self.first})")
        for start, stop in self.skipped_ranges:
            if stop <= start:
                raise ValueError(f'skip must have ranges "from-to" that ascend, not "{start}-{stop - 1}"')
        return self

    @property
    def skipped_ranges(self) -> list[tuple[int, int]]:
        """The ranges [start, stop) of `skip`."""
        ends = [(one, one) if isinstance(one, int) else one.split("-") for one in self.skip]
        return [(int(start), int(stop) + 1) for start, stop in ends]
