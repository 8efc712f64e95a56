"""Raw frames in, clean frames out: one pass over the scan, in memory that its length does not change."""

from collections.abc import Iterator

import numpy as np

from friedel.errors import InputError, ScanError
from friedel.kernels.preprocess.bit_planes import BATCH, TILE
from friedel.kernels.preprocess.moving_median import median_of_planes
from friedel.kernels.preprocess.subtract_background import clean_batch
from friedel.model.arrays import Frames, Image, Indices
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan, as_ranges
from friedel.model.stream import CleanBlock, Executor, PreprocessObserver, Serial
from friedel.preprocess.frame_buffer import Batch, FrameBuffer, expand, halves_per_value
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.raw_frames import NO_BEAM, without
from friedel.preprocess.running_mean import running_mean
from friedel.preprocess.schedule import Group, Schedule

_BLOCK_BYTES = 256 << 20
"""Blocks of whole batches up to 2048 × 2048: each further cut unpacks the batch once more, 0.2 ns per pixel."""
_BUFFERS = 2
CORRUPT_SHARE = 0.02
CORRUPT_LEAST = 3
MOST_DARK = 0.5
"""Part of the frames that may be without beam."""


def clean_blocks(
    scan: Scan,
    params: PreprocessParams,
    baseline: Baseline,
    *,
    windows_per_block: int,
    executor: Executor | None = None,
    observer: PreprocessObserver | None = None,
) -> Iterator[CleanBlock]:
    """Clean frames of a scan, in order, in small blocks: dark, gain, moving median, despeckling, running mean.

    `windows_per_block` backgrounds are made at a time: more cost memory (`buffer_bytes`) and save time; the result
    is the same. Each frame is read once; with `wrap`, `half_window` frames at either end are read again. A frame
    that cannot be used (unreadable, constant, not numbers, without beam) is replaced by the good one before it
    and marked; more than three in a row are empty, as those of a gap. Warns when the window is longer than the
    scan. Raises `ScanError` when more than 2 % of the frames (and more than 3) are corrupt, or over half without
    beam. The method is that of the seminar "Segmentation for diffraction contrast tomography" (J. Bertoldo, 2021);
    `docs/preprocessing.md` says it step by step.
    """
    if windows_per_block < 1:
        raise InputError("windows_per_block", rule="must be at least 1", got=windows_per_block)
    schedule = Schedule(params, scan.shape[0], scan.present)
    schedule.warn()
    scan = without(scan, baseline.dead)
    buffer = FrameBuffer.of(scan, params, baseline, schedule, schedule.slots(windows_per_block))
    blocks = _stream(buffer, params, baseline, windows_per_block, executor or Serial(), observer)
    return running_mean(blocks, params.average, scan.gaps, executor)


