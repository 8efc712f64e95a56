"""A table of blobs from somebody else's labels, so that any segmentation can serve as truth."""

from itertools import product

import numpy as np

from friedel.errors import InputError
from friedel.model.arrays import AnyArray, Floats, Mask
from friedel.model.blobs import COLUMN, BlobTable, Voxels


def reference_blobs(
    voxels: Voxels,
    shape: tuple[int, int, int],
    *,
    omega_start_deg: float = 0.0,
    omega_step_deg: float = 1.0,
    wrapped: bool = False,
) -> BlobTable:
    """Build a table, all kept, whose rows are the blobs of `voxels` in their order.

    Centroids, boxes, sums and spreads are weighted by `voxels.intensity`; what only a segmentation knows (seed,
    threshold, flags) is 0. With `wrapped` the frames of a blob are unwrapped around its brightest voxel. `extra`
    gets `isolated` (see `isolated_spots`). Raises `InputError` for a blob without voxels or intensity.
    """
    start = np.asarray(voxels.pointer[:-1], dtype=np.int64)
    size = np.diff(voxels.pointer).astype(np.int64)
    weight = np.asarray(voxels.intensity, dtype=np.float64)
    if (size < 1).any() or len(size) == 0 or not (np.add.reduceat(weight, start) > 0).all():
        raise InputError("reference blobs", rule="each must have voxels and a positive sum of intensity")
    owner = np.repeat(np.arange(len(size)), size)
    peak = np.lexsort((np.arange(len(weight)), -weight, owner))[start]
    frame = np.asarray(voxels.frame, dtype=np.float64)
    if wrapped:
        around = frame[peak][owner]
        frame = around + (frame - around + shape[0] // 2) % shape[0] - shape[0] // 2
    columns: dict[str, AnyArray] = {name: np.zeros(len(size), column.dtype) for name, column in COLUMN.items()}
    columns["spot3d_id"] = np.arange(len(size))
    columns["Number_of_pixels"] = size
    columns["sum_intensity"] = np.add.reduceat(weight, start)
    columns["IMax_int"] = weight[peak]
    columns["IMax_s"], columns["IMax_f"] = voxels.row[peak], voxels.col[peak]
    row, col = np.asarray(voxels.row, dtype=np.float64), np.asarray(voxels.col, dtype=np.float64)
    columns |= _centres((frame, row, col), weight, owner, start)
    for name, values in (("frame", frame), ("row", row), ("col", col)):
        columns[f"{name}_start"] = np.minimum.reduceat(values, start).astype(np.int64)
        columns[f"{name}_stop"] = np.maximum.reduceat(values, start).astype(np.int64) + 1
    _angles(columns, frame[peak], shape[0], omega_start_deg, omega_step_deg)
    table = BlobTable(
        columns, np.zeros(len(size), np.int64), voxels, shape, omega_start_deg, omega_step_deg, wrapped=wrapped
    )
    isolated = isolated_spots(table).astype(np.int64)
    return BlobTable(
        columns, table.reason, voxels, shape, omega_start_deg, omega_step_deg, wrapped, {"isolated": isolated}
    )


def _centres(
    axes: tuple[Floats, Floats, Floats], weight: Floats, owner: AnyArray, start: AnyArray
) -> dict[str, AnyArray]:
    total = np.add.reduceat(weight, start)
    mean = [np.add.reduceat(weight * axis, start) / total for axis in axes]
    away = [axis - centre[owner] for axis, centre in zip(axes, mean, strict=True)]

    def moment(i: int, j: int) -> Floats:
        return np.asarray(np.add.reduceat(weight * away[i] * away[j], start) / total, dtype=np.float64)

    sigma = [np.sqrt(np.maximum(moment(i, i), 0.0)) for i in range(3)]

    def correlation(i: int, j: int) -> Floats:
        spread = sigma[i] * sigma[j]
        together = np.zeros_like(spread)
        np.divide(moment(i, j), spread, out=together, where=spread > 0)
        return together

    frame, row, col = mean
    return {
        **{"frame": frame, "s_raw": row, "sc": row, "f_raw": col, "fc": col},
        **{"sigo": sigma[0], "sigs": sigma[1], "sigf": sigma[2]},
        **{"covso": correlation(0, 1), "covfo": correlation(0, 2), "covsf": correlation(1, 2)},
    }


def _angles(columns: dict[str, AnyArray], peak: Floats, frames: int, start: float, step: float) -> None:
    """Fill in what follows from the boxes and from the angles of the frames."""
    first, last = columns["frame_start"], columns["frame_stop"] - 1
    ends = start + (first + 0.5) * step, start + (last + 0.5) * step
    columns["Min_s"], columns["Max_s"] = columns["row_start"], columns["row_stop"] - 1
    columns["Min_f"], columns["Max_f"] = columns["col_start"], columns["col_stop"] - 1
    columns["omega"] = start + (columns["frame"] + 0.5) * step
    columns["IMax_o"] = start + (peak + 0.5) * step
    columns["Min_o"], columns["Max_o"] = np.minimum(*ends), np.maximum(*ends)
    for name in ("covso", "covfo"):
        columns[name] = columns[name] * np.sign(step)
    columns["sigo"] = columns["sigo"] * abs(step)
    columns["onfirst"] = ((first <= 0) | (last >= frames)).astype(np.int64)
    columns["onlast"] = ((last >= frames - 1) | (first < 0)).astype(np.int64)


def isolated_spots(table: BlobTable, distance: int = 2) -> Mask:
    """True for rows of `table` from whose voxels no other row's voxel lies within `distance` in any direction.

    A voxel that two rows share makes neither isolated. Looks up each of the neighbours of each voxel once, which
    suits references of up to some millions of voxels.
    """
    frames, rows, cols = table.shape
    size = np.diff(table.voxels.pointer)
    owner = np.repeat(np.arange(len(size)), size)
    place = [np.asarray(part, np.int64) for part in (table.voxels.frame, table.voxels.row, table.voxels.col)]
    key = (place[0] * rows + place[1]) * cols + place[2]
    order = np.lexsort((owner, key))
    owner, key, place = owner[order], key[order], [part[order] for part in place]
    alone = np.ones(len(size), bool)
    shared = np.flatnonzero(np.diff(key) == 0)
    alone[owner[shared]] = alone[owner[shared + 1]] = False
    around = range(-distance, distance + 1)
    for step in (step for step in product(around, repeat=3) if step > (0, 0, 0)):
        frame, row, col = (part + by for part, by in zip(place, step, strict=True))
        inside = (row >= 0) & (row < rows) & (col < cols) & (col >= 0)
        if table.wrapped:
            frame %= frames
        inside &= frame < frames
        wanted = ((frame * rows + row) * cols + col)[inside]
        at = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        near = (key[at] == wanted) & (owner[at] != owner[inside])
        alone[owner[at[near]]] = alone[owner[inside][near]] = False
    return alone
