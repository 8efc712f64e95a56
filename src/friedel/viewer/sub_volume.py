"""A few frames in memory that can be solved at once, whatever the parameters."""

from dataclasses import dataclass, replace

from friedel.kernels.runs import surely_dark
from friedel.model.arrays import Image
from friedel.model.baseline import Baseline
from friedel.model.stream import CleanBlock, Executor
from friedel.segment.bright import Stencil, join, look
from friedel.viewer.adapting import Collected

SUB_VOXELS = 50_000_000
"""So much is solved anew in the blink of an eye (`bench/view.py`)."""
FLOOR_SIGMAS = 3.0
"""The floor of a window's bright voxels; below it there is nothing but noise."""


@dataclass(frozen=True, slots=True, eq=False)
class SubVolume:
    """Frames [start, stop) of a scan, and their bright voxels, frames counted from 0.

    `generation` is that of the sweep which they came from, `preview` says that they were cleaned roughly.
    """

    generation: int
    start: int
    block: CleanBlock
    preview: bool
    collected: Collected

    @property
    def stop(self) -> int:
        """One past the last frame."""
        return self.start + len(self.block.frames)

    def serves(self, frame: int, generation: int, frames: int) -> bool:
        """Whether it can stay where it is: the frame is not near its ends, but for the scan's own."""
        if generation != self.generation or self.preview:
            return False
        edge = (self.stop - self.start) // 4
        low = self.start if self.start == 0 else self.start + edge
        high = self.stop if self.stop == frames else self.stop - edge
        return low <= frame < max(high, low + 1)


def window_of(frame: int, shape: tuple[int, int, int], most: int = SUB_VOXELS) -> tuple[int, int]:
    """The frames [start, stop) around one that are solved together."""
    frames, rows, cols = shape
    count = min(frames, max(1, most // max(rows * cols, 1)))
    start = min(max(frame - count // 2, 0), frames - count)
    return start, start + count


def collected_at(
    block: CleanBlock, stencil: Stencil, baseline: Baseline, executor: Executor, *, floor: float | None = None
) -> Collected:
    """The bright voxels of a block down to `floor` (default: a few sigma, or less where the stencil needs it)."""
    unit = baseline.sigma if stencil.noise is None else 1.0
    low = min(stencil.floor, FLOOR_SIGMAS * unit) if floor is None else floor
    shape = (len(block.frames), *stencil.shape[1:])
    whole = replace(stencil, shape=shape, floor=low, limit=shape[1] * shape[2], dark=_dark(low, stencil))
    bright = join([look(replace(block, start=0), whole, executor)], whole)
    return Collected(bright, stencil.noise)


def _dark(floor: float, stencil: Stencil) -> Image | None:
    return None if stencil.noise is None else surely_dark(floor, stencil.noise)
