"""The ESRF DCT code's `parameters.h5`: groups `acq`, `labgeo`, `detgeo`, `cryst`, `prep`, `seg`.

What is assumed of it, from its own descriptions of the fields:

- lengths are millimetres (`labgeo/labunit`), energy keV, lattice Angstrom and degrees;
- its lab frame is ours: x along the beam, z along the rotation axis, y = z × x (checked, not assumed);
- a detector pixel (u, v) counts from 1 (MATLAB), u along columns, v along rows, and `detrefpos` is the lab position
  of pixel (`detrefu`, `detrefv`): ours is the same pixel at (detrefu - 1, detrefv - 1);
- `rotdir` is the axis about which the sample turns right-handed as omega grows: (0, 0, -1) is our "-z";
- `rotpos` is any point of the axis: our lab origin lies on it, at the same height;
- older files keep the detector's fields in `labgeo`; several phases are groups in `cryst`.

MATLAB writes scalars as arrays of one and vectors as rows or columns; both are taken.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gemmi
import h5py
import numpy as np

from friedel.errors import InputError
from friedel.io.hdf5_file import numbers, opened, texts
from friedel.model.arrays import Floats

UNIT_UM = {"mm": 1e3, "um": 1.0, "m": 1e6}
_STRAIGHT = 1e-6


def read_esrf(path: Path) -> dict[str, Any]:
    """Values for `ImportedParameters`. Raises `InputError`."""
    with opened(path, InputError) as file:
        root = file["parameters"] if isinstance(file.get("parameters"), h5py.Group) else file
        if not any(isinstance(root.get(name), h5py.Group) for name in ("labgeo", "detgeo")):
            raise InputError(
                str(path), rule="must be parameters.h5 of the ESRF DCT code", got="no labgeo or detgeo"
            )
        notes: list[str] = []
        lab, sense = _lab(path, root, notes)
        setup = {"energy_keV": _energy(path, root), "rotation": sense, "detector": _detector(path, root, lab)}
        return {
            "setup": setup,
            "phase": _phases(path, root, notes),
            "preprocess": _preprocess(root),
            "segment": _segment(root),
            "notes": tuple(notes),
        }


def _lab(path: Path, root: h5py.Group, notes: list[str]) -> tuple[tuple[Floats, float], str]:
    """A point of the axis and the unit (um), and the sense of the rotation."""
    geometry = root.get("labgeo")
    if not isinstance(geometry, h5py.Group):
        raise InputError(str(path), rule="must have labgeo")
    unit = _text(geometry, "labunit") or "mm"
    if unit not in UNIT_UM:
        raise InputError(f"labgeo/labunit in {path}", rule=f"must be one of {list(UNIT_UM)}", got=unit)
    beam = _vector(path, geometry, "beamdir", [1.0, 0.0, 0.0])
    if np.linalg.norm(beam / np.linalg.norm(beam) - [1, 0, 0]) > _STRAIGHT:
        raise InputError(f"labgeo/beamdir in {path}", rule="must be along x", got=beam.tolist())
    axis = _vector(path, geometry, "rotdir", None)
    if np.linalg.norm(axis) == 0 or np.abs(axis[:2]).max() > _STRAIGHT * np.linalg.norm(axis):
        raise InputError(f"labgeo/rotdir in {path}", rule="must be along z or -z", got=axis.tolist())
    point = _vector(path, geometry, "rotpos", [0.0, 0.0, 0.0])
    if point[:2].any():
        notes.append("the rotation axis is not at the lab's origin there: the detector is moved with it")
    return (np.array([point[0], point[1], 0.0]), UNIT_UM[unit]), "+z" if axis[2] > 0 else "-z"


def _energy(path: Path, root: h5py.Group) -> float:
    energy = _numbers(root, "acq/energy")
    if energy is None or not energy[0] > 0:
        raise InputError(f"acq/energy in {path}", rule="must be given and positive")
    return float(energy[0])


def _detector(path: Path, root: h5py.Group, lab: tuple[Floats, float]) -> dict[str, Any]:
    """The plane as vectors: the code's own description, without any angles."""
    point, unit = lab
    group = root["detgeo"] if isinstance(root.get("detgeo"), h5py.Group) else root["labgeo"]
    place = _vector(path, group, "detrefpos", None)
    u, v = (_vector(path, group, name, None) for name in ("detdiru", "detdirv"))
    scalars = {name: _numbers(group, name) for name in ("pixelsizeu", "pixelsizev", "detrefu", "detrefv")}
    missing = [name for name, value in scalars.items() if value is None]
    if missing:
        raise InputError(f"{group.name} in {path}", rule=f"must give {', '.join(missing)}")
    size_u, size_v, ref_u, ref_v = (float(value[0]) for value in scalars.values() if value is not None)
    if min(float(np.linalg.norm(u)), float(np.linalg.norm(v)), size_u, size_v) <= 0:
        raise InputError(f"detdiru, detdirv, pixelsizeu, pixelsizev in {path}", rule="must not be 0")
    u_um = u / np.linalg.norm(u) * size_u * unit
    v_um = v / np.linalg.norm(v) * size_v * unit
    if np.linalg.norm(np.cross(u_um, v_um)) < _STRAIGHT * size_u * size_v * unit**2:
        raise InputError(f"detdiru, detdirv in {path}", rule="must span a plane", got=[u.tolist(), v.tolist()])
    origin = (place - point) * unit - (ref_u - 1.0) * u_um - (ref_v - 1.0) * v_um
    return {"origin_um": origin.tolist(), "u_um": u_um.tolist(), "v_um": v_um.tolist()}


