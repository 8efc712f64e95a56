"""Maps in numpy files: grain numbers [z,y,x] alone (.npy), or with orientations beside them (.npz).

Arrays of a .npz: `grain_id` [z,y,x] (0 = none); `U` (g,3,3) or `quaternion` (g,4) (w,x,y,z), row i of grain i + 1,
or `quaternion` [z,y,x,4]: crystal (the frame of B) to sample; with the orientations of grains `rotation_deg`
[z,y,x,3], rotation vectors in the sample frame by which voxels are turned further; `phase` (g), from 0; `voxel_um`,
one number or x, y, z.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from friedel.errors import FriedelError
from friedel.io.foreign import parsing
from friedel.io.grain_maps.own import turned
from friedel.io.grain_maps.parts import (
    Wanted,
    check_shape,
    checked_quaternions,
    compact,
    matrices,
    on_voxels,
    rows_of,
)
from friedel.io.npy import load_array
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.grain_map import GrainMap, MapPhase

KEYS = ("grain_id", "U", "quaternion", "rotation_deg", "phase", "voxel_um")


def read_numpy(path: Path, wanted: Wanted) -> GrainMap:
    """The map in a file. Raises `FriedelError` for what is missing or wrong."""
    if path.suffix.lower() == ".npy":
        grain_id, number = compact(load_array(path, None, (3,)), "grain numbers")
        return GrainMap(str(path), grain_id, number, np.zeros(len(number), dtype=np.int64), (MapPhase(),))
    with parsing(path), zipfile.ZipFile(path) as archive:
        names = [Path(name).stem for name in archive.namelist()]
    other = [name for name in names if name not in KEYS]
    if other:
        raise FriedelError(f"array {other[0]}", rule=f"must be one of {', '.join(KEYS)}")

    def array(key: str, dimensions: tuple[int, ...]) -> AnyArray | None:
        return np.asarray(load_array(path, key, dimensions)) if key in names else None

    label = load_array(path, "grain_id", (3,))
    grain_id, number = compact(np.asarray(label), "grain_id")
    phase = np.zeros(len(number), dtype=np.int64)
    given = array("phase", (1,))
    if given is not None:
        phase = rows_of(given, number - 1, "phase").astype(np.int64)
    U, quaternion = (None, None) if wanted == "random" else _orientations(array, grain_id, number, wanted)
    voxel = array("voxel_um", (0, 1))
    edges = None if voxel is None else np.broadcast_to(np.asarray(voxel, dtype=np.float64).ravel(), (3,))
    phases = (MapPhase(),) * (int(phase.max(initial=0)) + 1)
    return GrainMap(str(path), grain_id, number, phase, phases, U, quaternion, edges)


def _orientations(
    array: Callable[[str, tuple[int, ...]], AnyArray | None], grain_id: AnyArray, number: Indices, wanted: Wanted
) -> tuple[Floats | None, AnyArray | None]:
    """U (g,3,3) of the grains, or the quaternions of the voxels."""
    U, quaternion = array("U", (3,)), array("quaternion", (2, 4))
    if (U is None) == (quaternion is None):
        got = "none" if U is None else "both"
        raise FriedelError("orientations", rule="must be in one of the arrays U and quaternion", got=got)
    rotation = array("rotation_deg", (4,))
    if quaternion is not None and quaternion.ndim == 4:
        check_shape(quaternion, (*grain_id.shape, 4), "quaternion")
        if rotation is not None:
            raise FriedelError("rotation_deg", rule="belongs to the orientations of grains, not of voxels")
        return None, on_voxels(checked_quaternions(quaternion[grain_id > 0], "quaternion"), grain_id)
    if quaternion is not None:
        of_grains = matrices(checked_quaternions(rows_of(quaternion, number - 1, "quaternion"), "quaternion"))
    else:
        of_grains = np.asarray(rows_of(np.asarray(U), number - 1, "U"), dtype=np.float64)
    if rotation is None or wanted == "grain":
        return of_grains, None
    check_shape(rotation, (*grain_id.shape, 3), "rotation_deg")
    if not np.isfinite(rotation[grain_id > 0]).all():
        raise FriedelError("rotation_deg", rule="must be numbers in every voxel that has a grain")
    return of_grains, turned(grain_id, of_grains, rotation)
