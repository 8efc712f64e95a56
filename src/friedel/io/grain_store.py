"""`grains.h5`: the grains, which blobs they own, and what the map says about each of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io.blob_store import read_attributes
from friedel.io.columns import check_finite, check_pointer, check_range, checked, read_columns
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import opened
from friedel.io.record import read_record, write_record
from friedel.model.arrays import AnyArray, Floats
from friedel.model.blobs import Column
from friedel.model.description import BOUNDARY_COLUMNS, GRAIN_COLUMNS, Description
from friedel.model.grains import GrainTable

_UNITS = {
    "UBI": "angstrom",
    "shift_px": "px",
    "position_um": "um",
    "orientation_error_deg": "deg",
    "position_error_um": "um",
    "orientation_error_xyz_deg": "deg",
    "position_error_xyz_um": "um",
    "orientation_covariance_deg2": "deg^2",
    "position_covariance_um2": "um^2",
    "volume_um3": "um^3",
    "orientation_spread_deg": "deg",
}
INDEXED_VOLUMES = "indexed_volume_um3"
"""What the map replaces in `volume_um3`: kept, so that a run can forget a map and go on from its grains."""

_ARRAYS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "U": ("f8", (3, 3)),
    "UBI": ("f8", (3, 3)),
    "position_um": ("f8", (3,)),
    "completeness": ("f8", ()),
    "phase": ("i8", ()),
    "blob_pointer": ("i8", ()),
    "blobs": ("i8", ()),
    "shared": ("?", ()),
    "orientation_error_deg": ("f8", ()),
    "position_error_um": ("f8", ()),
    "volume_um3": ("f8", ()),
    "hkl": ("i8", (3,)),
    "residuals": ("f8", (3,)),
    "shift_px": ("f8", (2,)),
    "expected": ("i8", ()),
    "null_completeness": ("f8", ()),
    "null_limit": ("f8", ()),
    "found_in": ("i8", ()),
    "strain": ("f8", (6,)),
    "orientation_error_xyz_deg": ("f8", (3,)),
    "position_error_xyz_um": ("f8", (3,)),
    "strain_error": ("f8", (6,)),
    "orientation_covariance_deg2": ("f8", (3, 3)),
    "position_covariance_um2": ("f8", (3, 3)),
    "alternative_log_odds": ("f8", ()),
    "ambiguous": ("?", ()),
    "twin_fraction": ("f8", ()),
    "twin_fraction_error": ("f8", ()),
    "orientation_spread_deg": ("f8", ()),
    "bend_explained": ("f8", ()),
    "bend_null": ("f8", ()),
    "sub_grains": ("i8", ()),
    "completeness_with_faint": ("f8", ()),
}
"""Type and shape of an entry of each array of a `GrainTable`."""
_OF_BLOBS = ("blobs", "shared", "hkl", "residuals", "shift_px")
_OF_THE_MAP = ("orientation_spread_deg", "bend_explained", "bend_null", "sub_grains", "completeness_with_faint")
"""Arrays that indexing leaves empty."""
_MAY_BE_EMPTY = (
    *_OF_THE_MAP,
    *("hkl", "residuals", "shift_px", "expected", "null_completeness", "null_limit", "found_in", "strain"),
    *("orientation_error_xyz_deg", "position_error_xyz_um", "strain_error"),
    *("orientation_covariance_deg2", "position_covariance_um2"),
    *("alternative_log_odds", "ambiguous", "twin_fraction", "twin_fraction_error"),
)
_VECTORS = {
    "centre_um": (3,), "semi_axes_um": (3,), "axes": (3, 3), "aspect_ratio": (2,), "slip_plane": (3,),
    "slip_direction": (3,), "slip_normal": (3,), "slip_vector": (3,), "normal": (3,),
}  # fmt: skip
"""Columns of a `Description` whose entries are more than a number."""


def write_grains(
    path: str | Path,
    table: GrainTable,
    attributes: Mapping[str, Any] | None = None,
    *,
    description: Description | None = None,
    indexed_um3: Floats | None = None,
) -> None:
    """Write `grains.h5`: /grains with one dataset a field, and with a description its columns and /boundaries.

    `attributes` go to the root of the file; mappings are stored as JSON. `indexed_um3` (n) are the volumes before
    the map told them, see `read_indexed_volumes`. Raises `OutputError`.
    """
    with h5_output(path) as output:
        write_grains_group(output.file, table)
        if description is not None:
            _write_description(output.file, description)
        if indexed_um3 is not None:
            dataset = output.file["grains"].create_dataset(INDEXED_VOLUMES, data=indexed_um3)
            dataset.attrs["units"], dataset.attrs["meaning"] = "um^3", "volume before there was a map"
        for name, value in (attributes or {}).items():
            output.file.attrs[name] = json.dumps(value, default=str) if isinstance(value, Mapping) else value


def read_indexed_volumes(path: str | Path) -> Floats:
    """The grains' volumes (n) in um^3 as indexing told them, from their spots' brightness. Raises `InputError`."""
    with opened(path, InputError, rule="is not a table of grains") as file:
        group = file["grains"]
        return np.asarray(group[INDEXED_VOLUMES if INDEXED_VOLUMES in group else "volume_um3"][()], np.float64)


def forget_description(path: str | Path) -> None:
    """Write `grains.h5` anew as indexing left it, before the map told sizes and neighbours: the same bytes as then.

    Raises `InputError` for a file that is none of ours, `OutputError` when the disk cannot take it.
    """
    table, attributes = read_grains(path), read_attributes(path)
    unknown: dict[str, Any] = {name: np.zeros(0, _ARRAYS[name][0]) for name in _OF_THE_MAP}
    write_grains(path, replace(table, volume_um3=read_indexed_volumes(path), **unknown), attributes)


def read_grains(path: str | Path) -> GrainTable:
    """Read the grains of `grains.h5`. Raises `InputError` that names the file when it is not one of ours."""
    with opened(path, InputError, rule="is not a table of grains") as file:
        return read_grains_group(file["grains"])


def read_description(path: str | Path) -> Description | None:
    """Read what the map says about the grains of `grains.h5`, None where nobody asked it. Raises `InputError`."""
    with opened(path, InputError, rule="holds half a description") as file:
        if "boundaries" not in file:
            return None
        grains = read_columns(file["grains"], GRAIN_COLUMNS, _VECTORS)
        boundaries = read_columns(file["boundaries"], BOUNDARY_COLUMNS, _VECTORS)
        for name in ("grain_id_a", "grain_id_b"):
            check_range(boundaries[name], 1, len(grains["n_voxels"]) + 1, f"boundaries/{name}")
        axis = checked(np.asarray(file["boundaries"].attrs["load_axis"]), "attribute load_axis", "f8")
        x, y, z = axis.tolist()
        return Description(grains, boundaries, (x, y, z))


def write_grains_group(file: h5py.Group, table: GrainTable) -> None:
    """Put /grains into an open file: one dataset for each array of `GrainTable`, and the grains' numbers."""
    group = file.create_group("grains")
    write_record(group, table, _UNITS)
    group.create_dataset("grain_id", data=table.grain_id).attrs["meaning"] = "number of the grain, as in the map"


