"""The ledger: a row for every seed, kept or with the reason why not."""

from collections.abc import Mapping

import numpy as np

from friedel.kernels.segment.moments import REAL, WHOLE
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import COLUMN, BlobTable, Flag, Reason, Voxels
from friedel.segment.params import SegmentParams
from friedel.segment.pile import Pile
from friedel.segment.regions import Found

_FIXED = (Reason.SEED_TOO_SMALL, Reason.ABSORBED)
"""Reasons that belong to the seed, whatever the limits."""


def limit_reasons(columns: Mapping[str, AnyArray], reason: AnyArray, params: SegmentParams) -> AnyArray:
    """The first reason that applies to each row under the limits of `params`; sizes are inclusive."""
    sizes = [columns[f"{axis}_stop"] - columns[f"{axis}_start"] for axis in ("col", "row", "frame")]
    flags = columns["flags"]
    tests = {
        Reason.SEED_TOO_SMALL: reason == Reason.SEED_TOO_SMALL,
        Reason.ABSORBED: reason == Reason.ABSORBED,
        Reason.TOO_SMALL_X: sizes[0] < params.min_size[0],
        Reason.TOO_SMALL_Y: sizes[1] < params.min_size[1],
        Reason.TOO_SMALL_FRAMES: sizes[2] < params.min_size[2],
        Reason.TOO_BIG_X: sizes[0] > params.max_size[0],
        Reason.TOO_BIG_Y: sizes[1] > params.max_size[1],
        Reason.TOO_BIG_FRAMES: sizes[2] > params.max_size[2],
        Reason.EDGE: params.reject_edge & ((flags & Flag.EDGE) != 0),
        Reason.TOUCHES_EXCLUDED: params.reject_touching_excluded & ((flags & Flag.EXCLUDED) != 0),
    }
    codes = [np.int8(code) for code in tests]
    return np.select(list(tests.values()), codes, default=np.int8(Reason.KEPT))


def apply_limits(table: BlobTable, params: SegmentParams) -> BlobTable:
    """The table under other limits of size, edge and exclusion: no second run, as if it had run with them.

    Seeds that were absorbed or too small stay so. `extra` columns go along.
    """
    reason = limit_reasons(table.columns, table.reason, params)
    if np.array_equal(reason, table.reason):
        return table
    voxels = table.voxels
    start = voxels.pointer[:-1]
    shape = table.shape
    first = (voxels.frame[start].astype(np.int64) * shape[1] + voxels.row[start]) * shape[2] + voxels.col[start]
    order = order_of_rows(first, reason)
    size = np.diff(voxels.pointer)[order]
    pointer = np.concatenate([[0], np.cumsum(size)])
    index = np.repeat(start[order] - pointer[:-1], size) + np.arange(pointer[-1])
    columns = {name: values[order] for name, values in table.columns.items()}
    columns["spot3d_id"] = np.arange(len(order))
    return BlobTable(
        columns,
        reason[order],
        Voxels(pointer, voxels.frame[index], voxels.row[index], voxels.col[index], voxels.intensity[index]),
        shape,
        table.omega_start_deg,
        table.omega_step_deg,
        table.wrapped,
        {name: values[order] for name, values in table.extra.items()},
        table.threshold_unit,
    )


def order_of_rows(first: Indices, reason: AnyArray) -> Indices:
    """Kept rows, then the others, each by first voxel; where an absorbed seed begins with a rejected blob's first
    voxel, the blob comes first (blobs share no voxels, nor do seeds)."""
    return np.lexsort((np.isin(reason, _FIXED), first, reason != Reason.KEPT))


def build_table(
    parts: list[Found],
    pile: Pile,
    params: SegmentParams,
    shape: tuple[int, int, int],
    omega_start_deg: float,
    omega_step_deg: float,
    *,
    wrapped: bool,
) -> BlobTable:
    """One table of everything that was found, in an order that does not depend on how the scan was cut.

    The voxels of `parts` lie on the `pile`, in the same order.
    """
    columns, reason, order = rows_in_order(parts, params, shape[0], omega_start_deg, omega_step_deg)
    return BlobTable(
        columns, reason, pile.voxels(order), shape, omega_start_deg, omega_step_deg, wrapped,
        threshold_unit=threshold_unit(params),
    )  # fmt: skip


def rows_in_order(
    parts: list[Found], params: SegmentParams, frames: int, omega_start_deg: float, omega_step_deg: float
) -> tuple[dict[str, AnyArray], AnyArray, Indices]:
    """Columns and reasons of everything that was found, and which found row each is (`order`)."""
    columns = _columns(parts, frames, omega_start_deg, omega_step_deg)
    reason = limit_reasons(columns, _joined([part.reason for part in parts], np.int8), params)
    order = order_of_rows(_joined([part.first for part in parts], np.int64), reason)
    columns = {name: np.ascontiguousarray(columns[name][order]) for name in COLUMN}
    columns["spot3d_id"] = np.arange(len(order))
    return columns, reason[order], order


def threshold_unit(params: SegmentParams) -> str:
    """Of the column `threshold`."""
    return "sigma" if params.unit == "sigma" and params.noise != "scan" else "counts"


def _joined(parts: list[AnyArray], kind: type) -> AnyArray:
    return np.concatenate(parts) if parts else np.empty(0, kind)


def _columns(parts: list[Found], n_frames: int, omega_start: float, omega_step: float) -> dict[str, AnyArray]:
    """Columns of `COLUMNS` over all rows, in the order in which they were found.

    The spreads are the plain standard deviations; ImageD11 adds 1 to every variance before it takes the root
    (so that a peak of one pixel has a width), which the meaning of the column here does not.
    """
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
