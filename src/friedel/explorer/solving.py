"""Blobs for the parameters of the moment, of a few frames or of the whole scan, exactly as a run finds them.

Bright voxels are collected once, at a low floor. What a run with the parameters of the moment would have collected
is sifted out of them (`adapting`), and goes through the same `solve`: the table is that of the run's blobs.h5.
"""

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from friedel.explorer.collected import Collected, NotCollected
from friedel.explorer.heard_warnings import warnings_heard
from friedel.explorer.resegmenter import Trial
from friedel.explorer.solution import Kept, NotReady, Overtaken, Scope, Solution, name_of, shifted
from friedel.explorer.sub_volume_voxels import Frames, collected_at
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.runner.areas import read_areas
from friedel.runner.executors import Alone, Threads
from friedel.segment import BlobRuns, Components, SegmentParams, components_of, solve_components
from friedel.segment.bright import Stencil
from friedel.segment.fullness import most_bright
from friedel.segment.params import Rules, sigma_of

LIMITS = {"min_size", "max_size", "reject_edge", "reject_touching_excluded"}
"""Parameters that only choose among blobs (`apply_limits`)."""


Key = tuple[object, ...]


class Source(Protocol):
    """What is solved: the scan, and what was collected from it."""

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
    def collected(self) -> Collected | None:
        """The bright voxels of the whole scan, once they are there."""

    def window(self, frame: int) -> Frames:
        """Clean frames around one; the same object as long as they are the same."""

    def collect_for(self, params: SegmentParams, floor: float) -> None:
        """Collect again in the background, down to `floor` in the unit of what these parameters compare."""


