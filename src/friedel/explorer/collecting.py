"""Bright voxels of a whole scan, down to a floor that the memory allows."""

from dataclasses import replace

import numpy as np

from friedel.errors import NoiseError
from friedel.explorer.heard_warnings import warnings_heard
from friedel.kernels.explore.filter_runs import sift_runs
from friedel.kernels.segment.bright_runs import Runs, empty_runs, smallest_float32
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import CleanBlock, Executor
from friedel.runner.areas import Areas
from friedel.runner.plan import usable_memory
from friedel.segment import SegmentParams
from friedel.segment.bright import BrightVoxels, Stencil, join, look
from friedel.segment.params import Rules, sigma_of

LOW_SIGMAS = 3.0
LEAST_SIGMAS = 2.5
"""Below it most of what is collected is noise."""
MOST_BRIGHT = 0.2
"""Part of a frame that may be bright at the low floor, where a run would stop earlier."""
RAISE = 1.25
_SHARE, _MOST_BYTES = 0.15, 2_000_000_000
_LEAST_KNOWN = 32


def floor_of(params: SegmentParams, baseline: Baseline) -> float:
    """How low voxels are collected, in what thresholds are compared with.

    Half of what the parameters need, or three sigma of clean frames, whichever is lower.
    """
    sigma = 1.0 if per_pixel(params) else baseline.sigma
    needed = needed_by(params, baseline)
    return min(max(min(LOW_SIGMAS * sigma, needed / 2), LEAST_SIGMAS * sigma), needed)


def needed_by(params: SegmentParams, baseline: Baseline) -> float:
    """The lowest level that can belong to any blob."""
    return Rules.of(params, sigma_of(baseline)).floor


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
        areas: Areas,
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
        excluded = areas.outside(params, baseline.beam)

        def stencil(level: float) -> Stencil:
            return Stencil.of(
                scan.shape, params, baseline=baseline, exclude=excluded, mask=scan.mask,
                noise_image=areas.noise, floor=level,
            )  # fmt: skip

        self._stencil_at = stencil
        self._stencil = stencil(floor)

    @property
    def floor(self) -> float:
        """What is collected down to, now."""
        return self._stencil.floor

    def take(self, block: CleanBlock) -> None:
        """One more block."""
        while True:
            try:
                part = look(block, self._stencil, self._executor)
                break
            except NoiseError:
                if self.floor > 1e6 * max(float(np.nanmax(np.abs(block.frames))), 1.0):
                    raise
                self._raise()
        part = raised(part, part.floor)  # what was looked at in is room for the worst case
        self._parts.append(part)
        self._bytes += bytes_of(part)
        done = block.stop
        while self._bytes > self._most or (
            done >= min(_LEAST_KNOWN, self._frames) and self._bytes * self._frames > self._most * done
        ):
            before = self._bytes
            self._raise()
            if self._bytes == before and before <= self._most:
                break

    def joined(self) -> BrightVoxels:
        """All of them; the parts are given up."""
        parts, self._parts = self._parts, []
        return join(parts, self._stencil)

    def _raise(self) -> None:
        self._stencil = self._stencil_at(max(self.floor * RAISE, self._unit))
        self._parts = [raised(part, self.floor) for part in self._parts]
        self._bytes = sum(map(bytes_of, self._parts))


def bytes_of(part: BrightVoxels) -> int:
    """Memory that bright voxels take."""
    arrays = [*part.runs, part.level, part.saturated, part.beside_invalid]
    shared = part.intensity is part.level
    return sum(array.nbytes for array in arrays) + (0 if shared else part.intensity.nbytes)


def raised(bright: BrightVoxels, floor: float) -> BrightVoxels:
    """Those at or above `floor` (not below that of `bright`), in memory of their own."""
    room = len(bright)
    runs, level = empty_runs(room), np.empty(room, np.float32)
    apart = bright.intensity is not bright.level
    intensity = np.empty(room, np.float32) if apart else None
    n_runs, n_voxels = sift_runs(
        bright.runs, bright.level, bright.intensity if apart else None, None, smallest_float32(floor),
        bright.left_out, runs, level, intensity, np.zeros(max(bright.stop, 1), np.int64),
    )  # fmt: skip
    kept = runs.take(slice(0, n_runs))
    runs = Runs(*(part.copy() for part in kept))._replace(
        offset=np.cumsum(kept.length, dtype=np.int64) - kept.length
    )
    level = level[:n_voxels].copy()
    return replace(
        bright,
        floor=floor,
        runs=runs,
        level=level,
        intensity=level if intensity is None else intensity[:n_voxels].copy(),
    )
