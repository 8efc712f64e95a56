"""First half of the segmentation: the voxels of clean frames that any blob can hold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from friedel.errors import FriedelError, NoiseError
from friedel.kernels.segment.bright_runs import (
    Runs,
    beside_invalid,
    block_states,
    empty_runs,
    extract_runs,
    smallest_float32,
    surely_dark,
)
from friedel.model.arrays import AnyArray, Frames, Image, Indices, Mask
from friedel.model.baseline import Baseline
from friedel.model.stream import CleanBlock, Executor, Serial
from friedel.segment.exclude import left_out, noise_per_pixel
from friedel.segment.fullness import most_bright, too_full
from friedel.segment.params import Rules, SegmentParams, sigma_of

TASK_VOXELS = 1 << 20
"""Voxels that one task looks through: enough to forget what a call costs, few enough to share among threads."""


@dataclass(frozen=True, slots=True, eq=False)
class BrightVoxels:
    """All voxels at or above `floor` of frames [start, stop) of a scan, and what is known about them.

    `level` is what thresholds are compared with, `intensity` the value in counts (the same array unless the noise
    is per pixel); both float32, in (frame, row, col) order, by runs. `saturated` and `beside_invalid` are ascending
    flat indices into the scan: saturated voxels, and those with a neighbour in their frame that is not a number
    (`at_side` [index]: also without counting corners). `replaced` [frame - start] marks stand-in frames, `left_out`
    [row, col] the pixels that belong to nothing. `shape` is the scan's (frames, rows, cols).
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


def beside_invalid_voxels(bright: BrightVoxels, connectivity: int) -> Indices:
    """Those with a neighbour, under this connectivity, that is not a number."""
    return bright.beside_invalid[bright.at_side] if connectivity == 6 else bright.beside_invalid


@dataclass(frozen=True, slots=True, eq=False)
class Stencil:
    """What every frame is looked at through: floor, noise per pixel and what is dark with it, pixels to leave out.

    `noise` and `dark` (see `surely_dark`) are None where one noise serves for the whole scan.
    """

    shape: tuple[int, int, int]
    floor: float
    noise: Image | None
    dark: Image | None
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
    ) -> "Stencil":
        """From the parameters; `floor` replaces the lowest level that they need."""
        _, rows, cols = scan_shape
        noise = noise_per_pixel(params, baseline, noise_image)
        area = left_out(params, rows, cols, baseline=baseline, exclude=exclude, mask=mask, noise=noise)
        level = Rules.of(params, sigma_of(baseline)).floor if floor is None else float(floor)
        limit = most_bright(params, area.size - int(np.count_nonzero(area)))
        dark = None if noise is None else surely_dark(level, noise)
        return cls(scan_shape, level, noise, dark, area, block_states(area), limit)


class _Piece(NamedTuple):
    runs: Runs
    level: AnyArray
    intensity: AnyArray
    beside_invalid: Indices
    at_side: Mask


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
    """Collect the bright voxels of a scan (or of a cut-out, as a scan of its own) for `solve`.

    A `floor` (counts, or sigma where the noise is per pixel) below what `params` need leaves room to lower the
    thresholds later. Raises `NoiseError` when a frame is too full of them.
    """
    stencil = Stencil.of(
        scan_shape, params, baseline=baseline, exclude=exclude, mask=mask, noise_image=noise_image, floor=floor
    )
    parts = [look(block, stencil, executor or Serial()) for block in in_order(blocks, scan_shape)]
    return join(parts, stencil)


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


