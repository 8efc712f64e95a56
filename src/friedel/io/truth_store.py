"""The truth of a simulation, and the tables of grains and volumes that it shares with the results."""

from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np

from friedel.errors import InputError
from friedel.io.blob_store import read_blobs_group, write_blobs_group
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import opened
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.truth import Truth

_GRAIN_UNITS = {
    "UBI": "angstrom",
    "position_um": "um",
    "orientation_error_deg": "deg",
    "position_error_um": "um",
    "volume_um3": "um^3",
}
_ARRAYS = tuple(field.name for field in fields(GrainTable) if field.name != "phases")
_LAYERS = {"grain_id": np.int32, "status": np.uint8, "density": np.float32}


def write_truth(path: str | Path, truth: Truth) -> None:
    """Write `SCAN.truth.h5`: blobs as in `blobs.h5`, /grains and /VTKHDF. Raises `OutputError`."""
    with h5_output(path) as output:
        file = output.file
        write_blobs_group(file, truth.blobs)
        if truth.grains is not None:
            write_grains_group(file, truth.grains)
        if truth.volume is not None:
            write_volume_group(file, truth.volume)


def read_truth(path: str | Path) -> Truth:
    """Read what `write_truth` wrote. Raises `InputError` that names the file when it is not one of ours."""
    with opened(path, InputError) as file:
        blobs = read_blobs_group(file, str(path))
        try:
            grains = _read_grains(file["grains"]) if "grains" in file else None
            volume = _read_volume(file["VTKHDF"]) if "VTKHDF" in file else None
        except (KeyError, OSError) as error:
            raise InputError(str(path), rule="is not a truth file", got=str(error).strip('"')) from error
    return Truth(blobs, grains, volume)


def write_grains_group(file: h5py.Group, table: GrainTable) -> None:
    """Put /grains into an open file: one dataset for each field of `GrainTable`."""
    group = file.create_group("grains")
    for name in _ARRAYS:
        dataset = group.create_dataset(name, data=np.asarray(getattr(table, name)))
        dataset.attrs["units"] = _GRAIN_UNITS.get(name, "")
    group.attrs["phases"] = np.array(table.phases, dtype=h5py.string_dtype())


def write_volume_group(file: h5py.Group, volume: GrainVolume) -> None:
    """Put /VTKHDF into an open file: ImageData with cell data, version 1 of VTK's format.

    VTK counts points, one more than voxels along each axis, in the order x, y, z; the layers are [z, y, x].
    """
    group = file.create_group("VTKHDF")
    group.attrs["Version"] = np.array([1, 0], dtype=np.int64)
    group.attrs.create("Type", b"ImageData", dtype=h5py.string_dtype("ascii", len(b"ImageData")))
    depth, rows, cols = volume.grain_id.shape
    group.attrs["WholeExtent"] = np.array([0, cols, 0, rows, 0, depth], dtype=np.int64)
    group.attrs["Origin"] = np.asarray(volume.origin_um, dtype=np.float64)
    group.attrs["Spacing"] = np.full(3, volume.voxel_um, dtype=np.float64)
    group.attrs["Direction"] = np.eye(3, dtype=np.float64).ravel()
    cells = group.create_group("CellData")
    for name, dtype in _LAYERS.items():
        data = np.asarray(getattr(volume, name), dtype=dtype)
        cells.create_dataset(name, data=data, compression="gzip", compression_opts=1, shuffle=True)


def _read_grains(group: h5py.Group) -> GrainTable:
    arrays = {name: group[name][()] for name in _ARRAYS}
    return GrainTable(**arrays, phases=tuple(str(name) for name in group.attrs["phases"]))


def _read_volume(group: h5py.Group) -> GrainVolume:
    cells = group["CellData"]
    return GrainVolume(
        **{name: cells[name][()] for name in _LAYERS},
        origin_um=group.attrs["Origin"],
        voxel_um=float(group.attrs["Spacing"][0]),
    )
