"""Grains and the volume they fill, in the sample frame (rotation axis at x = y = 0)."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Floats, Indices


class Status(IntEnum):
    """What is known about a voxel of the map."""

    EMPTY = 0
    MEASURED = 1
    CONTESTED = 2
    DILATED = 3


@dataclass(frozen=True, slots=True, eq=False)
class GrainTable:
    """Grains, one row each.

    `U` (n,3,3) takes crystal to sample, `B` of the phase is Busing-Levy without 2 pi, `UBI` (n,3,3) = inv(U B)
    in Angstrom; `position_um` (n,3) is the centre of mass; `completeness` (n) found over expected spots. Blobs
    of grain i are `blobs[blob_pointer[i]:blob_pointer[i+1]]`, `shared` marks those that serve another grain too.

    What only indexing knows may be empty (length 0). Per entry of `blobs`: `hkl` (m,3), and `residuals` (m,3) =
    predicted minus measured omega * |sin eta| (deg), row, col (px). Per grain: `expected` (n) spots on the
    detector, `null_completeness` (n) what the same search reaches by chance on average and `null_limit` (n)
    the completeness that chance does not reach, `strain` (n,6) xx yy zz yz xz xy in the sample
    frame. `notes` say what went wrong.
    """

    U: Floats
    UBI: Floats
    position_um: Floats
    completeness: Floats
    phase: AnyArray
    blob_pointer: AnyArray
    blobs: AnyArray
    shared: AnyArray
    orientation_error_deg: Floats
    position_error_um: Floats
    volume_um3: Floats
    phases: tuple[str, ...] = field(default=())
    hkl: Indices = field(default_factory=lambda: np.zeros((0, 3), dtype=np.int64))
    residuals: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    expected: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    null_completeness: Floats = field(default_factory=lambda: np.zeros(0))
    null_limit: Floats = field(default_factory=lambda: np.zeros(0))
    strain: Floats = field(default_factory=lambda: np.zeros((0, 6)))
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        n = len(self.position_um)
        for name, shape in (("U", (n, 3, 3)), ("UBI", (n, 3, 3)), ("position_um", (n, 3))):
            if getattr(self, name).shape != shape:
                raise FriedelError(
                    f"grain table {name}", rule=f"must have shape {shape}", got=getattr(self, name).shape
                )
        if len(self.blob_pointer) != n + 1:
            raise FriedelError(
                "grain table blob_pointer", rule=f"must have {n + 1} entries", got=len(self.blob_pointer)
            )
        for name, shape in (("hkl", (len(self.blobs), 3)), ("residuals", (len(self.blobs), 3)), ("strain", (n, 6))):
            got = getattr(self, name).shape
            if got != shape and got[0]:
                raise FriedelError(f"grain table {name}", rule=f"must be empty or have shape {shape}", got=got)
        if n and not np.allclose(np.linalg.det(self.U), 1.0, atol=1e-6):
            raise FriedelError("grain table U", rule="must be proper rotations")

    def __len__(self) -> int:
        return len(self.position_um)

    @property
    def grain_id(self) -> Indices:
        """Numbers (n) of the grains, as the map, files, exports and the page say them: row + 1; 0 is no grain."""
        return np.arange(1, len(self) + 1)


@dataclass(frozen=True, slots=True, eq=False)
class GrainVolume:
    """The map: `grain_id` int32 [z,y,x] (0 = none, else row of the grain table + 1) on a regular grid.

    `origin_um` (x,y,z) is the lower corner of the first voxel, `voxel_um` the edge of a voxel. `status` uint8
    [z,y,x] holds `Status` codes, `density` float32 [z,y,x] the reconstructed density.
    """

    grain_id: AnyArray
    status: AnyArray
    density: AnyArray
    origin_um: Floats
    voxel_um: float

    def __post_init__(self) -> None:
        if not self.grain_id.shape == self.status.shape == self.density.shape:
            raise FriedelError("grain volume", rule="layers must have one shape", got=self.grain_id.shape)
        if not self.voxel_um > 0:
            raise FriedelError("voxel_um", rule="must be positive", got=self.voxel_um)
