"""Backgrounds for looking at frames: those of a run, those that a pass has made so far, or a first guess."""

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Protocol

import numpy as np

from friedel.errors import FriedelError
from friedel.io.background_reader import Backgrounds
from friedel.model.arrays import AnyArray, Image
from friedel.runner.scratch import FileScratch

_HELD = 3


class BackgroundImages(Protocol):
    """Backgrounds by number, counts [row, col]. Safe for several threads."""

    def known(self, index: int) -> bool:
        """Whether it is there."""

    def image(self, index: int) -> Image | None:
        """The image; None where there is none."""


class NoBackgrounds:
    """Of `background = "none"`: nothing is subtracted."""

    def known(self, index: int) -> bool:
        """Nothing is always known."""
        return True

    def image(self, index: int) -> Image | None:
        """Nothing."""
        return None


class StoredBackgrounds:
    """Those of a run, read from its `background.h5`; the last few are kept."""

    def __init__(self, stored: Backgrounds) -> None:
        self._stored = stored
        self._lock = threading.Lock()
        self._held: dict[int, Image] = {}

    def known(self, index: int) -> bool:
        """All that the run made."""
        return 0 <= index < len(self._stored)

    def image(self, index: int) -> Image | None:
        """Read it if need be. Raises `InputError` when the file has gone."""
        with self._lock:
            image = self._held.pop(index, None)
            if image is None:
                image = self._stored.image(index)
            self._held[index] = image
            while len(self._held) > _HELD:
                self._held.pop(next(iter(self._held)))
            return image


class PassBackgrounds:
    """Those of a pass, which tells of each as it goes (`PreprocessObserver`); they wait in a nameless file."""

    def __init__(self, count: int, rows: int, cols: int) -> None:
        self._scratch = FileScratch(scratch_folder())
        with self._scratch:
            flat: AnyArray = self._scratch.empty(count * rows * cols, np.float32)
        self._images = flat.reshape(count, rows, cols)
        self._known = np.zeros(count, np.bool_)
        self.corrupt_frames: dict[int, str] = {}
        self.clipped_voxels = 0

    def known(self, index: int) -> bool:
        """Whether the pass has come so far."""
        return 0 <= index < len(self._known) and bool(self._known[index])

    @property
    def complete(self) -> bool:
        """Whether all are there."""
        return bool(self._known.all())

    def image(self, index: int) -> Image | None:
        """A view of the file. Raises `FriedelError` where the pass has not come so far."""
        if not self.known(index):
            raise FriedelError(f"background {index}", rule="is not known yet")
        image: Image = self._images[index]
        return image

    def background(self, index: int, centre: int, image: Image) -> None:
        """One more."""
        self._images[index] = image
        self._known[index] = True

    def gains(self, start: int, gains: Image) -> None:
        """Gains are found again where they are needed."""

    def corrupt(self, frame: int, why: str) -> None:
        """A frame whose neighbour stands in."""
        self.corrupt_frames[frame] = why

    def clipped(self, voxels: int) -> None:
        """Voxels beyond the range of the fixed-point numbers."""
        self.clipped_voxels += voxels


def scratch_folder() -> Path:
    """The folder for scratch files: of the usual ones the one with most room."""
    candidates = [Path(tempfile.gettempdir()), Path.cwd()]
    usable = [folder for folder in candidates if os.access(folder, os.W_OK)]
    return max(usable, key=lambda folder: shutil.disk_usage(folder).free, default=candidates[0])
