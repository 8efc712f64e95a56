"""Components across blocks of frames: what is finished is handed on, what may go on waits.

Labels are united over the cuts as a single pass over a stream does (Rosenfeld and Pfaltz 1966, "Sequential
operations in digital picture processing", J. ACM 13).
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from friedel.kernels.segment.bright_runs import Runs, empty_runs
from friedel.kernels.segment.components import link_rows, sort_by_label, unite_runs
from friedel.kernels.segment.open_components import (
    append_runs,
    copy_lists,
    count_voxels,
    join_lists,
    mark_open_and_seeded,
    number_components,
)
from friedel.model.arrays import AnyArray, Indices, Mask
from friedel.segment.bright import BrightVoxels
from friedel.segment.components import Components, ScanMarks, pixels_beside

_SPARE = 1 << 16
"""Runs of finished components that the store may hold before it is tidied."""


class _FrameRuns(NamedTuple):
    """Runs of one frame, with the component that each is in."""

    runs: Runs
    node: Indices


def _no_runs() -> _FrameRuns:
    return _FrameRuns(empty_runs(), np.empty(0, np.int64))


class OpenComponents:
    """Components that the newest frame (or, for a full turn, frame 0) may still connect to something.

    Each block costs time for its own runs, and a finished component for its own runs once more, whatever else
    waits: `tests/unit/test_components.py` holds it to that.
    """

    def __init__(
        self, shape: tuple[int, int, int], seed_threshold: float, connectivity: int, *, wrap: bool
    ) -> None:
        self._shape = shape
        self._seed_threshold = seed_threshold
        self._connectivity = connectivity
        none = np.empty(0, np.int64)
        turn = shape[0] if wrap else 0
        self._marks = ScanMarks(shape, turn, connectivity, none, none, np.zeros(shape[0], np.bool_), None)
        self._front = _no_runs()
        self._origin = _no_runs()
        self._seeded = np.zeros(0, np.bool_)
        self._lists = np.zeros((0, 3), np.int64)
        self._store = _RunStore(split=False)
        self._begun = False

    @property
    def replaced(self) -> Mask:
        """Frames [frame] that stand in for corrupt ones, as far as the scan was read."""
        return self._marks.replaced

    @property
    def waiting(self) -> int:
        """Number of runs that wait."""
        return int(self._lists[:, 2].sum())

    def all_of(self, bright: BrightVoxels) -> Components:
        """The components of voxels that are all there are; nothing may have been pushed before."""
        finished = self.push(bright)
        none = np.empty(0, np.float32)
        nothing = Components(empty_runs(), np.zeros(1, np.int64), none, none, bright.floor, self._marks)
        return finished[0] if finished else nothing

    def push(self, part: BrightVoxels) -> list[Components]:
        """Take the next block's bright voxels; returns the components that are finished and hold a seed."""
        runs, final = part.runs, part.stop == self._shape[0]
        if not self._begun:
            self._begin(part)
        self._note_marks(part)
        n_old, n_new = len(self._seeded), len(runs.row)
        parent = self._united(runs, n_old, final, part.stop)
        is_open = np.zeros(n_old + n_new, np.bool_)
        is_seeded = np.zeros(n_old + n_new, np.bool_)
        newest = -1 if final else part.stop - 1
        held = np.empty(0, np.int64) if final else self._origin.node
        mark_open_and_seeded(
            parent, n_old, self._seeded, runs, newest, held, self._seed_threshold, is_open, is_seeded
        )
        slot = np.empty(n_old + n_new, np.int32)
        label = np.empty(n_old + n_new, np.int32)
        n_open, n_ended, n_direct = number_components(parent, n_old, is_open, is_seeded, slot, label)
        finished = [self._direct(part, label[n_old:], n_direct)] if n_direct else []
        lists = np.zeros((n_open + n_ended, 3), np.int64)
        join_lists(slot, self._lists, lists, self._store.next_run)
        self._store.append(part, slot[n_old:], lists)
        if n_ended:
            ended, section, level, intensity = self._store.taken(lists[n_open:], self._shape)
            finished.append(Components(ended, section, level, intensity, part.floor, self._marks))
        self._advance(runs, newest, slot, n_old, lists[:n_open])
        self._seeded = np.zeros(n_open, np.bool_)
        opened = slot >= 0
        opened[opened] = slot[opened] < n_open
        self._seeded[slot[opened]] = is_seeded[parent[opened]]
        return finished

    def _begin(self, part: BrightVoxels) -> None:
        self._begun = True
        self._store = _RunStore(split=part.intensity is not part.level)
        beside = pixels_beside(part.left_out, self._connectivity)
        self._marks = replace(self._marks, beside_left_out=beside)
        if self._marks.turn:
            here = np.flatnonzero(part.runs.frame == 0)
            self._origin = _FrameRuns(part.runs.take(here), here)

    def _note_marks(self, part: BrightVoxels) -> None:
        marks, invalid = self._marks, part.beside_invalid_under(self._connectivity)
        marks.replaced[part.start : part.stop] = part.replaced
        self._marks = replace(
            marks,
            saturated=_appended(marks.saturated, part.saturated),
            beside_invalid=_appended(marks.beside_invalid, invalid),
        )

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

    def _direct(self, part: BrightVoxels, label: AnyArray, count: int) -> Components:
        order, section = sort_by_label(label, count)
        return Components(part.runs.take(order), section, part.level, part.intensity, part.floor, self._marks)

    def _advance(self, runs: Runs, newest: int, slot: AnyArray, n_old: int, lists: AnyArray) -> None:
        here = np.flatnonzero(runs.frame == newest)
        self._front = _FrameRuns(runs.take(here), slot[n_old + here].astype(np.int64))
        self._origin = _FrameRuns(self._origin.runs, slot[self._origin.node].astype(np.int64))
        self._lists = lists
        if self._store.n_runs > 2 * self.waiting + _SPARE:
            self._store.tidy(lists)


