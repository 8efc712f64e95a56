"""What was found, before its voxels are spelled out one by one: that takes half of the time of solving again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from friedel.kernels.segment.moments import Stretches, spell_out
from friedel.model.arrays import AnyArray, Indices
from friedel.model.blobs import BlobTable, Voxels
from friedel.segment.ledger import limit_reasons, order_of_rows
from friedel.segment.params import SegmentParams
from friedel.segment.pile import ordered


@dataclass(frozen=True, slots=True, eq=False)
class BlobRuns:
    """A table of blobs whose voxels are stretches of rows.

    Those of row i are [pointer[i], pointer[i + 1]) of `stretches`, in (frame, row, col) order, whose values lie at
    `at` in `values`. All else is as in `BlobTable`.
    """

    columns: Mapping[str, AnyArray]
    reason: AnyArray
    stretches: Stretches
    values: AnyArray
    shape: tuple[int, int, int]
    omega_start_deg: float
    omega_step_deg: float
    wrapped: bool
    threshold_unit: str

    def __len__(self) -> int:
        """Number of voxels of all rows."""
        return int(self.columns["Number_of_pixels"].sum())

    def bare(self) -> BlobTable:
        """The table with all columns and no voxels."""
        none = np.empty(0, np.int32)
        nowhere = np.zeros(len(self.reason) + 1, np.int64)
        return self._table(Voxels(nowhere, none, none, none, np.empty(0, np.float32)))

    def table(self) -> BlobTable:
        """The table with all voxels spelled out."""
        pointer = _pointer(self.columns["Number_of_pixels"])
        frame, row, col = (np.empty(int(pointer[-1]), np.int32) for _ in range(3))
        intensity = np.empty(int(pointer[-1]), np.float32)
        # values of one row lie together, wherever
        spell_out(
            self.stretches, self._values_in_order(pointer), pointer, pointer[:-1].copy(), frame, row, col, intensity
        )
        return self._table(Voxels(pointer, frame, row, col, intensity))

    def limited(self, params: SegmentParams) -> "BlobRuns":
        """The same under other limits of size, edge and exclusion (see `apply_limits`)."""
        reason = limit_reasons(self.columns, self.reason, params)
        if np.array_equal(reason, self.reason):
            return self
        stretches, shape = self.stretches, self.shape
        start = stretches.pointer[:-1]
        line = stretches.frame[start].astype(np.int64) * shape[1] + stretches.row[start]
        order = order_of_rows(line * shape[2] + stretches.col[start], reason)
        columns = {name: values[order] for name, values in self.columns.items()}
        columns["spot3d_id"] = np.arange(len(order))
        return replace(self, columns=columns, reason=reason[order], stretches=ordered(stretches, order))

    def _values_in_order(self, pointer: Indices) -> AnyArray:
        stretches = self.stretches
        start = stretches.at[stretches.pointer[:-1]]
        return self.values[np.repeat(start - pointer[:-1], np.diff(pointer)) + np.arange(pointer[-1])]

    def _table(self, voxels: Voxels) -> BlobTable:
        return BlobTable(
            self.columns, self.reason, voxels, self.shape, self.omega_start_deg, self.omega_step_deg, self.wrapped,
            threshold_unit=self.threshold_unit,
        )  # fmt: skip


def _pointer(sizes: Indices) -> Indices:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
