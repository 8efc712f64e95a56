"""A few frames again, as preprocessing made them: for pictures, not for segmentation.

Clean values here are the run's, as far as the output folder tells its gains and its fixed point.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from friedel.io.background_reader import Backgrounds
from friedel.kernels.preprocess.despeckle import despeckle
from friedel.model.arrays import AnyArray, Frames, Image
from friedel.model.scan import Scan
from friedel.preprocess.normal import Normal
from friedel.reporter.inputs import ReportInputs

READ_AT_A_TIME = 8
MOST_BYTES = 3_000_000_000
"""Raw bytes that the report reads at most for courses and sections: some seconds' worth."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameLooker:
    """Raw, normalised and clean values of any frame of a run's scan.

    `gains` is float32 [frame, tile]; without `backgrounds` nothing is subtracted. The last good frame stands in
    for a `corrupt` one. `fixed` is (scale, offset) of the run's fixed point.
    """

    scan: Scan
    gains: Image
    backgrounds: Backgrounds | None
    despeckle: int
    corrupt: frozenset[int] = frozenset()
    fixed: tuple[float, float] | None = None

    def raw(self, frame: int) -> Image:
        """Raw counts [row, col]."""
        return np.asarray(next(self.read(frame, frame + 1))[1], dtype=np.float32)

    def normal(self, frame: int) -> Image:
        """Dark subtracted, intensity normalised [row, col]."""
        return self.normalised(self.raw(frame), frame, slice(None), slice(None))

    def clean(self, frame: int) -> Image:
        """As segmentation saw it, in counts [row, col]."""
        image = self.normal(frame)
        if self.backgrounds is not None:
            image -= self.backgrounds.image(self.backgrounds.index_of(frame))
        return self._despeckled(image)

    def bands(self, start: int, stop: int, places: list[tuple[slice, slice]]) -> list[Frames]:
        """The same part of frames [start, stop), normalised [frame, row, col], for several parts in one reading."""
        parts: list[list[Image]] = [[] for _ in places]
        for frame, raw in self.read(start, stop):
            for part, (rows, cols) in zip(parts, places, strict=True):
                part.append(self.normalised(raw[rows, cols], frame, rows, cols))
        return [np.stack(part) for part in parts]

    def read(self, start: int, stop: int) -> Iterator[tuple[int, AnyArray]]:
        """Frames [start, stop) one by one, raw, with their numbers; for a corrupt one the last good one."""
        for first in range(start, stop, READ_AT_A_TIME):
            numbers = range(first, min(first + READ_AT_A_TIME, stop))
            if self.corrupt.isdisjoint(numbers):
                yield from enumerate(self.scan.frames.read(numbers.start, numbers.stop), first)
                continue
            for number in numbers:
                good = self._good(number)
                yield number, self.scan.frames.read(good, good + 1)[0]

    def clean_band(self, normal: Frames, start: int, rows: slice, cols: slice) -> Frames:
        """Normalised values of a part of frames from `start` on, with background and hot spots taken away."""
        clean = normal.copy()
        if self.backgrounds is not None:
            numbers = [self.backgrounds.index_of(start + i) for i in range(len(normal))]
            images = {number: self.backgrounds.image(number)[rows, cols] for number in sorted(set(numbers))}
            clean -= np.stack([images[number] for number in numbers])
        return np.stack([self._despeckled(image) for image in clean])

    def window(self, around: int, frames: int) -> tuple[int, int]:
        """At most that many frames around one, fewer where they would be too many bytes to read again."""
        count, rows, cols = self.scan.shape
        affordable = MOST_BYTES // (rows * cols * self.scan.frames.dtype.itemsize)
        length = max(3, min(count, frames, affordable))
        start = min(max(0, around - length // 2), count - length)
        return start, start + length

    def normalised(self, raw: AnyArray, frame: int, rows: slice, cols: slice) -> Image:
        """A part of a raw frame without the dark, times the frame's gain, 0 at bad pixels."""
        return Normal(self.scan, self.fixed).values(np.asarray(raw), self.gains[frame], rows, cols)

    def _good(self, frame: int) -> int:
        earlier = next((number for number in range(frame, -1, -1) if number not in self.corrupt), None)
        later = (number for number in range(frame, self.scan.shape[0]) if number not in self.corrupt)
        return next(later, frame) if earlier is None else earlier

    def _despeckled(self, image: Image) -> Image:
        out = np.empty(image.shape, np.float32)
        despeckle(np.ascontiguousarray(image, dtype=np.float32), self.despeckle, 0, len(image), out)
        return out


def frame_looker(inputs: ReportInputs) -> FrameLooker | None:
    """For the scan of an output folder; None where the scan has gone or is another one."""
    scan = inputs.scan
    if scan is None:
        return None
    recorded = inputs.input.get("fingerprint", scan.fingerprint)
    same_shape = inputs.blobs is None or inputs.blobs.shape == scan.shape
    if not same_shape or (scan.fingerprint and recorded and recorded != scan.fingerprint):
        return None
    frames = scan.shape[0]
    gains, backgrounds = np.ones((frames, 1), np.float32), inputs.backgrounds
    if backgrounds is not None and len(backgrounds.gains) == frames:
        gains = backgrounds.gains
    if backgrounds is not None and not len(backgrounds):
        backgrounds = None
    despeckle = inputs.preprocess.despeckle
    corrupt = frozenset(int(frame) for frame in inputs.measured.get("corrupt_frames", ()))
    return FrameLooker(scan, gains, backgrounds, despeckle, corrupt, _fixed_point(inputs))


def _fixed_point(inputs: ReportInputs) -> tuple[float, float] | None:
    measured = inputs.measured
    if inputs.preprocess.arithmetic != "fixed" or "scale" not in measured:
        return None
    return float(measured["scale"]), float(measured["offset"])
