"""The mean over neighbouring frames, for spots that last longer than these: less noise, and the same light."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from friedel.model.arrays import Frames, Mask
from friedel.model.scan import Gaps
from friedel.model.stream import CleanBlock, Executor, Serial

_CHUNK_PIXELS = 1 << 17
"""Rows that one thread averages at a time: their frames fit into its cache."""


def running_mean(
    blocks: Iterable[CleanBlock], average: int, gaps: Gaps, executor: Executor | None = None
) -> Iterator[CleanBlock]:
    """The same blocks, each frame being the mean of `average` (odd) frames around it.

    At the ends of a scan and beside frames that were not recorded (`gaps`, or empty stand-ins) the mean is of those
    that there are. What is not a number counts nowhere, and stays none. The same for any size of the blocks.
    """
    if average == 1:
        yield from blocks
        return
    half, held, done = average // 2, list[CleanBlock](), 0
    for block in chain(blocks, [None]):
        if block is not None:
            held.append(replace(block, frames=block.frames.copy()))
        known = held[-1].stop if held else 0
        for one in [one for one in held if one.start >= done]:
            if block is not None and one.stop + half > known:
                break
            yield averaged(one.start, one.stop, held, half, gaps, executor)
            done = one.stop
        held = [one for one in held if one.stop > done - half]


def averaged(
    start: int, stop: int, around: list[CleanBlock], half: int, gaps: Gaps, executor: Executor | None = None
) -> CleanBlock:
    """Frames [start, stop), each the mean of itself and up to `half` on either side, of consecutive blocks that
    hold these."""
    first, last = max(around[0].start, start - half), min(around[-1].stop, stop + half)
    near = [one.part(first, last) for one in around if one.start < last and one.stop > first]
    frames = near[0].frames if len(near) == 1 else np.concatenate([one.frames for one in near])
    recorded = np.concatenate([_recorded(one, gaps) for one in near])
    out = np.empty((stop - start, *frames.shape[1:]), np.float32)
    holes = any(len(one.invalid) for one in near)
    rows = max(_CHUNK_PIXELS // max(frames.shape[2], 1), 1)

    def work(row: int) -> None:
        mean_of_frames(frames[:, row : row + rows], recorded, start - first, half, holes, out[:, row : row + rows])

    for _ in (executor or Serial()).map(work, range(0, frames.shape[1], rows)):
        pass
    own = [one.part(start, stop) for one in near if one.start < stop and one.stop > start]
    pixels = frames[0].size
    return CleanBlock(
        start,
        out,
        np.concatenate([one.saturated + (one.start - start) * pixels for one in own]),
        np.concatenate([one.replaced for one in own]),
        np.concatenate([one.invalid + (one.start - start) * pixels for one in own]),
    )


def mean_of_frames(frames: Frames, recorded: Mask, begin: int, half: int, holes: bool, out: Frames) -> None:
    """Fill out [k, row, col] with the means around frame `begin` + k of those that were `recorded` [frame].

    With `holes` some values are not numbers.
    """
    for k in range(len(out)):
        at = begin + k
        low = max(at - half, 0)
        members = low + np.flatnonzero(recorded[low : at + half + 1])
        if not recorded[at]:
            out[k] = 0
        elif not holes:
            out[k] = frames[members[0]]
            for member in members[1:]:
                out[k] += frames[member]
            out[k] /= np.float32(len(members))
        else:
            out[k], count = 0, np.zeros(out[k].shape, np.float32)
            for member in members:
                known = np.isfinite(frames[member])
                np.add(out[k], frames[member], out=out[k], where=known)
                count += known
            own = np.isfinite(frames[at])
            np.divide(out[k], count, out=out[k], where=own)
            out[k][~own] = np.nan


def _recorded(block: CleanBlock, gaps: Gaps) -> Mask:
    """Which frames of a block are not empty: neither missing nor without a good one near enough to stand in."""
    number = np.arange(block.start, block.stop)
    found = np.ones(len(number), dtype=bool)
    for start, stop in gaps:
        found &= (number < start) | (number >= stop)
    for frame in np.flatnonzero(block.replaced & found):
        found[frame] = bool(block.frames[frame].any())
    return found
