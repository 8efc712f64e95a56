"""A scan in memory as the page's solver sees it: clean frames, what was collected from them, and its noise."""

from dataclasses import dataclass

import numpy as np

from friedel.explorer.collected import Collected
from friedel.model.baseline import Baseline
from friedel.model.scan import ArrayFrames, Box, Scan
from friedel.model.stream import CleanBlock, Serial
from friedel.segment import bright_voxels, segment
from friedel.segment.exclude import noise_per_pixel
from tests.oracles_segment import frames_in_blocks


def spotty(shape=(12, 20, 30), seed=0, spots=25):
    """Clean frames with noise of sigma about 1, more of it to the right, and spots of all sizes."""
    rng = np.random.default_rng(seed)
    noise = np.linspace(0.5, 2.0, shape[2], dtype=np.float32)
    volume = rng.normal(0, noise, shape)
    where = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    for _ in range(spots):
        middle, width = rng.uniform(0, shape), rng.uniform(0.6, 1.8, 3)
        volume += rng.uniform(8, 80) * np.exp(-0.5 * (((where - middle) / width) ** 2).sum(axis=-1))
    return volume.astype(np.float32)


class MemorySource:
    """The solver's `Source` for a volume; `collected_for` tells what it was asked to collect again."""

    def __init__(self, volume, params, *, floor=None, full_turn=False, mask=None, beam=None):
        shape = volume.shape
        self.volume, self.generation, self.collected_for = volume, 0, []
        self.window_frames, self._window = 12, None
        mask = np.zeros(shape[1:], bool) if mask is None else mask
        frames = ArrayFrames(np.zeros(shape, np.uint16))
        step = 360.0 / shape[0] if full_turn else 0.5
        self.scan = Scan(frames, 10.0, step, np.zeros(shape[1:], np.float32), mask)
        image = np.broadcast_to(np.linspace(0.5, 2.0, shape[2], dtype=np.float32), shape[1:])
        self.baseline = Baseline((), beam and Box(*beam), (), 1.0, 1.0, 0.0, 1.25, np.ascontiguousarray(image))
        self.saturated = volume > 70
        self.replaced = np.zeros(shape[0], bool)
        self.replaced[shape[0] // 2] = True
        self.collected = Collected(self.bright(params, floor), noise_per_pixel(params, self.baseline, None))

    def blocks(self, cuts=None):
        return frames_in_blocks(self.volume, cuts, self.saturated, self.replaced)

    def bright(self, params, floor=None):
        return bright_voxels(
            self.blocks(), self.volume.shape, params, baseline=self.baseline, mask=self.scan.mask, floor=floor
        )

    def run(self, params):
        """What `friedel run` finds."""
        return segment(
            self.blocks(),
            self.volume.shape,
            params,
            baseline=self.baseline,
            exclude=None,
            mask=self.scan.mask,
            omega_start_deg=self.scan.omega_start_deg,
            omega_step_deg=self.scan.omega_step_deg,
            wrap=params.wraps(self.scan.full_turn),
            executor=Serial(),
        )

    def window(self, frame):
        """Frames that lie in the window of another frame stay in it."""
        frames = len(self.volume)
        if self._window is None or not self._window.start <= frame < self._window.stop:
            start = min(max(frame - self.window_frames // 2, 0), max(frames - self.window_frames, 0))
            stop = min(start + self.window_frames, frames)
            flat = np.flatnonzero(self.saturated[start:stop])
            block = CleanBlock(0, self.volume[start:stop], flat, self.replaced[start:stop])
            self._window = MemoryFrames(start, stop, True, block)
        return self._window

    def collect_for(self, params, floor):
        self.collected_for.append((params, floor))


@dataclass
class MemoryFrames:
    """A window of the volume."""

    start: int
    stop: int
    exact: bool
    block: CleanBlock

    def as_scan(self):
        return self.block
