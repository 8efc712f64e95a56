"""A scan in memory as the solver sees it: clean frames, what was collected from them, and its noise."""

from dataclasses import dataclass, replace

import numpy as np

from friedel.explorer.collected import CollectedVoxels
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
    """The solver's `VoxelSource` for a volume; `collected_for` tells what it was asked to collect again."""

    def __init__(self, volume, params, *, floor=None, full_turn=False, mask=None, beam=None):
        shape = volume.shape
        self.volume, self.generation, self.collected_for = volume, 0, []
        self.sub_volume_frames, self._sub_volume = 12, None
        mask = np.zeros(shape[1:], bool) if mask is None else mask
        frames = ArrayFrames(np.zeros(shape, np.uint16))
        step = 360.0 / shape[0] if full_turn else 0.5
        self.scan = Scan(frames, 10.0, step, np.zeros(shape[1:], np.float32), mask)
        image = np.broadcast_to(np.linspace(0.5, 2.0, shape[2], dtype=np.float32), shape[1:])
        self.baseline = Baseline((), beam and Box(*beam), (), 1.0, 1.0, 0.0, 1.25, np.ascontiguousarray(image))
        self.saturated = volume > 70
        self.replaced = np.zeros(shape[0], bool)
        self.replaced[shape[0] // 2] = True
        self.collected = CollectedVoxels(self.bright(params, floor), noise_per_pixel(params, self.baseline, None))

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

    def sub_volume(self, around):
        """Frames that lie in the sub-volume of another frame stay in it."""
        frames, held = len(self.volume), self._sub_volume
        if not isinstance(around, int):
            start, stop = around
        elif held is not None and held.start <= around < held.stop:
            return held
        else:
            start = min(max(around - self.sub_volume_frames // 2, 0), max(frames - self.sub_volume_frames, 0))
            stop = min(start + self.sub_volume_frames, frames)
        if held is None or (held.start, held.stop) != (start, stop):
            flat = np.flatnonzero(self.saturated[start:stop])
            block = CleanBlock(start, self.volume[start:stop], flat, self.replaced[start:stop])
            self._sub_volume = MemoryFrames(start, stop, True, block)
        return self._sub_volume

    def collect_for(self, params, floor):
        self.collected_for.append((params, floor))


@dataclass
class MemoryFrames:
    """Frames of the volume."""

    start: int
    stop: int
    exact: bool
    block: CleanBlock


def same_blobs_within(part, whole, start, stop):
    """Assert that rows of two tables within frames (start, stop) are equal to the byte, and that there are some."""
    frames = part.shape[0]
    inside = [
        (table.columns["frame_start"] > (start if start else -1))
        & (table.columns["frame_stop"] < (stop if stop < frames else frames + 1))
        for table in (part, whole)
    ]
    assert np.count_nonzero(inside[0])
    np.testing.assert_array_equal(part.reason[inside[0]], whole.reason[inside[1]])
    for name in whole.columns:
        if name != "spot3d_id":  # it counts the rows of the table
            one, other = part.columns[name][inside[0]], whole.columns[name][inside[1]]
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other, err_msg=name)
    for name in ("frame", "row", "col", "intensity"):
        values = [
            np.concatenate([getattr(table.voxels, name)[table.voxels.of(row)] for row in np.flatnonzero(rows)])
            for table, rows in zip((part, whole), inside, strict=True)
        ]
        np.testing.assert_array_equal(*values, err_msg=name)


def read_as_stored(table):
    """Reasons are stored as text, and come back with another type."""
    return replace(table, reason=table.reason.astype(np.uint8))
