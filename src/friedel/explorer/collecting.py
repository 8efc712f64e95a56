"""Bright voxels of a whole scan, down to a floor that the memory allows, and of some frames that are in memory."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from friedel.errors import NoiseError
from friedel.explorer.collected import CollectedVoxels, filter_voxels
from friedel.explorer.heard_warnings import warnings_heard
from friedel.kernels.segment.bright_runs import Runs, lowest_counts
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import CleanBlock, Executor
from friedel.runner.plan import usable_memory
from friedel.runner.segment_images import SegmentImages
from friedel.segment import SegmentParams
from friedel.segment.bright import BrightVoxels, FrameThreshold, find_bright, join
from friedel.segment.params import Thresholds, sigma_of

LOW_SIGMAS = 3.0
LEAST_SIGMAS = 2.5
"""Below it most of what is collected is noise."""
MOST_BRIGHT = 0.2
"""Part of a frame that may be bright at the low floor, where a run would stop earlier."""
SUB_VOLUME_SIGMAS = 3.0
"""The floor of a sub-volume's bright voxels; below it there is nothing but noise."""
RAISE = 1.25
"""Factor by which the floor rises where there are too many voxels for the memory."""
_SHARE, _MOST_BYTES = 0.15, 2_000_000_000
_LEAST_KNOWN = 32


Around = int | tuple[int, int]
"""Which frames of a scan: as many around one as memory allows, or just [start, stop)."""


class FramesInMemory(Protocol):
    """Clean frames [start, stop) of a scan; `exact` where they are those of the run."""

    start: int
    stop: int
    exact: bool
    block: CleanBlock


def floor_of(params: SegmentParams, baseline: Baseline) -> float:
    """How low voxels are collected, in what thresholds are compared with.

    Half of what the parameters need, or three sigma of clean frames, whichever is lower.
    """
    sigma = 1.0 if per_pixel(params) else baseline.sigma
    needed = needed_by(params, baseline)
    return min(max(min(LOW_SIGMAS * sigma, needed / 2), LEAST_SIGMAS * sigma), needed)


def needed_by(params: SegmentParams, baseline: Baseline) -> float:
    """The lowest level that can belong to any blob."""
    return Thresholds.of(params, sigma_of(baseline)).floor


def per_pixel(params: SegmentParams) -> bool:
    """Whether thresholds are compared with value / noise, pixel by pixel."""
    return params.unit == "sigma" and params.noise != "scan"


class Collector:
    """Takes clean blocks in order; where there are too many bright voxels for the memory, the floor rises."""

    def __init__(
        self,
        scan: Scan,
        params: SegmentParams,
        baseline: Baseline,
        segment_images: SegmentImages,
        floor: float,
        executor: Executor,
        most_bytes: int | None = None,
    ) -> None:
        self._scan, self._executor = scan, executor
        self._frames = scan.shape[0]
        self._most = most_bytes or min(int(_SHARE * usable_memory()), _MOST_BYTES)
        self._bytes = 0
        self._parts: list[BrightVoxels] = []
        self._unit = 1.0 if per_pixel(params) else baseline.sigma
        with warnings_heard():  # the thresholds are those of the draft
            params = params.replaced(max_bright_fraction=max(params.max_bright_fraction, MOST_BRIGHT))
        excluded = segment_images.outside(params, baseline.beam)

        def frame_threshold(level: float) -> FrameThreshold:
            return FrameThreshold.of(
                scan.shape, params, baseline=baseline, exclude=excluded, mask=scan.mask,
                noise_image=segment_images.noise, floor=level,
            )  # fmt: skip

        self._frame_threshold_at = frame_threshold
        self._frame_threshold = frame_threshold(floor)

    @property
    def floor(self) -> float:
        """What is collected down to, now."""
        return self._frame_threshold.floor

    def take(self, block: CleanBlock) -> None:
        """One more block."""
        while True:
            try:
                part = find_bright(block, self._frame_threshold, self._executor)
                break
            except NoiseError:
                if self.floor > 1e6 * max(float(np.nanmax(np.abs(block.frames))), 1.0):
                    raise
                self._raise_floor()
        part = above_floor(part, part.floor)  # what was looked at in is room for the worst case
        self._parts.append(part)
        self._bytes += bytes_of(part)
        done = block.stop
        while self._bytes > self._most or (
            done >= min(_LEAST_KNOWN, self._frames) and self._bytes * self._frames > self._most * done
        ):
            before = self._bytes
            self._raise_floor()
            if self._bytes == before and before <= self._most:
                break

    def joined(self) -> BrightVoxels:
        """All of them; the parts are given up."""
        parts, self._parts = self._parts, []
        return join(parts, self._frame_threshold)

    def _raise_floor(self) -> None:
        self._frame_threshold = self._frame_threshold_at(max(self.floor * RAISE, self._unit))
        self._parts = [above_floor(part, self.floor) for part in self._parts]
        self._bytes = sum(map(bytes_of, self._parts))


def bytes_of(part: BrightVoxels) -> int:
    """Memory that bright voxels take."""
    arrays = [*part.runs, part.level, part.saturated, part.beside_invalid]
    shared = part.intensity is part.level
    return sum(array.nbytes for array in arrays) + (0 if shared else part.intensity.nbytes)


def above_floor(bright: BrightVoxels, floor: float) -> BrightVoxels:
    """Those at or above `floor` (not below that of `bright`), in memory of their own."""
    found = filter_voxels(bright, floor, bright.left_out, None, same_levels=True)
    level = found.level.copy()
    intensity = level if found.intensity is found.level else found.intensity.copy()
    return replace(found, runs=Runs(*(part.copy() for part in found.runs)), level=level, intensity=intensity)


def collect_sub_volume(
    frames: FramesInMemory, frame_threshold: FrameThreshold, baseline: Baseline, executor: Executor
) -> CollectedVoxels:
    """The bright voxels of some frames of a scan, as if it ended with the last of them.

    They are collected down to a few sigma, or less where the frame_threshold needs it.
    """
    unit = baseline.sigma if frame_threshold.noise is None else 1.0
    floor = min(frame_threshold.floor, SUB_VOLUME_SIGMAS * unit)
    _, rows, cols = frame_threshold.shape
    wide = replace(
        frame_threshold,
        shape=(frames.stop, rows, cols),
        floor=floor,
        limit=rows * cols,
        lowest_counts=None if frame_threshold.noise is None else lowest_counts(floor, frame_threshold.noise),
    )
    return CollectedVoxels(join([find_bright(frames.block, wide, executor)], wide), frame_threshold.noise)
