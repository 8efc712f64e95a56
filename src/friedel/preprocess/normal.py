"""Normalised values of any part of any frame, for looking at a few: the numbers that the pass makes."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from friedel.model.arrays import AnyArray, Floats, Image
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.raw import Constants, Gains, for_kernels, without

WHOLE = slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """From raw values to counts above the dark, times the gain, in the order of operations of the kernel.

    `fixed` is (scale, offset) of the fixed point, None for float32.
    """

    scan: Scan
    fixed: tuple[float, float] | None = None

    def values(self, raw: AnyArray, gain: AnyArray, rows: slice = WHOLE, cols: slice = WHOLE) -> Image:
        """Part [rows, cols] of a frame, of which `raw` is that part, in counts; `gain` [tile] is the frame's.

        0 at masked pixels and where the value is not a number.
        """
        scale, offset = self.fixed or (1.0, 0.0)
        dark = self.scan.dark[rows, cols]
        factor = (np.asarray(gain, np.float64) * scale).astype(np.float32)
        above = for_kernels(raw[None]).reshape(raw.shape).astype(np.float32) - dark
        values = above * (self._spread(factor)[rows, cols] if len(factor) > 1 else factor[0])
        missing = self.scan.mask[rows, cols] | ~np.isfinite(values)
        if self.fixed is not None:
            steps = np.floor(np.where(missing, np.float32(0), values) + np.float32(offset + 0.5)).clip(0, 65535)
            values = ((steps - np.float32(offset)) / np.float32(scale)).astype(np.float32)
        return np.where(missing, np.float32(0), values)

    def _spread(self, factor: Image) -> Image:
        image = np.ones(self.scan.shape[1:], np.float32)
        for box, value in zip(self.scan.tiles, factor, strict=False):
            image[box.slices] = value
        return image


@dataclass(frozen=True, slots=True, eq=False)
class WholeFrames:
    """Normalised frames of a scan, with the gains that the pass would find."""

    normal: Normal
    gains: Gains

    @classmethod
    def of(cls, scan: Scan, params: PreprocessParams, baseline: Baseline) -> Self:
        """By the baseline that was measured on the scan."""
        scan = without(scan, baseline.dead)
        fixed = (baseline.scale, baseline.offset) if params.arithmetic == "fixed" else None
        return cls(Normal(scan, fixed), Gains.of(scan, params, baseline, Constants.of(scan)))

    def read(self, frame: int) -> Image:
        """One frame in counts [row, col]. Raises `ScanError` when it cannot be read."""
        raw = self.normal.scan.frames.read(frame, frame + 1)
        gain: Floats = self.gains.of_frame(for_kernels(raw)[0])
        return self.normal.values(raw[0], gain)
