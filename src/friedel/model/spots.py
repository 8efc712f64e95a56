"""Every spot that grains predict, and how it was found, or that it was not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Self

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Floats, Indices, Mask


class Came(IntEnum):
    """How a predicted spot was found."""

    MISSING = 0
    LISTED = 1
    DIVIDED = 2
    FAINT = 3

    @property
    def text(self) -> str:
        """As in the files: `missing`, ..."""
        return self.name.lower()


SPOT_COLUMNS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "grain": ("i8", "", "row of the grain table"),
        "hkl": ("i8", "", "Miller indices"),
        "frame": ("f8", "frames", "middle, as predicted"),
        "row": ("f8", "px", "row of the grain's centre on the frames, as predicted"),
        "col": ("f8", "px", "column of the same"),
        "expected": ("f8", "counts", "counts on the detector, as the grain's other spots say"),
        "counts": ("f8", "counts", "counts found: of blobs and parts of them, or of the matched filter"),
        "coverage": ("f8", "", "part of its light that lies in blobs, as far as these are its own"),
        "came": ("i8", "", "how it was found, named in the attribute `names`"),
        "significance": (
            "f8",
            "",
            "of the matched filter, in standard deviations of the same filter moved in omega; nan: not asked",
        ),
        "by_chance": ("f8", "", "part of all finds at least as significant that is by chance; nan: not asked"),
    }
)
"""Type, unit and meaning of each column."""


@dataclass(frozen=True, slots=True, eq=False)
class SpotTable:
    """Predicted spots (n) of grains; columns as in `SPOT_COLUMNS`, `hkl` (n,3).

    Where faint spot i has light are `voxel` rows [voxel_pointer[i], voxel_pointer[i+1]), each (frame, row, col);
    spots in blobs have none. Raises `FriedelError` for columns of several lengths.
    """

    grain: Indices
    hkl: Indices
    frame: Floats
    row: Floats
    col: Floats
    expected: Floats
    counts: Floats
    coverage: Floats
    came: Indices
    significance: Floats
    by_chance: Floats
    voxel_pointer: Indices
    voxel: AnyArray

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in SPOT_COLUMNS} | {len(self.voxel_pointer) - 1}
        if len(lengths) > 1 or self.hkl.shape[1:] != (3,):
            raise FriedelError("spots of grains", rule="columns must be of one length", got=sorted(lengths))
        if len(self.voxel) != self.voxel_pointer[-1] or self.voxel.shape[1:] != (3,):
            raise FriedelError("spots of grains", rule="voxels must be those of the pointer", got=self.voxel.shape)

    def __len__(self) -> int:
        return len(self.grain)

    @classmethod
    def none(cls) -> Self:
        """No spots."""
        columns: dict[str, AnyArray] = {
            name: np.zeros(0, dtype=kind) for name, (kind, _, _) in SPOT_COLUMNS.items()
        }
        columns |= {"hkl": np.zeros((0, 3), dtype=np.int64), "voxel_pointer": np.zeros(1, dtype=np.int64)}
        return cls(**columns, voxel=np.zeros((0, 3), dtype=np.int32))

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Several tables as one."""
        if not parts:
            return cls.none()
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in SPOT_COLUMNS}
        sizes = np.concatenate([np.diff(part.voxel_pointer) for part in parts])
        pointer = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return cls(**columns, voxel_pointer=pointer, voxel=np.concatenate([part.voxel for part in parts]))

    @property
    def found(self) -> Mask:
        """Those that were found (n), in whatever way."""
        return np.asarray(self.came != Came.MISSING)

    def take(self, which: AnyArray) -> Self:
        """Some of them, by row."""
        rows = np.arange(len(self))[which]
        sizes = np.diff(self.voxel_pointer)[rows]
        pointer = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        at = np.arange(pointer[-1]) + np.repeat(self.voxel_pointer[rows] - pointer[:-1], sizes)
        columns = {name: getattr(self, name)[rows] for name in SPOT_COLUMNS}
        return type(self)(**columns, voxel_pointer=pointer, voxel=self.voxel[at])
