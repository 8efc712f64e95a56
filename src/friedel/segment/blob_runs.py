"""Blobs whose voxels are runs: to write them one by one takes half of the time of solving again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from friedel.kernels.segment.runs_by_blob import RunsByBlob, expand_runs
from friedel.model.arrays import AnyArray, Indices
from friedel.model.blobs import BlobTable, Voxels
from friedel.model.scan import Gaps
from friedel.model.scratch import MemoryScratch, Scratch
from friedel.segment.limits import limit_reasons, order_of_rows
from friedel.segment.params import SegmentParams
from friedel.segment.regions import first_voxels


@dataclass(frozen=True, slots=True, eq=False)
class BlobRuns:
    """A table of blobs whose voxels are runs.

    Those of row i are [pointer[i], pointer[i + 1]) of `by_blob`, in (frame, row, col) order; their values (float32,
    counts) lie at its offsets in `values`, those of one row together. All else is as in `BlobTable`.
    """

    columns: Mapping[str, AnyArray]
    reason: AnyArray
    by_blob: RunsByBlob
    values: AnyArray
    shape: tuple[int, int, int]
    omega_start_deg: float
    omega_step_deg: float
    wrapped: bool
    threshold_unit: str
    gaps: Gaps = ()

    def __len__(self) -> int:
        """Number of voxels of all rows."""
        return int(self.columns["Number_of_pixels"].sum())

    def bare(self) -> BlobTable:
        """The table with all columns and no voxels."""
        none = np.empty(0, np.int32)
        nowhere = np.zeros(len(self.reason) + 1, np.int64)
        return self._table(Voxels(nowhere, none, none, none, np.empty(0, np.float32)))

    def table(self) -> BlobTable:
        """The table with all voxels one by one."""
        first = self.by_blob.offset[self.by_blob.pointer[:-1]]
        size, order = self.columns["Number_of_pixels"], np.arange(len(self.reason))
        return self._table(expanded(self.by_blob, self.values, first, size, order, MemoryScratch()))

    def limited(self, params: SegmentParams) -> "BlobRuns":
        """The same under other limits of size, edge and exclusion, as if it had been solved with them.

        Seeds that were absorbed or too small stay so.
        """
        reason = limit_reasons(self.columns, self.reason, params)
        if np.array_equal(reason, self.reason):
            return self
        order = order_of_rows(first_voxels(self.by_blob, self.shape), reason)
        columns = {name: values[order] for name, values in self.columns.items()}
        columns["spot3d_id"] = np.arange(len(order))
        return replace(self, columns=columns, reason=reason[order], by_blob=in_order(self.by_blob, order))

    def _table(self, voxels: Voxels) -> BlobTable:
        return BlobTable(
            self.columns, self.reason, voxels, self.shape, self.omega_start_deg, self.omega_step_deg, self.wrapped,
            threshold_unit=self.threshold_unit, gaps=self.gaps,
        )  # fmt: skip


def in_order(by_blob: RunsByBlob, order: Indices) -> RunsByBlob:
    """Runs of blob `order[i]` in place i."""
    size = np.diff(by_blob.pointer)[order]
    pointer = _pointer(size)
    index = np.repeat(by_blob.pointer[:-1][order] - pointer[:-1], size) + np.arange(pointer[-1])
    return RunsByBlob(pointer, *(field[index] for field in by_blob[1:]))


def expanded(
    by_blob: RunsByBlob, values: AnyArray, first: Indices, size: Indices, order: Indices, scratch: Scratch
) -> Voxels:
    """All voxels one by one in the scratch space, those of blob `order[i]` in place i.

    Blob b has `size` [b] voxels, whose values lie together in `values`, from `first` [b] on.
    """
    pointer = _pointer(size[order])
    place = np.empty(len(order), np.int64)
    place[order] = pointer[:-1]
    frame, row, col = (scratch.empty(int(pointer[-1]), np.int32) for _ in range(3))
    intensity = scratch.empty(int(pointer[-1]), np.float32)
    expand_runs(by_blob, values, first, place, frame, row, col, intensity)
    return Voxels(pointer, frame, row, col, intensity)


def _pointer(sizes: Indices) -> Indices:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
