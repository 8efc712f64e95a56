"""One look at a scan with fixed parameters: what is known of it so far, and clean frames from that."""

from dataclasses import dataclass, field
from typing import Self

from friedel.explorer.backgrounds import BackgroundImages, NoBackgrounds
from friedel.model.arrays import AnyArray, Frames, Image
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import CleanBlock, Executor
from friedel.preprocess import PreprocessParams, measure
from friedel.preprocess.one_frame import OneFrame
from friedel.preprocess.raw import Constants, for_kernels
from friedel.preprocess.sample import read_sample, take_sample
from friedel.segment.bright import BrightVoxels


@dataclass(eq=False)
class Look:
    """What a pass has found out about a scan; a change of parameters begins another one.

    `guess` [row, col] in counts stands in for backgrounds that are not known yet: the median of the sample.
    """

    scan: Scan
    params: PreprocessParams
    baseline: Baseline
    one: OneFrame
    backgrounds: BackgroundImages
    guess: Image
    bright: BrightVoxels | None = None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, scan: Scan, params: PreprocessParams, executor: Executor) -> Self:
        """Measure a scan; no background is known yet. Raises `FriedelError`s."""
        baseline = measure(scan, params, executor)
        one = OneFrame.of(scan, params, baseline)
        return cls(scan, params, baseline, one, NoBackgrounds(), one.nothing, warnings=list(baseline.warnings))

    def exact(self, start: int, stop: int) -> bool:
        """Whether the clean frames [start, stop) are those of the run already."""
        first, last = self.one.background_of(start), self.one.background_of(max(stop - 1, start))
        return all(self.backgrounds.known(index) for index in range(first, last + 1))

    def background(self, index: int) -> Image | None:
        """What is subtracted: the background, or the guess as long as it is not known."""
        return self.backgrounds.image(index) if self.backgrounds.known(index) else self.guess

    def clean(self, start: int, stop: int, executor: Executor | None = None) -> Frames:
        """Clean frames [start, stop), float32 [frame, row, col] in counts."""
        return self.block(start, stop, executor).frames

    def block(self, start: int, stop: int, executor: Executor | None = None) -> CleanBlock:
        """The same with what is known about single voxels."""
        return self.one.block(start, stop, self.background, executor)

    @property
    def quantum(self) -> float | None:
        """Clean values and backgrounds are multiples of it; None in float32."""
        return 0.5 / self.baseline.scale if self.params.arithmetic == "fixed" else None

    def background_at(self, index: int, row: int, col: int) -> float | None:
        """One pixel of a background in counts; None as long as it is not known."""
        if not self.backgrounds.known(index):
            return None
        image = self.backgrounds.image(index)
        return 0.0 if image is None else float(image[row, col])

    def normalised(self, raw: AnyArray, row: int, col: int) -> float | None:
        """One pixel of a raw frame [row, col], without the dark, times the gain; None if it is masked."""
        flat = for_kernels(raw[None])[0]
        at = row * raw.shape[1] + col
        constants = self.one.constants
        if not constants.keep[at]:
            return None
        gain = self.one.gains.of_frame(flat)[constants.part[at]]
        return float((flat[at] - constants.dark[at]) * gain)

    def raw(self, frame: int) -> AnyArray:
        """A raw frame [row, col] as stored. Raises `ScanError`."""
        image: AnyArray = self.scan.frames.read(frame, frame + 1)[0]
        return image


def first_guess(scan: Scan, executor: Executor) -> Image:
    """The median of a few frames, counts above the dark [row, col]: what backgrounds will be about like."""
    numbers, raw = read_sample(scan, executor)
    return take_sample(numbers, raw, Constants.of(scan), scan.shape[1:], executor).median
