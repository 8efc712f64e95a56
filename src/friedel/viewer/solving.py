"""Blobs for the parameters of the moment, of a few frames or of the whole scan, exactly as a run finds them.

Bright voxels are collected once, at a low floor. What a run with the parameters of the moment would have collected
is sifted out of them (`adapting`), and goes through the same `solve`: the table is that of the run's blobs.h5.
"""

import hashlib
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from friedel.model.arrays import AnyArray
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.scan import Scan
from friedel.model.stream import CleanBlock, Executor
from friedel.runner.areas import Areas, read_areas
from friedel.segment import BrightVoxels, SegmentParams, apply_limits, solve
from friedel.segment.bright import Stencil
from friedel.viewer.adapting import Collected, NotCollected
from friedel.viewer.solution import Kept, NotReady, Overtaken, Scope, Solution, name_of, shifted
from friedel.viewer.sub_volume import SubVolume, collected_at, window_of
from friedel.viewer.warned import warnings_heard

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

    def clean_block(self, start: int, stop: int) -> tuple[CleanBlock, bool]:
        """Clean frames of the scan, and whether they are a preview only."""

    def collect_for(self, params: SegmentParams) -> None:
        """Collect again in the background, so that these parameters can be solved."""


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
    """One request: the parameters, and the scan that they are for."""

    params: SegmentParams
    scan: Scan
    baseline: Baseline
    generation: int
    stencil: Stencil


class Solver:
    """Solves one request at a time, the newest of each page; keeps the last solutions."""

    def __init__(self, source: Source, executor: Executor) -> None:
        self.kept = Kept()
        self._source, self._executor = source, executor
        self._lock = threading.Lock()
        self._newest = _Newest()
        self._sub: SubVolume | None = None
        self._areas: tuple[object, Areas] | None = None
        self._sifted: tuple[Key, BrightVoxels] | None = None
        self._unlimited: tuple[Key, BlobTable] | None = None

    def solve(
        self, params: SegmentParams, scope: Scope, *, frame: int = 0, channel: str = "", number: int = 0
    ) -> Solution:
        """The blobs of the frames around `frame`, or of the whole scan.

        `number` counts the requests of a `channel` (one page's): one that a newer has overtaken is not begun.
        Raises `Overtaken`, `NotReady`, `NotCollected` (then voxels are collected anew), and what a run would raise.
        """
        self._newest.register(channel, number)
        with self._lock:
            self._newest.check(channel, number)
            begin = time.perf_counter()
            with warnings_heard() as heard:
                case = self._case(params)
                found = self._whole(case) if scope == "whole" else self._around(case, frame)
            found = replace(found, seconds=time.perf_counter() - begin, warnings=tuple(heard))
            self.kept.put(found)
            return found

    def stencil(self, params: SegmentParams) -> Stencil:
        """What frames are looked at through with these parameters. Raises `NotReady` while that is not known."""
        with self._lock:
            return self._case(params).stencil

    def _case(self, params: SegmentParams) -> _Case:
        scan, baseline, generation = self._source.scan, self._source.baseline, self._source.generation
        if scan is None or baseline is None:
            raise NotReady("blobs", rule="cannot be looked for before the frames are")
        key = (generation, params.noise, params.excluded_images)
        if self._areas is None or self._areas[0] != key:
            self._areas = key, read_areas(params, scan)
        areas = self._areas[1]
        stencil = Stencil.of(
            scan.shape,
            params,
            baseline=baseline,
            exclude=areas.outside(params, baseline.beam),
            mask=scan.mask,
            noise_image=areas.noise,
        )
        return _Case(params, scan, baseline, generation, stencil)

    def _whole(self, case: _Case) -> Solution:
        collected = self._source.collected
        if collected is None:
            raise NotReady("the whole scan", rule="is still being looked through for bright voxels")
        source = ("whole", case.generation)
        name = name_of("whole", source, case.params)
        try:
            bright, key = self._adapted(collected, case.stencil, source)
        except NotCollected:
            self._source.collect_for(case.params)
            raise
        wrap = case.params.wraps(case.scan.full_turn)
        known = self.kept.find(name)
        table = known.table if known is not None else self._solved(bright, key, case, wrap=wrap)
        return Solution(name, case.params, "whole", table, bright, 0, case.scan.shape[0])

    def _around(self, case: _Case, frame: int) -> Solution:
        sub = self._sub_volume(case, frame)
        all_of_it = len(sub.block.frames) == case.scan.shape[0]
        source = ("sub", case.generation, sub.start, sub.stop, sub.preview)
        try:
            bright, key = self._adapted(sub.collected, case.stencil, (*source, sub.collected.bright.floor))
        except NotCollected:
            again = collected_at(sub.block, case.stencil, case.baseline, self._executor)
            self._sub = sub = replace(sub, collected=again)
            bright, key = self._adapted(again, case.stencil, (*source, again.bright.floor, "again"))
        wrap = case.params.wraps(case.scan.full_turn) and all_of_it
        table = shifted(self._solved(bright, key, case, wrap=wrap, first=sub.start), sub.start, case.scan)
        name = name_of("sub", source, case.params)
        return Solution(
            name, case.params, "sub", table, bright, sub.start, sub.stop, preview=sub.preview, cut=not all_of_it
        )

    def _sub_volume(self, case: _Case, frame: int) -> SubVolume:
        """The frames in memory, others where these do not serve."""
        frames = case.scan.shape[0]
        if self._sub is None or not self._sub.serves(frame, case.generation, frames):
            self._sub = None  # its memory is needed
            start, stop = window_of(frame, case.scan.shape)
            block, preview = self._source.clean_block(start, stop)
            collected = collected_at(block, case.stencil, case.baseline, self._executor)
            self._sub = SubVolume(case.generation, start, block, preview, collected)
        return self._sub

    def _adapted(
        self, collected: Collected, stencil: Stencil, source: tuple[object, ...]
    ) -> tuple[BrightVoxels, Key]:
        """Sifted once for all parameters that need the same voxels, and what tells these voxels from others."""
        noise = None if stencil.noise is None else _digest(stencil.noise)
        key = (*source, stencil.floor, stencil.limit, noise, _digest(stencil.left_out))
        if self._sifted is None or self._sifted[0] != key:
            self._sifted = key, collected.adapted(stencil)
        return self._sifted[1], key

    def _solved(self, bright: BrightVoxels, voxels: Key, case: _Case, *, wrap: bool, first: int = 0) -> BlobTable:
        """The table; where only limits have changed, the last one's rows are judged anew."""
        params = case.params
        key = (*voxels, wrap, params.model_dump_json(exclude=LIMITS))
        if self._unlimited is not None and self._unlimited[0] == key:
            return apply_limits(self._unlimited[1], params)
        table = solve(
            bright,
            params,
            omega_start_deg=case.scan.omega_start_deg + first * case.scan.omega_step_deg,
            omega_step_deg=case.scan.omega_step_deg,
            wrap=wrap,
            sigma=case.baseline.sigma,
            executor=self._executor,
        )
        self._unlimited = key, table
        return table


def _digest(image: AnyArray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=12).hexdigest()
