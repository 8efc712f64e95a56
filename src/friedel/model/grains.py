"""Grains and the volume they fill, in the sample frame (rotation axis at x = y = 0)."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.orientation import bunge_angles, quaternions, rodrigues
from friedel.model.row_table import RowTable, row_of


class Status(IntEnum):
    """What is known about a voxel of the map."""

    EMPTY = 0
    MEASURED = 1
    CONTESTED = 2
    DILATED = 3


OF_EACH = (
    "completeness",
    "orientation_error_deg",
    "position_error_um",
    "volume_um3",
    "expected",
    "null_completeness",
    "null_limit",
    "found_in",
    "alternative_log_odds",
    "ambiguous",
    "twin_fraction",
    "twin_fraction_error",
    "orientation_spread_deg",
    "bend_explained",
    "bend_null",
    "sub_grains",
    "completeness_with_faint",
)
"""Fields with one number a grain, some of them empty where nobody knows."""
NINE = tuple(f"{i}{j}" for i in range(3) for j in range(3))
"""Endings of the columns of a 3 x 3 matrix."""
TENSOR = ("xx", "yy", "zz", "yz", "xz", "xy")
"""Endings of the columns of a symmetric 3 x 3 matrix."""
COMPONENTS = {
    **dict.fromkeys(("orientation_error_xyz_deg", "position_error_xyz_um"), ("x", "y", "z")),
    **dict.fromkeys(("strain", "strain_error"), TENSOR),
}
COVARIANCES = ("orientation_covariance_deg2", "position_covariance_um2")
"""Fields with a symmetric 3 x 3 matrix for each grain, that may be empty."""
"""Fields with a vector for each grain, that may be empty, and the endings of its columns."""
_OF_ALL = ("blob_pointer", "phases", "notes")
OF_EACH_BLOB = ("blobs", "shared", "hkl", "residuals", "shift_px")
"""Fields with one row for every blob of every grain."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GrainTable(RowTable):
    """Grains, one row each.

    `U` (n,3,3) takes crystal to sample, `B` of the phase is Busing-Levy without 2 pi, `UBI` (n,3,3) = inv(U B)
    in Angstrom; `position_um` (n,3) is the centre of mass; `completeness` (n) found over expected spots. Blobs
    of grain i are `blobs[blob_pointer[i]:blob_pointer[i+1]]`, `shared` marks those that serve another grain too.

    What only indexing knows may be empty (length 0). Per entry of `blobs`: `hkl` (m,3), `residuals` (m,3) =
    predicted minus measured omega * |sin eta| (deg), row, col (px), and `shift_px` (m,2) how far absorption and the
    threshold have moved the blob's row, col: the residuals are without. Per grain: `expected` (n) spots on the
    detector, `null_completeness` (n) what the same search reaches by chance on average and `null_limit` (n)
    the completeness that chance does not reach, `found_in` (n) the search that found it (1: among all blobs; others
    in what those before left unexplained, with nulls of their own), `strain` (n,6) xx yy zz yz xz xy in the sample
    frame. Standard deviations of components: `orientation_error_xyz_deg` (n,3) of a rotation about x, y, z of the
    sample frame, `position_error_xyz_um` (n,3), `strain_error` (n,6); those without `xyz` are the roots of the sums
    of their squares. `orientation_covariance_deg2` and `position_covariance_um2` (n,3,3) have their squares on the
    diagonal.

    Where the lattice is more symmetric than the crystal (else NaN, or empty): `alternative_log_odds` (n) how much
    likelier (natural logarithm) the spots' intensities are than those of the best other way to stand in the
    same lattice, `ambiguous` (n) whether they do not tell the two apart, `twin_fraction` (n) the part of the grain
    that may stand that other way, with its standard error `twin_fraction_error` (n).

    What only the map knows may be empty too: `orientation_spread_deg` (n), the root mean square angle of the voxels
    against the grain's mean, nan where the spots do not tell it; `bend_explained` and `bend_null` (n) as in
    `GrainShape`; `sub_grains` (n), parts with a sharp step of the lattice between them (1: whole, 0: not known);
    `completeness_with_faint` (n), of the spots that the shape predicts those found in whatever way, faint ones and
    parts of blobs too (nan without a shape).
    `notes` say what went wrong.
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
    shift_px: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    expected: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    null_completeness: Floats = field(default_factory=lambda: np.zeros(0))
    null_limit: Floats = field(default_factory=lambda: np.zeros(0))
    found_in: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    strain: Floats = field(default_factory=lambda: np.zeros((0, 6)))
    orientation_error_xyz_deg: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    position_error_xyz_um: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    strain_error: Floats = field(default_factory=lambda: np.zeros((0, 6)))
    orientation_covariance_deg2: Floats = field(default_factory=lambda: np.zeros((0, 3, 3)))
    position_covariance_um2: Floats = field(default_factory=lambda: np.zeros((0, 3, 3)))
    alternative_log_odds: Floats = field(default_factory=lambda: np.zeros(0))
    ambiguous: AnyArray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    twin_fraction: Floats = field(default_factory=lambda: np.zeros(0))
    twin_fraction_error: Floats = field(default_factory=lambda: np.zeros(0))
    orientation_spread_deg: Floats = field(default_factory=lambda: np.zeros(0))
    bend_explained: Floats = field(default_factory=lambda: np.zeros(0))
    bend_null: Floats = field(default_factory=lambda: np.zeros(0))
    sub_grains: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    completeness_with_faint: Floats = field(default_factory=lambda: np.zeros(0))
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
        shapes: dict[str, tuple[int, ...]] = {name: (len(self.blobs), 3) for name in ("hkl", "residuals")}
        shapes["shift_px"] = (len(self.blobs), 2)
        shapes |= {name: (n, len(endings)) for name, endings in COMPONENTS.items()}
        shapes |= dict.fromkeys(COVARIANCES, (n, 3, 3))
        for name, wanted in shapes.items():
            got = getattr(self, name).shape
            if got != wanted and got[0]:
                raise FriedelError(f"grain table {name}", rule=f"must be empty or have shape {wanted}", got=got)
        if n and not np.allclose(np.linalg.det(self.U), 1.0, atol=1e-6):
            raise FriedelError("grain table U", rule="must be proper rotations")

    def __len__(self) -> int:
        return len(self.position_um)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """All that is known about one grain, by row: its fields, and those of its blobs. Raises `IndexError`."""
        n = len(self)
        fields = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        own = {name: values for name, values in fields.items() if name not in (*OF_EACH_BLOB, *_OF_ALL)}
        found = row_of({"grain_id": self.grain_id, **{k: v for k, v in own.items() if len(v) == n}}, row, n)
        part = slice(*self.blob_pointer[[row % n, row % n + 1]])
        return found | {name: fields[name][part] for name in OF_EACH_BLOB}

    def __repr__(self) -> str:
        names = ", ".join(self.phases) or "no phase"
        return f"<GrainTable: {len(self)} grains of {names}, {len(self.blobs)} blobs>"

    def flat_columns(self) -> dict[str, AnyArray]:
        """Number (as in the map), phase, position, blobs, trust, orientation in four forms, UBI, strain.

        Vectors are columns with endings: `position_um_x`, `UBI_00`. Bunge's angles are in degrees.
        """
        n = len(self)
        values: dict[str, AnyArray] = {"grain_id": self.grain_id, "phase": np.asarray(self.phase)}
        if self.phases:
            values["phase_name"] = np.array(self.phases)[self.phase] if n else np.array([], dtype=str)
        values |= spread("position_um", self.position_um, "xyz")
        values["blobs"] = np.diff(self.blob_pointer)
        values |= {name: column for name in OF_EACH if len(column := np.asarray(getattr(self, name))) == n}
        values |= spread("rodrigues", rodrigues(self.U), "xyz")
        values |= spread("quaternion", quaternions(self.U), "wxyz")
        names = ("phi1_deg", "Phi_deg", "phi2_deg")
        values |= dict(zip(names, np.degrees(bunge_angles(self.U)).T, strict=True))
        values |= spread("UBI", self.UBI.reshape(n, 9), NINE)
        for name, endings in COMPONENTS.items():
            if len(column := getattr(self, name)) == n:
                values |= spread(name.replace("_xyz", ""), column, endings)
        for name in COVARIANCES:
            if len(column := getattr(self, name)) == n:
                values |= spread(name, column[:, (0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)], TENSOR)
        return values

    @property
    def grain_id(self) -> Indices:
        """Numbers (n) of the grains, as the map, files, exports and the page say them: row + 1; 0 is no grain."""
        return np.arange(1, len(self) + 1)


def spread(name: str, columns: AnyArray, endings: Sequence[str]) -> dict[str, AnyArray]:
    """A vector (n,m) as m columns."""
    return {f"{name}_{ending}": columns[:, i] for i, ending in enumerate(endings)}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GrainVolume:
    """The map: `grain_id` int32 [z,y,x] (0 = none, else row of the grain table + 1) on a regular grid.

    `origin_um` (x,y,z) is the lower corner of the first voxel, `voxel_um` the edge of a voxel. `status` uint8
    [z,y,x] holds `Status` codes, `density` float32 [z,y,x] the reconstructed density. `rotation_deg` float32
    [z,y,x,3] is how the lattice of each voxel is turned against its grain's `U`: a rotation vector in the sample
    frame (the voxel's orientation is exp(rotation) U), nan where nobody knows; None where it is known of no voxel.
    `confidence` float32 [z,y,x], 0 to 1, is how likely the voxel's grain is the right one, 0 where there is none;
    None where nobody asked.
    """

    grain_id: AnyArray
    status: AnyArray
    density: AnyArray
    origin_um: Floats
    voxel_um: float
    rotation_deg: AnyArray | None = None
    confidence: AnyArray | None = None

    def __post_init__(self) -> None:
        if self.rotation_deg is not None and self.rotation_deg.shape != (*self.grain_id.shape, 3):
            rule = f"must have shape {(*self.grain_id.shape, 3)}"
            raise FriedelError("grain volume rotation_deg", rule=rule, got=self.rotation_deg.shape)
        layers = [self.status, self.density, *([] if self.confidence is None else [self.confidence])]
        if any(layer.shape != self.grain_id.shape for layer in layers):
            raise FriedelError("grain volume", rule="layers must have one shape", got=self.grain_id.shape)
        if not self.voxel_um > 0:
            raise FriedelError("voxel_um", rule="must be positive", got=self.voxel_um)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        """The numbers of the grains [z,y,x]."""
        return np.array(self.grain_id, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        z, y, x = self.grain_id.shape
        return f"<GrainVolume: {z} × {y} × {x} voxels (z, y, x) of {self.voxel_um:g} µm>"
