"""One look at a scan with fixed parameters: what is known of it so far, and clean frames from that."""

import math
from dataclasses import dataclass, field
from typing import Self

from friedel.explorer.backgrounds import BackgroundImages, NoBackgrounds
from friedel.model.arrays import AnyArray, Frames, Image
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import CleanBlock, Executor
from friedel.preprocess import PreprocessParams, measure_baseline
from friedel.preprocess.frame_cleaner import FrameCleaner
from friedel.preprocess.probe_frames import ProbeFrames, read_probe_frames
from friedel.preprocess.raw_frames import PixelConstants
from friedel.segment.bright import BrightVoxels


@dataclass(eq=False)
class ScanState:
    """What a pass has found out about a scan; a change of parameters begins another one.

    `guess` [row, col] in counts stands in for backgrounds that are not known yet: the median of the probe frames.
    """

    scan: Scan
    params: PreprocessParams
    baseline: Baseline
    cleaner: FrameCleaner = field(init=False)
    backgrounds: BackgroundImages = field(default_factory=NoBackgrounds)
    guess: Image | None = None
    bright: BrightVoxels | None = None
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cleaner = FrameCleaner.of(self.scan, self.params, self.baseline, self.background)

    @classmethod
    def at(cls, scan: Scan, params: PreprocessParams, executor: Executor) -> Self:
        """Measure a scan; no background is known yet. Raises `FriedelError`s."""
        baseline = measure_baseline(scan, params, executor)
        return cls(scan, params, baseline, warnings=list(baseline.warnings))

    def exact(self, start: int, stop: int) -> bool:
        """Whether the clean frames [start, stop) are those of the run already."""
        first, last = self.cleaner.background_of(start), self.cleaner.background_of(max(stop - 1, start))
        return all(self.backgrounds.known(index) for index in range(first, last + 1))

    def background(self, index: int) -> Image | None:
        """What is subtracted: the background, or the guess as long as it is not known."""
        return self.backgrounds.image(index) if self.backgrounds.known(index) else self.guess

    def clean(self, start: int, stop: int, executor: Executor | None = None) -> Frames:
        """Clean frames [start, stop), float32 [frame, row, col] in counts."""
        return self.block(start, stop, executor).frames

    def block(self, start: int, stop: int, executor: Executor | None = None) -> CleanBlock:
        """The same with what is known about single voxels."""
        return self.cleaner.block(start, stop, executor)

    @property
    def quantum(self) -> float | None:
        """Clean values and backgrounds are multiples of it; None in float32."""
        return self.cleaner.quantum

    @property
    def value_step(self) -> float | None:
        """What most clean values are multiples of; None where there is no such step."""
        return self.cleaner.value_step

    def background_at(self, index: int, row: int, col: int) -> float | None:
        """One pixel of a background in counts; None as long as it is not known."""
        if not self.backgrounds.known(index):
            return None
        image = self.backgrounds.image(index)
        return 0.0 if image is None else float(image[row, col])

    def normalised(self, raw: AnyArray, row: int, col: int) -> float | None:
        """One pixel of a raw frame [row, col], normalised, in counts; None if it is masked or not a number."""
        frame = self.cleaner.stored(raw, 0)
        if self.cleaner.scan.mask[row, col] or not math.isfinite(frame.image[row, col]):
            return None
        return float(self.cleaner.normalised(frame, (slice(row, row + 1), slice(col, col + 1)))[0, 0])

    def raw(self, frame: int) -> AnyArray:
        """A raw frame [row, col] as stored. Raises `ScanError`."""
        image: AnyArray = self.scan.frames.read(frame, frame + 1)[0]
        return image


def first_guess(scan: Scan, executor: Executor) -> Image:
    """The median of a few frames, counts above the dark [row, col]: what backgrounds will be about like."""
    numbers, raw = read_probe_frames(scan, executor)
    return ProbeFrames.of(numbers, raw, PixelConstants.of(scan), scan.shape[1:], executor).median
