"""Friedel pairs: two blobs that come from both sides of the same planes of the same grain.

They are half a turn apart, or on opposite sides of the beam a few degrees apart ("across the beam").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray
from friedel.model.blobs import Column
from friedel.model.row_table import RowTable, row_of

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
RESIDUAL_COLUMNS: tuple[Column, ...] = (
    Column("omega_residual", "f8", "deg", "second minus first omega minus half a turn, times |sin eta|"),
    Column("two_theta_residual", "f8", "deg", "two_theta minus that of the family"),
)
"""Columns that a table may have besides."""


ACROSS_COLUMNS: tuple[Column, ...] = (
    Column("blob_a", "i8", "", "spot3d_id of the first blob"),
    Column(
        "blob_b", "i8", "", "spot3d_id of its partner across the beam, a few degrees later in the equations' omega"
    ),
    Column("phase", "i8", "", "row of the phase list"),
    Column("family", "i8", "", "row of the phase's family list"),
    Column("two_theta", "f8", "deg", "of the family"),
    Column("eta", "f8", "deg", "of the first blob, from angle and place of both; the second's is 180 deg more"),
    Column("omega", "f8", "deg", "of the first blob"),
    Column("after", "f8", "deg", "omega of the second blob minus that of the first"),
    Column("point_x", "f8", "um", "where the rays of both meet, sample frame"),
    Column("point_y", "f8", "um", "where the rays of both meet, sample frame"),
    Column("point_z", "f8", "um", "where the rays of both meet, sample frame"),
    Column("direction_x", "f8", "", "unit mean of both rays, sample frame: along it the point is known worst"),
    Column("direction_y", "f8", "", "unit mean of both rays, sample frame: along it the point is known worst"),
    Column("direction_z", "f8", "", "unit mean of both rays, sample frame: along it the point is known worst"),
    Column("point_error", "f8", "um", "standard deviation of the point along that direction"),
    Column("residual", "f8", "", "total normalised residual"),
)


@dataclass(frozen=True, slots=True)
class PairTolerances:
    """What a typical pair was allowed to be off by: `omega_deg` (times |sin eta|) and `two_theta_deg`.

    These are `factor` standard deviations; `tuned` says whether the pairs themselves gave them. Each pair had its
    own, from the uncertainties of its blobs.
    """

    omega_deg: float = 0.0
    two_theta_deg: float = 0.0
    factor: float = 0.0
    tuned: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AcrossTable(RowTable):
    """Pairs across the beam, one row each, by `blob_a`: both blobs' rays meet in the grain.

    `null_pairs`, `candidates`, `tolerances` as of `PairTable`.
    """

    columns: Mapping[str, AnyArray]
    null_pairs: float = 0.0
    candidates: int = 0
    tolerances: PairTolerances = field(default_factory=PairTolerances)

    def __post_init__(self) -> None:
        if set(self.columns) != {column.name for column in ACROSS_COLUMNS}:
            raise FriedelError(
                "table of pairs across the beam", rule="must have exactly the columns of ACROSS_COLUMNS"
            )
        if len({len(values) for values in self.columns.values()}) > 1:
            raise FriedelError("table of pairs across the beam", rule="columns must be of one length")

    def __len__(self) -> int:
        return len(self.columns["blob_a"])

    @overload
    def __getitem__(self, name: str) -> AnyArray: ...
    @overload
    def __getitem__(self, name: int) -> dict[str, Any]: ...

    def __getitem__(self, name: str | int) -> AnyArray | dict[str, Any]:
        """One column by its name, or one pair by its row. Raises `KeyError`, `IndexError`."""
        return self.columns[name] if isinstance(name, str) else row_of(self.columns, name, len(self))

    def __repr__(self) -> str:
        return f"<AcrossTable: {self.message}>"

    def flat_columns(self) -> Mapping[str, AnyArray]:
        """All columns."""
        return self.columns

    @property
    def message(self) -> str:
        """How many, and how many chance would have given."""
        return f"{len(self)} pairs across the beam; {self.null_pairs:.0f} with scrambled omega"


def no_across() -> AcrossTable:
    """A table without rows."""
    return AcrossTable({column.name: np.zeros(0, np.dtype(column.dtype)) for column in ACROSS_COLUMNS})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PairTable(RowTable):
    """Pairs, one row each, by `blob_a`; `null_pairs` is how many are found when omega is scrambled (mean).

    `omega` is the angle of the equations (the stage's, with its sense applied), in [0, 360). `candidates` counts
    all pairs within the tolerances, before each blob was given to one. `blob_a` and `blob_b` are rows of kept
    blobs, as in `BlobTable`. `pairable` is the part of the scan whose partner angle was recorded, `blobs` the
    number of blobs that were asked. `across` are the pairs across the
    beam, of blobs that have no partner half a turn away. `quadruplets` counts pairs that are each other's partners
    across the beam: all four spots of a plane; `null_quadruplets` those with scrambled omega.
    """

    columns: Mapping[str, AnyArray]
    null_pairs: float = 0.0
    candidates: int = 0
    tolerances: PairTolerances = field(default_factory=PairTolerances)
    pairable: float = 1.0
    blobs: int = 0
    across: AcrossTable = field(default_factory=no_across)
    quadruplets: int = 0
    null_quadruplets: float = 0.0

    def __post_init__(self) -> None:
        needed = {column.name for column in PAIR_COLUMNS}
        known = needed | {column.name for column in RESIDUAL_COLUMNS}
        if not needed <= set(self.columns) <= known:
            raise FriedelError("pair table", rule="must have exactly the columns of PAIR_COLUMNS")
        if len({len(values) for values in self.columns.values()}) > 1:
            raise FriedelError("pair table", rule="columns must be of one length")

    def __len__(self) -> int:
        return len(self.columns["blob_a"])

    @overload
    def __getitem__(self, name: str) -> AnyArray: ...
    @overload
    def __getitem__(self, name: int) -> dict[str, Any]: ...

    def __getitem__(self, name: str | int) -> AnyArray | dict[str, Any]:
        """One column by its name, or one pair by its row. Raises `KeyError`, `IndexError`."""
        return self.columns[name] if isinstance(name, str) else row_of(self.columns, name, len(self))

    def __repr__(self) -> str:
        return f"<PairTable: {self.message}>"

    def flat_columns(self) -> Mapping[str, AnyArray]:
        """All columns."""
        return self.columns

    @property
    def pairs_of_both_kinds(self) -> int:
        """Pairs half a turn apart, and across the beam."""
        return len(self) + len(self.across)

    def of_both_kinds(self, name: str) -> AnyArray:
        """A column that both tables have, of the pairs half a turn apart and then of those across the beam."""
        return np.concatenate([self[name], self.across[name]])

    @property
    def message(self) -> str:
        """One line: how many pairs, how many blobs have one, and how many chance would have given."""
        return "; ".join(
            part for part in (self._half_a_turn_apart, self.across.message if len(self.across) else "") if part
        )

    @property
    def _half_a_turn_apart(self) -> str:
        if not self.pairable:
            return (
                "" if len(self.across) else "no Friedel pairs; none of the scan can have partners half a turn away"
            )
        share = f" ({200.0 * len(self) / self.blobs:.0f} % of {self.blobs} blobs)" if self.blobs else ""
        text = f"{len(self)} Friedel pairs{share}; {self.null_pairs:.0f} with scrambled omega"
        if self.quadruplets:
            text += f"; {self.quadruplets} quadruplets; {self.null_quadruplets:.0f} with scrambled omega"
        if self.pairable < 1.0:
            text += f"; only {100 * self.pairable:.0f} % of the scan can have partners"
        return text

    @property
    def doubt(self) -> str:
        """What to think of many pairs by chance, where no grains say more; nothing otherwise."""
        found, chance = self.pairs_of_both_kinds, self.null_pairs + self.across.null_pairs
        if not found or chance <= 0.5 * found:
            return ""
        return "pairs are hardly more than chance: if no grains come of them, check geometry, energy and lattice"
