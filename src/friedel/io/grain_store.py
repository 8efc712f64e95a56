"""`grains.h5`: the grains, which blobs they own, and what the map says about each of them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from friedel.errors import InputError
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import message_of, opened
from friedel.io.record import read_record, write_record
from friedel.model.arrays import AnyArray
from friedel.model.blobs import Column
from friedel.model.description import BOUNDARY_COLUMNS, GRAIN_COLUMNS, Description
from friedel.model.grains import GrainTable

_UNITS = {
    "UBI": "angstrom",
    "position_um": "um",
    "orientation_error_deg": "deg",
    "position_error_um": "um",
    "volume_um3": "um^3",
}


def write_grains(
    path: str | Path,
    table: GrainTable,
    attributes: Mapping[str, Any] | None = None,
    *,
    description: Description | None = None,
) -> None:
    """Write `grains.h5`: /grains with one dataset a field, and with a description its columns and /boundaries.

    `attributes` go to the root of the file; mappings are stored as JSON. Raises `OutputError`.
    """
    with h5_output(path) as output:
        write_grains_group(output.file, table)
        if description is not None:
            _write_description(output.file, description)
        for name, value in (attributes or {}).items():
            output.file.attrs[name] = json.dumps(value, default=str) if isinstance(value, Mapping) else value


def read_grains(path: str | Path) -> GrainTable:
    """Read the grains of `grains.h5`. Raises `InputError` that names the file when it is not one of ours."""
    with opened(path, InputError) as file:
        try:
            return read_grains_group(file["grains"])
        except (KeyError, OSError) as error:
            raise InputError(str(path), rule="is not a table of grains", got=message_of(error)) from error


def read_description(path: str | Path) -> Description | None:
    """Read what the map says about the grains of `grains.h5`, None where nobody asked it. Raises `InputError`."""
    with opened(path, InputError) as file:
        if "boundaries" not in file:
            return None
        try:
            grains, boundaries = file["grains"], file["boundaries"]
            x, y, z = boundaries.attrs["load_axis"].tolist()
            return Description(
                {column.name: grains[column.name][()] for column in GRAIN_COLUMNS},
                {column.name: boundaries[column.name][()] for column in BOUNDARY_COLUMNS},
                (x, y, z),
            )
        except (KeyError, OSError) as error:
            raise InputError(str(path), rule="holds half a description", got=message_of(error)) from error


def write_grains_group(file: h5py.Group, table: GrainTable) -> None:
    """Put /grains into an open file: one dataset for each array of `GrainTable`, and the grains' numbers."""
    group = file.create_group("grains")
    write_record(group, table, _UNITS)
    group.create_dataset("grain_id", data=table.grain_id).attrs["meaning"] = "number of the grain, as in the map"


def read_grains_group(group: h5py.Group) -> GrainTable:
    """The grains of an open file. Raises `KeyError` for a field that is missing."""
    return GrainTable(**read_record(group, GrainTable))


def write_columns(group: h5py.Group, columns: Mapping[str, AnyArray], schema: Iterable[Column]) -> None:
    """One dataset a column, with its unit and meaning."""
    for column in schema:
        dataset = group.create_dataset(column.name, data=np.asarray(columns[column.name], dtype=column.dtype))
        dataset.attrs["units"] = column.unit
        dataset.attrs["meaning"] = column.meaning


def _write_description(file: h5py.Group, description: Description) -> None:
    write_columns(file["grains"], description.grains, GRAIN_COLUMNS)
    group = file.create_group("boundaries")
    write_columns(group, description.boundaries, BOUNDARY_COLUMNS)
    group.attrs["load_axis"] = np.array(description.load_axis, dtype=np.float64)
