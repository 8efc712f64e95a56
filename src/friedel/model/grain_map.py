"""A grain map that somebody measured or made, as its file tells it, in our axes and crystal frame."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Floats, Indices

UNIT = 1e-3
"""How far a quaternion's length may be from 1."""


class MapPhase(NamedTuple):
    """What a map says of a kind of crystal: its name and `lattice` (a, b, c in Angstrom, three angles in deg).

    Both are empty where it says nothing.
    """

    name: str = ""
    lattice: tuple[float, ...] = ()

    def __str__(self) -> str:
        cell = " ".join(f"{value:g}" for value in self.lattice)
        return f"{self.name or 'without a name'}{f' ({cell})' if cell else ''}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GrainMap:
    """Grains of a map in the file `name`.

    `grain_id` int32 [z,y,x] is 0 where there is no grain, else row + 1 of the lists of grains: `number` (g) in the
    file, `phase` (g) row of `phases`, `U` (g,3,3) crystal (the frame of `Phase.B`) to sample, None where the file
    tells none. `quaternion` float32 [z,y,x,4] (w,x,y,z) is the same of each voxel, None where the file tells none;
    of voxels without a grain it says nothing. Among orientations that the crystal's symmetry makes equal it may be
    any. `voxel_um` (3) are the edges along x, y, z, None where the file does not say them; `origin_um` (3) is the
    lower corner of the first voxel against the rotation axis, None where it has no place there. `oddities` are what
    the file says twice and differently, in words.
    """

    name: str
    grain_id: AnyArray
    number: Indices
    phase: Indices
    phases: tuple[MapPhase, ...]
    U: Floats | None = None
    quaternion: AnyArray | None = None
    voxel_um: Floats | None = None
    origin_um: Floats | None = None
    oddities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, shape = len(self.number), self.grain_id.shape
        if len(shape) != 3:
            raise FriedelError("grain numbers", rule="must be [z,y,x]", got=f"shape {shape}")
        if n == 0:
            raise FriedelError("grain numbers", rule="must name a grain: every voxel is without one")
        if len(self.phase) != n or not (self.phase.min() >= 0 and self.phase.max() < len(self.phases)):
            raise FriedelError("phases", rule=f"must be one of {len(self.phases)} for each grain")
        if self.quaternion is not None:
            self._check_voxels(self.quaternion)
        if self.U is not None:
            self._check_grains(self.U)
        if self.voxel_um is not None and not (np.isfinite(self.voxel_um).all() and (self.voxel_um > 0).all()):
            raise FriedelError("voxel size", rule="must be positive", got=f"{self.voxel_um} um")

    def _check_voxels(self, quaternion: AnyArray) -> None:
        if quaternion.shape != (*self.grain_id.shape, 4):
            rule = f"must have a rotation for each of {self.grain_id.shape} voxels"
            raise FriedelError("orientations", rule=rule, got=f"shape {quaternion.shape}")
        inside = self.grain_id > 0
        length = np.linalg.norm(quaternion[inside], axis=1)
        wrong = ~(np.abs(length - 1.0) < UNIT)
        if wrong.any():
            z, y, x = np.argwhere(inside)[int(np.argmax(wrong))].tolist()
            first = length[int(np.argmax(wrong))]
            what = "are no numbers" if np.isnan(first) else f"are no rotations (length {first:.3g}, not 1)"
            rule = f"{what} in {np.count_nonzero(wrong)} voxels that have a grain, such as [{z},{y},{x}]"
            way_out = "sample.map_orientations = 'random' draws others"
            raise FriedelError("orientations", rule=rule, way_out=way_out)

    def _check_grains(self, U: Floats) -> None:
        if U.shape != (len(self.number), 3, 3):
            raise FriedelError("orientations", rule=f"must be {len(self.number)}, one a grain", got=len(U))
        off = np.abs(U @ np.swapaxes(U, 1, 2) - np.eye(3)).max(axis=(1, 2))
        wrong = ~((off < UNIT) & (np.linalg.det(U) > 0))
        if wrong.any():
            rule = "must be proper rotations"
            raise FriedelError(f"orientation of grain {self.number[int(np.argmax(wrong))]}", rule=rule)
