"""How fast this machine reads and works on a scan, measured on a small part of it: `friedel estimate`."""

import time
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from friedel.model.arrays import AnyArray
from friedel.model.scan import Box, Scan
from friedel.model.stream import Executor
from friedel.preprocess import clean_blocks, measure_baseline
from friedel.recipe import Recipe

READ_FRAMES = 48
STRIP_PIXELS = 1 << 16
"""Pixels of the part of a frame that is worked on: enough to fill the kernels' tiles."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds a frame: `read_s` to read and decompress it, `work_s` to clean it and look for bright voxels."""

    read_s: float
    work_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Repeated:
    """A few frames in memory that stand for many."""

    frames: AnyArray
    shape: tuple[int, int, int]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.frames.dtype

    def read(self, start: int, stop: int) -> AnyArray:
        return self.frames[np.arange(start, stop) % len(self.frames)]


def measure_speed(scan: Scan, recipe: Recipe, executor: Executor) -> Speed:
    """Read some frames, then clean a strip of them as often as one median window is long."""
    first = scan.present[:READ_FRAMES].tolist()
    count = len(first)
    begin = time.perf_counter()
    strip = _strip(scan)
    frames = np.stack(list(executor.map(lambda k: scan.frames.read(k, k + 1)[0][strip.slices], first)))
    read_s = (time.perf_counter() - begin) / count
    part = _part(scan, frames, strip, 2 * recipe.preprocess.half_window + 1)
    params = recipe.preprocess.replaced(normalise="none", beam="none", margin="auto")
    baseline = measure_baseline(part, params, executor)
    seconds = []
    for _ in range(2):  # the first time the kernels may have to be compiled
        begin = time.perf_counter()
        blocks = clean_blocks(part, params, baseline, windows_per_block=2, executor=executor)
        deque((int(np.count_nonzero(block.frames > 1e9)) for block in blocks), maxlen=0)
        seconds.append(time.perf_counter() - begin)
    share = strip.area / (scan.shape[1] * scan.shape[2])
    return Speed(read_s, min(seconds) / part.shape[0] / share)


def _strip(scan: Scan) -> Box:
    _, rows, cols = scan.shape
    return Box(0, 0, cols, min(rows, max(8, STRIP_PIXELS // cols)))


def _part(scan: Scan, frames: AnyArray, strip: Box, count: int) -> Scan:
    source = _Repeated(frames, (count, *frames.shape[1:]))
    return replace(
        scan, frames=source, dark=scan.dark[strip.slices], mask=scan.mask[strip.slices], tiles=(), name="part",
        stored_frames=None, warnings=(),
    )  # fmt: skip