@dataclass(slots=True)
class _Newest:
    """Numbers of the newest requests, by page and purpose."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: dict[str, int] = field(default_factory=dict)

    def register(self, channel: str, number: int) -> None:
        with self.lock:
            self.numbers[channel] = max(number, self.numbers.get(channel, number))

    def check(self, channel: str, number: int) -> None:
        if self.numbers.get(channel, number) > number:
            raise Overtaken


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """One request: the parameters, the scan, and what it is looked at through (`look`: by name)."""

    params: SegmentParams
    scan: Scan
    baseline: Baseline
    generation: int
    stencil: Stencil
    inside: int
    look: Key

    def part(self, bright: Components) -> float:
        """The part of the voxels that is bright."""
        return bright.voxels / max(self.inside * bright.frames, 1)


class Solver:
    """Solves one request at a time, the newest of each page; keeps the last solutions.

    What is tried beside the answers that somebody waits for is done by `quiet`, which gives way to `executor`.
    """

    def __init__(self, source: Source, executor: Executor, quiet: Threads | Alone | None = None) -> None:
        self.kept = Kept()
        self._source, self._executor, self._quiet = source, executor, quiet or Alone()
        self._lock = threading.Lock()
        self._newest = _Newest()
        self._times = 0
        self._sub: tuple[Key, Frames, Collected] | None = None
        self._stencil: tuple[Key, Stencil, int] | None = None
        self._sifted: tuple[Key, Components] | None = None
        self._unlimited: tuple[Key, BlobRuns] | None = None

    def solve(
        self, params: SegmentParams, scope: Scope, *, frame: int = 0, channel: str = "", number: int = 0
    ) -> Solution:
        """The blobs of the frames around `frame`, or of the whole scan.

        `number` counts the requests of a `channel` (one page's): one that a newer has overtaken is not begun.
        Raises `Overtaken`, `NotReady`, `NotCollected` (they are then collected), and what a run would raise.
        """
        self._newest.register(channel, number)
        with self._lock, self._quiet.held():
            self._newest.check(channel, number)
            begin = time.perf_counter()
            with warnings_heard() as heard:
                case = self._case(params)
                found = self._whole(case) if scope == "whole" else self._around(case, frame)
            found = replace(found, seconds=time.perf_counter() - begin, warnings=tuple(heard))
            self.kept.put(found)
            return found

    def trial(self, params: SegmentParams, scope: Scope, *, frame: int = 0) -> Trial:
        """What other parameters can be tried on, beside the answers to the page. Raises as `solve` does."""
        with self._lock:
            case = self._case(params)
            if scope == "whole":
                collected = self._whole_scan()
                start, stop, whole = 0, case.scan.shape[0], True
            else:
                frames = self._source.window(frame)
                source = ("sub", case.generation, frames.start, frames.stop, frames.exact)
                collected = self._collected(frames, source, case)
                start, stop, whole = frames.start, frames.stop, frames.stop - frames.start == case.scan.shape[0]
        return Trial(case.scan, case.baseline, collected, case.stencil, start, stop, whole, self._quiet)

    def aside(self, params: SegmentParams) -> BlobTable:
        """The blobs of the whole scan as a run writes them; whoever asks for others meanwhile need not wait."""
        trial = self.trial(params, "whole")
        known = self.kept.find(name_of("whole", ("whole", self._source.generation), params))
        if known is not None:
            return known.table
        try:
            return trial.table(params)
        except NotCollected as error:
            self._source.collect_for(params, error.floor)
            raise

    def _whole_scan(self) -> Collected:
        collected = self._source.collected
        if collected is None:
            raise NotReady("the whole scan", rule="is still being looked through for bright voxels")
        return collected

    def _case(self, params: SegmentParams) -> _Case:
        scan, baseline, generation = self._source.scan, self._source.baseline, self._source.generation
        if scan is None or baseline is None:
            raise NotReady("blobs", rule="cannot be looked for before the frames are")
        key = (generation, params.unit == "sigma" and params.noise, params.noise, params.excluded)
        if self._stencil is None or self._stencil[0] != key:
            areas = read_areas(params, scan)
            outside = areas.outside(params, baseline.beam)
            stencil = Stencil.of(
                scan.shape, params, baseline=baseline, exclude=outside, mask=scan.mask, noise_image=areas.noise
            )
            self._stencil = key, stencil, int(np.count_nonzero(~stencil.left_out))
        _, stencil, inside = self._stencil
        limit = most_bright(params, inside)
        floor = Rules.of(params, sigma_of(baseline)).floor
        return _Case(
            params, scan, baseline, generation, replace(stencil, floor=floor, limit=limit, dark=None), inside, key
        )

    def _whole(self, case: _Case) -> Solution:
        collected = self._whole_scan()
        source = ("whole", case.generation)
        name = name_of("whole", source, case.params)
        wrap = case.params.wraps(case.scan.full_turn)
        try:
            bright, key = self._adapted(collected, case, source, wrap=wrap)
        except NotCollected as error:
            self._source.collect_for(case.params, error.floor)
            raise
        known = self.kept.find(name)
        runs = known.runs if known is not None else self._solved(bright, key, case)
        noise = case.stencil.noise
        return Solution(name, case.params, "whole", runs, case.part(bright), 0, case.scan.shape[0], noise=noise)

    def _around(self, case: _Case, frame: int) -> Solution:
        frames = self._source.window(frame)
        all_of_it = frames.stop - frames.start == case.scan.shape[0]
        source = ("sub", case.generation, frames.start, frames.stop, frames.exact)
        collected = self._collected(frames, source, case)
        wrap = case.params.wraps(case.scan.full_turn) and all_of_it
        try:
            bright, key = self._adapted(collected, case, (*source, self._times), wrap=wrap)
        except NotCollected:
            self._sub = None
            collected = self._collected(frames, source, case)
            bright, key = self._adapted(collected, case, (*source, self._times), wrap=wrap)
        runs = shifted(self._solved(bright, key, case, first=frames.start), frames.start, case.scan)
        name = name_of("sub", source, case.params)
        return Solution(
            name, case.params, "sub", runs, case.part(bright), frames.start, frames.stop,
            preview=not frames.exact, cut=not all_of_it, noise=case.stencil.noise,
        )  # fmt: skip

    def _collected(self, frames: Frames, source: Key, case: _Case) -> Collected:
        """The bright voxels of the frames in memory, collected once."""
        if self._sub is None or self._sub[0] != source or self._sub[1] is not frames:
            self._sub = None  # its memory is needed
            self._times += 1
            self._sub = source, frames, collected_at(frames, case.stencil, case.baseline, self._executor)
        return self._sub[2]

    def _adapted(self, collected: Collected, case: _Case, source: Key, *, wrap: bool) -> tuple[Components, Key]:
        """Sifted once for all parameters that need the same voxels, and what tells these voxels from others."""
        connectivity = case.params.connectivity
        key = (*source, *case.look, case.stencil.floor, case.stencil.limit, connectivity, wrap)
        if self._sifted is None or self._sifted[0] != key:
            self._sifted = None  # its memory is needed
            sifted = collected.adapted(case.stencil)
            self._sifted = key, components_of(sifted, connectivity, wrap=wrap, executor=self._executor)
        return self._sifted[1], key

    def _solved(self, bright: Components, voxels: Key, case: _Case, *, first: int = 0) -> BlobRuns:
        """The blobs; where only limits have changed, the last one's rows are judged anew."""
        params = case.params
        key = (*voxels, params.model_dump_json(exclude=LIMITS))
        if self._unlimited is not None and self._unlimited[0] == key:
            return self._unlimited[1].limited(params)
        runs = solve_components(
            bright,
            params,
            omega_start_deg=case.scan.omega_start_deg + first * case.scan.omega_step_deg,
            omega_step_deg=case.scan.omega_step_deg,
            sigma=case.baseline.sigma,
            executor=self._executor,
        )
        self._unlimited = key, runs
        return runs
