"""Room for what a stage has finished and only needs again at its end."""

from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from friedel.model.arrays import AnyArray


class Spool(Protocol):
    """One long array that is written piece by piece and read once."""

    def append(self, values: AnyArray) -> None:
        """Put values of the spool's type behind those that are there."""

    def whole(self) -> AnyArray:
        """Everything that was appended; nothing may be appended afterwards."""


class Scratch(Protocol):
    """Where finished voxels wait: in memory, or in files of the run so that memory stays bounded."""

    def spool(self, kind: DTypeLike) -> Spool:
        """A new, empty spool."""

    def empty(self, count: int, kind: DTypeLike) -> AnyArray:
        """An array to be filled."""


class MemorySpool:
    """Pieces in a list."""

    def __init__(self, kind: DTypeLike) -> None:
        self._pieces: list[AnyArray] = [np.empty(0, kind)]

    def append(self, values: AnyArray) -> None:
        """Keep a piece."""
        self._pieces.append(values)

    def whole(self) -> AnyArray:
        """All pieces as one array."""
        self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0]


class MemoryScratch:
    """The scratch space that is just memory."""

    def spool(self, kind: DTypeLike) -> Spool:
        """A list of pieces."""
        return MemorySpool(kind)

    def empty(self, count: int, kind: DTypeLike) -> AnyArray:
        """A plain array."""
        return np.empty(count, kind)
