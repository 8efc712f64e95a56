"""Reading `background.h5` image by image: all of them together may be larger than the memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io.columns import checked
from friedel.io.hdf5_file import numbers, opened
from friedel.model.arrays import Image, Indices, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Backgrounds:
    """What preprocessing left: `centres` [image] in frames, `gains` [frame, tile], and images read on demand.

    `noise` [row, col] is that of clean frames in counts, None where the file does not hold it; `dead` [row, col]
    are pixels that were found to tell nothing (None: none were).
    """

    path: Path
    centres: Indices
    gains: Image
    noise: Image | None = None
    dead: Mask | None = None

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read all but the images. Raises `InputError` when the file is not one of ours."""
        with opened(path, InputError, rule="is not a file of backgrounds") as file:
            centres = checked(numbers(file["entry/data/centres"], (1,)), "centres", "i8", ())
            gains = checked(numbers(file["entry/gains"], (2,)), "gains", "f4")
            noise, dead = (
                numbers(file[name], (2,)) if name in file else None for name in ("entry/noise", "entry/dead")
            )
            frames = file["entry/data/frames"]
            if (
                frames.ndim != 3
                or len(frames) != len(centres)
                or frames.dtype.kind not in "iuf"
                or not len(centres)
            ):
                raise FriedelError("frames", rule=f"must be {len(centres)} images", got=f"shape {frames.shape}")
            for name, image in (("noise", noise), ("dead", dead)):
                if image is not None and image.shape != frames.shape[1:]:
                    raise FriedelError(name, rule=f"must have shape {frames.shape[1:]}", got=image.shape)
            if noise is not None:
                noise = checked(noise, "noise", "f4", frames.shape[2:])
            return cls(Path(path), centres, gains, noise, None if dead is None else dead != 0)

    def __len__(self) -> int:
        return len(self.centres)

    def index_of(self, frame: int) -> int:
        """The image that belongs to a frame: the one with the nearest centre, the later one between two."""
        distance = np.abs(self.centres - frame)
        return int(len(distance) - 1 - np.argmin(distance[::-1]))

    def image(self, index: int) -> Image:
        """One background, counts [row, col]. Raises `InputError` when it cannot be read."""
        with opened(self.path, InputError, rule="is damaged") as file:
            return np.asarray(file["entry/data/frames"][index], dtype=np.float32)

    def course(self, row: int, col: int) -> Image:
        """One pixel of every background, counts [image]."""
        with opened(self.path, InputError, rule="is damaged") as file:
            return np.asarray(file["entry/data/frames"][:, row, col], dtype=np.float32)
