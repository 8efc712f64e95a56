"""`volume.h5`: the map as ImageData in VTK's own HDF5 layout, which ParaView opens."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io.columns import check_range, checked, read_column
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import opened
from friedel.model.arrays import AnyArray
from friedel.model.grains import GrainVolume, Status
from friedel.model.lattice_bends import bend_layers

LAYERS = {"grain_id": np.int32, "status": np.uint8, "density": np.float32}
LATER = {"confidence": np.float32}
"""Layers that a file may not have."""


def layers_of(volume: GrainVolume) -> dict[str, AnyArray]:
    """All layers [z,y,x] of a map, as they are stored; without those about lattice rotations."""
    known = {name: kind for name, kind in LATER.items() if getattr(volume, name) is not None}
    return {name: np.asarray(getattr(volume, name), dtype=kind) for name, kind in (LAYERS | known).items()}


def write_volume(
    path: str | Path,
    volume: GrainVolume,
    attributes: Mapping[str, Any] | None = None,
    *,
    extra: Mapping[str, AnyArray] | None = None,
) -> None:
    """Write `volume.h5`: /VTKHDF with the layers [z,y,x], and `extra` ones ([z,y,x] or [z,y,x,part]).

    `attributes` go to the root of the file; mappings are stored as JSON. Raises `OutputError`.
    """
    with h5_output(path) as output:
        write_volume_group(output.file, volume)
        for name, layer in (extra or {}).items():
            _write_layer(output.file["VTKHDF/CellData"], name, layer)
        for name, value in (attributes or {}).items():
            output.file.attrs[name] = json.dumps(value, default=str) if isinstance(value, Mapping) else value


def read_volume(path: str | Path) -> GrainVolume:
    """Read what `write_volume` wrote. Raises `InputError` that names the file when it is not one of ours."""
    with opened(path, InputError, rule="is not a volume of grains") as file:
        return read_volume_group(file["VTKHDF"])


def write_volume_group(file: h5py.Group, volume: GrainVolume) -> None:
    """Put /VTKHDF into an open file: ImageData with cell data, version 1 of VTK's format.

    Where lattice rotations are known, their layers are there too (`bend_layers`).

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
    for name, layer in (layers_of(volume) | bend_layers(volume)).items():
        _write_layer(cells, name, layer)


def read_volume_group(group: h5py.Group) -> GrainVolume:
    """The volume of an open file.

    Raises `KeyError` for a layer that is missing, `FriedelError` for one of another type or that cannot be.
    """
    cells = group["CellData"]
    kinds = LAYERS | {name: kind for name, kind in LATER.items() if name in cells}
    layers = {name: read_column(cells, name, np.dtype(dtype).str) for name, dtype in kinds.items()}
    rotation = read_column(cells, "rotation_deg", "f4") if "rotation_deg" in cells else None
    origin, spacing = (
        checked(np.asarray(group.attrs[name]), f"attribute {name}", "f8") for name in ("Origin", "Spacing")
    )
    if not (origin.shape == spacing.shape == (3,) and np.isfinite([origin, spacing]).all()):
        raise FriedelError("attributes Origin and Spacing", rule="must be three finite numbers each")
    if layers["grain_id"].ndim != 3:
        raise FriedelError("grain_id", rule="must be [z,y,x]", got=f"shape {layers['grain_id'].shape}")
    check_range(layers["grain_id"], 0, np.iinfo(np.int32).max, "grain_id")
    check_range(layers["status"], 0, len(Status), "status")
    if "confidence" in layers and not ((layers["confidence"] >= 0) & (layers["confidence"] <= 1)).all():
        raise FriedelError("confidence", rule="must lie in 0..1")
    return GrainVolume(**layers, origin_um=origin, voxel_um=float(spacing[0]), rotation_deg=rotation)


def _write_layer(cells: h5py.Group, name: str, layer: AnyArray) -> None:
    cells.create_dataset(name, data=layer, compression="gzip", compression_opts=1, shuffle=True)
