"""What flows between reading, preprocessing and segmentation, and who does the work."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from friedel.model.arrays import Frames, Image, Indices, Mask

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class CleanBlock:
    """Some consecutive clean frames.

    `frames` float32 [frame, row, col] in counts, first one is frame `start` of the scan; the array may be
    overwritten once the block after the next one is asked for. `saturated` are flat indices into `frames`,
    ascending, of voxels whose raw value was saturated, `invalid` of those whose raw value was not a number, which
    are NaN in `frames`. `replaced` [frame] marks frames that were corrupt and stand in with their neighbour's
    values.
    """

    start: int
    frames: Frames
    saturated: Indices
    replaced: Mask
    invalid: Indices = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def stop(self) -> int:
        """One past the last frame."""
        return self.start + len(self.frames)

    def part(self, first: int, last: int) -> "CleanBlock":
        """Frames [first, last) of the scan, as far as they are in the block."""
        low, high = max(first - self.start, 0), min(last, self.stop) - self.start
        if (low, high) == (0, len(self.frames)):
            return self
        size = self.frames.shape[1] * self.frames.shape[2]

        def within(places: Indices) -> Indices:
            begin, end = np.searchsorted(places, [low * size, high * size])
            return np.asarray(places[begin:end] - low * size)

        return CleanBlock(
            self.start + low, self.frames[low:high], within(self.saturated), self.replaced[low:high],
            within(self.invalid),
        )  # fmt: skip


class Executor(Protocol):
    """Runs independent pieces of work; results come back in the order of the items."""

    @property
    def threads(self) -> int:
        """How many pieces run at a time."""

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do `work` on each item."""


class Serial:
    """The executor that just does it, here and now."""

    threads = 1

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do `work` on each item, one after the other."""
        return map(work, items)


class PreprocessObserver(Protocol):
    """Is told what preprocessing found out on the way; calls come in order, from one thread."""

    def background(self, index: int, centre: int, image: Image) -> None:
        """Background number `index`, counts [row, col], for frames around `centre` (which may lie past the end)."""

    def gains(self, start: int, gains: Image) -> None:
        """Gains [frame, tile] of the frames from `start` on."""

    def corrupt(self, frame: int, why: str) -> None:
        """A frame that could not be used; its neighbour stands in."""

    def clipped(self, voxels: int) -> None:
        """How many more voxels left the range of the fixed-point numbers."""


class CleanFrames(Protocol):
    """Clean frames of a scan once more, with the values that they had in the pass."""

    @property
    def noise(self) -> Image:
        """Standard deviation of clean frames in counts [row, col]; infinite where nothing can be seen."""

    @property
    def count(self) -> int:
        """How many frames the scan has."""

    def blocks(self, wanted: Mask) -> Iterator[CleanBlock]:
        """The `wanted` frames [frame] in order, a few at a time, and possibly some between them."""


class Watcher(Protocol):
    """Is told how far a piece of work is; calls come from one thread, and pieces follow each other."""

    def begin(self, name: str, total: int, unit: str) -> None:
        """A piece of work of `total` such units begins."""

    def reach(self, done: int) -> None:
        """So many are done."""

    def end(self) -> None:
        """The piece of work is over."""


class Unwatched:
    """The watcher where nobody looks."""

    def begin(self, name: str, total: int, unit: str) -> None:
        """Nothing."""

    def reach(self, done: int) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


@contextmanager
def counted(watcher: Watcher | None, name: str, total: int, unit: str) -> Iterator[Callable[[], None]]:
    """A piece of work of `total` units; the function that it hands out says that one more of them is done."""
    watcher, done = watcher or Unwatched(), 0

    def one_more() -> None:
        nonlocal done
        done += 1
        watcher.reach(min(done, total))

    watcher.begin(name, total, unit)
    try:
        yield one_more
    finally:
        watcher.end()


def watched(watcher: Watcher | None, name: str, items: Iterable[Item], total: int, unit: str) -> Iterator[Item]:
    """The items, told as done when the next one is asked for."""
    with counted(watcher, name, total, unit) as one_more:
        for item in items:
            yield item
            one_more()
