"""A scan as the stages see it: frames that can be read, and what belongs to them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from friedel.errors import ScanError
from friedel.model.arrays import AnyArray, Image, Indices, Mask

FEWEST_FRAMES = 3
HALF_TURN_DEG = 180.0


def at_most_half_a_turn(frames: int, omega_step_deg: float) -> bool:
    """Whether so many frames hold no Friedel pair: they cover half a turn or less, within two steps.

    Two steps more than half a turn hold only partners that the ends of the scan cut. Steps are decimal fractions,
    and their product may be off in the last digit: a millionth of a degree is allowed for that.
    """
    step = abs(omega_step_deg)
    return frames * step <= HALF_TURN_DEG + 1e-6 + 2 * step


Gaps = tuple[tuple[int, int], ...]
"""Ranges [start, stop) of frames that are missing between others, ascending."""


def gaps_in(present: Mask) -> Gaps:
    """Where `present` [frame] is False."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ~present, [0]]).astype(np.int8)))
    return tuple((int(start), int(stop)) for start, stop in edges.reshape(-1, 2))


MOST_BRIDGED = 3
"""So many frames in a row that cannot be used have stand-ins, over which blobs go on; more are a gap."""


def unbridged(replaced: Mask) -> Gaps:
    """Of frames that cannot be used (`replaced` [frame]), those in a row that is too long for stand-ins."""
    return tuple((start, stop) for start, stop in gaps_in(~replaced) if stop - start > MOST_BRIDGED)


def as_ranges(numbers: Iterable[int], most: int = 8) -> str:
    """Numbers as in a recipe, [3, "7-9"]; no more than `most` entries."""
    ordered = np.unique(np.fromiter(numbers, np.int64))
    pieces = np.split(ordered, np.flatnonzero(np.diff(ordered) != 1) + 1)
    told = [str(piece[0]) if len(piece) == 1 else f'"{piece[0]}-{piece[-1]}"' for piece in pieces if len(piece)]
    return "[" + ", ".join([*told[:most], *(["..."] if len(told) > most else [])]) + "]"


class Box(NamedTuple):
    """A half-open rectangle on the detector, x first as on a screen: columns, then rows."""

    col0: int
    row0: int
    col1: int
    row1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index an image [row, col] with it."""
        return slice(self.row0, self.row1), slice(self.col0, self.col1)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return max(self.col1 - self.col0, 0) * max(self.row1 - self.row0, 0)

    def inside(self, rows: int, cols: int) -> bool:
        """Whether it is not empty and lies in an image of that shape."""
        return 0 <= self.col0 < self.col1 <= cols and 0 <= self.row0 < self.row1 <= rows


@runtime_checkable
class FrameSource(Protocol):
    """Raw frames, read lazily. `read` may be called by several threads at a time."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, cols)."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of a raw pixel."""

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop) as an array [frame, row, col] of `dtype`.

        Raises `ScanError` that names the frame when one cannot be read.
        """


@dataclass(frozen=True, slots=True, eq=False)
class ArrayFrames:
    """Frames that are already in memory."""

    array: AnyArray

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, cols)."""
        frames, rows, cols = self.array.shape
        return int(frames), int(rows), int(cols)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of a raw pixel."""
        return self.array.dtype

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop)."""
        return self.array[start:stop]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scan:
    """One rotation scan: raw frames [frame, row, col], their angles, and the images that belong to them.

    `omega_start_deg` is where the first exposure begins, `omega_step_deg` (signed) what each frame integrates:
    frame f covers [start + f*step, start + (f+1)*step). `dark` is float32 [row, col] in raw counts. `mask` is
    True at bad pixels. `tiles` are the parts of a frame with a read-out of their own (one box when there is
    just one). `fingerprint` identifies the input: a run resumes only on the same one.

    `stored_frames` [frame] is the number of each frame in the input, -1 where none was recorded (None: all are
    there, in the order of the input). Reading one that is missing raises `ScanError`; the first and the last are
    never missing. `warnings` say what is odd about the input.
    """

    frames: FrameSource
    omega_start_deg: float
    omega_step_deg: float
    dark: Image
    mask: Mask
    saturation: float = 65535.0
    tiles: tuple[Box, ...] = ()
    name: str = "scan"
    fingerprint: str = ""
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = ()
    stored_frames: Indices | None = None

    def __post_init__(self) -> None:
        frames, rows, cols = self.frames.shape
        if frames < FEWEST_FRAMES:
            raise ScanError(self.name, rule=f"a scan has at least {FEWEST_FRAMES} frames", got=frames)
        for label, image in (("dark", self.dark), ("mask", self.mask)):
            if image.shape != (rows, cols):
                raise ScanError(
                    f"{label} of {self.name}",
                    rule=f"must have the shape of a frame, {rows} rows × {cols} cols",
                    got=" × ".join(map(str, image.shape)),
                )
        if not np.isfinite(self.omega_step_deg) or self.omega_step_deg == 0:
            raise ScanError(f"omega step of {self.name}", rule="must not be 0", got=self.omega_step_deg)
        stored = self.stored_frames
        if stored is not None and (len(stored) != frames or stored[[0, -1]].min() < 0):
            rule = f"must say of each of the {frames} frames where it is, of the first and last that they are there"
            raise ScanError(f"stored frames of {self.name}", rule=rule, got=len(stored))
        if not self.tiles:
            object.__setattr__(self, "tiles", (Box(0, 0, cols, rows),))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, cols)."""
        return self.frames.shape

    def __len__(self) -> int:
        """Number of frames."""
        return self.shape[0]

    def __getitem__(self, frames: int | slice) -> AnyArray:
        """A raw frame [row, col], or the frames [frame, row, col] of a slice. Raises `IndexError`, `ScanError`."""
        if isinstance(frames, slice):
            start, stop, step = frames.indices(len(self))
            if step != 1:
                raise IndexError("frames are read one after another: the step of a slice must be 1")
            return self.frames.read(start, max(start, stop))
        index = range(len(self))[frames]
        return np.asarray(self.frames.read(index, index + 1)[0])

    def __repr__(self) -> str:
        frames, rows, cols = self.shape
        return (
            f"<Scan {self.name}: {frames} frames × {rows} rows × {cols} cols, {self.frames.dtype}, "
            f"{self.omega_start_deg:g}° in steps of {self.omega_step_deg:g}°>"
        )

    @property
    def full_turn(self) -> bool:
        """Whether the last frame touches the first: the frames cover 360° within half a step."""
        step = abs(self.omega_step_deg)
        return abs(self.shape[0] * step - 360.0) < 0.5 * step

    @property
    def at_most_half_a_turn(self) -> bool:
        """Whether no spot of it can have a partner half a turn away."""
        return at_most_half_a_turn(self.shape[0], self.omega_step_deg)

    @property
    def present(self) -> Indices:
        """The frames that were recorded, ascending."""
        if self.stored_frames is None:
            return np.arange(self.shape[0])
        return np.flatnonzero(self.stored_frames >= 0)

    @property
    def gaps(self) -> Gaps:
        """Frames that are missing."""
        return () if self.stored_frames is None else gaps_in(self.stored_frames >= 0)

    def stored_frame(self, frame: int) -> int:
        """The number in the input of a frame, by which `scan.skip` calls it."""
        return frame if self.stored_frames is None else int(self.stored_frames[frame])

    def omega_deg(self, frame: float) -> float:
        """Angle at a (fractional) frame: its nominal omega is the middle of the exposure."""
        return self.omega_start_deg + (frame + 0.5) * self.omega_step_deg
