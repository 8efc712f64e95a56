"""Which frames each background is the median of, and in which groups the scan is worked through. Pure."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from friedel.errors import FriedelWarning
from friedel.kernels.preprocess.bit_planes import BATCH
from friedel.model.arrays import Indices
from friedel.preprocess.params import PreprocessParams


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Frames [start, stop) of the scan, and the windows of the backgrounds that they need.

    In the buffer, the frames that were recorded are [begin, end). Windows [starts[b], stops[b]) belong to
    backgrounds `first` + b and count in buffer frames; `first_batch` and `stop_batch` are the batches that must be
    in the buffer for windows and frames.
    """

    start: int
    stop: int
    begin: int
    end: int
    first: int
    starts: Indices
    stops: Indices
    first_batch: int
    stop_batch: int


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The course of one scan: `frames` in the scan, `lead` frames of its end read before its start (wrap).

    Only the frames `present` (ascending) were recorded, the first and the last among them. The buffer holds nothing
    else: windows are as wide in angle as ever, and hold fewer frames where some are missing.
    """

    params: PreprocessParams
    frames: int
    present: Indices

    @classmethod
    def whole(cls, params: PreprocessParams, frames: int) -> "Schedule":
        """Of a scan in which no frame is missing."""
        return cls(params, frames, np.arange(frames))

    @property
    def recorded(self) -> int:
        """How many frames there are."""
        return len(self.present)

    def buffer_frame(self, frame: int) -> int:
        """The first buffer frame at or behind a frame; beyond the ends the scan goes on with its other end."""
        turn, inside = divmod(frame, self.frames)
        return int(self.lead + turn * self.recorded + np.searchsorted(self.present, inside))

    @property
    def clips_all(self) -> bool:
        """Whether the window is longer than the scan."""
        return self.subtracts and 2 * self.params.half_window + 1 > self.frames

    @property
    def subtracts(self) -> bool:
        """Whether there is a background."""
        return self.params.background == "moving_median"

    @property
    def wraps(self) -> bool:
        """Whether windows go on over the ends; a window longer than the scan is the whole scan, once."""
        return self.subtracts and self.params.wrap and not self.clips_all

    @property
    def lead(self) -> int:
        """Buffer frame of scan frame 0."""
        if not self.wraps:
            return 0
        return self.recorded - int(np.searchsorted(self.present, self.frames - self.params.half_window))

    @property
    def backgrounds(self) -> int:
        """How many backgrounds cover the scan."""
        return -(-self.frames // self.params.step) if self.subtracts else 0

    def centre(self, background: int) -> int:
        """Scan frame around which a background lies; the last one may be past the end."""
        return self.params.half_step + background * self.params.step

    def window(self, background: int) -> tuple[int, int]:
        """Buffer frames [start, stop) whose median a background is; one at least, also far inside a gap."""
        centre, half = self.centre(background), self.params.half_window
        if self.params.wrap and not self.wraps:
            return 0, self.recorded
        first, stop = centre - half, centre + half + 1
        if not self.wraps:
            first, stop = max(first, 0), min(stop, self.frames)
        begin, end = self.buffer_frame(first), self.buffer_frame(stop)
        return begin, max(end, begin + 1)

    @property
    def stop(self) -> int:
        """One past the last buffer frame."""
        return self.window(self.backgrounds - 1)[1] if self.wraps else self.recorded

    def groups(self, windows_per_block: int) -> Iterator[Group]:
        """The scan, `windows_per_block` backgrounds (or, without background, batches of frames) at a time."""
        step = self.params.step if self.subtracts else BATCH
        for start in range(0, self.frames, step * windows_per_block):
            stop = min(start + step * windows_per_block, self.frames)
            first, last = start // step, -(-stop // step)
            windows = [self.window(b) for b in range(first, last)] if self.subtracts else []
            begin, end = self.buffer_frame(start), self.buffer_frame(stop)
            reach = [*windows, (begin, end)]
            yield Group(
                start,
                stop,
                begin,
                end,
                first,
                np.array([a for a, _ in windows], np.int64),
                np.array([b for _, b in windows], np.int64),
                min(a for a, _ in reach) // BATCH,
                -(-max(b for _, b in reach) // BATCH),
            )

    def slots(self, windows_per_block: int) -> int:
        """Batches that the buffer must hold."""
        return max(group.stop_batch - group.first_batch for group in self.groups(windows_per_block))

    def warn(self) -> None:
        """Say so when the window is longer than the scan."""
        if self.clips_all:
            warnings.warn(
                f"the median window ({2 * self.params.half_window + 1} frames) is longer than the scan "
                f"({self.frames} frames): it is clipped to the scan",
                FriedelWarning,
                stacklevel=3,
            )
