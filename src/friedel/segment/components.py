"""Connected components of bright voxels, in which blobs are looked for: independent pieces of work."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from friedel.kernels.segment.bright_runs import Runs, pack_values
from friedel.model.arrays import AnyArray, Indices, Mask
from friedel.model.stream import Executor

TASK_VOXELS = 1 << 17
"""Voxels of components that are solved together: about what a core's cache holds."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanMarks:
    """What is known of the scan that components are of, as far as it was read.

    `turn` is the number of frames of a full turn, else 0. `saturated` and `beside_invalid` are ascending flat
    indices into the scan: saturated voxels, and those with a neighbour that is not a number. `replaced` [frame]
    marks frames that stand in for corrupt ones; `beside_left_out` [row, col + 1] counts the pixels left of each
    that lie beside one that is left out (None: no such pixels). Neighbours are those of `connectivity`.
    """

    shape: tuple[int, int, int]
    turn: int
    connectivity: int
    saturated: Indices
    beside_invalid: Indices
    replaced: Mask
    beside_left_out: AnyArray | None


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Connected components of voxels at or above `floor`, as runs in the order of components.

    Runs [section[s], section[s + 1]) of `runs` are component s, in (frame, row, col) order. `level` and `intensity`
    float32 hold the values at the runs' offsets, as in `BrightVoxels`; they may hold others too.
    """

    runs: Runs
    section: Indices
    level: AnyArray
    intensity: AnyArray
    floor: float
    marks: ScanMarks

    def __len__(self) -> int:
        """Number of voxels."""
        return int(self.runs.length.sum(dtype=np.int64))

    def parts(self) -> list["Components"]:
        """Parts of about `TASK_VOXELS`, components whole."""
        total = np.concatenate([[0], np.cumsum(self.runs.length, dtype=np.int64)])[self.section]
        part = total[:-1] // TASK_VOXELS
        cuts = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1, [len(part)]])
        found = []
        for a, b in pairwise(cuts if len(part) else cuts[:1]):
            section = self.section[a : b + 1]
            runs = self.runs.take(slice(int(section[0]), int(section[-1])))
            found.append(replace(self, runs=runs, section=section - section[0]))
        return found

    def packed(self, executor: Executor | None = None) -> "Components":
        """The same with just its values, in the order of its runs: together in memory, it halves the time."""
        offset = np.cumsum(self.runs.length, dtype=np.int64) - self.runs.length
        level = self._packed_values(self.level, offset, executor)
        same = self.intensity is self.level
        intensity = level if same else self._packed_values(self.intensity, offset, executor)
        return replace(self, runs=self.runs._replace(offset=offset), level=level, intensity=intensity)

    def _packed_values(self, values: AnyArray, offset: Indices, executor: Executor | None) -> AnyArray:
        """A copy, or where they lie one run after the other already, just a view."""
        size, there = len(self), self.runs.offset
        if size:
            first, last = int(there[0]), int(there[-1]) + int(self.runs.length[-1])
            if last - first == size and np.array_equal(there, offset + first):
                return values[first:last]
        out = np.empty(size, np.float32)
        if executor is None:
            pack_values(self.runs, values, out)
            return out
        parts = self.parts()
        start = np.cumsum([0, *map(len, parts)])
        work = executor.map(lambda k: pack_values(parts[k].runs, values, out[start[k] :]), range(len(parts)))
        for _ in work:
            pass
        return out


def pixels_beside(left_out: Mask, connectivity: int) -> AnyArray | None:
    """Number of pixels left of each that lie beside a left-out one, [row, col + 1]; None where there are none."""
    if not left_out.any():
        return None
    rows, cols = left_out.shape
    wide = np.zeros((rows + 2, cols + 2), dtype=bool)
    beside = np.zeros_like(left_out)
    wide[1:-1, 1:-1] = left_out
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if connectivity > 6 or dy == 0 or dx == 0:
                beside |= wide[1 + dy : rows + 1 + dy, 1 + dx : cols + 1 + dx]
    count = np.zeros((rows, cols + 1), np.int32)
    np.cumsum(beside, axis=1, dtype=np.int32, out=count[:, 1:])
    return count
