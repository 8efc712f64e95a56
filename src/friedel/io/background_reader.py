"""Reading `background.h5` image by image: all of them together may be larger than the memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from friedel.errors import InputError
from friedel.io.hdf5_file import message_of, opened
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
        with opened(path, InputError) as file:
            try:
                noise = file["entry/noise"][()] if "entry/noise" in file else None
                dead = file["entry/dead"][()] != 0 if "entry/dead" in file else None
                return cls(Path(path), file["entry/data/centres"][()], file["entry/gains"][()], noise, dead)
            except KeyError as error:
                raise InputError(str(path), rule="is not a file of backgrounds", got=message_of(error)) from error

    def __len__(self) -> int:
        return len(self.centres)

    def index_of(self, frame: int) -> int:
        """The image that belongs to a frame: the one with the nearest centre, the later one between two."""
        distance = np.abs(self.centres - frame)
        return int(len(distance) - 1 - np.argmin(distance[::-1]))

    def image(self, index: int) -> Image:
        """One background, counts [row, col]. Raises `InputError` when it cannot be read."""
        with opened(self.path, InputError) as file:
            try:
                return np.asarray(file["entry/data/frames"][index], dtype=np.float32)
            except OSError as error:
                raise InputError(str(self.path), rule="is damaged", got=message_of(error)) from error

    def course(self, row: int, col: int) -> Image:
        """One pixel of every background, counts [image]."""
        with opened(self.path, InputError) as file:
            return np.asarray(file["entry/data/frames"][:, row, col], dtype=np.float32)
