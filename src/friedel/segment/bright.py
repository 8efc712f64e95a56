"""Bright voxels: those of clean frames that any blob can hold, as runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from friedel.errors import FriedelError
from friedel.kernels.segment.bright_runs import (
    Runs,
    beside_invalid,
    block_states,
    empty_runs,
    extract_runs,
    lowest_counts,
    smallest_float32,
)
from friedel.model.arrays import AnyArray, Frames, Image, Indices, Mask
from friedel.model.baseline import Baseline
from friedel.model.stream import CleanBlock, Executor, Serial
from friedel.segment.exclude import left_out, noise_per_pixel
from friedel.segment.fullness import check_fullness, most_bright
from friedel.segment.params import SegmentParams, Thresholds, sigma_of

TASK_VOXELS = 1 << 20
"""Voxels that one task looks through: enough to forget what a call costs, few enough to share among threads."""


@dataclass(frozen=True, slots=True, eq=False)
class BrightVoxels:
    """All voxels at or above `floor` of frames [start, stop) of a scan, and what is known about them.

    `runs` are theirs. `level` is what thresholds are compared with, `intensity` the value in counts (the same array
    unless the noise is per pixel); both float32, in (frame, row, col) order, by runs. `saturated` and
    `beside_invalid` are ascending flat indices into the scan: saturated voxels, and those with a neighbour in their
    frame that is not a number (`at_side` [index]: also without counting corners). `replaced` [frame - start] marks
    stand-in frames, `left_out` [row, col] the pixels that belong to nothing. `shape` is the scan's (frames, rows,
    cols).
    """

    shape: tuple[int, int, int]
    start: int
    stop: int
    floor: float
    runs: Runs
    level: AnyArray
    intensity: AnyArray
    saturated: Indices
    beside_invalid: Indices
    at_side: Mask
    replaced: Mask
    left_out: Mask

    def __len__(self) -> int:
        return len(self.level)

    def beside_invalid_under(self, connectivity: int) -> Indices:
        """Voxels with a neighbour, under this connectivity, that is not a number, as flat indices into the scan."""
        return self.beside_invalid[self.at_side] if connectivity == 6 else self.beside_invalid


@dataclass(frozen=True, slots=True, eq=False)
class FrameThreshold:
    """What every frame of a scan is compared with: voxels with level >= `floor` are bright.

    The level is the value in counts, or value / `noise` [row, col] in counts. `lowest_counts` [row, col] (see the
    kernel) speeds that up; both are None where one noise serves for the whole scan. Pixels of `left_out` [row, col]
    belong to nothing (`states`: by blocks of columns). `limit` is how many voxels of a frame may be bright, `shape`
    the scan's (frames, rows, cols).
    """

    shape: tuple[int, int, int]
    floor: float
    noise: Image | None
    lowest_counts: Image | None
    left_out: Mask
    states: AnyArray
    limit: int

    @classmethod
    def of(
        cls,
        scan_shape: tuple[int, int, int],
        params: SegmentParams,
        *,
        baseline: Baseline | None,
        exclude: Mask | None,
        mask: Mask | None,
        noise_image: Image | None,
        floor: float | None = None,
    ) -> "FrameThreshold":
        """From the parameters; `floor` replaces the lowest level that they need."""
        _, rows, cols = scan_shape
        noise = noise_per_pixel(params, baseline, noise_image)
        area = left_out(params, rows, cols, baseline=baseline, exclude=exclude, mask=mask, noise=noise)
        level = Thresholds.of(params, sigma_of(baseline)).floor if floor is None else float(floor)
        limit = most_bright(params, area.size - int(np.count_nonzero(area)))
        lowest = None if noise is None else lowest_counts(level, noise)
        return cls(scan_shape, level, noise, lowest, area, block_states(area), limit)


def bright_voxels(
    blocks: Iterable[CleanBlock],
    scan_shape: tuple[int, int, int],
    params: SegmentParams,
    *,
    baseline: Baseline | None = None,
    exclude: Mask | None = None,
    mask: Mask | None = None,
    noise_image: Image | None = None,
    floor: float | None = None,
    executor: Executor | None = None,
) -> BrightVoxels:
    """Collect the bright voxels of a scan (or of a cut-out, as a scan of its own).

    A `floor` (counts, or sigma where the noise is per pixel) below what `params` need leaves room to lower the
    thresholds later. Raises `NoiseError` when a frame is too full of them.
    """
    threshold = FrameThreshold.of(
        scan_shape, params, baseline=baseline, exclude=exclude, mask=mask, noise_image=noise_image, floor=floor
    )
    parts = [find_bright(block, threshold, executor or Serial()) for block in in_order(blocks, scan_shape)]
    return join(parts, threshold)


def in_order(blocks: Iterable[CleanBlock], scan_shape: tuple[int, int, int]) -> Iterator[CleanBlock]:
    """The blocks, seen to be the whole scan in order; raises `FriedelError` that names the frame where not."""
    expected = 0
    for block in blocks:
        if block.start != expected or block.frames.shape[1:] != scan_shape[1:]:
            raise FriedelError(
                "clean blocks",
                rule=f"must go on with frame {expected} of {scan_shape[1]} × {scan_shape[2]} pixels",
                got=f"frame {block.start} of {block.frames.shape[1]} × {block.frames.shape[2]}",
            )
        expected = block.stop
        yield block
    if expected != scan_shape[0]:
        raise FriedelError("clean blocks", rule=f"must hold all {scan_shape[0]} frames", got=expected)


def find_bright(block: CleanBlock, threshold: FrameThreshold, executor: Executor) -> BrightVoxels:
    """The bright voxels of one block; groups of frames are looked through in parallel and joined in order."""
    _, rows, cols = threshold.shape
    size = max(1, TASK_VOXELS // max(rows * cols, 1)) if executor.threads > 1 else max(1, len(block.frames))
    starts = range(0, max(len(block.frames), 1), size)
    return join(list(executor.map(lambda k: _extract(block, k, k + size, threshold), starts)), threshold)


def join(parts: list[BrightVoxels], threshold: FrameThreshold) -> BrightVoxels:
    """Consecutive parts of a scan as one."""
    level = _concatenated([p.level for p in parts], np.float32)
    intensity = level if threshold.noise is None else _concatenated([p.intensity for p in parts], np.float32)
    fields = [_concatenated([p.runs[i] for p in parts], kind.dtype) for i, kind in enumerate(empty_runs())]
    runs = Runs(*fields)
    return BrightVoxels(
        threshold.shape,
        parts[0].start if parts else 0,
        parts[-1].stop if parts else 0,
        threshold.floor,
        runs._replace(offset=np.cumsum(runs.length, dtype=np.int64) - runs.length),
        level,
        intensity,
        _concatenated([p.saturated for p in parts], np.int64),
        _concatenated([p.beside_invalid for p in parts], np.int64),
        _concatenated([p.at_side for p in parts], np.bool_),
        _concatenated([p.replaced for p in parts], np.bool_),
        threshold.left_out,
    )


def _concatenated(parts: list[AnyArray], kind: type | np.dtype[np.generic]) -> AnyArray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, kind)


def _extract(block: CleanBlock, begin: int, end: int, threshold: FrameThreshold) -> BrightVoxels:
    """Those of frames [begin, end) of a block; the runs' offsets are left to `join`."""
    frames, first = np.ascontiguousarray(block.frames[begin:end], dtype=np.float32), block.start + begin
    room = len(frames) * threshold.limit + threshold.shape[2]  # never touched where nothing is bright
    runs = empty_runs(room)
    level = np.empty(room, np.float32)
    intensity = None if threshold.noise is None else np.empty(room, np.float32)
    invalid = np.zeros(len(frames), np.int64)
    n_runs, n_voxels, too_bright = extract_runs(
        frames, first, smallest_float32(threshold.floor), threshold.noise, threshold.lowest_counts,
        threshold.left_out, threshold.states, threshold.limit, runs, level, intensity, invalid,
    )  # fmt: skip
    if too_bright >= 0:  # its voxels were counted up to the limit: the error tells of all of them
        whole = replace(threshold, limit=threshold.left_out.size)
        runs = _extract(block, begin + too_bright, begin + too_bright + 1, whole).runs
        check_fullness(runs, threshold.left_out, most=threshold.limit, floor=threshold.floor)
    runs, level = runs.take(slice(0, n_runs)), level[:n_voxels]
    beside, at_side = _beside_invalid(frames, first, runs, invalid, threshold)
    return BrightVoxels(
        threshold.shape,
        first,
        first + len(frames),
        threshold.floor,
        runs,
        level,
        level if intensity is None else intensity[:n_voxels],
        _saturated(block, begin, begin + len(frames), threshold.left_out),
        beside,
        at_side,
        block.replaced[begin:end],
        threshold.left_out,
    )


def _saturated(block: CleanBlock, begin: int, end: int, left_out: Mask) -> Indices:
    """Saturated voxels of frames [begin, end) of a block, as flat indices into the scan."""
    low, high = np.searchsorted(block.saturated, [begin * left_out.size, end * left_out.size])
    there = block.saturated[low:high]
    kept = there[~left_out.ravel()[there % left_out.size]]
    return np.asarray(kept + block.start * left_out.size, dtype=np.int64)


def _beside_invalid(
    frames: Frames, first: int, runs: Runs, invalid: AnyArray, threshold: FrameThreshold
) -> tuple[Indices, Mask]:
    """Bright voxels beside values that are not finite: only frames that have such values are looked at again."""
    found: list[Indices] = []
    sides: list[Mask] = []
    for k in np.flatnonzero(invalid):
        mine = runs.take(runs.frame == first + k)
        out = np.empty(int(mine.length.sum()), np.int64)
        side = np.empty(len(out), np.bool_)
        n = beside_invalid(frames[k], threshold.left_out, mine.row, mine.col, mine.length, out, side)
        found.append(out[:n] + (first + k) * frames[k].size)
        sides.append(side[:n])
    return _concatenated(found, np.int64), _concatenated(sides, np.bool_)
