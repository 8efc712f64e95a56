"""The voxels of everything found so far: by far the largest part of a table, so they wait in scratch space."""

from dataclasses import replace

import numpy as np

from friedel.kernels.segment.moments import Stretches, spell_out
from friedel.model.arrays import AnyArray, Indices
from friedel.model.blobs import Voxels
from friedel.model.scratch import Scratch
from friedel.segment.regions import Found

_PLACES = ("frame", "row", "col", "length")


class Pile:
    """Takes the voxels off what was found, and gives them back as `Voxels` in any order of the rows."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._places = {name: scratch.spool(np.int32) for name in _PLACES}
        self._values = scratch.spool(np.float32)
        self._stretches: list[Indices] = []
        self._sizes: list[Indices] = []

    def take(self, found: Found) -> Found:
        """Put its voxels on the pile; what is returned has none."""
        for name, spool in self._places.items():
            spool.append(getattr(found.stretches, name))
        self._values.append(found.values)
        self._stretches.append(np.diff(found.stretches.pointer))
        self._sizes.append(np.diff(found.value_pointer))
        none: AnyArray = np.empty(0, np.int32)
        bare = Stretches(none, none, none, none, none, none)
        return replace(found, stretches=bare, values=none, value_pointer=none)

    def runs(self, order: Indices) -> tuple[Stretches, AnyArray]:
        """All stretches, those of row `order[i]` (counted as taken) in place i, and the values at their `at`."""
        places = {name: spool.whole() for name, spool in self._places.items()}
        at = np.cumsum(places["length"], dtype=np.int64) - places["length"]
        stretches = Stretches(pointer=_pointer(_joined(self._stretches)), at=at, **places)
        return ordered(stretches, order), self._values.whole()

    def voxels(self, order: Indices) -> Voxels:
        """All voxels, row `order[i]` (counted as taken) in place i; the pile is used up."""
        size = _joined(self._sizes)
        pointer = _pointer(size[order])
        place = np.empty(len(order), np.int64)
        place[order] = pointer[:-1]
        frame, row, col = (self._scratch.empty(int(pointer[-1]), np.int32) for _ in range(3))
        intensity = self._scratch.empty(int(pointer[-1]), np.float32)
        places = {name: spool.whole() for name, spool in self._places.items()}
        stretches = Stretches(pointer=_pointer(_joined(self._stretches)), at=np.empty(0, np.int64), **places)
        spell_out(stretches, self._values.whole(), _pointer(size), place, frame, row, col, intensity)
        return Voxels(pointer, frame, row, col, intensity)


def ordered(stretches: Stretches, order: Indices) -> Stretches:
    """Those of row `order[i]` in place i."""
    size = np.diff(stretches.pointer)[order]
    pointer = _pointer(size)
    index = np.repeat(stretches.pointer[:-1][order] - pointer[:-1], size) + np.arange(pointer[-1])
    return Stretches(pointer, *(field[index] for field in stretches[1:]))


def _joined(parts: list[Indices]) -> Indices:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _pointer(sizes: Indices) -> Indices:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
