"""Single frames, raw, normalised and clean, in any order: their values are those of the pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from friedel.kernels.preprocess.clean_frame import clean_frame
from friedel.kernels.preprocess.normalise import invalid_runs, saturated_runs
from friedel.model.arrays import AnyArray, Floats, Image, Indices
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import CleanBlock, Executor, Serial
from friedel.preprocess.frame_buffer import NO_PIXELS, expand, saturation_of
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.raw_frames import Gains, PixelConstants, RawFrames, for_kernels, without
from friedel.preprocess.running_mean import averaged
from friedel.preprocess.stream import block_frames

Backgrounds = Callable[[int], Image | None]
"""From the number of a background to its image in counts [row, col]; None stands for nothing to subtract."""
Crop = tuple[slice, slice]
WHOLE: Crop = (slice(None), slice(None))
_READ_AT_A_TIME = 8


def nothing_subtracted(_: int) -> Image | None:
    """The backgrounds of `background = "none"`."""
    return None


@dataclass(frozen=True, slots=True, eq=False)
class RawFrame:
    """One raw frame as the pass takes it: `image` [row, col] uint16 or float32 in counts, and its `gain` [tile].

    `replaced` says that the frame is corrupt and `image` is that of the frame which stands in for it; `in_gap` that
    there are so many of these in a row that clean frames are empty.
    """

    number: int
    image: AnyArray
    gain: Floats
    replaced: bool = False
    in_gap: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FrameCleaner:
    """Reads, normalises and cleans frames of a scan one by one. Safe for several threads at a time.

    `backgrounds` gives the images to subtract, from wherever they are known: a run's file, a pass that is under
    way, a first guess. Methods take a frame by its number, or as what `read` gave; `crop` (rows, cols) is the part
    of it that is wanted, beyond whose edges despeckling sees the nearest pixel, as beyond those of the image.
    """

    scan: Scan
    params: PreprocessParams
    baseline: Baseline
    backgrounds: Backgrounds
    constants: PixelConstants
    gains: Gains
    raw_frames: RawFrames
    zero: Image

    @classmethod
    def of(
        cls,
        scan: Scan,
        params: PreprocessParams,
        baseline: Baseline,
        backgrounds: Backgrounds = nothing_subtracted,
    ) -> Self:
        """By the baseline that was measured on the scan."""
        scan = without(scan, baseline.dead)
        constants = PixelConstants.of(scan)
        gains = Gains.of(scan, params, baseline, constants)
        zero = np.zeros(scan.shape[1:], np.float32)
        return cls(scan, params, baseline, backgrounds, constants, gains, RawFrames(scan, gains.fault), zero)

    def subtracting(self, background: Image) -> Self:
        """The same, with one background for all frames."""
        return replace(self, backgrounds=lambda _: background)

    @property
    def fixed_point(self) -> tuple[float, float] | None:
        """(scale, offset) of the 16-bit numbers; None where the arithmetic is float32."""
        return (self.baseline.scale, self.baseline.offset) if self.params.arithmetic == "fixed" else None

    @property
    def quantum(self) -> float | None:
        """Clean values and backgrounds are multiples of it, in counts; None in float32, and for means."""
        return None if self.fixed_point is None or self.params.average > 1 else 0.5 / self.baseline.scale

    @property
    def value_step(self) -> float | None:
        """What most clean values are multiples of, in counts: a count of the camera, a fixed-point unit if larger.

        None where there is no such step: float32 arithmetic on frames that are not whole numbers, and means.
        """
        if self.params.average > 1:
            return None
        counts = 1.0 if self.scan.frames.dtype.kind in "iu" else 0.0
        unit = 0.0 if self.fixed_point is None else 1.0 / self.baseline.scale
        return max(counts, unit) or None

    def background_of(self, frame: int) -> int:
        """Number of the background that belongs to a frame."""
        return frame // self.params.step

    def read(self, start: int, stop: int) -> Iterator[RawFrame]:
        """Frames [start, stop), one by one. Raises `ScanError` when neither one nor another can be read."""
        for first in range(start, stop, _READ_AT_A_TIME):
            raw, whys = self.raw_frames.read(first, min(first + _READ_AT_A_TIME, stop))
            for number, flat in enumerate(raw, first):
                yield self._prepared(flat, number, replaced=number in whys)

    def raw(self, frame: int) -> RawFrame:
        """One frame. Raises `ScanError` when neither it nor another can be read."""
        return next(self.read(frame, frame + 1))

    def stored(self, image: AnyArray, frame: int) -> RawFrame:
        """A frame whose image [row, col] has been read already, and does not ask for another."""
        return self._prepared(for_kernels(image[None])[0], frame, replaced=False)

    def normalised(self, frame: int | RawFrame, crop: Crop = WHOLE) -> Image:
        """Counts above the dark, times the gain [row, col]; 0 at masked pixels and where there is no number."""
        raw, constants = self._cut(frame, crop)
        out = np.empty(raw.image.shape, np.float32)
        self._compute(raw, constants, self.zero[crop], 1, NO_PIXELS, out)
        return out

    def background(self, frame: int, crop: Crop = WHOLE) -> Image:
        """What is subtracted from a frame, in counts [row, col]."""
        image = self.backgrounds(self.background_of(frame))
        return (self.zero if image is None else image)[crop]

    def clean(self, frame: int | RawFrame, crop: Crop = WHOLE) -> Image:
        """A clean frame in counts [row, col]; 0 at masked pixels, NaN where there is no number."""
        if self.params.average > 1:
            number = frame.number if isinstance(frame, RawFrame) else frame
            return np.ascontiguousarray(self.block(number, number + 1).frames[0][crop])
        raw, constants = self._cut(frame, crop)
        out = np.empty(raw.image.shape, np.float32)
        self._clean_into(raw, constants, crop, out)
        return out

    def block(self, start: int, stop: int, executor: Executor | None = None) -> CleanBlock:
        """Clean frames [start, stop) in memory of their own; frames are shared among threads.

        Those that were not recorded are empty.
        """
        half = self.params.average // 2
        first, last = max(start - half, 0), min(stop + half, self.scan.shape[0])
        plain = self._block(first, last, executor)
        return averaged(start, stop, [plain], half, self.scan.gaps, executor) if half else plain

    def _block(self, start: int, stop: int, executor: Executor | None) -> CleanBlock:
        """The same before the running mean."""
        _, rows, cols = self.scan.shape
        out = np.empty((stop - start, rows, cols), np.float32)
        missing = {frame for first, last in self.scan.gaps for frame in range(max(first, start), min(last, stop))}

        def work(frame: int) -> tuple[Indices, Indices, bool]:
            if frame in missing:
                out[frame - start] = 0
                return NO_PIXELS, NO_PIXELS, False
            raw = self.raw(frame)
            invalid = self._clean_into(raw, self.constants, WHOLE, out[frame - start])
            saturated = NO_PIXELS if raw.in_gap else self._saturated(raw.image.ravel())
            return saturated, invalid, raw.replaced

        found = list((executor or Serial()).map(work, range(start, stop)))
        pixels = rows * cols
        saturated = [flat + n * pixels for n, (flat, _, _) in enumerate(found)]
        invalid = [flat + n * pixels for n, (_, flat, _) in enumerate(found)]
        replaced = np.array([stands_in for _, _, stands_in in found], np.bool_)
        return CleanBlock(start, out, np.concatenate(saturated), replaced, np.concatenate(invalid))

    def blocks(self, start: int, stop: int, executor: Executor | None = None) -> Iterator[CleanBlock]:
        """Frames [start, stop) in small blocks as `clean_blocks` makes them."""
        size = block_frames(self.scan.shape[1] * self.scan.shape[2])
        for first in range(start, stop, size):
            yield self.block(first, min(first + size, stop), executor)

    def _prepared(self, flat: AnyArray, number: int, *, replaced: bool) -> RawFrame:
        in_gap = replaced and self.raw_frames.in_gap(number)
        return RawFrame(number, flat.reshape(self.scan.shape[1:]), self.gains.of_frame(flat), replaced, in_gap)

    def _cut(self, frame: int | RawFrame, crop: Crop) -> tuple[RawFrame, PixelConstants]:
        """A part of a frame as if it were all of it, and what belongs to its pixels."""
        raw = frame if isinstance(frame, RawFrame) else self.raw(frame)
        if crop is WHOLE:
            return raw, self.constants
        cut = replace(raw, image=np.ascontiguousarray(raw.image[crop]))
        return cut, self.constants.cropped(crop, self.scan.shape[1:])

    def _clean_into(self, raw: RawFrame, constants: PixelConstants, crop: Crop, out: Image) -> Indices:
        """Into `out` [row, col]; flat pixels of it that are not known."""
        if raw.in_gap:
            out[:] = 0
            return NO_PIXELS
        flat = raw.image.ravel()
        invalid = NO_PIXELS if flat.dtype.kind == "u" else expand(invalid_runs(flat, constants.keep))
        background = self.background(raw.number, crop)
        self._compute(raw, constants, background, self.params.despeckle, invalid, out)
        return invalid

    def _compute(
        self, raw: RawFrame, constants: PixelConstants, background: Image, size: int, invalid: Indices, out: Image
    ) -> None:
        scale, offset = self.fixed_point or (1.0, 0.0)
        clean_frame(
            raw.image.ravel(), constants.dark, constants.keep, constants.part, (raw.gain *
            scale).astype(np.float32), self.fixed_point is not None, scale, offset,
            np.ascontiguousarray(background), size, constants.masked, invalid, out,
        )  # fmt: skip

    def _saturated(self, flat: AnyArray) -> Indices:
        threshold = saturation_of(flat, self.scan.saturation)
        if threshold is None:
            return NO_PIXELS
        pixels = expand(saturated_runs(flat, threshold))
        return pixels[self.constants.keep[pixels]]
