"""`blobs.h5`: the table of blobs and their voxels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import message_of, opened
from friedel.model.arrays import AnyArray
from friedel.model.blobs import COLUMNS, FLAG_MEANINGS, TRUTH_COLUMNS, BlobTable, Column, Reason, Voxels

_VOXEL_UNITS = {"blob_ptr": "", "frame": "frames", "row": "px", "col": "px", "intensity": "counts"}
_REASON_TYPE = f"S{max(len(reason.text) for reason in Reason)}"
_BY_TEXT = {reason.text: int(reason) for reason in Reason}


def write_blobs(path: str | Path, table: BlobTable, attributes: Mapping[str, Any] | None = None) -> None:
    """Write `blobs.h5`: /peaks as ImageD11 reads them, /rejected with their reasons, /voxels by pointer.

    `attributes` go to the root of the file; mappings (the parameters) are stored as JSON. The bytes of every
    dataset depend on the table alone. Raises `OutputError` when the disk cannot take it.
    """
    with h5_output(path) as output:
        write_blobs_group(output.file, table, attributes)


def read_blobs(path: str | Path) -> BlobTable:
    """Read what `write_blobs` wrote, a file or the output folder with it; the table equals the one written.

    Raises `InputError` that names the file when it is not one of ours.
    """
    path = Path(path)
    if path.is_dir():
        path /= "blobs.h5"
    with opened(path, InputError) as file:
        return read_blobs_group(file, str(path))


def count_blobs(path: str | Path) -> int:
    """How many blobs a file holds, which are not read. Raises `InputError` that names it when it is not one of
    ours."""
    with opened(path, InputError) as file:
        try:
            return len(file["peaks/spot3d_id"])
        except KeyError as error:
            raise InputError(str(path), rule="is not a table of blobs", got=message_of(error)) from error


def read_attributes(path: str | Path) -> dict[str, Any]:
    """The root attributes of one of our files; those that hold JSON tables come as dicts."""
    with opened(path, InputError) as file:
        return {name: _plain(value) for name, value in file.attrs.items()}


def write_blobs_group(file: h5py.Group, table: BlobTable, attributes: Mapping[str, Any] | None = None) -> None:
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
        voxels.create_dataset(name, data=array).attrs["units"] = unit
    file.attrs["shape"] = np.asarray(table.shape, dtype=np.int64)
    file.attrs["omega_start_deg"] = float(table.omega_start_deg)
    file.attrs["omega_step_deg"] = float(table.omega_step_deg)
    file.attrs["omega_of_frame"] = "omega_start_deg + (frame + 0.5) * omega_step_deg"
    file.attrs["wrapped"] = bool(table.wrapped)
    if table.gaps:
        file.attrs["missing_frames"] = np.array(table.gaps, dtype=np.int64)  # [gap, (start, stop)]
    for name, value in (attributes or {}).items():
        file.attrs[name] = json.dumps(value, default=str) if isinstance(value, Mapping) else value


def read_blobs_group(file: h5py.Group, name: str) -> BlobTable:
    """Read /peaks, /rejected and /voxels from an open file."""
    try:
        peaks, rejected, voxels = file["peaks"], file["rejected"], file["voxels"]
        known = {column.name for column in COLUMNS}
        columns = {title: np.concatenate([peaks[title][()], rejected[title][()]]) for title in peaks}
        codes = [_BY_TEXT[text.decode()] for text in rejected["reason"][()]]
        kept, shape = len(peaks["spot3d_id"]), file.attrs["shape"]
        return BlobTable(
            columns={column.name: columns[column.name] for column in COLUMNS},
            extra={title: values for title, values in columns.items() if title not in known},
            reason=np.array([int(Reason.KEPT)] * kept + codes, dtype=np.uint8),
            voxels=Voxels(*(voxels[title][()] for title in _VOXEL_UNITS)),
            shape=(int(shape[0]), int(shape[1]), int(shape[2])),
            omega_start_deg=float(file.attrs["omega_start_deg"]),
            omega_step_deg=float(file.attrs["omega_step_deg"]),
            wrapped=bool(file.attrs["wrapped"]),
            gaps=tuple((int(start), int(stop)) for start, stop in file.attrs.get("missing_frames", ())),
            threshold_unit=str(peaks["threshold"].attrs["units"]),
        )
    except KeyError as error:
        raise InputError(name, rule="is not a table of blobs", got=message_of(error)) from error
    except FriedelError as error:
        raise InputError(name, rule="is not a table of blobs", got=error) from error
    except OSError as error:
        raise InputError(name, rule="is damaged", got=message_of(error)) from error


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