def buffer_bytes(
    params: PreprocessParams, scan_shape: tuple[int, int, int], windows_per_block: int, threads: int = 1
) -> int:
    """Bytes that `clean_blocks` holds: the buffer, the backgrounds, two blocks, and raw frames being read."""
    frames, rows, cols = scan_shape
    pixels = -(-rows * cols // TILE) * TILE
    schedule = Schedule.whole(params, frames)
    buffer = (
        schedule.slots(windows_per_block) * (BATCH * 2 + 1) * halves_per_value(params)
    )  # the 1 is room for `used`
    backgrounds = 4 * max(min(windows_per_block, schedule.backgrounds), 1) + 8
    blocks = 4 * _BUFFERS * block_frames(rows * cols)
    if params.average > 1:  # what waits for the frames after it, copied once to be put together
        blocks += 8 * (params.average + 2 * block_frames(rows * cols))
    reading = BATCH * 4 * threads
    return pixels * (buffer + backgrounds + blocks + reading + 16)


def block_frames(pixels: int) -> int:
    """Frames in a block: few enough that two blocks are small beside the buffer."""
    return int(min(max(_BLOCK_BYTES // (4 * pixels), 1), BATCH))


def _stream(
    buffer: FrameBuffer,
    params: PreprocessParams,
    baseline: Baseline,
    windows_per_block: int,
    executor: Executor,
    observer: PreprocessObserver | None,
) -> Iterator[CleanBlock]:
    frames, rows, cols = buffer.scan.shape
    pixels = len(buffer.constants.dark)
    fixed = params.arithmetic == "fixed"
    offset, scale = (baseline.offset, baseline.scale) if fixed else (0.0, 1.0)
    rows_of = max(min(windows_per_block, buffer.schedule.backgrounds), 1)
    backgrounds = np.full((rows_of, pixels), offset, np.float32)
    size = block_frames(rows * cols)
    buffers = [np.empty((min(size, frames), rows, cols), np.float32) for _ in range(_BUFFERS)]
    read_log = _ReadLog(buffer.scan)
    made = 0
    for group in buffer.schedule.groups(windows_per_block):
        _load(buffer, group, read_log, executor, observer)
        if len(group.starts):
            _make_backgrounds(buffer, group, backgrounds, executor)
            if observer is not None:
                _show_backgrounds(buffer, group, backgrounds, (offset, scale), observer)
        for start, stop, recorded in _pieces(group, buffer.schedule, size):
            if not recorded:
                yield _nothing(start, stop, (rows, cols))
                continue
            out = buffers[made % _BUFFERS][: stop - start]
            made += 1
            _clean(buffer, params, group, start, stop, backgrounds, scale, executor, out)
            yield _block(buffer, start, stop, out)


def _load(
    buffer: FrameBuffer, group: Group, read_log: "_ReadLog", executor: Executor, observer: PreprocessObserver | None
) -> None:
    """Bring the batches of a group into the buffer; those before it are given up."""
    loaded = max(buffer.batches, default=-1) + 1
    for stale in [batch for batch in buffer.batches if batch < group.first_batch]:
        del buffer.batches[stale]
    fresh = range(max(loaded, group.first_batch), group.stop_batch)
    for number, batch in zip(fresh, executor.map(buffer.load, fresh), strict=True):
        buffer.batches[number] = batch
        read_log.take(batch, number * BATCH - buffer.schedule.lead, observer)


def _show_backgrounds(
    buffer: FrameBuffer,
    group: Group,
    backgrounds: Image,
    fixed_point: tuple[float, float],
    observer: PreprocessObserver,
) -> None:
    """Tell the observer of a group's backgrounds, in counts."""
    _, rows, cols = buffer.scan.shape
    offset, scale = (np.float32(value) for value in fixed_point)
    for b in range(len(group.starts)):
        image = ((backgrounds[b, : rows * cols] - offset) / scale).reshape(rows, cols)
        observer.background(group.first + b, buffer.schedule.centre(group.first + b), image)


def _make_backgrounds(buffer: FrameBuffer, group: Group, backgrounds: Image, executor: Executor) -> None:
    tiles = buffer.planes.shape[1]
    chunk = max(1, min(tiles // (4 * executor.threads), 4096))

    def work(first: int) -> None:
        last = min(first + chunk, tiles)
        median_of_planes(buffer.planes, buffer.used, first, last, group.starts, group.stops, backgrounds)

    for _ in executor.map(work, range(0, tiles, chunk)):
        pass


def _pieces(group: Group, schedule: Schedule, size: int) -> Iterator[tuple[int, int, bool]]:
    """Scan frames [start, stop) of each block, never across two batches, and whether they were recorded."""
    start, at = group.start, group.begin
    while start < group.stop:
        if at == group.end or schedule.buffer_frame(start + 1) == at:
            behind = group.stop if at == group.end else int(schedule.present[at - schedule.lead])
            stop = min(start + size, behind)
            yield start, stop, False
        else:
            most = min(size, (at // BATCH + 1) * BATCH - at, group.end - at)
            here = schedule.present[at - schedule.lead :][:most] - start
            stop = start + int(np.count_nonzero(here == np.arange(len(here))))
            yield start, stop, True
            at += stop - start
        start = stop


def _nothing(start: int, stop: int, shape: tuple[int, int]) -> CleanBlock:
    """Frames that were not recorded: there is nothing in them."""
    none = np.empty(0, np.int64)
    frames = np.broadcast_to(np.float32(0), (stop - start, *shape))
    return CleanBlock(start, frames, none, np.zeros(stop - start, np.bool_), none)


def _clean(
    buffer: FrameBuffer,
    params: PreprocessParams,
    group: Group,
    start: int,
    stop: int,
    backgrounds: Image,
    scale: float,
    executor: Executor,
    out: Frames,
) -> None:
    _, rows, cols = buffer.scan.shape
    number, at = divmod(buffer.schedule.buffer_frame(start), BATCH)
    which = np.full(BATCH, -1, np.int64)
    background = np.arange(start, stop) // params.step - group.first if len(group.starts) else 0
    which[at : at + stop - start] = background
    holes = [expand(runs) for runs in buffer.batches[number].invalid]
    pointer = np.zeros(BATCH + 1, np.int64)
    pointer[1 : len(holes) + 1] = np.cumsum([len(pixels) for pixels in holes])
    pointer[len(holes) + 1 :] = pointer[len(holes)]
    invalid = np.concatenate(holes)
    chunk = max(1, -(-rows // (4 * executor.threads)) if executor.threads > 1 else rows)

    def work(row: int) -> None:
        clean_batch(
            buffer.planes,
            buffer.slot(number),
            which,
            backgrounds,
            scale,
            params.despeckle,
            buffer.constants.masked,
            invalid,
            pointer,
            (rows, cols),
            row,
            min(row + chunk, rows),
            out,
        )

    for _ in executor.map(work, range(0, rows, chunk)):
        pass


def _block(buffer: FrameBuffer, start: int, stop: int, frames: Frames) -> CleanBlock:
    pixels = buffer.scan.shape[1] * buffer.scan.shape[2]
    number, at = divmod(buffer.schedule.buffer_frame(start), BATCH)
    batch = buffer.batches[number]
    saturated: list[Indices] = []
    invalid: list[Indices] = []
    for f in range(stop - start):
        flat = expand(batch.saturated[at + f])
        saturated.append(flat[buffer.constants.keep[flat]] + f * pixels)
        invalid.append(expand(batch.invalid[at + f]) + f * pixels)
    replaced = np.array([k in batch.replaced for k in range(start, stop)])
    for k in (start + np.flatnonzero(replaced)).tolist():
        if buffer.raw.in_gap(k):
            frames[k - start] = 0
            for known in (saturated, invalid):
                known[k - start] = np.empty(0, np.int64)
    return CleanBlock(start, frames, np.concatenate(saturated), replaced, np.concatenate(invalid))


class _ReadLog:
    """Tells the observer what was loaded, and stops when too much of the scan is corrupt."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._recorded = len(scan.present)
        self._corrupt: list[int] = []
        self._dark = 0

    def take(self, batch: Batch, start: int, observer: PreprocessObserver | None) -> None:
        """One batch, whose first frame is recorded as number `start` (beyond the scan where windows wrap: seen
        again, not counted)."""
        inside = [i for i in range(len(batch.frames)) if 0 <= start + i < self._recorded]
        if not inside:
            return
        here = slice(inside[0], inside[-1] + 1)
        frames = batch.frames[here]
        if observer is not None:
            for piece in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames) != 1) + 1):
                observer.gains(int(frames[piece[0]]), batch.gains[here][piece].astype(np.float32))
            clipped = int(batch.clipped[here].sum())
            if clipped:
                observer.clipped(clipped)
        for frame in frames.tolist():
            if frame in batch.replaced:
                if batch.replaced[frame] == NO_BEAM:
                    self._dark += 1
                else:
                    self._corrupt.append(frame)
                if observer is not None:
                    observer.corrupt(frame, batch.replaced[frame])
                self._refuse_too_many(batch.replaced[frame])

    def _refuse_too_many(self, why: str) -> None:
        if self._dark > MOST_DARK * self._recorded:
            raise ScanError(
                f"frames of {self._scan.name}",
                rule=f"at most {MOST_DARK:.0%} may be without beam",
                got="more",
                way_out="see that preprocess.beam and preprocess.margin lie in the beam, or leave frames out with "
                "scan.first, scan.last or scan.skip",
            )
        most = max(CORRUPT_LEAST, int(CORRUPT_SHARE * self._recorded))
        if len(self._corrupt) > most:
            stored = [self._scan.stored_frame(frame) for frame in self._corrupt]
            raise ScanError(
                f"frames of {self._scan.name}",
                rule=f"at most {most} may be corrupt",
                got=f"more; the last one: {why}",
                way_out=f"leave the bad frames out with scan.first, scan.last or scan.skip (so far they are stored "
                f"frames {as_ranges(stored)}), or check the file and scan.frames",
            )