def read_grains_group(group: h5py.Group) -> GrainTable:
    """The grains of an open file.

    Raises `KeyError` for a field that is missing, `FriedelError` for one of another type or that cannot be.
    """
    values = read_record(group, GrainTable)
    for name, (dtype, tail) in _ARRAYS.items():
        if name in values:
            values[name] = checked(np.asarray(values[name]), f"{group.name}/{name}", dtype, tail)
    _check_lengths(values)
    table = GrainTable(**values)
    check_pointer(table.blob_pointer, len(table), len(table.blobs), f"{group.name}/blob_pointer")
    check_range(table.blobs, 0, np.iinfo(np.int64).max, f"{group.name}/blobs")
    check_range(table.phase, 0, max(len(table.phases), 1) if table.phases else 1000, f"{group.name}/phase")
    check_finite({name: values[name] for name in ("U", "UBI", "position_um", "completeness")}, str(group.name))
    return table


def _check_lengths(values: Mapping[str, Any]) -> None:
    """Raise `FriedelError` for an array that has not one entry a grain, or a blob of a grain."""
    grains, blobs = len(values["position_um"]), len(values["blobs"])
    for name in _ARRAYS:
        rows = grains + 1 if name == "blob_pointer" else blobs if name in _OF_BLOBS else grains
        got = len(values.get(name, ()))
        if got != rows and not (got == 0 and name in _MAY_BE_EMPTY):
            raise FriedelError(f"grains/{name}", rule=f"must have {rows} entries", got=got)


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
