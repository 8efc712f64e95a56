"""Single clean frames, where the backgrounds are known already: those of the pass, in any order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from friedel.kernels.preprocess.clean_frame import clean_frame
from friedel.kernels.preprocess.normalise import invalid_runs, saturated_runs
from friedel.model.arrays import AnyArray, Image, Indices
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import CleanBlock, Executor, Serial
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.raw import Constants, Gains, RawFrames, without
from friedel.preprocess.ring import NOTHING, expand, saturation_of
from friedel.preprocess.stream import block_frames

Background = Callable[[int], Image | None]
"""From the number of a background to its image in counts [row, col]; None stands for nothing to subtract."""
_BANDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class OneFrame:
    """Cleans frames of a scan one by one. Safe for several threads at a time."""

    scan: Scan
    params: PreprocessParams
    baseline: Baseline
    constants: Constants
    gains: Gains
    raw: RawFrames
    nothing: Image

    @classmethod
    def of(cls, scan: Scan, params: PreprocessParams, baseline: Baseline) -> Self:
        """By the baseline that was measured on the scan."""
        scan = without(scan, baseline.dead)
        constants = Constants.of(scan)
        gains = Gains.of(scan, params, baseline, constants)
        nothing = np.zeros(scan.shape[1:], np.float32)
        return cls(scan, params, baseline, constants, gains, RawFrames(scan, gains.fault), nothing)

    def background_of(self, frame: int) -> int:
        """Number of the background that belongs to a frame."""
        return frame // self.params.step

    def clean(self, frame: int, background: Image | None, executor: Executor | None = None) -> CleanBlock:
        """One frame as a block. Raises `ScanError` when neither it nor another can be read."""
        _, rows, cols = self.scan.shape
        out = np.empty((1, rows, cols), np.float32)
        saturated, invalid, replaced = self.clean_into(frame, background, out[0], executor)
        return CleanBlock(frame, out, saturated, np.array([replaced]), invalid)

    def clean_into(
        self, frame: int, background: Image | None, out: Image, executor: Executor | None = None
    ) -> tuple[Indices, Indices, bool]:
        """One frame into `out` [row, col]: flat saturated pixels, flat unknown ones, whether it is a stand-in."""
        executor = executor or Serial()
        raw, whys = self.raw.read(frame, frame + 1)
        flat = raw[0]
        fixed = self.params.arithmetic == "fixed"
        scale, offset = (self.baseline.scale, self.baseline.offset) if fixed else (1.0, 0.0)
        factors = (self.gains.of_frame(flat) * scale).astype(np.float32)
        constants = self.constants
        invalid = NOTHING if flat.dtype.kind == "u" else expand(invalid_runs(flat, constants.keep))
        level = self.nothing if background is None else background
        rows = len(out)
        chunk = -(-rows // (_BANDS * executor.threads)) if executor.threads > 1 else rows

        def work(row: int) -> None:
            clean_frame(
                flat, constants.dark, constants.keep, constants.part, factors, fixed, scale, offset, level,
                self.params.despeckle, constants.masked, invalid, row, min(row + chunk, rows), out,
            )  # fmt: skip

        for _ in executor.map(work, range(0, rows, chunk)):
            pass
        return self._saturated(flat), invalid, bool(whys)

    def blocks(
        self, start: int, stop: int, background: Background, executor: Executor | None = None
    ) -> Iterator[CleanBlock]:
        """Frames [start, stop) in small blocks as `clean_blocks` makes them; frames are shared among threads."""
        executor = executor or Serial()
        size = block_frames(self.scan.shape[1] * self.scan.shape[2])
        for first in range(start, stop, size):
            yield self.block(first, min(first + size, stop), background, executor)

    def block(self, start: int, stop: int, background: Background, executor: Executor | None = None) -> CleanBlock:
        """Frames [start, stop) in memory of their own."""
        _, rows, cols = self.scan.shape
        out = np.empty((stop - start, rows, cols), np.float32)

        def work(k: int) -> tuple[Indices, Indices, bool]:
            return self.clean_into(k, background(self.background_of(k)), out[k - start])

        found = list((executor or Serial()).map(work, range(start, stop)))
        pixels = rows * cols
        saturated = [flat + n * pixels for n, (flat, _, _) in enumerate(found)]
        invalid = [flat + n * pixels for n, (_, flat, _) in enumerate(found)]
        replaced = np.array([stands_in for _, _, stands_in in found], np.bool_)
        return CleanBlock(start, out, np.concatenate(saturated), replaced, np.concatenate(invalid))

    def _saturated(self, flat: AnyArray) -> Indices:
        threshold = saturation_of(flat, self.scan.saturation)
        if threshold is None:
            return NOTHING
        pixels = expand(saturated_runs(flat, threshold))
        return pixels[self.constants.keep[pixels]]
