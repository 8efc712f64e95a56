"""Blobs: one schema of columns (name, type, unit, meaning), and the voxels by pointer."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Any, NamedTuple, overload

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Mask
from friedel.model.row_table import RowTable, row_of
from friedel.model.scan import Gaps, at_most_half_a_turn


class Column(NamedTuple):
    """One column of a blob table."""

    name: str
    dtype: str
    unit: str
    meaning: str


class Flag(IntFlag):
    """Bits of the column `flags`."""

    TOUCHES = 1
    EDGE = 2
    EXCLUDED = 4
    SCAN_END = 8
    FULL_TURN = 16
    SATURATED = 32
    REPLACED = 64


FLAG_MEANINGS: Mapping[Flag, str] = MappingProxyType(
    {
        Flag.TOUCHES: "touches another blob",
        Flag.EDGE: "edge of the detector",
        Flag.EXCLUDED: "touches masked or excluded",
        Flag.SCAN_END: "first or last frame, or beside a missing one",
        Flag.FULL_TURN: "full turn",
        Flag.SATURATED: "saturated",
        Flag.REPLACED: "bridged a corrupt frame",
    }
)


class Reason(IntEnum):
    """Why a seed is not among the peaks: the first that applies, in this order."""

    KEPT = 0
    SEED_TOO_SMALL = 1
    ABSORBED = 2
    TOO_SMALL_X = 3
    TOO_SMALL_Y = 4
    TOO_SMALL_FRAMES = 5
    TOO_BIG_X = 6
    TOO_BIG_Y = 7
    TOO_BIG_FRAMES = 8
    EDGE = 9
    TOUCHES_EXCLUDED = 10

    @property
    def text(self) -> str:
        """As in the files: `too_small_x`, ..."""
        return self.name.lower()


COLUMNS: tuple[Column, ...] = (
    Column("spot3d_id", "i8", "", "number of the blob, through peaks and on into rejected"),
    Column("s_raw", "f8", "px", "row of the intensity-weighted centroid (slow direction)"),
    Column("f_raw", "f8", "px", "column of the intensity-weighted centroid (fast direction)"),
    Column("sc", "f8", "px", "s_raw corrected for distortion (equal where there is no distortion map)"),
    Column("fc", "f8", "px", "f_raw corrected for distortion (equal where there is no distortion map)"),
    Column("omega", "f8", "deg", "recorded stage angle of the centroid; may pass the ends of the scan"),
    Column("frame", "f8", "frames", "frame of the centroid, unwrapped around the peak"),
    Column("Number_of_pixels", "i8", "voxels", "number of voxels"),
    Column("sum_intensity", "f8", "counts", "sum over the voxels"),
    Column("IMax_int", "f8", "counts", "brightest voxel"),
    Column("IMax_s", "i8", "px", "row of the brightest voxel"),
    Column("IMax_f", "i8", "px", "column of the brightest voxel"),
    Column("IMax_o", "f8", "deg", "omega of the brightest voxel's frame"),
    Column("Min_s", "i8", "px", "first row"),
    Column("Max_s", "i8", "px", "last row"),
    Column("Min_f", "i8", "px", "first column"),
    Column("Max_f", "i8", "px", "last column"),
    Column("Min_o", "f8", "deg", "smallest omega of a frame, unwrapped"),
    Column("Max_o", "f8", "deg", "largest omega of a frame, unwrapped"),
    Column("sigs", "f8", "px", "standard deviation along rows"),
    Column("sigf", "f8", "px", "standard deviation along columns"),
    Column("sigo", "f8", "deg", "standard deviation along omega"),
    Column("covsf", "f8", "", "correlation of row and column, -1 to 1"),
    Column("covso", "f8", "", "correlation of row and omega, -1 to 1"),
    Column("covfo", "f8", "", "correlation of column and omega, -1 to 1"),
    Column("onfirst", "i8", "", "1 if on the first frame of the scan"),
    Column("onlast", "i8", "", "1 if on the last frame of the scan"),
    Column("frame_start", "i8", "frames", "first frame, unwrapped around the peak"),
    Column("frame_stop", "i8", "frames", "one past the last frame, unwrapped"),
    Column("row_start", "i8", "px", "first row"),
    Column("row_stop", "i8", "px", "one past the last row"),
    Column("col_start", "i8", "px", "first column"),
    Column("col_stop", "i8", "px", "one past the last column"),
    Column("seed_voxels", "i8", "voxels", "voxels of the seed component"),
    Column("threshold", "f8", "counts", "what the blob grew down to; in sigma where the noise is per pixel"),
    Column("n_saturated", "i8", "voxels", "voxels whose raw value was saturated"),
    Column("n_absorbed", "i8", "", "seed components that this blob absorbed"),
    Column("flags", "i8", "", "bits, named in the attribute `bits`"),
)
COLUMN: Mapping[str, Column] = MappingProxyType({column.name: column for column in COLUMNS})

TRUTH_COLUMNS: tuple[Column, ...] = (
    Column("grain", "i8", "", "row of the grain table"),
    Column("h", "i8", "", "Miller index h"),
    Column("k", "i8", "", "Miller index k"),
    Column("l", "i8", "", "Miller index l"),
    Column("snr", "f8", "", "noise-free peak over the background noise there, in sigma"),
    Column("isolated", "i8", "", "1 if no other spot lies within two voxels"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Voxels:
    """The voxels of all blobs: those of blob i are at [pointer[i], pointer[i+1]), in (frame, row, col) order.

    `frame` is always in 0..F-1, also where the blob is unwrapped.
    """

    pointer: AnyArray
    frame: AnyArray
    row: AnyArray
    col: AnyArray
    intensity: AnyArray

    def __len__(self) -> int:
        return len(self.frame)

    def of(self, blob: int) -> slice:
        """Where the voxels of one blob are."""
        return slice(int(self.pointer[blob]), int(self.pointer[blob + 1]))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BlobTable(RowTable):
    """Blobs of one scan, kept ones first, then the rejected; each part by first voxel in (frame, row, col).

    A blob is named by its row: `spot3d_id` counts 0, 1, 2, ... through the kept ones and on into the rejected, and
    tables of pairs and grains name blobs so. Numbers of other programs are replaced where their tables are read.
    `columns` maps every name of `COLUMNS` to an array over all blobs, `extra` further columns (the truth's).
    `reason` [blob] holds `Reason` codes, 0 for kept. `shape` is the scan's (frames, rows, cols), and frame f has
    its middle at `omega_start_deg + (f + 0.5) * omega_step_deg`. `wrapped` says whether last and first frame touch.
    Frames in `gaps` were not recorded: nothing is known of what lies there, and no blob reaches over them.
    `threshold_unit` is that of the column `threshold`: "counts", or "sigma" where the noise is per pixel.
    Raises `FriedelError` for columns that are missing or of several lengths, for a `spot3d_id` that is not the row,
    and for kept blobs after rejected ones.
    """

    columns: Mapping[str, AnyArray]
    reason: AnyArray
    voxels: Voxels
    shape: tuple[int, int, int]
    omega_start_deg: float
    omega_step_deg: float
    wrapped: bool = False
    extra: Mapping[str, AnyArray] = field(default_factory=dict)
    threshold_unit: str = "counts"
    gaps: Gaps = ()

    def __post_init__(self) -> None:
        missing = set(COLUMN) - set(self.columns)
        if missing:
            raise FriedelError("blob table", rule="must have every column", got=f"none of {sorted(missing)}")
        lengths = {len(values) for values in (*self.columns.values(), *self.extra.values(), self.reason)}
        if lengths - {len(self.voxels.pointer) - 1}:
            raise FriedelError("blob table", rule="columns must be of one length", got=sorted(lengths))
        names = np.asarray(self.columns["spot3d_id"])
        if not np.array_equal(names, np.arange(len(names))):
            raise FriedelError("blob table", rule="spot3d_id must be the row", way_out="number them 0, 1, 2, ...")
        if not self.kept[: len(self)].all():
            raise FriedelError("blob table", rule="kept blobs must come before the rejected ones")

    def __len__(self) -> int:
        """Number of kept blobs."""
        return int(np.count_nonzero(self.reason == Reason.KEPT))

    @overload
    def __getitem__(self, name: str) -> AnyArray: ...
    @overload
    def __getitem__(self, name: int) -> dict[str, Any]: ...

    def __getitem__(self, name: str | int) -> AnyArray | dict[str, Any]:
        """One column of the kept blobs by its name, or one of them by its row.

        Raises `KeyError` that names the nearest column, `IndexError` for a row beyond the kept ones.
        """
        if not isinstance(name, str):
            return row_of(self.flat_columns(), name, len(self))
        try:
            values = self.columns[name] if name in self.columns else self.extra[name]
        except KeyError:
            near = difflib.get_close_matches(name, [*self.columns, *self.extra], n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join([*self.columns, *self.extra])}"
            raise KeyError(f"no column {name!r}: {hint}") from None
        return values[: len(self)]

    def flat_columns(self) -> dict[str, AnyArray]:
        """All columns of the kept blobs."""
        return {name: values[: len(self)] for name, values in {**self.columns, **self.extra}.items()}

    def __repr__(self) -> str:
        frames, rows, cols = self.shape
        rejected = len(self.reason) - len(self)
        return (
            f"<BlobTable: {len(self)} blobs and {rejected} rejected seeds, {len(self.voxels)} voxels, "
            f"of {frames} frames × {rows} rows × {cols} cols>"
        )

    @property
    def kept(self) -> Mask:
        """True for kept blobs, over all rows."""
        return np.asarray(self.reason == Reason.KEPT)

    @property
    def at_most_half_a_turn(self) -> bool:
        """Whether the scan is so short that no blob of it can have a partner half a turn away."""
        return at_most_half_a_turn(self.shape[0], self.omega_step_deg)

    def counts_by_reason(self) -> dict[str, int]:
        """How many seeds were kept, and how many not, by reason."""
        return {reason.text: int(np.count_nonzero(self.reason == reason)) for reason in Reason}
