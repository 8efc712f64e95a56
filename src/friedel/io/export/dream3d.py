"""The map for DREAM.3D: its HDF5 layout of files of version 7.0, which later versions import.

Orientations are passive there (sample to crystal): Bunge's angles in radians, quaternions as x, y, z, w. In
hexagonal and trigonal lattices DREAM.3D puts the crystal's x along a, our B puts it along a*: the difference of
30° is in the numbers written. Feature and phase 0 stand for "none".
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from friedel.io.export.vtkhdf import check_grains
from friedel.io.h5_output import h5_output
from friedel.model.arrays import AnyArray
from friedel.model.crystal import Phase
from friedel.model.crystal_frames import turned_to_a
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.lattice_bends import bend_layers
from friedel.model.orientation import bunge_angles, quaternions

CELL, FEATURE, ENSEMBLE = 3, 7, 11
"""Kinds of attribute matrices."""
UNKNOWN_STRUCTURE, PRIMARY, UNKNOWN_TYPE = 999, 0, 999
_STRUCTURES = {
    "6/mmm": 0,
    "m-3m": 1,
    "6/m": 2,
    "m-3": 3,
    "-1": 4,
    "2/m": 5,
    "mmm": 6,
    "4/m": 7,
    "4/mmm": 8,
    "-3": 9,
    "-3m": 10,
}
"""Numbers of DREAM.3D for the Laue classes."""
_TYPES = {"i4": "int32_t", "u4": "uint32_t", "f4": "float"}


def export_dream3d(path: str | Path, volume: GrainVolume, grains: GrainTable, phases: Sequence[Phase]) -> None:
    """Write a `.dream3d` file with cells, features (grains) and ensembles (phases). Raises `OutputError`."""
    check_grains(volume, grains, phases)
    U = grains.U
    if len(grains):
        U = U @ np.array([turned_to_a(phase.B) for phase in phases])[grains.phase]
    angles, q = bunge_angles(U).astype("f4"), quaternions(U)
    quats = np.concatenate([-q[:, 1:], q[:, :1]], axis=1).astype("f4")
    kind = np.asarray(grains.phase, dtype="i4") + 1
    where = volume.grain_id
    features = {
        "AvgEulerAngles": _with_none(angles),
        "AvgQuats": _with_none(quats),
        "Phases": _with_none(kind),
        "Centroids": _with_none(grains.position_um.astype("f4")),
        "NumElements": np.bincount(where.ravel(), minlength=len(grains) + 1).astype("i4"),
        "Completeness": _with_none(grains.completeness.astype("f4")),
    }
    features["Volumes"] = (features["NumElements"] * volume.voxel_um**3).astype("f4")
    features["EquivalentDiameters"] = np.cbrt(6 / np.pi * features["Volumes"]).astype("f4")
    with h5_output(path) as output:
        _write(output.file, volume, (features, _ensembles(phases)), [phase.name for phase in phases])


def _write(
    file: h5py.File, volume: GrainVolume, matrices: tuple[Mapping[str, AnyArray], ...], names: Sequence[str]
) -> None:
    file.attrs["FileVersion"] = np.bytes_("7.0")
    file.attrs["DREAM3D Version"] = np.bytes_("1.2.812.508bf5f37")
    file.create_group("DataContainerBundles")
    container = file.create_group("DataContainers/ImageDataContainer")
    size = tuple(int(n) for n in volume.grain_id.shape[::-1])
    features, ensembles = matrices
    _write_cells(container, volume, features, size)
    _write_matrix(container, "CellFeatureData", FEATURE, features, (len(features["Phases"]),))
    group = _write_matrix(container, "CellEnsembleData", ENSEMBLE, ensembles, (len(names) + 1,))
    for title, first, rest in (("PhaseName", "Unknown", names), ("MaterialName", "Unknown", names)):
        text = group.create_dataset(title, data=np.array([first, *rest], dtype=h5py.string_dtype("ascii")))
        _describe(text, "StringDataArray", (len(names) + 1,), 1)
    geometry = container.create_group("_SIMPL_GEOMETRY")
    for name, value in (
        ("GeometryName", np.bytes_("ImageGeometry")),
        ("GeometryTypeName", np.bytes_("ImageGeometry")),
        ("GeometryType", np.array([0], dtype="u4")),
        ("SpatialDimensionality", np.array([3], dtype="u4")),
        ("UnitDimensionality", np.array([3], dtype="u4")),
    ):
        geometry.attrs[name] = value
    geometry["DIMENSIONS"] = np.array(size, dtype="i8")
    geometry["ORIGIN"] = np.asarray(volume.origin_um, dtype="f4")
    geometry["SPACING"] = np.full(3, volume.voxel_um, dtype="f4")


def _ensembles(phases: Sequence[Phase]) -> dict[str, AnyArray]:
    # DREAM.3D's structures have their main axis along z
    structures = [
        _STRUCTURES.get(phase.laue_class, UNKNOWN_STRUCTURE) if phase.keyed_system else UNKNOWN_STRUCTURE
        for phase in phases
    ]
    return {
        "CrystalStructures": np.array([UNKNOWN_STRUCTURE, *structures], dtype="u4"),
        "PhaseTypes": np.array([UNKNOWN_TYPE, *[PRIMARY for _ in phases]], dtype="u4"),
        "LatticeConstants": np.array([[0.0] * 6, *[phase.lattice for phase in phases]], dtype="f4"),
    }


def _write_cells(
    container: h5py.Group, volume: GrainVolume, features: Mapping[str, AnyArray], size: tuple[int, ...]
) -> None:
    """Values of the features, spread over their voxels plane by plane: memory does not grow with them."""
    group, inside = _matrix(container, "CellData", CELL, size), bend_layers(volume)
    _write_array(group, "FeatureIds", volume.grain_id.astype("i4"), size)
    _write_array(group, "Status", volume.status.astype("i4"), size)
    _write_array(group, "Density", volume.density.astype("f4"), size)
    if volume.confidence is not None:
        _write_array(group, "Confidence", volume.confidence.astype("f4"), size)
    for title, name in (
        ("KernelAverageMisorientations", "kam_deg"),
        ("FeatureReferenceMisorientations", "grod_deg"),
    ):
        if name in inside:
            _write_array(group, title, inside[name], size)
    if "sub_grain" in inside:
        _write_array(group, "SubGrainIds", inside["sub_grain"].astype("i4"), size)
    for title, source in (("EulerAngles", "AvgEulerAngles"), ("Quats", "AvgQuats"), ("Phases", "Phases")):
        values = features[source].reshape(len(features[source]), -1)
        parts = values.shape[1]
        dataset = group.create_dataset(
            title,
            shape=(*size[::-1], parts),
            dtype=values.dtype,
            chunks=(1, *size[1::-1], parts),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        for plane, labels in enumerate(volume.grain_id):
            dataset[plane] = values[labels]
        _describe(dataset, f"DataArray<{_TYPES[values.dtype.str[1:]]}>", size, parts)


def _write_matrix(
    container: h5py.Group, name: str, kind: int, arrays: Mapping[str, AnyArray], size: tuple[int, ...]
) -> h5py.Group:
    group = _matrix(container, name, kind, size)
    for title, array in arrays.items():
        _write_array(group, title, array, size)
    return group


def _matrix(container: h5py.Group, name: str, kind: int, size: tuple[int, ...]) -> h5py.Group:
    """A group of arrays of one size; the attributes list sizes as x, y, z."""
    group = container.create_group(name)
    group.attrs["AttributeMatrixType"] = np.array([kind], dtype="u4")
    group.attrs["TupleDimensions"] = np.array(size, dtype="u8")
    return group


def _write_array(group: h5py.Group, title: str, array: AnyArray, size: tuple[int, ...]) -> None:
    """Arrays lie as [z,y,x,part] or [row,part]."""
    parts = array.shape[len(size)] if array.ndim > len(size) else 1
    data = array.reshape(*size[::-1], parts)
    options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if data.size else {}
    _describe(
        group.create_dataset(title, data=data, **options), f"DataArray<{_TYPES[array.dtype.str[1:]]}>", size, parts
    )


def _describe(dataset: h5py.Dataset, kind: str, size: tuple[int, ...], parts: int) -> None:
    dataset.attrs["ComponentDimensions"] = np.array([parts], dtype="u8")
    dataset.attrs["DataArrayVersion"] = np.array([2], dtype="i4")
    dataset.attrs["ObjectType"] = np.bytes_(kind)
    axes = ",".join(f"{axis}={n}" for axis, n in zip("xyz", size, strict=False))
    dataset.attrs["Tuple Axis Dimensions"] = np.bytes_(axes)
    dataset.attrs["TupleDimensions"] = np.array(size, dtype="u8")


def _with_none(values: AnyArray) -> AnyArray:
    """The values with a row of zeros before them, for feature 0."""
    return np.concatenate([np.zeros((1, *values.shape[1:]), dtype=values.dtype), values])
