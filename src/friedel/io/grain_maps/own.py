"""Our own maps: an output folder, `volume.h5` with `grains.h5` beside it, or the truth of a simulation."""

from pathlib import Path

import h5py
import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io.grain_maps.parts import Wanted, compact, of_matrices, on_voxels, product
from friedel.io.grain_store import read_grains, read_grains_group
from friedel.io.volume_store import read_volume, read_volume_group
from friedel.model.arrays import AnyArray, Floats
from friedel.model.grain_map import GrainMap, MapPhase
from friedel.model.grains import GrainTable, GrainVolume

VOLUME, GRAINS = "volume.h5", "grains.h5"


def is_own(group: h5py.Group) -> bool:
    """Whether it is one of them, or a map that we exported for VTK."""
    return "VTKHDF" in group


def read_own(group: h5py.Group, name: str, wanted: Wanted) -> GrainMap:
    """The map of an open file, with the grains in it or beside it.

    Raises `FriedelError` or `InputError` for what is missing or wrong.
    """
    volume = read_volume_group(group["VTKHDF"])
    if "grains" in group:
        return own_map(name, volume, read_grains_group(group["grains"]), wanted)
    beside = Path(group.file.filename).parent / GRAINS
    if not beside.is_file() and wanted != "random":
        raise FriedelError("orientations", rule=f"must be in {GRAINS} beside it, or in /grains")
    return own_map(name, volume, read_grains(beside) if beside.is_file() else None, wanted)


def read_folder(folder: Path, wanted: Wanted) -> GrainMap:
    """The map of an output folder. Raises `InputError` for one without."""
    if not (folder / VOLUME).is_file():
        raise InputError(str(folder), rule=f"must hold {VOLUME}, as the output folder of a run that made a map")
    grains = read_grains(folder / GRAINS) if wanted != "random" or (folder / GRAINS).is_file() else None
    return own_map(str(folder), read_volume(folder / VOLUME), grains, wanted)


def own_map(name: str, volume: GrainVolume, grains: GrainTable | None, wanted: Wanted) -> GrainMap:
    """A map as it was reconstructed. Raises `InputError` where the table has other grains."""
    grain_id, number = compact(volume.grain_id, "grain_id")
    if grains is not None and len(number) and number.max() > len(grains):
        rule = f"must be among the {len(grains)} grains of the table"
        raise InputError(f"grain_id in {name}", rule=rule, got=int(number.max()))
    phases: tuple[MapPhase, ...] = (MapPhase(),)
    phase = np.zeros(len(number), dtype=np.int64)
    U = quaternion = None
    if grains is not None:
        row = number - 1
        phase = np.asarray(grains.phase, dtype=np.int64)[row]
        phases = _phases(grains)
        U = grains.U[row] if wanted != "random" else None
    if U is not None and wanted == "voxel" and volume.rotation_deg is not None:
        quaternion = turned(grain_id, U, volume.rotation_deg)
    voxel = np.full(3, volume.voxel_um)
    return GrainMap(name, grain_id, number, phase, phases, U, quaternion, voxel, np.asarray(volume.origin_um))


def turned(grain_id: AnyArray, U: Floats, rotation_deg: AnyArray) -> AnyArray:
    """Quaternions [z,y,x,4] of exp(rotation) U, rotations [z,y,x,3] in deg; where one is nan, of U."""
    inside = grain_id > 0
    vector = np.nan_to_num(np.radians(rotation_deg[inside].astype(np.float64)))
    half = 0.5 * np.linalg.norm(vector, axis=1, keepdims=True)
    q = np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vector], axis=1)
    return on_voxels(product(q, of_matrices(U)[grain_id[inside] - 1]), grain_id)


def _phases(grains: GrainTable) -> tuple[MapPhase, ...]:
    """Names of the table's phases, and the cell of the first grain of each."""
    found = []
    for row in range(max(len(grains.phases), int(np.max(grains.phase, initial=0)) + 1)):
        name = grains.phases[row] if row < len(grains.phases) else ""
        mine = np.flatnonzero(np.asarray(grains.phase) == row)
        found.append(MapPhase(name, cell_of(grains.UBI[mine[0]]) if len(mine) else ()))
    return tuple(found)


def cell_of(UBI: Floats) -> tuple[float, ...]:
    """a, b, c in Angstrom and three angles in deg, of the rows of a UBI (3,3)."""
    a, b, c = np.linalg.norm(UBI, axis=1)
    cosine = (UBI @ UBI.T) / np.outer([a, b, c], [a, b, c])
    angles = np.degrees(np.arccos([cosine[1, 2], cosine[0, 2], cosine[0, 1]]))
    return tuple(round(float(value), 4) for value in (a, b, c, *angles))
