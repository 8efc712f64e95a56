"""The ledger: a row for every seed, kept or with the reason why not."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from friedel.errors import FriedelWarning
from friedel.kernels.segment.moments import REAL, WHOLE
from friedel.kernels.segment.runs_by_blob import RunsByBlob
from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.blobs import COLUMN, BlobTable, Flag
from friedel.model.scan import Gaps, gaps_in, unbridged
from friedel.model.scratch import MemoryScratch, Scratch
from friedel.segment.blob_runs import BlobRuns, expanded, in_order
from friedel.segment.limits import limit_reasons, order_of_rows
from friedel.segment.params import SegmentParams
from friedel.segment.regions import FoundBlobs, SeedRows

_PLACES = ("frame", "row", "col", "length")


@dataclass(frozen=True, slots=True)
class Rotation:
    """How the frames of a scan lie in the rotation, and whether the last one touches the first.

    `shape` is the scan's (frames, rows, cols). Frame f has its middle at `omega_start_deg + (f + 0.5) *
    omega_step_deg`. Frames in `gaps` are missing: a blob beside one is cut, as at an end of the scan.
    """

    shape: tuple[int, int, int]
    omega_start_deg: float
    omega_step_deg: float
    wrapped: bool
    gaps: Gaps = ()

    def beside_a_gap(self, first: Indices, stop: Indices) -> Mask:
        """Of blobs that reach from frame `first` to `stop` - 1 (unwrapped), whether the next one is missing."""
        frames, missing = self.shape[0], self._missing(self.gaps)
        return np.asarray(missing[(first - 1) % frames] | missing[stop % frames])

    def without_unbridged(self, replaced: Mask) -> "Rotation":
        """The same where too many frames in a row could not be used (`replaced` [frame]): these are gaps too."""
        lost = unbridged(replaced)
        return replace(self, gaps=gaps_in(~self._missing((*self.gaps, *lost)))) if lost else self

    def _missing(self, gaps: Gaps) -> Mask:
        missing = np.zeros(self.shape[0], np.bool_)
        for begin, end in gaps:
            missing[begin:end] = True
        return missing


class Ledger:
    """Takes what is found in components, in any order, and gives one table that does not depend on that order.

    Voxels are by far the largest part of it: until the end they wait in `scratch` (default: memory).
    """

    def __init__(self, params: SegmentParams, rotation: Rotation, scratch: Scratch | None = None) -> None:
        self._params, self._rotation = params, rotation
        self._scratch = scratch or MemoryScratch()
        self._places = {name: self._scratch.spool(np.int32) for name in _PLACES}
        self._values = self._scratch.spool(np.float32)
        self._rows: list[SeedRows] = []
        self._n_runs: list[Indices] = []
        self._n_empty_ranges = 0

    def add(self, parts: Iterable[FoundBlobs | None]) -> None:
        """Enter the rows, and put their voxels aside."""
        for found in parts:
            if found is None:
                continue
            for name, spool in self._places.items():
                spool.append(getattr(found.by_blob, name))
            self._values.append(found.values)
            self._n_runs.append(np.diff(found.by_blob.pointer))
            self._rows.append(found.rows)
            self._n_empty_ranges += found.n_empty_ranges

    def runs(self, replaced: Mask) -> BlobRuns:
        """Everything that was found, voxels as runs; `replaced` [frame] marks the frames with stand-ins."""
        self._rotation = self._rotation.without_unbridged(replaced)
        columns, reason, order = self._rows_in_order()
        by_blob = self._by_blob()
        offset = np.cumsum(by_blob.length, dtype=np.int64) - by_blob.length
        rotation = self._rotation
        return BlobRuns(
            columns, reason, in_order(by_blob._replace(offset=offset), order), self._values.whole(), rotation.shape,
            rotation.omega_start_deg, rotation.omega_step_deg, rotation.wrapped, self._threshold_unit,
            gaps=rotation.gaps,
        )  # fmt: skip

    def table(self, replaced: Mask) -> BlobTable:
        """The same with voxels one by one in the scratch space; the ledger is used up."""
        self._rotation = self._rotation.without_unbridged(replaced)
        columns, reason, order = self._rows_in_order()
        size = _joined([rows.whole[:, 0] for rows in self._rows], np.int64)
        first = np.cumsum(size) - size
        voxels = expanded(self._by_blob(), self._values.whole(), first, size, order, self._scratch)
        rotation = self._rotation
        return BlobTable(
            columns, reason, voxels, rotation.shape, rotation.omega_start_deg, rotation.omega_step_deg,
            rotation.wrapped, threshold_unit=self._threshold_unit, gaps=rotation.gaps,
        )  # fmt: skip

    def _by_blob(self) -> RunsByBlob:
        """All runs in the order in which they were found; where their values are is not said."""
        places = {name: spool.whole() for name, spool in self._places.items()}
        pointer = np.concatenate([[0], np.cumsum(_joined(self._n_runs, np.int64))]).astype(np.int64)
        return RunsByBlob(pointer=pointer, offset=np.empty(0, np.int64), **places)

    def _rows_in_order(self) -> tuple[dict[str, AnyArray], AnyArray, Indices]:
        """Columns and reasons of everything that was found, and which found row each is (`order`)."""
        self._warn()
        columns = _columns(self._rows, self._rotation)
        reason = limit_reasons(columns, _joined([rows.reason for rows in self._rows], np.int8), self._params)
        order = order_of_rows(_joined([rows.first for rows in self._rows], np.int64), reason)
        columns = {name: np.ascontiguousarray(columns[name][order]) for name in COLUMN}
        columns["spot3d_id"] = np.arange(len(order))
        return columns, reason[order], order

    @property
    def _threshold_unit(self) -> str:
        """Of the column `threshold`."""
        return "sigma" if self._params.unit == "sigma" and self._params.noise != "scan" else "counts"

    def _warn(self) -> None:
        if self._n_empty_ranges:
            warnings.warn(
                f'{self._n_empty_ranges} seeds had no range to grow in: with growth = "literal", grow_max = '
                f"{self._params.grow_max:g} is below max(grow_min, tolerance * M); they stay as they are",
                FriedelWarning,
                stacklevel=5,
            )


def _joined(parts: list[AnyArray], kind: type) -> AnyArray:
    return np.concatenate(parts) if parts else np.empty(0, kind)


def _columns(parts: list[SeedRows], rotation: Rotation) -> dict[str, AnyArray]:
    """Columns of `COLUMNS` over all rows, in the order in which they were found.

    The spreads are the plain standard deviations; ImageD11 adds 1 to every variance before it takes the root
    (so that a peak of one pixel has a width), which the meaning of the column here does not.
    """
    n_frames, omega_start, omega_step = rotation.shape[0], rotation.omega_start_deg, rotation.omega_step_deg
    whole = np.concatenate([part.whole for part in parts] or [np.empty((0, len(WHOLE)), np.int64)])
    real = np.concatenate([part.real for part in parts] or [np.empty((0, len(REAL)))])
    w = dict(zip(WHOLE, whole.T, strict=True))
    r = dict(zip(REAL, real.T, strict=True))

    def omega(frame: AnyArray) -> Floats:
        return np.asarray(omega_start + (frame + 0.5) * omega_step, dtype=np.float64)

    ends = np.sort([omega(w["start"]), omega(w["stop"] - 1)], axis=0)
    sense = np.sign(omega_step)
    own = {
        name: _joined([getattr(part, name) for part in parts], kind)
        for name, kind in {
            "seed_voxels": np.int64, "threshold": np.float64, "n_saturated": np.int64, "n_absorbed": np.int64,
            "flags": np.int64,
        }.items()
    }  # fmt: skip
    own["flags"] = own["flags"] | Flag.SCAN_END * rotation.beside_a_gap(w["start"], w["stop"])
    return own | {
        "spot3d_id": np.arange(len(r["sum"])),
        "s_raw": r["row"], "f_raw": r["col"], "sc": r["row"], "fc": r["col"],
        "omega": omega(r["frame"]), "frame": r["frame"],
        "Number_of_pixels": w["voxels"], "sum_intensity": r["sum"],
        "IMax_int": r["max"], "IMax_s": w["max_row"], "IMax_f": w["max_col"], "IMax_o": omega(w["max_frame"]),
        "Min_s": w["row0"], "Max_s": w["row1"] - 1, "Min_f": w["col0"], "Max_f": w["col1"] - 1,
        "Min_o": ends[0], "Max_o": ends[1],
        "sigs": np.sqrt(r["var_row"]), "sigf": np.sqrt(r["var_col"]),
        "sigo": np.sqrt(r["var_frame"]) * abs(omega_step),
        "covsf": _correlation(r["cov_row_col"], r["var_row"], r["var_col"]),
        "covso": _correlation(r["cov_row_frame"], r["var_row"], r["var_frame"]) * sense,
        "covfo": _correlation(r["cov_col_frame"], r["var_col"], r["var_frame"]) * sense,
        "onfirst": (w["first_frame"] == 0).astype(np.int64),
        "onlast": (w["last_frame"] == n_frames - 1).astype(np.int64),
        "frame_start": w["start"], "frame_stop": w["stop"],
        "row_start": w["row0"], "row_stop": w["row1"], "col_start": w["col0"], "col_stop": w["col1"],
    }  # fmt: skip


def _correlation(covariance: Floats, one: Floats, other: Floats) -> Floats:
    """Between -1 and 1; 0 where one of them does not vary."""
    spread = np.sqrt(one * other)
    ratio = np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 0)
    return np.clip(ratio, -1.0, 1.0)
