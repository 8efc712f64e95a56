"""Spots whose light lies in blobs that are not theirs alone, or that nobody listed: what of a blob is whose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Self

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Floats, Indices

MEANINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "grain": ("", "row of the grain table"),
        "blob": ("", "spot3d_id of the blob, kept or rejected, that the counts are of"),
        "hkl": ("", "Miller indices of the spot"),
        "frame": ("frames", "frame that the grain predicts for the spot's middle"),
        "row": ("px", "row of the centroid of this part of the blob"),
        "col": ("px", "column of the centroid of this part of the blob"),
        "counts": ("counts", "counts of this part"),
        "part": ("", "these counts over those of the blob"),
        "coverage": ("", "part of the spot's predicted light that falls into voxels of this blob"),
        "trust": ("", "how far the spot is a projection of its grain alone, 0 to 1"),
        "residual": ("", "root mean square of what all footprints leave of the blob, over that of the blob"),
    }
)
"""Unit and meaning of each column."""
WHOLE = ("grain", "blob", "hkl")
"""Columns of whole numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class SpotShares:
    """Parts of blobs (n) that are spots of grains; columns as in `MEANINGS`, `hkl` (n,3).

    The voxels of part i are at [voxel_pointer[i], voxel_pointer[i+1]): `voxel` their rows among the voxels of the
    blob table, `voxel_counts` float32 what of their counts is this spot's. Raises `FriedelError` for columns of
    several lengths.
    """

    grain: Indices
    blob: Indices
    hkl: Indices
    frame: Floats
    row: Floats
    col: Floats
    counts: Floats
    part: Floats
    coverage: Floats
    trust: Floats
    residual: Floats
    voxel_pointer: Indices
    voxel: Indices
    voxel_counts: AnyArray

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in MEANINGS} | {len(self.voxel_pointer) - 1}
        if len(lengths) > 1 or self.hkl.shape[1:] != (3,):
            raise FriedelError("shares of blobs", rule="columns must be of one length", got=sorted(lengths))
        if not len(self.voxel) == len(self.voxel_counts) == self.voxel_pointer[-1]:
            raise FriedelError("shares of blobs", rule="voxels must be those of the pointer", got=len(self.voxel))

    def __len__(self) -> int:
        return len(self.grain)

    @classmethod
    def none(cls) -> Self:
        """No shares."""
        whole, real = np.zeros(0, dtype=np.int64), np.zeros(0)
        columns: dict[str, AnyArray] = {name: whole if name in WHOLE else real for name in MEANINGS}
        columns |= {"hkl": np.zeros((0, 3), dtype=np.int64), "voxel_pointer": np.zeros(1, dtype=np.int64)}
        return cls(**columns, voxel=whole, voxel_counts=np.zeros(0, dtype=np.float32))

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Several tables as one."""
        if not parts:
            return cls.none()
        columns = {
            f.name: np.concatenate([getattr(part, f.name) for part in parts])
            for f in fields(cls)
            if f.name != "voxel_pointer"
        }
        sizes = np.concatenate([np.diff(part.voxel_pointer) for part in parts])
        return cls(**columns, voxel_pointer=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    @property
    def spot(self) -> Indices:
        """The number of the spot (n) that each is a part of: those of one grain, hkl and frame are of one."""
        names = np.column_stack([self.grain, self.hkl, self.frame])
        return np.asarray(np.unique(names, axis=0, return_inverse=True)[1].ravel(), dtype=np.int64)

    def take(self, which: AnyArray) -> Self:
        """Some of them, by row."""
        rows = np.arange(len(self))[which]
        sizes = np.diff(self.voxel_pointer)[rows]
        pointer = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        at = np.arange(pointer[-1]) + np.repeat(self.voxel_pointer[rows] - pointer[:-1], sizes)
        columns = {name: getattr(self, name)[rows] for name in MEANINGS}
        return type(self)(
            **columns, voxel_pointer=pointer, voxel=self.voxel[at], voxel_counts=self.voxel_counts[at]
        )
