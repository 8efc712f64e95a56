"""Shapes on regular grids in the sample frame: one grain's, and the sample's."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.setup import Setup
from friedel.model.shares import SpotShares
from friedel.model.spots import SpotTable


@dataclass(frozen=True, slots=True)
class Grid:
    """The lattice of voxels that all grains of a map share.

    Voxel edges lie at `(integer + phase) * voxel_um` along each axis (x, y, z).
    """

    voxel_um: float
    phase: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.voxel_um) and self.voxel_um > 0):
            raise FriedelError("voxel_um", rule="must be positive", got=self.voxel_um)

    @classmethod
    def of(cls, setup: Setup, voxel_um: float = 0.0) -> Self:
        """The grid of a set-up; 0 means voxels as large as a pixel.

        A sample of known size is centred on the axis and its ends fall on the edges of voxels, as near as can be.
        """
        if voxel_um <= 0:
            detector = setup.detector
            voxel_um = float(np.linalg.norm(detector.u_um) * np.linalg.norm(detector.v_um)) ** 0.5
        if setup.sample.kind not in ("cylinder", "box"):
            return cls(voxel_um)
        x, y, z = (0.5 * (round(size / voxel_um) % 2) for size in setup.sample.size_um)
        return cls(voxel_um, (x, y, z))

    def index(self, corner_um: Floats) -> Indices:
        """Nearest edge of the grid (x, y, z) to a corner."""
        return np.asarray(np.rint(corner_um / self.voxel_um - np.array(self.phase)), dtype=np.int64)

    def corner_um(self, index: Indices) -> Floats:
        """Where the edges with these numbers (x, y, z) are."""
        return np.asarray((np.asarray(index) + np.array(self.phase)) * self.voxel_um, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class GrainShape:
    """One grain's reconstructed density.

    `density` float32 [z,y,x] is 1 inside the grain on average; its first voxel has its lower corner at `origin_um`
    (x,y,z). The grain is where the density reaches `threshold`. `residual` is what its projections leave
    unexplained (root mean square over root mean square of the measured ones; 1 = nothing explained);
    `projections_used` were reconstructed from, `blobs` (their rows in the blob table) with weights `blob_weight`
    (0 to 1) and `blob_residual` each. `shares` are the parts of blobs among these that are not the grain's alone,
    or that no one had listed for it. `spots` are all that the grain predicts, and how they were found.

    `rotation_deg` float32 [z,y,x,3], on the same voxels, is how the lattice is turned against the grain's U: a
    rotation vector in the sample frame (outside the grain that of its nearest voxel); empty where the spots do not
    tell. `bend_explained` is the part of the variance of omega inside spots that the field foretells of spots left
    out of its fit, `bend_null` the largest part with the frames of each spot shuffled; nan where nobody asked.
    """

    grain: int
    density: AnyArray
    origin_um: Floats
    voxel_um: float
    threshold: float
    residual: float
    projections_used: int
    blobs: AnyArray
    blob_weight: Floats
    blob_residual: Floats
    rotation_deg: AnyArray = field(default_factory=lambda: np.zeros((0, 0, 0, 3), np.float32))
    bend_explained: float = np.nan
    bend_null: float = np.nan
    shares: SpotShares = field(default_factory=SpotShares.none)
    spots: SpotTable = field(default_factory=SpotTable.none)

    def __post_init__(self) -> None:
        if self.density.ndim != 3:
            raise FriedelError("grain shape density", rule="must be [z,y,x]", got=self.density.shape)
        if self.rotation_deg.size and self.rotation_deg.shape != (*self.density.shape, 3):
            rule = f"must be empty or have shape {(*self.density.shape, 3)}"
            raise FriedelError("grain shape rotation_deg", rule=rule, got=self.rotation_deg.shape)
        if not self.voxel_um > 0:
            raise FriedelError("voxel_um", rule="must be positive", got=self.voxel_um)

    @property
    def inside(self) -> Mask:
        """True in the grain, [z,y,x]."""
        return np.asarray(self.density >= self.threshold) if self.density.size else self.density.astype(bool)

    @property
    def volume_um3(self) -> float:
        """Of the voxels inside."""
        return float(np.count_nonzero(self.inside)) * self.voxel_um**3


@dataclass(frozen=True, slots=True, eq=False)
class SampleMask:
    """Where the sample is: bool [z,y,x]; the lower corner of the first voxel is at `origin_um` (x,y,z).

    `source` says how it is known: "recipe", "absorption", "hull".
    """

    inside: Mask
    origin_um: Floats
    voxel_um: float
    source: str = "recipe"

    def __post_init__(self) -> None:
        if self.inside.ndim != 3 or self.inside.dtype != np.bool_:
            raise FriedelError("sample mask", rule="must be true or false [z,y,x]", got=self.inside.shape)
        if not self.voxel_um > 0:
            raise FriedelError("voxel_um", rule="must be positive", got=self.voxel_um)

    def on(self, origin_um: Floats, shape: tuple[int, int, int], voxel_um: float) -> Mask:
        """The mask on another grid [z,y,x] whose first voxel has its lower corner at `origin_um`: nearest voxel."""
        out = np.zeros(shape, dtype=bool)
        takes, puts = [], []
        for axis, count in zip((2, 1, 0), shape, strict=True):
            centre = np.asarray(origin_um)[axis] + (np.arange(count) + 0.5) * voxel_um
            at = np.floor((centre - np.asarray(self.origin_um)[axis]) / self.voxel_um + 1e-6).astype(np.int64)
            known = np.flatnonzero((at >= 0) & (at < self.inside.shape[2 - axis]))
            takes.append(at[known])
            puts.append(known)
        out[np.ix_(*puts)] = self.inside[np.ix_(*takes)]
        return out
