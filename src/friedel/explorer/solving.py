"""Blobs for the parameters of the moment, of a few frames or of the whole scan, exactly as a run finds them.

Bright voxels are collected once, at a low floor. What a run with the parameters of the moment would have collected
is filtered out of them (`collected`), and goes through the same `solve`: the table is that of the run's blobs.h5.
"""

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from friedel.explorer.collected import CollectedVoxels, NotCollected, with_thresholds
from friedel.explorer.collecting import Around, FramesInMemory, collect_sub_volume
from friedel.explorer.heard_warnings import warnings_heard
from friedel.explorer.resegmenter import Resegmenter
from friedel.explorer.solution import (
    NotReady,
    Overtaken,
    Scope,
    Solution,
    SolutionCache,
    cut_at_ends,
    solution_id,
)
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.runner.executors import Alone, Threads
from friedel.runner.segment_images import read_segment_images
from friedel.segment import BlobRuns, Components, SegmentParams
from friedel.segment.bright import FrameThreshold

LIMITS = {"min_size", "max_size", "reject_edge", "reject_touching_excluded"}
"""Parameters that only choose among blobs (`BlobRuns.limited`)."""


Key = tuple[object, ...]


class VoxelSource(Protocol):
    """Where blobs are looked for: a scan, and the bright voxels that were collected from it."""

    @property
    def generation(self) -> int:
        """Another number whenever what it gives has changed."""

    @property
    def scan(self) -> Scan | None:
        """The scan, where it could be opened."""

    @property
    def baseline(self) -> Baseline | None:
        """Boxes and noise, once they are measured."""

    @property
    def collected(self) -> CollectedVoxels | None:
        """The bright voxels of the whole scan, once they are there."""

    def sub_volume(self, around: Around) -> FramesInMemory:
        """Clean frames around one, or just [start, stop); the same object as long as they are the same."""

    def collect_for(self, params: SegmentParams, floor: float) -> None:
        """Collect again in the background, down to `floor` in the unit of what these parameters compare."""


MOST_CHANNELS = 1000
"""Pages name their channels themselves: those that asked last are remembered."""