class _RunStore:
    """Runs and values of open components, in linked lists in arrays that grow by doubling."""

    def __init__(self, *, split: bool) -> None:
        self.runs = empty_runs()
        self.next_run = np.empty(0, np.int64)
        self.level = np.empty(0, np.float32)
        self.intensity = np.empty(0, np.float32) if split else None
        self.n_runs = 0
        self.n_values = 0

    def append(self, part: BrightVoxels, slot: AnyArray, lists: AnyArray) -> None:
        mine = slot >= 0
        self._make_room(int(np.count_nonzero(mine)), int(part.runs.length[mine].sum()))
        values = None if self.intensity is None else part.intensity
        self.n_runs, self.n_values = append_runs(
            part.runs, slot, part.level, values, self.runs, self.level, self.intensity, self.next_run, lists,
            self.n_runs, self.n_values,
        )  # fmt: skip

    def _make_room(self, runs: int, values: int) -> None:
        if self.n_runs + runs > len(self.next_run):
            more = max(self.n_runs + runs, 2 * len(self.next_run)) - len(self.next_run)
            self.runs = Runs(*(np.concatenate(f) for f in zip(self.runs, empty_runs(more), strict=True)))
            self.next_run = np.concatenate([self.next_run, np.empty(more, np.int64)])
        if self.n_values + values > len(self.level):
            spare = np.empty(max(self.n_values + values, 2 * len(self.level)) - len(self.level), np.float32)
            self.level = np.concatenate([self.level, spare])
            if self.intensity is not None:
                self.intensity = np.concatenate([self.intensity, spare])

    def taken(self, lists: AnyArray, shape: tuple[int, int, int]) -> tuple[Runs, Indices, AnyArray, AnyArray]:
        """Runs of some lists, each in (frame, row, col) order, their sections, levels and intensities."""
        runs, section, level, intensity = self._copied(lists)
        owner = np.repeat(np.arange(len(lists)), np.diff(section))
        position = (runs.frame.astype(np.int64) * shape[1] + runs.row) * shape[2] + runs.col
        order = np.argsort(owner * (shape[0] * shape[1] * shape[2]) + position, kind="stable")
        return runs.take(order), section, level, intensity

    def tidy(self, lists: AnyArray) -> None:
        """Keep just the runs of these lists, and renumber the lists accordingly."""
        self.runs, section, self.level, intensity = self._copied(lists)
        self.intensity = None if self.intensity is None else intensity
        self.n_runs, self.n_values = len(self.runs.row), len(self.level)
        self.next_run = np.arange(1, self.n_runs + 1)
        lists[:, 0], lists[:, 1] = section[:-1], section[1:] - 1

    def _copied(self, lists: AnyArray) -> tuple[Runs, Indices, AnyArray, AnyArray]:
        runs = empty_runs(int(lists[:, 2].sum()))
        level = np.empty(count_voxels(lists, self.next_run, self.runs.length), np.float32)
        intensity = None if self.intensity is None else np.empty_like(level)
        section = np.empty(len(lists) + 1, np.int64)
        copy_lists(lists, self.next_run, self.runs, self.level, self.intensity, runs, level, intensity, section)
        return runs, section, level, level if intensity is None else intensity


def _appended(places: Indices, more: Indices) -> Indices:
    return np.concatenate([places, more]) if len(more) else places