def _phases(path: Path, root: h5py.Group, notes: list[str]) -> tuple[dict[str, Any], ...]:
    group = root.get("cryst")
    if not isinstance(group, h5py.Group):
        notes.append("the file gives no crystal: add a [[phase]]")
        return ()
    inner = [
        group[name] for name in sorted(group) if isinstance(group[name], h5py.Group) and "latticepar" in group[name]
    ]
    found = []
    for crystal in [group] if "latticepar" in group else inner:
        lattice, number = _numbers(crystal, "latticepar"), _numbers(crystal, "spacegroup")
        if lattice is None or len(lattice) != 6 or number is None or not 1 <= int(number[0]) <= 230:
            raise InputError(f"{crystal.name} in {path}", rule="must give latticepar (6) and spacegroup (1 to 230)")
        name = _text(crystal, "composition") or _text(crystal, "name") or "phase"
        symbol = str(gemmi.find_spacegroup_by_number(int(number[0])).hm)
        found.append({"name": name, "lattice": lattice.tolist(), "spacegroup": symbol})
        if gemmi.Element(name).name != name or gemmi.Element(name).atomic_number == 0:
            notes.append(f"the file names no atoms: phase {name!r} is no element, give atoms or a cif")
    return tuple(found)


def _preprocess(root: h5py.Group) -> dict[str, Any]:
    """`fullrange` and `fullint` are the window and the step of the moving median, in images."""
    values: dict[str, Any] = {}
    for name, target in (("prep/fullrange", "half_window"), ("prep/fullint", "half_step")):
        number = _numbers(root, name)
        if number is not None and number[0] >= 2:
            values[target] = int(number[0]) // 2
    return values


def _segment(root: h5py.Group) -> dict[str, Any]:
    """The double threshold under its names there."""
    values: dict[str, Any] = {}
    for name, target in (
        ("thr_seed", "seed_threshold"),
        ("thr_grow_rat", "tolerance"),
        ("thr_grow_low", "grow_min"),
        ("thr_grow_high", "grow_max"),
    ):
        number = _numbers(root, f"seg/{name}")
        if number is not None and np.isfinite(number[0]):
            values[target] = float(number[0])
    return values


def _numbers(group: h5py.Group, name: str) -> Floats | None:
    """A field as a flat list, None where it is absent, empty or text."""
    dataset = group.get(name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iuf" or not dataset.size:
        return None
    return np.asarray(numbers(dataset), dtype=np.float64).ravel()


def _vector(path: Path, group: h5py.Group, name: str, default: list[float] | None) -> Floats:
    values = _numbers(group, name)
    if values is None and default is not None:
        return np.array(default)
    if values is None or values.shape != (3,) or not np.isfinite(values).all():
        got: Mapping[str, Any] | Any = None if values is None else values.tolist()
        raise InputError(f"{group.name}/{name} in {path}", rule="must be three numbers", got=got)
    return values


def _text(group: h5py.Group, name: str) -> str:
    """A text: a string, or MATLAB's array of character codes."""
    dataset = group.get(name)
    if not isinstance(dataset, h5py.Dataset) or not dataset.size:
        return ""
    return texts(dataset)[0].strip()
