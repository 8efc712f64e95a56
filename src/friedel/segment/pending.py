"""Components across blocks: what is finished is handed on, what may go on waits."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from friedel.kernels.segment.bright_runs import Runs, empty_runs
from friedel.kernels.segment.components import link_rows, sort_by_label, unite_runs
from friedel.kernels.segment.open_components import (
    append_runs,
    assign_slots,
    chain_voxels,
    classify,
    drain,
    join_chains,
)
from friedel.model.arrays import AnyArray, Indices
from friedel.segment.bright import BrightVoxels

_SPARE = 1 << 16
"""Runs of finished components that the pool may hold before it is tidied."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Finished components: section [section[s], section[s + 1]) of `runs` is one, in (frame, row, col) order."""

    runs: Runs
    section: Indices
    level: AnyArray
    intensity: AnyArray


class _Edge(NamedTuple):
    """Runs of one frame, with the component that each is in."""

    runs: Runs
    node: Indices


def _no_edge() -> _Edge:
    return _Edge(empty_runs(), np.empty(0, np.int64))


class Pending:
    """Components that the newest frame (or, for a full turn, frame 0) may still connect to something.

    Each block costs time for its own runs, and a finished component for its own runs once more, whatever else
    waits: `tests/unit/test_components.py` holds it to that.
    """

    def __init__(self, shape: tuple[int, int, int], threshold: float, connectivity: int, *, wrap: bool) -> None:
        self._shape = shape
        self._threshold = threshold
        self._connectivity = connectivity
        self._wrap = wrap
        self._front = _no_edge()
        self._origin = _no_edge()
        self._seeded = np.zeros(0, np.bool_)
        self._chain = np.zeros((0, 3), np.int64)
        self._pool = _Pool(split=False)

    @property
    def waiting(self) -> int:
        """Number of runs that wait."""
        return int(self._chain[:, 2].sum())

    def push(self, part: BrightVoxels) -> list[Batch]:
        """Take the next block's bright voxels; returns the components that are finished and hold a seed."""
        runs, final = part.runs, part.stop == self._shape[0]
        if part.start == 0:
            self._pool = _Pool(split=part.intensity is not part.level)
            if self._wrap:
                here = np.flatnonzero(runs.frame == 0)
                self._origin = _Edge(runs.take(here), here)
        n_old, n_new = len(self._seeded), len(runs.row)
        parent = self._united(runs, n_old, final, part.stop)
        is_open = np.zeros(n_old + n_new, np.bool_)
        is_seeded = np.zeros(n_old + n_new, np.bool_)
        newest = -1 if final else part.stop - 1
        held = np.empty(0, np.int64) if final else self._origin.node
        classify(parent, n_old, self._seeded, runs, newest, held, self._threshold, is_open, is_seeded)
        slot = np.empty(n_old + n_new, np.int32)
        label = np.empty(n_old + n_new, np.int32)
        n_open, n_ended, n_direct = assign_slots(parent, n_old, is_open, is_seeded, slot, label)
        batches = [self._direct(part, label[n_old:], n_direct)] if n_direct else []
        chain = np.zeros((n_open + n_ended, 3), np.int64)
        join_chains(slot, self._chain, chain, self._pool.follow)
        self._pool.append(part, slot[n_old:], chain)
        if n_ended:
            batches.append(self._pool.drain(chain[n_open:], self._shape))
        self._advance(runs, newest, slot, n_old, chain[:n_open])
        self._seeded = np.zeros(n_open, np.bool_)
        opened = slot >= 0
        opened[opened] = slot[opened] < n_open
        self._seeded[slot[opened]] = is_seeded[parent[opened]]
        return batches

    def _united(self, runs: Runs, n_old: int, final: bool, stop: int) -> Indices:
        """Roots of the earlier components (first) and of the runs."""
        pieces, nodes = [runs], [np.arange(n_old, n_old + len(runs.row))]
        if len(self._front.node):
            pieces.insert(0, self._front.runs)
            nodes.insert(0, self._front.node)
        if final and len(self._origin.node):  # frame 0 once more, behind the last frame
            origin = self._origin.runs
            pieces.append(origin._replace(frame=np.full_like(origin.frame, stop)))
            nodes.append(self._origin.node)
        table = Runs(*(np.concatenate(fields) for fields in zip(*pieces, strict=True))) if pieces[1:] else runs
        rows = link_rows(table, np.array([0, len(table.row)]), 0)
        parent = np.arange(n_old + len(runs.row))
        unite_runs(table, rows, self._connectivity, np.concatenate(nodes), parent)
        return parent

    def _direct(self, part: BrightVoxels, label: AnyArray, count: int) -> Batch:
        order, section = sort_by_label(label, count)
        return Batch(part.runs.take(order), section, part.level, part.intensity)

    def _advance(self, runs: Runs, newest: int, slot: AnyArray, n_old: int, chain: AnyArray) -> None:
        here = np.flatnonzero(runs.frame == newest)
        self._front = _Edge(runs.take(here), slot[n_old + here].astype(np.int64))
        self._origin = _Edge(self._origin.runs, slot[self._origin.node].astype(np.int64))
        self._chain = chain
        if self._pool.n_runs > 2 * self.waiting + _SPARE:
            self._pool.tidy(chain)


