"""The bright voxels of a few frames that are held in memory: collected at once, whatever the parameters need."""

from dataclasses import replace
from typing import Protocol

from friedel.explorer.collected import Collected
from friedel.kernels.segment.bright_runs import surely_dark
from friedel.model.baseline import Baseline
from friedel.model.stream import CleanBlock, Executor
from friedel.segment.bright import Stencil, join, look

FLOOR_SIGMAS = 3.0
"""The floor of a window's bright voxels; below it there is nothing but noise."""


class Frames(Protocol):
    """Frames [start, stop) of a scan that are held in memory; `exact` where they are those of the run."""

    start: int
    stop: int
    exact: bool

    def as_scan(self) -> CleanBlock:
        """The frames as the one block of a scan of their own."""


def collected_at(frames: Frames, stencil: Stencil, baseline: Baseline, executor: Executor) -> Collected:
    """Their bright voxels down to a few sigma, or less where the stencil needs it; frames counted from 0."""
    unit = baseline.sigma if stencil.noise is None else 1.0
    floor = min(stencil.floor, FLOOR_SIGMAS * unit)
    _, rows, cols = stencil.shape
    wide = replace(
        stencil,
        shape=(frames.stop - frames.start, rows, cols),
        floor=floor,
        limit=rows * cols,
        dark=None if stencil.noise is None else surely_dark(floor, stencil.noise),
    )
    return Collected(join([look(frames.as_scan(), wide, executor)], wide), stencil.noise)
