"""Friedel pairs: two blobs half a turn apart that come from the same planes of the same grain."""

from collections.abc import Mapping
from dataclasses import dataclass

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray
from friedel.model.blobs import Column

PAIR_COLUMNS: tuple[Column, ...] = (
    Column("blob_a", "i8", "", "spot3d_id of the first blob"),
    Column("blob_b", "i8", "", "spot3d_id of its partner half a turn later"),
    Column("phase", "i8", "", "row of the phase list"),
    Column("family", "i8", "", "row of the phase's family list"),
    Column("two_theta", "f8", "deg", "from the pair: free of the grain's position"),
    Column("eta", "f8", "deg", "of the first blob, free of the grain's position"),
    Column("omega", "f8", "deg", "of the first blob, mean of both half a turn apart"),
    Column("line_x", "f8", "um", "a point of the line through the grain, sample frame"),
    Column("line_y", "f8", "um", "a point of the line through the grain, sample frame"),
    Column("line_z", "f8", "um", "a point of the line through the grain, sample frame"),
    Column("direction_x", "f8", "", "unit direction of the line, sample frame"),
    Column("direction_y", "f8", "", "unit direction of the line, sample frame"),
    Column("direction_z", "f8", "", "unit direction of the line, sample frame"),
    Column("residual", "f8", "", "total normalised residual"),
)


@dataclass(frozen=True, slots=True, eq=False)
class PairTable:
    """Pairs, one row each; `null_pairs` is how many are found when omega is scrambled."""

    columns: Mapping[str, AnyArray]
    null_pairs: float = 0.0

    def __post_init__(self) -> None:
        if set(self.columns) != {column.name for column in PAIR_COLUMNS}:
            raise FriedelError("pair table", rule="must have exactly the columns of PAIR_COLUMNS")

    def __len__(self) -> int:
        return len(self.columns["blob_a"])

    def __getitem__(self, name: str) -> AnyArray:
        return self.columns[name]
