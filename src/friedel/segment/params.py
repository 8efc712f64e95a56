"""Parameters of the segmentation: the recipe's section [segment]."""

import math
import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Self

from pydantic import ValidationInfo, field_validator, model_validator

from friedel.errors import FriedelWarning, InputError
from friedel.model.baseline import Baseline
from friedel.params import Params, parameter

BoxParam = tuple[int, int, int, int]
Exclude = Literal["beam", "none"] | str | tuple[str | BoxParam, ...]


class SegmentParams(Params):
    """How blobs are found in clean frames."""

    method: Literal["double_threshold"] = parameter("double_threshold", "How blobs are found.")
    unit: Literal["counts", "sigma"] = parameter(
        "counts", 'Whether thresholds are in counts or in multiples of the noise ("sigma").'
    )
    noise: str = parameter(
        "scan", 'The noise behind "sigma": "scan" (one number), "local" (per pixel) or an image of it.'
    )
    seed_threshold: float = parameter(50.0, "A blob starts where voxels reach this.", unit="counts or sigma", gt=0)
    tolerance: float = parameter(0.1, "A blob grows down to this fraction of its seed's maximum.", ge=0, le=1)
    grow_min: float = parameter(7.0, "A blob never grows below this.", unit="counts or sigma", ge=0)
    grow_max: float = parameter(
        math.inf, "A blob always grows down to this.", unit="counts or sigma", ge=0, allow_inf_nan=True
    )
    growth: Literal["clipped", "literal"] = parameter(
        "clipped",
        '"clipped": grow over voxels >= min(T, min(grow_max, max(grow_min, tolerance * M))); "literal": over those '
        "in [max(grow_min, tolerance * M), min(grow_max, M)].",
    )
    seed_min_voxels: int = parameter(10, "A seed has at least so many voxels.", unit="voxels", ge=1)
    min_size: tuple[int, int, int] = parameter((5, 5, 1), "Smallest box kept: x, y, frames.", unit="px, px, frames")
    max_size: tuple[int, int, int] = parameter(
        (300, 300, 40), "Largest box kept: x, y, frames.", unit="px, px, frames"
    )
    connectivity: Literal[6, 18, 26] = parameter(26, "Which voxels are neighbours: by faces, edges or corners.")
    exclude: Exclude = parameter(
        "beam",
        'Where not to look: "beam", "none", a box [col0,row0,col1,row1], the path of an image (1 = excluded), or '
        'several of them: ["beam", box, "image.tif", ...].',
    )
    overlap: Literal["claim", "watershed"] = parameter(
        "claim", "Blobs that run together: the brightest claims all, or they are split at the saddles."
    )
    saddle: float = parameter(
        0.0,
        'With "watershed", maxima of one seed are blobs of their own where the saddle between them is below this '
        "fraction of the lower one; 0: only the seed threshold parts seeds.",
        ge=0,
        le=1,
    )
    wrap: Literal["auto"] | bool = parameter("auto", "Whether the last frame touches the first.")
    reject_touching_excluded: bool = parameter(False, "Discard blobs beside masked or excluded pixels.")
    reject_edge: bool = parameter(False, "Discard blobs at the edge of the detector.")
    max_bright_fraction: float = parameter(
        0.05, "Stop when more than this part of a frame is above the lowest threshold.", gt=0, le=1
    )

    @field_validator("exclude", mode="before")
    @classmethod
    def _one_box_is_a_list_of_boxes(cls, value: Any) -> Any:
        if isinstance(value, Sequence) and not isinstance(value, str):
            items = list(value)
            if items == ["none"]:
                return "none"
            if "none" in items:
                raise ValueError('must not hold "none" beside others')
            if len(items) == 4 and all(isinstance(item, int) for item in items):
                return (tuple(items),)
            # what comes out of a validator is taken strictly: a list is no tuple any more
            return tuple(tuple(item) if isinstance(item, list) else item for item in items)
        return value

    @field_validator("exclude")
    @classmethod
    def _paths_are_not_empty(cls, value: Exclude) -> Exclude:
        if "" in (value if isinstance(value, tuple) else (value,)):
            raise ValueError('must not be empty text; "none" excludes nothing')
        return value

    @field_validator("grow_max")
    @classmethod
    def _not_below_grow_min(cls, value: float, info: ValidationInfo) -> float:
        low = info.data.get("grow_min", 0.0)
        if value < low:
            raise ValueError(f"must not be below grow_min = {low:g}")
        return value

    @field_validator("max_size")
    @classmethod
    def _not_below_min_size(cls, value: tuple[int, int, int], info: ValidationInfo) -> tuple[int, int, int]:
        low = info.data.get("min_size", (0, 0, 0))
        if any(most < least for least, most in zip(low, value, strict=True)):
            raise ValueError(f"must not be below min_size = {list(low)}")
        return value

    @model_validator(mode="after")
    def _grow_min_below_the_seeds(self) -> Self:
        if self.grow_min > self.seed_threshold:
            warnings.warn(
                f"grow_min = {self.grow_min:g} is above seed_threshold = {self.seed_threshold:g}: "
                "blobs grow down to the seed threshold only",
                FriedelWarning,
                stacklevel=2,
            )
        return self

    @property
    def excluded(self) -> tuple[str | BoxParam, ...]:
        """What `exclude` names, one by one: "beam", boxes, paths of images."""
        names = (self.exclude,) if isinstance(self.exclude, str) else self.exclude
        return tuple(name for name in names if name != "none")

    @property
    def excluded_images(self) -> tuple[str, ...]:
        """The paths among them."""
        return tuple(name for name in self.excluded if isinstance(name, str) and name != "beam")

    def wraps(self, full_turn: bool) -> bool:
        """Whether last and first frame touch, for a scan that is a full turn or not; warns where they cannot."""
        if self.wrap is True and not full_turn:
            warnings.warn(
                "segment.wrap = true although the scan is no full turn: its last frame does not touch the first, "
                'so that blobs there are joined which have nothing to do with each other; "auto" decides by omega',
                FriedelWarning,
                stacklevel=2,
            )
        return full_turn if self.wrap == "auto" else self.wrap


class Thresholds(NamedTuple):
    """The thresholds as they are compared with a voxel's level (counts, or value / noise where it is per pixel)."""

    seed_threshold: float
    tolerance: float
    grow_min: float
    grow_max: float
    literal: bool

    @classmethod
    def of(cls, params: SegmentParams, sigma: float | None) -> "Thresholds":
        """Thresholds times `sigma` where they are in units of one noise for the whole scan."""
        unit = 1.0
        if params.unit == "sigma" and params.noise == "scan":
            if sigma is None or not (math.isfinite(sigma) and sigma > 0):
                raise InputError(
                    "segment.unit",
                    rule='"sigma" needs the noise of the scan, a positive number',
                    got=sigma,
                    way_out='use unit = "counts"',
                )
            unit = sigma
        return cls(
            params.seed_threshold * unit, params.tolerance, params.grow_min * unit, params.grow_max * unit,
            params.growth == "literal",
        )  # fmt: skip

    @property
    def floor(self) -> float:
        """The lowest level that can belong to any blob."""
        lowest = max(self.grow_min, self.tolerance * self.seed_threshold)
        return min(self.seed_threshold, lowest if self.literal else min(self.grow_max, lowest))


def sigma_of(baseline: Baseline | None) -> float | None:
    """Noise of the scan, where it was measured."""
    return None if baseline is None else float(baseline.sigma)