class _Pool:
    """Runs and values of what waits, in arrays that grow by doubling."""

    def __init__(self, *, split: bool) -> None:
        self.runs = empty_runs()
        self.follow = np.empty(0, np.int64)
        self.level = np.empty(0, np.float32)
        self.intensity = np.empty(0, np.float32) if split else None
        self.n_runs = 0
        self.n_values = 0

    def append(self, part: BrightVoxels, slot: AnyArray, chain: AnyArray) -> None:
        mine = slot >= 0
        self._make_room(int(np.count_nonzero(mine)), int(part.runs.length[mine].sum()))
        values = None if self.intensity is None else part.intensity
        self.n_runs, self.n_values = append_runs(
            part.runs, slot, part.level, values, self.runs, self.level, self.intensity, self.follow, chain,
            self.n_runs, self.n_values,
        )  # fmt: skip

    def _make_room(self, runs: int, values: int) -> None:
        if self.n_runs + runs > len(self.follow):
            more = max(self.n_runs + runs, 2 * len(self.follow)) - len(self.follow)
            self.runs = Runs(*(np.concatenate(f) for f in zip(self.runs, empty_runs(more), strict=True)))
            self.follow = np.concatenate([self.follow, np.empty(more, np.int64)])
        if self.n_values + values > len(self.level):
            spare = np.empty(max(self.n_values + values, 2 * len(self.level)) - len(self.level), np.float32)
            self.level = np.concatenate([self.level, spare])
            if self.intensity is not None:
                self.intensity = np.concatenate([self.intensity, spare])

    def drain(self, chain: AnyArray, shape: tuple[int, int, int]) -> Batch:
        """The runs of some chains, each in (frame, row, col) order; the chains' places are lost."""
        batch = self._copied(chain)
        runs = batch.runs
        owner = np.repeat(np.arange(len(chain)), np.diff(batch.section))
        position = (runs.frame.astype(np.int64) * shape[1] + runs.row) * shape[2] + runs.col
        order = np.argsort(owner * (shape[0] * shape[1] * shape[2]) + position, kind="stable")
        return Batch(runs.take(order), batch.section, batch.level, batch.intensity)

    def tidy(self, chain: AnyArray) -> None:
        """Keep just the runs of these chains, and renumber the chains accordingly."""
        batch = self._copied(chain)
        self.runs, self.level = batch.runs, batch.level
        self.intensity = None if self.intensity is None else batch.intensity
        self.n_runs, self.n_values = len(batch.runs.row), len(batch.level)
        self.follow = np.arange(1, self.n_runs + 1)
        chain[:, 0], chain[:, 1] = batch.section[:-1], batch.section[1:] - 1

    def _copied(self, chain: AnyArray) -> Batch:
        runs = empty_runs(int(chain[:, 2].sum()))
        level = np.empty(chain_voxels(chain, self.follow, self.runs.length), np.float32)
        intensity = None if self.intensity is None else np.empty_like(level)
        section = np.empty(len(chain) + 1, np.int64)
        drain(chain, self.follow, self.runs, self.level, self.intensity, runs, level, intensity, section)
        return Batch(runs, section, level, level if intensity is None else intensity)
