"""Maps of ImageD11: a `TensorMap` in HDF5 (`TensorMap.to_h5`), with the groups maps and phases.

Its maps are [z,y,x] in the sample's axes, which are ours; labels count from 0, -1 is none; `step` is z, y, x in um.
UBI is that of each voxel: its strain is left out, its rotation taken.
"""

import h5py
import numpy as np

from friedel.errors import FriedelError
from friedel.io.grain_maps.parts import Wanted, check_shape, compact, of_grains, of_matrices, on_voxels
from friedel.io.hdf5_file import numbers, texts
from friedel.io.text import text_in
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.grain_map import GrainMap, MapPhase

GROUP = "TensorMap"


def is_tensor_map(group: h5py.Group) -> bool:
    """Whether it looks like one, or holds one under its usual name."""
    return any(isinstance(one, h5py.Group) and "maps" in one for one in (group, group.get(GROUP)))


def is_grain_list(group: h5py.Group) -> bool:
    """Whether it holds grains of ImageD11 that have a position, but no shape."""
    first = [group]
    for _ in range(3):
        if any("ubi" in one for one in first):
            return True
        first = [one[key] for one in first for key in list(one)[:1] if isinstance(one.get(key), h5py.Group)]
    return False


def read_tensor_map(group: h5py.Group, name: str, wanted: Wanted) -> GrainMap:
    """The map of an open file. Raises `KeyError`, `TypeError` or `FriedelError` for what is missing or wrong."""
    tensor = group if "maps" in group else group[GROUP]
    maps = tensor["maps"]
    if "labels" not in maps:
        rule = "must be there: which voxels make a grain"
        raise FriedelError("maps/labels", rule=rule, got=", ".join(maps) or "none")
    grain_id, number = compact(numbers(maps["labels"]) + 1, "maps/labels")
    phases, phase = _phases(tensor, grain_id, len(number))
    quaternion = None
    if wanted != "random":
        ubi = numbers(maps["UBI"])
        check_shape(ubi, (*grain_id.shape, 3, 3), "maps/UBI")
        quaternion = on_voxels(of_matrices(orientations(ubi[grain_id > 0])), grain_id)
    step = numbers(tensor["step"]).astype(np.float64).ravel()
    if len(step) != 3:
        raise FriedelError("step", rule="must be three numbers: z, y, x", got=step.tolist())
    return GrainMap(name, grain_id, number - 1, phase, phases, None, quaternion, step[::-1])


def orientations(ubi: Floats) -> Floats:
    """U (n,3,3) of UBI (n,3,3), each with the B of its own cell; nan where the UBI is."""
    ubi = np.asarray(ubi, dtype=np.float64)
    out = np.full(ubi.shape, np.nan)
    known = np.isfinite(ubi).all(axis=(1, 2))
    lattice = ubi[known]
    B = np.swapaxes(np.linalg.cholesky(np.linalg.inv(lattice @ np.swapaxes(lattice, 1, 2))), 1, 2)
    out[known] = np.swapaxes(B @ lattice, 1, 2)
    return out


def _phases(tensor: h5py.Group, grain_id: AnyArray, grains: int) -> tuple[tuple[MapPhase, ...], Indices]:
    """The phases, in the order of their numbers, and which of them each grain is."""
    known = tensor.get("phases", {})
    names = sorted(known, key=lambda key: (len(key), key))
    phases = tuple(_phase(known[key]) for key in names) or (MapPhase(),)
    if "phase_ids" not in tensor["maps"]:
        if len(phases) > 1:
            raise FriedelError("maps/phase_ids", rule=f"must be there: there are {len(phases)} phases")
        return phases, np.zeros(grains, dtype=np.int64)
    kind = of_grains(numbers(tensor["maps/phase_ids"]), grain_id, grains, "maps/phase_ids").astype(np.int64)
    rows = {int(key): row for row, key in enumerate(names) if key.isdigit()} or {0: 0}
    wrong = [number for number in np.unique(kind).tolist() if number not in rows]
    if wrong:
        rule = f"must be one of {sorted(rows)} where there is a grain"
        raise FriedelError("maps/phase_ids", rule=rule, got=wrong[0])
    return phases, np.array([rows[number] for number in kind.tolist()], dtype=np.int64)


def _phase(dataset: h5py.Dataset) -> MapPhase:
    """Of a line `a b c alpha beta gamma symmetry`, with the name as an attribute."""
    words = (texts(dataset) or [""])[0].split()[:6]
    try:
        cell = tuple(float(word) for word in words)
    except ValueError:
        cell = ()
    usable = len(cell) == 6 and min(cell) > 0 and np.isfinite(cell).all()
    name = dataset.attrs.get("phase_name", "")
    return MapPhase(text_in(name) if isinstance(name, bytes | str) else "", cell if usable else ())
