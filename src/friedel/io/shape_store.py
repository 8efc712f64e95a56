"""`shapes.h5`: the reconstructed density of every grain, before they compete for the voxels of the map."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io.columns import check_pointer, check_range, read_column
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import opened
from friedel.io.packed import write_packed
from friedel.model.arrays import AnyArray
from friedel.model.shapes import GrainShape
from friedel.model.shares import MEANINGS, WHOLE, SpotShares
from friedel.model.spots import SPOT_COLUMNS, Came, SpotTable
from friedel.model.stream import Executor

_PER_GRAIN = {
    "grain": np.int64, "threshold": np.float64, "residual": np.float64, "projections_used": np.int64,
    "bend_explained": np.float64, "bend_null": np.float64,
}  # fmt: skip
_PER_BLOB = {"blobs": np.int64, "blob_weight": np.float64, "blob_residual": np.float64}


def write_shapes(path: str | Path, shapes: Sequence[GrainShape], executor: Executor | None = None) -> None:
    """Write /shapes with one row a grain, densities (flattened [z,y,x]) and blobs by pointer; /shares and /spots.

    The executor compresses. Raises `OutputError` when the disk cannot take it.
    """
    with h5_output(path) as output:
        group = output.file.create_group("shapes")
        for name, kind in _PER_GRAIN.items():
            group.create_dataset(name, data=np.array([getattr(shape, name) for shape in shapes], dtype=kind))
        group.create_dataset("size", data=np.array([s.density.shape for s in shapes], np.int64).reshape(-1, 3))
        origins = np.array([shape.origin_um for shape in shapes], np.float64).reshape(-1, 3)
        group.create_dataset("origin_um", data=origins).attrs["units"] = "um"
        density = [np.asarray(shape.density, np.float32).ravel() for shape in shapes]
        write_packed(group, "density", _ragged(group, "density", density, np.float32), executor)
        turned = [np.asarray(shape.rotation_deg, np.float32).ravel() for shape in shapes]
        write_packed(group, "rotation_deg", _ragged(group, "rotation_deg", turned, np.float32), executor)
        for name, kind in _PER_BLOB.items():
            parts = [np.asarray(getattr(shape, name), kind) for shape in shapes]
            group.create_dataset(name, data=_ragged(group, name, parts, kind))
        _write_shares(output.file, SpotShares.together([shape.shares for shape in shapes]), executor)
        _write_spots(output.file, SpotTable.together([shape.spots for shape in shapes]))
        group.attrs["voxel_um"] = shapes[0].voxel_um if shapes else 1.0


def read_shapes(path: str | Path) -> list[GrainShape]:
    """Read what `write_shapes` wrote. Raises `InputError` that names the file when it is not one of ours."""
    with opened(path, InputError, rule="holds no shapes of grains") as file:
        whole = _columns(file["shapes"])
        voxel = float(file["shapes"].attrs["voxel_um"])
        shares = _read_shares(file["shares"]) if "shares" in file else SpotShares.none()
        spots = _read_spots(file["spots"]) if "spots" in file else SpotTable.none()
        parts = [shares.take(rows) for rows in _rows_of(shares.grain, whole["grain"])]
        own = [spots.take(rows) for rows in _rows_of(spots.grain, whole["grain"])]
        return [_shape(whole, i, voxel, parts[i], own[i]) for i in range(len(whole["grain"]))]


def _rows_of(grain: AnyArray, grains: AnyArray) -> list[AnyArray]:
    """Rows of each of some grains in an ascending column."""
    first, last = (np.searchsorted(grain, grains, side) for side in ("left", "right"))
    return [np.arange(a, b) for a, b in zip(first, last, strict=True)]


def _write_shares(file: Any, shares: SpotShares, executor: Executor | None) -> None:
    """Put /shares into an open file: a dataset a column, and the voxels by pointer."""
    group = file.create_group("shares")
    for name, (unit, meaning) in MEANINGS.items():
        dataset = group.create_dataset(name, data=getattr(shares, name))
        dataset.attrs["units"], dataset.attrs["meaning"] = unit, meaning
    group.create_dataset("voxel_pointer", data=shares.voxel_pointer)
    write_packed(group, "voxel", shares.voxel, executor)
    write_packed(group, "voxel_counts", shares.voxel_counts, executor).attrs["units"] = "counts"


def _read_shares(group: Any) -> SpotShares:
    """The parts of blobs. Raises `KeyError` or `FriedelError`."""
    columns = {
        name: read_column(group, name, "i8" if name in WHOLE else "f8", (3,) if name == "hkl" else ())
        for name in MEANINGS
    }
    columns |= {name: read_column(group, name, "i8", ()) for name in ("voxel_pointer", "voxel")}
    columns["voxel_counts"] = read_column(group, "voxel_counts", "f4", ())
    check_pointer(columns["voxel_pointer"], len(columns["grain"]), len(columns["voxel"]), "shares/voxel_pointer")
    if (np.diff(columns["grain"]) < 0).any():
        raise FriedelError("shares/grain", rule="must be in ascending order")
    for name in ("grain", "blob", "voxel"):
        check_range(columns[name], 0, np.iinfo(np.int64).max, f"shares/{name}")
    return SpotShares(**columns)


def _write_spots(file: Any, spots: SpotTable) -> None:
    """Put /spots into an open file: a dataset a column, and the voxels of faint spots by pointer."""
    group = file.create_group("spots")
    for name, (kind, unit, meaning) in SPOT_COLUMNS.items():
        dataset = group.create_dataset(name, data=np.asarray(getattr(spots, name), dtype=kind))
        dataset.attrs["units"], dataset.attrs["meaning"] = unit, meaning
    group["came"].attrs["names"] = [came.text for came in Came]
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if len(spots.voxel) else {}
    group.create_dataset("voxel_pointer", data=spots.voxel_pointer)
    group.create_dataset("voxel", data=np.asarray(spots.voxel, dtype=np.int32), **packed)


def _read_spots(group: Any) -> SpotTable:
    """The spots. Raises `KeyError` or `FriedelError`."""
    columns = {
        name: read_column(group, name, kind, (3,) if name == "hkl" else ())
        for name, (kind, _, _) in SPOT_COLUMNS.items()
    }
    columns["voxel_pointer"] = read_column(group, "voxel_pointer", "i8", ())
    columns["voxel"] = read_column(group, "voxel", "i4", (3,))
    check_pointer(columns["voxel_pointer"], len(columns["grain"]), len(columns["voxel"]), "spots/voxel_pointer")
    if (np.diff(columns["grain"]) < 0).any():
        raise FriedelError("spots/grain", rule="must be in ascending order")
    check_range(columns["grain"], 0, np.iinfo(np.int64).max, "spots/grain")
    check_range(columns["came"], 0, len(Came), "spots/came")
    check_range(columns["voxel"], 0, np.iinfo(np.int32).max, "spots/voxel")
    return SpotTable(**columns)


def _columns(group: Any) -> dict[str, AnyArray]:
    """All datasets, rows and pointers of one length. Raises `KeyError` or `FriedelError`."""
    whole = {name: read_column(group, name, np.dtype(kind).str, ()) for name, kind in _PER_GRAIN.items()}
    whole["size"], whole["origin_um"] = (
        read_column(group, "size", "i8", (3,)),
        read_column(group, "origin_um", "f8", (3,)),
    )
    rows = {len(values) for values in whole.values()}
    if len(rows) > 1:
        raise FriedelError("shapes", rule="columns must be of one length", got=sorted(rows))
    for name, kind in {"density": np.float32, "rotation_deg": np.float32, **_PER_BLOB}.items():
        whole[name] = read_column(group, name, np.dtype(kind).str, ())
        pointer = whole[f"{name}_pointer"] = read_column(group, f"{name}_pointer", "i8", ())
        check_pointer(pointer, len(whole["grain"]), len(whole[name]), f"shapes/{name}_pointer")
    if (whole["size"] < 0).any() or (whole["size"].prod(axis=1) != np.diff(whole["density_pointer"])).any():
        raise FriedelError("shapes/size", rule="must be the sizes of the densities")
    turned = np.diff(whole["rotation_deg_pointer"])
    if (turned[turned > 0] != 3 * whole["size"].prod(axis=1)[turned > 0]).any():
        raise FriedelError("shapes/rotation_deg", rule="must have three numbers a voxel of a grain, or none")
    return whole


def _ragged(group: Any, name: str, parts: list[AnyArray], kind: type) -> AnyArray:
    """All parts in a row; where each begins is written."""
    pointer = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
    group.create_dataset(f"{name}_pointer", data=pointer)
    return np.concatenate([np.empty(0, kind), *parts])


def _part(whole: Mapping[str, Any], name: str, row: int) -> AnyArray:
    pointer = whole[f"{name}_pointer"]
    return np.asarray(whole[name][pointer[row] : pointer[row + 1]])


def _shape(whole: Mapping[str, Any], row: int, voxel_um: float, shares: SpotShares, spots: SpotTable) -> GrainShape:
    turned = _part(whole, "rotation_deg", row)
    size = tuple(whole["size"][row].tolist()) if turned.size else (0, 0, 0)
    return GrainShape(
        grain=int(whole["grain"][row]),
        density=_part(whole, "density", row).reshape(whole["size"][row]),
        origin_um=whole["origin_um"][row],
        voxel_um=voxel_um,
        threshold=float(whole["threshold"][row]),
        residual=float(whole["residual"][row]),
        projections_used=int(whole["projections_used"][row]),
        blobs=_part(whole, "blobs", row),
        blob_weight=_part(whole, "blob_weight", row),
        blob_residual=_part(whole, "blob_residual", row),
        rotation_deg=turned.reshape(*size, 3),
        bend_explained=float(whole["bend_explained"][row]),
        bend_null=float(whole["bend_null"][row]),
        shares=shares,
        spots=spots,
    )