@dataclass(slots=True)
class _NewestRequests:
    """Numbers of the newest requests, by channel."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: dict[str, int] = field(default_factory=dict)

    def register(self, channel: str, number: int) -> None:
        with self.lock:
            newest = max(number, self.numbers.pop(channel, number))
            self.numbers[channel] = newest
            while len(self.numbers) > MOST_CHANNELS:
                del self.numbers[next(iter(self.numbers))]

    def check(self, channel: str, number: int) -> None:
        if self.numbers.get(channel, number) > number:
            raise Overtaken


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """One request: the parameters, the scan, and the threshold that its frames are looked at through.

    `frame_threshold_key` tells those of other noise or other excluded pixels from this; `pixels` are not left
    out.
    """

    params: SegmentParams
    scan: Scan
    baseline: Baseline
    generation: int
    frame_threshold: FrameThreshold
    pixels: int
    frame_threshold_key: Key

    def part(self, bright: Components, frames: int) -> float:
        """The part of the voxels of so many frames that is bright."""
        return len(bright) / max(self.pixels * frames, 1)

    def sub_volume_key(self, frames: FramesInMemory) -> Key:
        """What tells these frames in memory from others."""
        return "sub", self.generation, frames.start, frames.stop, frames.exact

    def resegmenter(self, collected: CollectedVoxels, start: int, stop: int, executor: Executor) -> Resegmenter:
        """What segments frames [start, stop), whose voxels were collected."""
        whole = stop - start == self.scan.shape[0]
        return Resegmenter(self.scan, self.baseline, collected, self.frame_threshold, start, stop, whole, executor)


class Solver:
    """Solves one request at a time, the newest of each channel; keeps the last solutions.

    What is tried beside the answers that somebody waits for is done by `quiet`, which gives way to `executor`.
    """

    def __init__(self, source: VoxelSource, executor: Executor, quiet: Threads | Alone | None = None) -> None:
        self.solutions = SolutionCache()
        self._source, self._executor, self._quiet = source, executor, quiet or Alone()
        self._lock = threading.Lock()
        self._newest = _NewestRequests()
        self._times_collected = 0
        self._sub_volume: tuple[Key, FramesInMemory, CollectedVoxels] | None = None
        self._frame_threshold: tuple[Key, FrameThreshold, int] | None = None
        self._components: tuple[Key, Components] | None = None
        self._solved_last: tuple[Key, BlobRuns] | None = None

    def solve(
        self, params: SegmentParams, scope: Scope, *, around: Around = 0, channel: str = "", number: int = 0
    ) -> Solution:
        """The blobs of the frames around one (or of just [start, stop)), or of the whole scan.

        `number` counts the requests of a `channel` (one page's): one that a newer has overtaken is not begun.
        Raises `Overtaken`, `NotReady`, `NotCollected` (they are then collected), and what a run would raise.
        """
        self._newest.register(channel, number)
        with self._lock, self._quiet.held():
            self._newest.check(channel, number)
            begin = time.perf_counter()
            with warnings_heard() as heard:
                request = self._request(params)
                found = self._whole(request) if scope == "whole" else self._of_sub_volume(request, around)
            found = replace(found, seconds=time.perf_counter() - begin, warnings=tuple(heard))
            self.solutions.put(found)
            return found

    def resegmenter(self, params: SegmentParams, scope: Scope, *, around: Around = 0) -> Resegmenter:
        """What other parameters can be tried on, beside what `solve` answers. Raises as it does."""
        with self._lock:
            request = self._request(params)
            if scope == "whole":
                return self._of_whole_scan(request, self._quiet)
            return self._of_frames(request, self._source.sub_volume(around), self._quiet)

    def whole_scan_table(self, params: SegmentParams) -> BlobTable:
        """The blobs of the whole scan as a run writes them; whoever asks for others meanwhile need not wait."""
        resegmenter = self.resegmenter(params, "whole")
        known = self.solutions.find(solution_id("whole", ("whole", self._source.generation), params))
        if known is not None:
            return known.table
        try:
            return resegmenter.table(params)
        except NotCollected as error:
            self._source.collect_for(params, error.floor)
            raise

    def _of_whole_scan(self, request: _Request, executor: Executor) -> Resegmenter:
        collected = self._source.collected
        if collected is None:
            raise NotReady("the whole scan", rule="is still being looked through for bright voxels")
        return request.resegmenter(collected, 0, request.scan.shape[0], executor)

    def _of_frames(self, request: _Request, frames: FramesInMemory, executor: Executor) -> Resegmenter:
        return request.resegmenter(self._collected(frames, request), frames.start, frames.stop, executor)

    def _request(self, params: SegmentParams) -> _Request:
        scan, baseline, generation = self._source.scan, self._source.baseline, self._source.generation
        if scan is None or baseline is None:
            raise NotReady("blobs", rule="cannot be looked for before the frames are")
        key = (generation, params.unit == "sigma" and params.noise, params.noise, params.excluded)
        if self._frame_threshold is None or self._frame_threshold[0] != key:
            segment_images = read_segment_images(params, scan)
            outside = segment_images.outside(params, baseline.beam)
            frame_threshold = FrameThreshold.of(
                scan.shape,
                params,
                baseline=baseline,
                exclude=outside,
                mask=scan.mask,
                noise_image=segment_images.noise,
            )
            self._frame_threshold = key, frame_threshold, int(np.count_nonzero(~frame_threshold.left_out))
        _, frame_threshold, pixels = self._frame_threshold
        frame_threshold = with_thresholds(frame_threshold, params, baseline, pixels)
        return _Request(params, scan, baseline, generation, frame_threshold, pixels, key)

    def _whole(self, request: _Request) -> Solution:
        resegmenter = self._of_whole_scan(request, self._executor)
        source = ("whole", request.generation)
        name = solution_id("whole", source, request.params)
        try:
            bright, key = self._filtered(resegmenter, request, source)
        except NotCollected as error:
            self._source.collect_for(request.params, error.floor)
            raise
        known = self.solutions.find(name)
        runs = known.runs if known is not None else self._solved(resegmenter, bright, key, request.params)
        noise, frames = request.frame_threshold.noise, request.scan.shape[0]
        return Solution(name, request.params, "whole", runs, request.part(bright, frames), 0, frames, noise=noise)

    def _of_sub_volume(self, request: _Request, around: Around) -> Solution:
        frames = self._source.sub_volume(around)
        source = request.sub_volume_key(frames)
        resegmenter = self._of_frames(request, frames, self._executor)
        try:
            bright, key = self._filtered(resegmenter, request, (*source, self._times_collected))
        except NotCollected:
            self._sub_volume = None
            resegmenter = self._of_frames(request, frames, self._executor)
            bright, key = self._filtered(resegmenter, request, (*source, self._times_collected))
        solved = self._solved(resegmenter, bright, key, request.params)
        runs = cut_at_ends(solved, frames.start, frames.stop, request.scan)
        name = solution_id("sub", source, request.params)
        return Solution(
            name, request.params, "sub", runs, request.part(bright, frames.stop - frames.start), frames.start,
            frames.stop, preview=not frames.exact, cut=not resegmenter.whole, noise=request.frame_threshold.noise,
        )  # fmt: skip

    def _collected(self, frames: FramesInMemory, request: _Request) -> CollectedVoxels:
        """The bright voxels of the frames in memory, collected once."""
        source = request.sub_volume_key(frames)
        if self._sub_volume is None or self._sub_volume[0] != source or self._sub_volume[1] is not frames:
            self._sub_volume = None  # its memory is needed
            self._times_collected += 1
            self._sub_volume = (
                source,
                frames,
                collect_sub_volume(frames, request.frame_threshold, request.baseline, self._executor),
            )
        return self._sub_volume[2]

    def _filtered(self, resegmenter: Resegmenter, request: _Request, source: Key) -> tuple[Components, Key]:
        """Filtered once for all parameters that need the same voxels, and what tells these voxels from others."""
        params = request.params
        key = (
            *source,
            *request.frame_threshold_key,
            request.frame_threshold.floor,
            request.frame_threshold.limit,
            params.connectivity,
            resegmenter.wraps(params),
        )
        if self._components is None or self._components[0] != key:
            self._components = None  # its memory is needed
            self._components = key, resegmenter.components(params, request.frame_threshold)
        return self._components[1], key

    def _solved(self, resegmenter: Resegmenter, bright: Components, voxels: Key, params: SegmentParams) -> BlobRuns:
        """The blobs; where only limits have changed, the last one's rows are judged anew."""
        key = (*voxels, params.model_dump_json(exclude=LIMITS))
        if self._solved_last is not None and self._solved_last[0] == key:
            return self._solved_last[1].limited(params)
        runs = resegmenter.solve(bright, params)
        self._solved_last = key, runs
        return runs