def look(block: CleanBlock, stencil: Stencil, executor: Executor) -> BrightVoxels:
    """The bright voxels of one block; groups of frames are looked at in parallel and put together in order."""
    _, rows, cols = stencil.shape
    size = max(1, TASK_VOXELS // max(rows * cols, 1)) if executor.threads > 1 else max(1, len(block.frames))
    starts = range(0, len(block.frames), size)
    pieces = list(executor.map(lambda k: _extract(block.frames[k : k + size], block.start + k, stencil), starts))
    pixel = block.saturated % (rows * cols)
    saturated = block.saturated[~stencil.left_out.ravel()[pixel]] + block.start * rows * cols
    return _joined(pieces, stencil, block.start, block.stop, saturated, block.replaced)


def join(parts: list[BrightVoxels], stencil: Stencil) -> BrightVoxels:
    """Consecutive parts of a scan as one."""
    pieces = [_Piece(p.runs, p.level, p.intensity, p.beside_invalid, p.at_side) for p in parts]
    saturated = _concatenated([p.saturated for p in parts], np.int64)
    replaced = _concatenated([p.replaced for p in parts], np.bool_)
    start, stop = (parts[0].start, parts[-1].stop) if parts else (0, 0)
    return _joined(pieces, stencil, start, stop, saturated, replaced)


def _joined(
    pieces: list[_Piece], stencil: Stencil, start: int, stop: int, saturated: Indices, replaced: Mask
) -> BrightVoxels:
    level = _concatenated([p.level for p in pieces], np.float32)
    intensity = level if stencil.noise is None else _concatenated([p.intensity for p in pieces], np.float32)
    fields = [
        _concatenated([p.runs[i] for p in pieces], kind.dtype) for i, kind in enumerate(empty_runs())
    ]  # no offsets yet
    fields[5] = np.cumsum(fields[3], dtype=np.int64) - fields[3]
    runs = Runs(*fields)
    return BrightVoxels(
        stencil.shape,
        start,
        stop,
        stencil.floor,
        runs,
        level,
        intensity,
        np.asarray(saturated, dtype=np.int64),
        _concatenated([p.beside_invalid for p in pieces], np.int64),
        _concatenated([p.at_side for p in pieces], np.bool_),
        np.asarray(replaced, dtype=bool),
        stencil.left_out,
    )


def _concatenated(parts: list[AnyArray], kind: type | np.dtype[np.generic]) -> AnyArray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, kind)


def _extract(frames: Frames, first: int, stencil: Stencil) -> _Piece:
    frames = np.ascontiguousarray(frames, dtype=np.float32)
    room = len(frames) * stencil.limit + stencil.shape[2]  # never touched where nothing is bright
    runs = empty_runs(room)
    level = np.empty(room, np.float32)
    intensity = None if stencil.noise is None else np.empty(room, np.float32)
    invalid = np.zeros(len(frames), np.int64)
    floor = smallest_float32(stencil.floor)
    n_runs, n_voxels, too_bright = extract_runs(
        frames, first, floor, stencil.noise, stencil.dark, stencil.left_out, stencil.states, stencil.limit, runs,
        level, intensity, invalid,
    )  # fmt: skip
    if too_bright >= 0:
        raise _too_bright(frames[too_bright], first + too_bright, stencil)
    runs, level = runs.take(slice(0, n_runs)), level[:n_voxels]
    beside, at_side = _beside_invalid(frames, first, runs, invalid, stencil)
    return _Piece(runs, level, level if intensity is None else intensity[:n_voxels], beside, at_side)


def _beside_invalid(
    frames: Frames, first: int, runs: Runs, invalid: AnyArray, stencil: Stencil
) -> tuple[Indices, Mask]:
    """Bright voxels beside values that are not finite: only frames that have such values are looked at again."""
    found: list[Indices] = []
    sides: list[Mask] = []
    for k in np.flatnonzero(invalid):
        mine = runs.take(runs.frame == first + k)
        out = np.empty(int(mine.length.sum()), np.int64)
        side = np.empty(len(out), np.bool_)
        n = beside_invalid(frames[k], stencil.left_out, mine.row, mine.col, mine.length, out, side)
        found.append(out[:n] + (first + k) * frames[k].size)
        sides.append(side[:n])
    return _concatenated(found, np.int64), _concatenated(sides, np.bool_)


def _too_bright(frame: Image, number: int, stencil: Stencil) -> NoiseError:
    level = frame if stencil.noise is None else frame / np.where(stencil.left_out, np.float32(1), stencil.noise)
    inside = ~stencil.left_out
    bright, pixels = np.count_nonzero(inside & (level >= stencil.floor)), np.count_nonzero(inside)
    return too_full(number, int(bright), int(pixels), most=stencil.limit, floor=stencil.floor)
