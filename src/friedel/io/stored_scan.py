"""What a file format gives: frames, and whatever else it tells about the scan."""

from dataclasses import dataclass
from pathlib import Path

from friedel.io.angles import Angles, Steps
from friedel.model.arrays import AnyArray, Indices
from friedel.model.scan import FrameSource

MOST_DARKS = 64
"""A median over more dark images gains nothing, and takes their memory."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredScan:
    """Frames as stored, and what else the files say; None where they are silent.

    `name` is the file, with the dataset behind `::`. `dark` [row, col] or [image, row, col], read from `dark_from`,
    and `mask` [row, col] have the shape of a stored image. `files` are what the frames are read from. Where a stack
    holds darks and flats too, `chosen` are the frames' numbers among its `images`. `places` are those of frames by
    the numbers of their files. `doubts` are what may be wrong, as warnings.
    """

    frames: FrameSource
    name: str
    files: tuple[Path, ...]
    angles: Angles | Steps | None = None
    dark: AnyArray | None = None
    dark_from: str = ""
    mask: AnyArray | None = None
    saturation: float | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    chosen: Indices | None = None
    images: int = 0
    places: Indices | None = None
