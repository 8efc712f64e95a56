"""Maps of GrainMapper3D (LabDCT), file versions 3 to 5: /LabDCT/Data and /PhaseInfo.

From its specification: volumes are [z,y,x], lengths mm, U takes crystal to sample, the crystal's x lies along a and
its z along c*; the sample's axes are those of ours (x along the beam, z up).
"""

import h5py
import numpy as np

from friedel.errors import FriedelError
from friedel.io.grain_maps.parts import (
    Wanted,
    check_shape,
    checked_quaternions,
    compact,
    of_bunge,
    of_grains,
    of_matrices,
    of_rodrigues,
    on_voxels,
    product,
)
from friedel.io.hdf5_file import numbers, texts
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal_frames import x_along_a
from friedel.model.grain_map import GrainMap, MapPhase

UM_PER_MM = 1000.0
SAME = 0.01
"""Part by which the voxel may differ between Spacing and Extent."""


def is_grain_mapper(group: h5py.Group) -> bool:
    """Whether it looks like one of them."""
    return isinstance(group.get("LabDCT"), h5py.Group)


def read_grain_mapper(group: h5py.Group, name: str, wanted: Wanted) -> GrainMap:
    """The map of an open file. Raises `KeyError`, `TypeError` or `FriedelError` for what is missing or wrong."""
    lab = group["LabDCT"]
    data = lab["Data"]
    grain_id, number = compact(numbers(data["GrainId"]), "GrainId")
    phases, phase = _phases(group, grain_id, len(number))
    quaternion = None if wanted == "random" else _orientations(data, grain_id, phases, phase)
    voxel, oddities = _voxel(lab, grain_id.shape)
    return GrainMap(name, grain_id, number, phase, phases, None, quaternion, voxel, oddities=oddities)


def _phases(group: h5py.Group, grain_id: AnyArray, grains: int) -> tuple[tuple[MapPhase, ...], Indices]:
    """What /PhaseInfo says, and which of it each grain is."""
    infos = group.get("PhaseInfo", {})
    groups = [infos[key] for key in sorted(infos) if isinstance(infos[key], h5py.Group)]
    phases = tuple(map(_phase, groups)) or (MapPhase(),)
    data = group["LabDCT/Data"]
    if "PhaseId" not in data:
        if len(phases) > 1:
            raise FriedelError("PhaseId", rule=f"must be there: /PhaseInfo names {len(phases)} phases")
        return phases, np.zeros(grains, dtype=np.int64)
    kind = of_grains(numbers(data["PhaseId"]), grain_id, grains, "PhaseId").astype(np.int64)
    wrong = (kind < 1) | (kind > len(phases))
    if wrong.any():
        rule = f"must be 1 to {len(phases)} where there is a grain: /PhaseInfo names no others"
        raise FriedelError("PhaseId", rule=rule, got=int(kind[int(np.argmax(wrong))]))
    return phases, kind - 1


def _phase(info: h5py.Group) -> MapPhase:
    name = (texts(info["Name"]) if "Name" in info else [""])[0]
    cell = numbers(info["UnitCell"]).astype(np.float64).ravel() if "UnitCell" in info else np.zeros(0)
    usable = len(cell) == 6 and np.isfinite(cell).all() and (cell > 0).all()
    return MapPhase(name, tuple(cell.tolist()) if usable else ())


def _orientations(data: h5py.Group, grain_id: AnyArray, phases: tuple[MapPhase, ...], phase: Indices) -> AnyArray:
    """Of each voxel, crystal (as B has it) to sample."""
    inside = grain_id > 0
    q = _in_their_frame(data, inside)
    for row, kind in enumerate(phases):
        if kind.lattice:
            back = of_matrices(x_along_a(kind.lattice).T[None])
            mine = phase[grain_id[inside] - 1] == row
            q[mine] = product(q[mine], back)
    return on_voxels(q, grain_id)


def _in_their_frame(data: h5py.Group, inside: AnyArray) -> Floats:
    for key, parts in (("Rodrigues", 3), ("Quaternion", 4), ("EulerZXZ", 3)):
        if key not in data:
            continue
        values = numbers(data[key])
        check_shape(values, (*inside.shape, parts), key)
        values = values[inside].astype(np.float64)
        if key == "Quaternion":
            return checked_quaternions(values, key)
        return of_rodrigues(values) if key == "Rodrigues" else of_bunge(values)
    raise FriedelError("Rodrigues", rule="must be there in LabDCT/Data")


def _voxel(lab: h5py.Group, shape: tuple[int, ...]) -> tuple[Floats | None, tuple[str, ...]]:
    """Edges (3) in um by Spacing, if Extent says the same; else none and what they say."""
    spacing, extent = (
        UM_PER_MM * numbers(lab[key]).astype(np.float64).ravel() if key in lab else np.zeros(0)
        for key in ("Spacing", "Extent")
    )
    counts = np.array(shape[::-1], dtype=np.float64)
    if len(extent) != 3:
        return (spacing if len(spacing) == 3 else None), ()
    by_extent = extent / counts
    if len(spacing) != 3:
        return by_extent, ()
    if np.abs(spacing - by_extent).max() <= SAME * by_extent.max():
        return spacing, ()
    said = (" × ".join(f"{edge:.3g}" for edge in edges) for edges in (spacing, by_extent))
    return None, ("its voxel is {} um by Spacing but {} um by Extent".format(*said),)
