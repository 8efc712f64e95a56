"""A sub-volume: the frames around the one that is looked at, in memory, for sections and to find their blobs."""

import threading
from dataclasses import dataclass, field

import numpy as np

from friedel.explorer.scan_state import ScanState
from friedel.model.arrays import AnyArray, Frames
from friedel.model.stream import CleanBlock, Executor

MOST_VOXELS = 50_000_000


@dataclass(eq=False)
class SubVolume:
    """Clean frames [start, stop) of a scan; `exact` where they are the run's, else some are a preview.

    `generation` is the pass's: a sub-volume of another one is out of date.
    """

    start: int
    stop: int
    exact: bool
    generation: int
    scan_state: ScanState
    block: CleanBlock
    _raw: AnyArray | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def frames(self) -> Frames:
        """Clean frames, float32 [frame, row, col] in counts."""
        return self.block.frames

    def raw(self, executor: Executor) -> AnyArray:
        """The raw frames as stored, read when first asked for."""
        with self._lock:
            if self._raw is None:
                frames = list(executor.map(self.scan_state.raw, range(self.start, self.stop)))
                self._raw = np.stack(frames)
            return self._raw


class SubVolumes:
    """Makes the sub-volume around a frame. The last one is kept: what it shares with the next is not made again."""

    def __init__(self, most_voxels: int = MOST_VOXELS) -> None:
        self._most = most_voxels
        self._lock = threading.Lock()
        self._held: SubVolume | None = None

    def around(self, frame: int, scan_state: ScanState, generation: int, executor: Executor) -> SubVolume:
        """The sub-volume that holds a frame, not at its edge unless the scan ends there. Raises `FriedelError`s."""
        with self._lock:
            held = self._held
            if held is None or held.scan_state is not scan_state:
                held = None
            start, stop = self._place(frame, scan_state, held)
            return self._get(start, stop, scan_state, generation, executor, held)

    def exactly(
        self, start: int, stop: int, scan_state: ScanState, generation: int, executor: Executor
    ) -> SubVolume:
        """The frames [start, stop). Raises `FriedelError`s."""
        with self._lock:
            held = self._held
            return self._get(
                start,
                stop,
                scan_state,
                generation,
                executor,
                held if held is not None and held.scan_state is scan_state else None,
            )

    def _get(
        self,
        start: int,
        stop: int,
        scan_state: ScanState,
        generation: int,
        executor: Executor,
        held: SubVolume | None,
    ) -> SubVolume:
        exact = scan_state.exact(start, stop)
        if held is not None and (held.start, held.stop) == (start, stop) and held.exact == exact:
            return held
        usable = held if held is not None and held.exact and exact else None
        self._held = None  # its memory is needed
        block = _made(scan_state, start, stop, usable, executor)
        self._held = SubVolume(start, stop, exact, generation, scan_state, block)
        return self._held

    def _place(self, frame: int, scan_state: ScanState, held: SubVolume | None) -> tuple[int, int]:
        count, rows, cols = scan_state.scan.shape
        length = max(1, min(count, self._most // (rows * cols)))
        if held is not None:
            edge = max(1, length // 4)
            inside = held.start <= frame < held.stop
            above = frame - held.start >= edge or held.start == 0
            below = held.stop - frame > edge or held.stop == count
            if inside and above and below:
                return held.start, held.stop
        start = min(max(0, frame - length // 2), count - length)
        return start, start + length


def _made(scan_state: ScanState, start: int, stop: int, held: SubVolume | None, executor: Executor) -> CleanBlock:
    if held is None:
        return scan_state.block(start, stop, executor)
    first, last = max(start, held.start), min(stop, held.stop)
    if first >= last:
        return scan_state.block(start, stop, executor)
    parts = []
    if start < first:
        parts.append(scan_state.block(start, first, executor))
    parts.append(held.block.part(first, last))
    if last < stop:
        parts.append(scan_state.block(last, stop, executor))
    return _joined(start, parts)


def _joined(start: int, parts: list[CleanBlock]) -> CleanBlock:
    if len(parts) == 1:
        return parts[0]
    size = parts[0].frames[0].size
    shift = [(part.start - start) * size for part in parts]
    return CleanBlock(
        start,
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.saturated + by for part, by in zip(parts, shift, strict=True)]),
        np.concatenate([part.replaced for part in parts]),
        np.concatenate([part.invalid + by for part, by in zip(parts, shift, strict=True)]),
    )
