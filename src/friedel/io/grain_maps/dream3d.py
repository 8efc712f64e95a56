"""Maps of DREAM.3D: files of versions 6 and 7 (/DataContainers) and of DREAM3D-NX (/DataStructure).

Orientations are passive there, sample to crystal; lengths are taken as um. Phase and feature 0 stand for none.
"""

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from friedel.errors import FriedelError
from friedel.io.grain_maps.parts import (
    Wanted,
    check_shape,
    checked_quaternions,
    compact,
    conjugate,
    matrices,
    of_bunge,
    of_grains,
    of_matrices,
    on_voxels,
    product,
    rows_of,
)
from friedel.io.hdf5_file import numbers, texts
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal_frames import busing_levy, turned_to_a
from friedel.model.grain_map import GrainMap, MapPhase

ROOTS = ("DataContainers", "DataStructure")
IDS = "FeatureIds"
OF_CELLS, OF_FEATURES = ("Quats", "EulerAngles"), ("AvgQuats", "AvgEulerAngles")
TURNED = (0, 2, 9, 10)
"""Crystal structures (6/mmm, 6/m, -3, -3m) whose x lies along a, 30° from that of B."""
HEXAGONAL = (1.0, 1.0, 1.0, 90.0, 90.0, 120.0)


def is_dream3d(group: h5py.Group) -> bool:
    """Whether it looks like one of them."""
    return any(isinstance(group.get(root), h5py.Group) for root in ROOTS)


def read_dream3d(group: h5py.Group, name: str, wanted: Wanted, inner: str = "") -> GrainMap:
    """The map in one container of an open file; `inner` is its name where there are several.

    Raises `KeyError`, `TypeError` or `FriedelError` for what is missing or wrong.
    """
    container = _container(group, inner)
    cells = _matrix(container, IDS)
    grain_id, number = compact(numbers(cells[IDS]), IDS)
    phases, turns = _phases(container)
    phase = _phase_of_grains(container, cells, grain_id, number, len(phases))
    quaternion = U = None
    features = _features(container)
    from_voxels = any(key in cells for key in OF_CELLS) and (wanted == "voxel" or features is None)
    if wanted != "random" and from_voxels:
        q = conjugate(_quaternions(cells, OF_CELLS, grain_id > 0))
        quaternion = on_voxels(product(q, turns[phase][grain_id[grain_id > 0] - 1]), grain_id)
    elif wanted != "random" and features is not None:
        U = _of_features(features, number, turns[phase])
    elif wanted != "random":
        raise FriedelError(", ".join((*OF_CELLS, *OF_FEATURES)), rule="one of them must be there")
    spacing = _spacing(container, grain_id.shape)
    return GrainMap(name, grain_id, number, phase, phases, U, quaternion, spacing)


def _container(group: h5py.Group, inner: str) -> h5py.Group:
    """The geometry with the grains' numbers."""
    root = next(group[root] for root in ROOTS if root in group)
    if inner:
        found = group.get(inner, root.get(inner))
        if not isinstance(found, h5py.Group):
            raise FriedelError(inner, rule="no such group", way_out=f"there is {', '.join(root)}")
        return found
    holding = [item for item in _groups(root) if any(IDS in part for part in _groups(item))]
    if len(holding) != 1:
        names = ", ".join(str(item.name) for item in holding)
        rule = f"must be in one image geometry of {root.name}"
        way_out = "say which: file::GROUP" if holding else ""
        raise FriedelError(IDS, rule=rule, got=names or "none", way_out=way_out)
    return holding[0]


def _groups(group: h5py.Group) -> Iterator[h5py.Group]:
    for key in group:
        item = group.get(key)
        if isinstance(item, h5py.Group):
            yield item


def _matrix(container: h5py.Group, *arrays: str) -> h5py.Group:
    """The attribute matrix with one of these arrays. Raises `FriedelError` where there is none."""
    for part in _groups(container):
        if any(array in part for array in arrays):
            return part
    raise FriedelError(" or ".join(arrays), rule=f"must be there in {container.name}")


def _features(container: h5py.Group) -> h5py.Group | None:
    return next((part for part in _groups(container) if any(key in part for key in OF_FEATURES)), None)


