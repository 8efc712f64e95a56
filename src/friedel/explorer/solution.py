"""The blobs for one set of parameters, and the last few sets of them."""

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from friedel.errors import FriedelError
from friedel.explorer.outlines import Outlines
from friedel.model.arrays import Image
from friedel.model.blobs import BlobTable, Flag
from friedel.model.scan import Scan
from friedel.segment import BlobRuns, SegmentParams

Scope = Literal["sub", "whole"]

MOST_SOLUTIONS = 6
MOST_BYTES = 600_000_000
"""Of all solutions that are kept; the newest two always are."""
RUN_BYTES = 100
"""Of one run: place, values (ten on average), and its share of the indices."""


class Overtaken(FriedelError):  # noqa: N818  (a state, not a failure)
    """A newer request of the same channel has come in."""

    def __init__(self) -> None:
        super().__init__("overtaken")


class NotReady(FriedelError):  # noqa: N818  (a state, not a failure)
    """What is asked for needs something that is still being made, or is gone."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Blobs of frames [start, stop), frames counted as in the scan.

    `bright_fraction` is the part of the voxels, left-out pixels aside, at or above the lowest threshold. `preview`
    says that the frames were cleaned roughly, `cut` that blobs may go on beyond the frames: then their flags say
    `SCAN_END` there, and their sizes are not the last word. `noise` [row, col] is what values were divided by
    before they were compared, None where one number was.
    """

    id: str
    params: SegmentParams
    scope: Scope
    runs: BlobRuns
    bright_fraction: float
    start: int
    stop: int
    seconds: float = 0.0
    preview: bool = False
    cut: bool = False
    warnings: tuple[str, ...] = ()
    noise: Image | None = None

    @cached_property
    def blobs(self) -> BlobTable:
        """All rows and columns, without voxels."""
        return self.runs.bare()

    @cached_property
    def table(self) -> BlobTable:
        """The same with voxels: what a run writes."""
        return self.runs.table()

    @cached_property
    def outlines(self) -> Outlines:
        """The index behind the outlines on frames and sections."""
        return Outlines(self.runs)


class SolutionCache:
    """The last solutions by id, as many as memory allows. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._solutions: OrderedDict[str, Solution] = OrderedDict()

    def get(self, name: str) -> Solution:
        """One of them, which now is the newest. Raises `NotReady` where it is forgotten."""
        with self._lock:
            if name not in self._solutions:
                raise NotReady(f"solution {name[:16]}", rule="is not kept any more", way_out="solve again")
            self._solutions.move_to_end(name)
            return self._solutions[name]

    def find(self, name: str) -> Solution | None:
        """One of them, or None."""
        with self._lock:
            return self._solutions.get(name)

    def put(self, solution: Solution) -> None:
        """Keep it, and forget the oldest ones."""
        with self._lock:
            self._solutions[solution.id] = solution
            self._solutions.move_to_end(solution.id)
            while len(self._solutions) > 2 and (
                len(self._solutions) > MOST_SOLUTIONS or self._bytes() > MOST_BYTES
            ):
                self._solutions.popitem(last=False)

    def _bytes(self) -> int:
        return RUN_BYTES * sum(len(one.runs.by_blob.frame) for one in self._solutions.values())


def solution_id(scope: Scope, source: tuple[object, ...], params: SegmentParams) -> str:
    """The id of a solution: the same parameters on the same voxels have the same."""
    text = json.dumps([scope, *source, params.model_dump(mode="json")], default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cut_at_ends(runs: BlobRuns, start: int, stop: int, scan: Scan) -> BlobRuns:
    """Blobs of frames [start, stop) as blobs of the scan: those that its other frames may go on with say so."""
    if (start, stop) == (0, scan.shape[0]):
        return runs
    columns = dict(runs.columns)
    first, last = columns["frame_start"] == start, columns["frame_stop"] == stop
    columns["flags"] = columns["flags"] | np.where(first | last, int(Flag.SCAN_END), 0)
    columns["onfirst"], columns["onlast"] = first.astype(np.int64), last.astype(np.int64)
    return replace(runs, columns=columns, shape=scan.shape)
