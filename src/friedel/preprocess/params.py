"""The recipe's section [preprocess]."""

from typing import Literal

from pydantic import model_validator

from friedel.params import Params, parameter

BoxValues = tuple[int, int, int, int]

_MOST_FRAMES = 32000


class PreprocessParams(Params):
    """How raw frames become clean ones."""

    beam: Literal["auto", "none"] | BoxValues = parameter(
        "auto",
        'Box of the direct beam [col0, row0, col1, row1], half-open; "none" where the detector does not see it.',
        unit="px",
    )
    margin: Literal["auto"] | int | tuple[BoxValues, ...] = parameter(
        "auto",
        "Part of the direct beam that the sample never shadows: boxes [col0, row0, col1, row1], or the width of "
        "strips inside the left and right edges of the beam box.",
        unit="px",
    )
    normalise: Literal["margin", "beam", "none"] = parameter(
        "margin", "What the intensity of each frame is measured on: the margin, the whole beam box, or nothing."
    )
    half_window: int = parameter(
        250,
        "The background of a frame is the median over this many frames on either side of its centre.",
        unit="frames",
        ge=0,
        le=_MOST_FRAMES,
    )
    half_step: int = parameter(
        25,
        "One background serves this many frames on either side of its centre.",
        unit="frames",
        ge=0,
        le=_MOST_FRAMES,
    )
    background: Literal["moving_median", "none"] = parameter(
        "moving_median", "What is subtracted: the moving median along the rotation, or nothing."
    )
    wrap: bool = parameter(
        False, "Whether windows go on over the ends of the scan (a full turn) instead of being clipped there."
    )
    despeckle: Literal[1, 3, 5, 7] = parameter(
        3, "Edge of the square of the median filter on every frame; 1 is off.", unit="px"
    )
    average: int = parameter(
        1,
        "A clean frame is the mean of so many around it (odd): where spots last longer, that is less noise.",
        unit="frames",
        ge=1,
        le=199,
    )
    arithmetic: Literal["fixed", "float32"] = parameter(
        "fixed", "16-bit fixed point (fast), or float32 as a reference (twice the memory, three times the time)."
    )
    keep_clean: bool = parameter(False, "Whether the clean frames are written as well (clean.h5).")

    @model_validator(mode="after")
    def _fits_together(self) -> "PreprocessParams":
        if self.half_step > self.half_window:
            raise ValueError(
                f"half_step must be at most half_window, or frames would not be in the window of their own "
                f"background (half_step {self.half_step}, half_window {self.half_window})"
            )
        if self.average % 2 == 0:
            raise ValueError(f"average must be odd, as many frames before as after, got {self.average}")
        if isinstance(self.margin, int) and self.margin < 1:
            raise ValueError(f"margin must be at least 1 px wide, got {self.margin}")
        return self

    @property
    def step(self) -> int:
        """Frames from one centre to the next."""
        return 2 * self.half_step + 1