def _phases(container: h5py.Group) -> tuple[tuple[MapPhase, ...], Floats]:
    """The ensembles but the first, and (p,4) what turns the frame of B into theirs."""
    kinds = next((part for part in _groups(container) if "CrystalStructures" in part), None)
    if kinds is None:
        raise FriedelError("CrystalStructures", rule=f"must be there in {container.name}")
    structure = numbers(kinds["CrystalStructures"]).ravel()[1:]
    names = next((texts(kinds[key])[1:] for key in ("PhaseName", "MaterialName") if key in kinds), [])
    cells = (
        numbers(kinds["LatticeConstants"]).reshape(-1, 6)[1:] if "LatticeConstants" in kinds else np.zeros((0, 6))
    )
    phases, turns = [], []
    for row, number in enumerate(structure.tolist()):
        cell = np.asarray(cells[row] if row < len(cells) else np.zeros(6), dtype=np.float64)
        usable = np.isfinite(cell).all() and (cell > 0).all()
        lattice = tuple(round(float(value), 6) for value in cell) if usable else ()
        phases.append(MapPhase(names[row] if row < len(names) else "", lattice))
        frame = lattice or (HEXAGONAL if number in TURNED else ())
        turn = turned_to_a(busing_levy(frame)).T if frame else np.eye(3)
        turns.append(of_matrices(turn[None])[0])
    return tuple(phases), np.array(turns).reshape(-1, 4)


def _phase_of_grains(
    container: h5py.Group, cells: h5py.Group, grain_id: AnyArray, number: Indices, phases: int
) -> Indices:
    """Row of the phases of each grain, from the features or the cells."""
    features = next((part for part in _groups(container) if part != cells and "Phases" in part), None)
    if features is not None:
        kind = rows_of(numbers(features["Phases"]).ravel(), number, "Phases").astype(np.int64)
    elif "Phases" in cells:
        kind = of_grains(numbers(cells["Phases"]), grain_id, len(number), "Phases").astype(np.int64)
    elif phases == 1:
        kind = np.ones(len(number), dtype=np.int64)
    else:
        raise FriedelError("Phases", rule=f"must be there: there are {phases}")
    wrong = (kind < 1) | (kind > phases)
    if wrong.any():
        grain = int(number[int(np.argmax(wrong))])
        got = f"{kind[int(np.argmax(wrong))]} of feature {grain}"
        raise FriedelError("Phases", rule=f"must be 1 to {phases} where there is a grain", got=got)
    return kind - 1


def _of_features(features: Any, number: Indices, turns: Floats) -> Floats:
    key = next(key for key in OF_FEATURES if key in features)
    used = np.zeros(len(features[key]), dtype=bool)
    rows_of(used, number, key)
    used[number] = True
    return matrices(product(conjugate(_quaternions(features, OF_FEATURES, used)), turns))


def _quaternions(group: h5py.Group, names: tuple[str, str], inside: AnyArray) -> Floats:
    """w, x, y, z (n,4), sample to crystal, of what is inside."""
    for key, parts in zip(names, (4, 3), strict=True):
        if key not in group:
            continue
        values = numbers(group[key])
        check_shape(values, (*inside.shape, parts), key)
        values = values[inside].astype(np.float64)
        if parts == 4:
            return checked_quaternions(values[:, [3, 0, 1, 2]], key)
        return conjugate(of_bunge(values))
    raise FriedelError(" or ".join(names), rule="must be there")


def _spacing(container: h5py.Group, shape: tuple[int, ...]) -> Floats:
    """Edges (3) in um along x, y, z. Raises `FriedelError` for a geometry of other cells."""
    geometry = container.get("_SIMPL_GEOMETRY")
    said = (
        (numbers(geometry["DIMENSIONS"]), numbers(geometry["SPACING"]))
        if isinstance(geometry, h5py.Group)
        else tuple(np.asarray(container.attrs[key]) for key in ("_DIMENSIONS", "_SPACING"))
    )
    counts, spacing = (np.asarray(values, dtype=np.float64).ravel() for values in said)
    if counts.tolist() != [float(n) for n in shape[::-1]]:
        rule = f"must be those of {IDS}, {' × '.join(map(str, shape[::-1]))}"
        raise FriedelError("dimensions of the geometry", rule=rule, got=counts.astype(int).tolist())
    return spacing
