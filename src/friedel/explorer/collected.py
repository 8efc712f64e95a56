"""Bright voxels that were collected once, filtered to those that a run with other parameters would collect."""

from dataclasses import dataclass, replace

import numpy as np

from friedel.errors import FriedelError
from friedel.kernels.explore.filter_runs import filter_runs
from friedel.kernels.segment.bright_runs import Runs, empty_runs, smallest_float32
from friedel.model.arrays import AnyArray, Image, Mask
from friedel.model.baseline import Baseline
from friedel.segment import BrightVoxels
from friedel.segment.bright import FrameThreshold
from friedel.segment.fullness import check_fullness, most_bright
from friedel.segment.params import SegmentParams, Thresholds, sigma_of

ROUNDING = 1.0 + 1e-6
"""More than the rounding of a float32 quotient takes away."""


class NotCollected(FriedelError):  # noqa: N818  (a state, not a failure)
    """Parameters need voxels that were not collected: `floor` is what they need, in their own unit."""

    def __init__(self, floor: float, rule: str, got: object) -> None:
        self.floor = floor
        super().__init__("thresholds", rule=rule, got=got, way_out="they are being collected again")


@dataclass(frozen=True, slots=True, eq=False)
class CollectedVoxels:
    """Bright voxels, and the noise [row, col] in counts that their levels are multiples of (None: counts)."""

    bright: BrightVoxels
    noise: Image | None

    def filtered(self, frame_threshold: FrameThreshold) -> BrightVoxels:
        """Just the voxels that `bright_voxels` would keep with this frame_threshold.

        Raises `NotCollected` where not all of them are here, and `NoiseError`, as a run would, where a frame is too
        full of them.
        """
        bright = self.bright
        if (bright.left_out & ~frame_threshold.left_out).any():
            rule = "must not look where nothing was collected: fewer pixels are left out than before"
            raise NotCollected(frame_threshold.floor, rule, None)
        lowest = self.floor_in(frame_threshold.noise, frame_threshold.left_out)
        if frame_threshold.floor < lowest:
            rule = f"must not need voxels below {lowest:.4g}, the floor of what was collected"
            raise NotCollected(frame_threshold.floor, rule, f"{frame_threshold.floor:.4g}")
        found = filter_voxels(
            bright,
            frame_threshold.floor,
            frame_threshold.left_out,
            frame_threshold.noise,
            same_levels=self._same(frame_threshold.noise),
        )
        check_fullness(
            found.runs, frame_threshold.left_out, most=frame_threshold.limit, floor=frame_threshold.floor
        )
        return found

    def floor_in(self, noise: Image | None, left_out: Mask) -> float:
        """All voxels with at least this level are here, levels being multiples of `noise` (None: counts)."""
        floor, inside = self.bright.floor, ~left_out
        if self._same(noise) or not inside.any():
            return floor
        factor = 1.0 if self.noise is None else self.noise[inside].astype(np.float64)
        divisor = 1.0 if noise is None else noise[inside].astype(np.float64)
        return float(np.max(floor * factor / divisor)) * ROUNDING

    def _same(self, noise: Image | None) -> bool:
        if noise is None or self.noise is None:
            return noise is self.noise
        return noise is self.noise or np.array_equal(noise, self.noise)


def filter_voxels(
    bright: BrightVoxels, floor: float, left_out: Mask, noise: Image | None, *, same_levels: bool
) -> BrightVoxels:
    """Those at or above `floor` outside `left_out` [row, col].

    Levels become multiples of `noise` [row, col] in counts (None: counts) unless they are the same as before.
    """
    if same_levels and floor == bright.floor and np.array_equal(bright.left_out, left_out):
        return bright
    room = len(bright)
    runs, level = empty_runs(room), np.empty(room, np.float32)
    split = bright.intensity is not bright.level if same_levels else noise is not None
    intensity = np.empty(room, np.float32) if split else None
    n_runs, n_voxels = filter_runs(
        bright.runs,
        bright.level if same_levels or split else bright.intensity,
        bright.intensity if split else None,
        None if same_levels else noise,
        smallest_float32(floor),
        left_out,
        runs,
        level,
        intensity,
    )
    level = level[:n_voxels]
    return replace(
        bright,
        floor=floor,
        runs=_with_offsets(runs.take(slice(0, n_runs))),
        level=level,
        intensity=level if intensity is None else intensity[:n_voxels],
        left_out=left_out,
        saturated=_inside(bright.saturated, left_out),
    )


def _with_offsets(runs: Runs) -> Runs:
    return runs._replace(offset=np.cumsum(runs.length, dtype=np.int64) - runs.length)


def _inside(places: AnyArray, left_out: Mask) -> AnyArray:
    """Flat indices into the scan, those in pixels that are left out taken away."""
    return places[~left_out.ravel()[places % left_out.size]] if len(places) else places


def with_thresholds(
    frame_threshold: FrameThreshold, params: SegmentParams, baseline: Baseline, pixels: int
) -> FrameThreshold:
    """The same noise and pixels with the lowest level, and the fullness of a frame, that these parameters allow.

    `pixels` of a frame are not left out.
    """
    floor, limit = Thresholds.of(params, sigma_of(baseline)).floor, most_bright(params, pixels)
    return replace(frame_threshold, floor=floor, limit=limit, lowest_counts=None)
