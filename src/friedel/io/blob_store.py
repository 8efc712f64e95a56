"""`blobs.h5`: the table of blobs and their voxels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io.columns import check_pointer, check_range, checked, read_column, read_columns
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import numbers, opened, texts
from friedel.io.packed import write_packed
from friedel.model.arrays import AnyArray
from friedel.model.blobs import COLUMNS, FLAG_MEANINGS, TRUTH_COLUMNS, BlobTable, Column, Reason, Voxels
from friedel.model.scan import Gaps
from friedel.model.stream import Executor

NO_BLOBS = "is not a table of blobs"
_VOXEL_UNITS = {"blob_ptr": "", "frame": "frames", "row": "px", "col": "px", "intensity": "counts"}
_REASON_TYPE = f"S{max(len(reason.text) for reason in Reason)}"
_BY_TEXT = {reason.text: int(reason) for reason in Reason}


def write_blobs(
    path: str | Path,
    table: BlobTable,
    attributes: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
) -> None:
    """Write `blobs.h5`: /peaks as ImageD11 reads them, /rejected with their reasons, /voxels by pointer.

    `attributes` go to the root of the file; mappings (the parameters) are stored as JSON. The bytes of every
    dataset depend on the table alone; the executor compresses them side by side. Raises `OutputError` when the disk
    cannot take it.
    """
    with h5_output(path) as output:
        write_blobs_group(output.file, table, attributes, executor)


def read_blobs(path: str | Path) -> BlobTable:
    """Read what `write_blobs` wrote, a file or the output folder with it; the table equals the one written.

    Raises `InputError` that names the file when it is not one of ours.
    """
    path = Path(path)
    if path.is_dir():
        path /= "blobs.h5"
    with opened(path, InputError, rule=NO_BLOBS) as file:
        return read_blobs_group(file)


def count_blobs(path: str | Path) -> int:
    """How many blobs a file holds, which are not read. Raises `InputError` that names it when it is not one of
    ours."""
    with opened(path, InputError, rule=NO_BLOBS) as file:
        return len(file["peaks/spot3d_id"])


def read_attributes(path: str | Path) -> dict[str, Any]:
    """The root attributes of one of our files; those that hold JSON tables come as dicts."""
    with opened(path, InputError) as file:
        return {name: _plain(value) for name, value in file.attrs.items()}


def write_blobs_group(
    file: h5py.Group,
    table: BlobTable,
    attributes: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
) -> None:
    """Put /peaks, /rejected and /voxels into an open file."""
    kept = len(table)
    columns = [*COLUMNS, *(_extra_column(name, values) for name, values in table.extra.items())]
    units = {"threshold": table.threshold_unit}
    values = {**table.columns, **table.extra}
    peaks, rejected = file.create_group("peaks"), file.create_group("rejected")
    peaks.attrs["ImageD11_type"] = "peaks"
    for column in columns:
        array = np.asarray(values[column.name], dtype=column.dtype)
        unit = units.get(column.name, column.unit)
        _write_column(peaks, column, array[:kept], unit)
        _write_column(rejected, column, array[kept:], unit)
    reasons = np.array([reason.text for reason in Reason], dtype=_REASON_TYPE)[table.reason[kept:]]
    rejected.create_dataset("reason", data=reasons)
    voxels = file.create_group("voxels")
    for name, unit in _VOXEL_UNITS.items():
        array = getattr(table.voxels, "pointer" if name == "blob_ptr" else name)
        write_packed(voxels, name, array, executor).attrs["units"] = unit
    file.attrs["shape"] = np.asarray(table.shape, dtype=np.int64)
    file.attrs["omega_start_deg"] = float(table.omega_start_deg)
    file.attrs["omega_step_deg"] = float(table.omega_step_deg)
    file.attrs["omega_of_frame"] = "omega_start_deg + (frame + 0.5) * omega_step_deg"
    file.attrs["wrapped"] = bool(table.wrapped)
    if table.gaps:
        file.attrs["missing_frames"] = np.array(table.gaps, dtype=np.int64)  # [gap, (start, stop)]
    for name, value in (attributes or {}).items():
        file.attrs[name] = json.dumps(value, default=str) if isinstance(value, Mapping) else value


def read_blobs_group(file: h5py.Group) -> BlobTable:
    """Read /peaks, /rejected and /voxels from an open file.

    Raises `KeyError` for what is missing, `FriedelError` for columns of another type and numbers that cannot be.
    """
    peaks, rejected = file["peaks"], file["rejected"]
    parts = [read_columns(group, COLUMNS, {}) for group in (peaks, rejected)]
    shape = _shape(file)
    reason = [int(Reason.KEPT)] * len(parts[0]["spot3d_id"]) + _reasons(rejected)
    columns = {column.name: np.concatenate([part[column.name] for part in parts]) for column in COLUMNS}
    table = BlobTable(
        columns=columns,
        extra=_extra_columns(peaks, rejected),
        reason=np.array(reason, dtype=np.uint8),
        voxels=_voxels(file["voxels"], len(reason), shape),
        shape=shape,
        omega_start_deg=_number(file, "omega_start_deg"),
        omega_step_deg=_number(file, "omega_step_deg"),
        wrapped=bool(file.attrs["wrapped"]),
        gaps=_gaps(file, shape[0]),
        threshold_unit=str(peaks["threshold"].attrs["units"]),
    )
    _check_boxes(table)
    return table


def _shape(file: h5py.Group) -> tuple[int, int, int]:
    shape = checked(np.asarray(file.attrs["shape"]), "attribute shape", "i8")
    if shape.shape != (3,) or shape.min() < 1:
        raise FriedelError("attribute shape", rule="must be three numbers above 0", got=shape.tolist())
    return int(shape[0]), int(shape[1]), int(shape[2])


def _gaps(file: h5py.Group, frames: int) -> Gaps:
    spans = np.asarray(file.attrs.get("missing_frames", np.zeros((0, 2), dtype=np.int64)))
    spans = checked(spans, "attribute missing_frames", "i8", (2,))
    check_range(spans, 0, frames + 1, "attribute missing_frames")
    return tuple((int(start), int(stop)) for start, stop in spans)


def _number(file: h5py.Group, name: str) -> float:
    value = float(file.attrs[name])
    if not np.isfinite(value):
        raise FriedelError(f"attribute {name}", rule="must be a finite number", got=value)
    return value


def _reasons(rejected: h5py.Group) -> list[int]:
    """Codes of the texts."""
    found = texts(rejected["reason"])
    unknown = [text for text in found if text not in _BY_TEXT]
    if unknown:
        raise FriedelError("rejected/reason", rule=f"must be one of {', '.join(_BY_TEXT)}", got=repr(unknown[0]))
    return [_BY_TEXT[text] for text in found]


def _extra_columns(peaks: h5py.Group, rejected: h5py.Group) -> dict[str, AnyArray]:
    """Columns that the schema does not have, in the types that they are stored in."""
    known = {column.name for column in COLUMNS}
    wanted = {column.name: column.dtype for column in TRUTH_COLUMNS}
    extra = {}
    for name in peaks:
        if name not in known:
            kind = wanted.get(name) or numbers(peaks[name]).dtype.str
            extra[name] = np.concatenate([read_column(group, name, kind, ()) for group in (peaks, rejected)])
    return extra


def _voxels(group: h5py.Group, blobs: int, shape: tuple[int, int, int]) -> Voxels:
    """The voxels, in the types that they are stored in: all inside the scan."""
    arrays = {name: numbers(group[name], (1,)) for name in _VOXEL_UNITS}
    for name, values in arrays.items():
        checked(values, f"voxels/{name}", "f4" if name == "intensity" else "i8", ())
    lengths = {len(values) for name, values in arrays.items() if name != "blob_ptr"}
    if len(lengths) > 1:
        raise FriedelError("voxels", rule="columns must be of one length", got=sorted(lengths))
    check_pointer(arrays["blob_ptr"], blobs, len(arrays["frame"]), "voxels/blob_ptr")
    for name, count in zip(("frame", "row", "col"), shape, strict=True):
        check_range(arrays[name], 0, count, f"voxels/{name}")
    return Voxels(*arrays.values())


def _check_boxes(table: BlobTable) -> None:
    """Boxes lie on the detector and hold something: whoever draws a blob makes an array of its box."""
    columns, (frames, rows, cols) = table.columns, table.shape
    for name, low, high in (("frame", -frames, 2 * frames), ("row", 0, rows), ("col", 0, cols)):
        start, stop = columns[f"{name}_start"], columns[f"{name}_stop"]
        check_range(start, low, high, f"{name}_start")
        check_range(stop - start, 1, (frames if name == "frame" else high) + 1, f"{name}_stop - {name}_start")


def _write_column(group: h5py.Group, column: Column, values: AnyArray, unit: str) -> None:
    dataset = group.create_dataset(column.name, data=values)
    dataset.attrs["units"] = unit
    dataset.attrs["meaning"] = column.meaning
    if column.name == "flags":
        dataset.attrs["bits"] = ", ".join(f"{int(bit)} {text}" for bit, text in FLAG_MEANINGS.items())


def _extra_column(name: str, values: AnyArray) -> Column:
    known = next((column for column in TRUTH_COLUMNS if column.name == name), None)
    return known or Column(name, np.asarray(values).dtype.str, "", "")


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
