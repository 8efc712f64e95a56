"""Areas of the detector where grains have spots and none is seen: a dead quadrant, the shadow of a beam stop.

How often spots of a family are seen elsewhere says how many should be there. The test is ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.index.assignment import PredictedSpots, RefinedGrains, assign_blobs, predict
from friedel.index.observations import Observations
from friedel.index.params import IndexParams
from friedel.index.tolerances import IndexTolerances
from friedel.kernels.index.blob_lookup import EXPECTED
from friedel.model.arrays import Floats, Indices, Mask

FEWEST, MOST, IN_A_CELL = 4, 16, 6.0
"""The detector is looked at in so many rows and columns of cells: so many that a cell should have six spots."""
HARDLY = 0.05
"""Of the spots that should be seen in a cell, or an area, hardly any is."""
LEAST_IN_CELL, LEAST_IN_AREA = 3.0, 20.0
"""So many should be seen: of 20, chance leaves one once in 2e7 areas."""


class UnseenArea(NamedTuple):
    """Boxes (m,4) col0, row0, col1, row1 (px), how many spots should be seen in them, and how many are."""

    boxes: Floats
    due: float
    seen: int

    @property
    def note(self) -> str:
        """What is to be said of it."""
        col0, row0 = self.boxes[:, :2].min(axis=0)
        col1, row1 = self.boxes[:, 2:].max(axis=0)
        return (
            f"of {self.due:.0f} spots that should be seen within cols {col0:.0f} to {col1:.0f}, rows {row0:.0f} to "
            f"{row1:.0f}, {self.seen} are: taken for a dead or shadowed area, where none is expected "
            "(index.exclude says what it covers)"
        )


def hide_unseen_areas(
    observations: Observations, grains: RefinedGrains, tolerances: IndexTolerances, params: IndexParams
) -> tuple[Observations, RefinedGrains, list[str]]:
    """As if unseen areas were outside of the detector, as far as nobody said which are; and what is to be said."""
    areas = unseen_areas(observations, grains) if params.exclude is None and len(grains) else []
    if not areas:
        return observations, grains, []
    boxes = np.concatenate([observations.window.boxes, *(area.boxes for area in areas)])
    observations = replace(observations, window=observations.window._replace(boxes=boxes))
    return observations, assign_blobs(observations, grains, tolerances, params), [area.note for area in areas]


def unseen_areas(observations: Observations, grains: RefinedGrains) -> Sequence[UnseenArea]:
    """Boxes around areas without spots, in the order of their cells."""
    spots = predict(observations, grains)
    seen = np.zeros(len(spots), dtype=bool)
    sizes = np.array([2 * len(observations.reflections[p].hkl) for p in grains.phase], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)])
    seen[first[grains.grain] + 2 * grains.reflection + grains.solution] = True
    use = spots.state == EXPECTED
    family, seen = _families(observations, grains, spots, use), seen[use]
    cells = int(np.clip(np.sqrt(seen.sum() / IN_A_CELL), FEWEST, MOST))
    cell = _cells(observations, spots.place[use], cells)
    dark = np.zeros(cells * cells, dtype=bool)
    for _ in range(2):  # the second time without what is unseen, so that what should be seen is known
        elsewhere = ~dark[cell]
        of = np.bincount(family[elsewhere], minlength=family.max(initial=-1) + 1)
        found = np.bincount(family[elsewhere & seen], minlength=len(of))
        due = np.bincount(cell, (found / np.maximum(of, 1))[family], cells * cells).astype(np.float64)
        there = np.bincount(cell[seen], minlength=cells * cells)
        dark = (due >= LEAST_IN_CELL) & (there <= HARDLY * due)
    size = np.array([observations.window.cols, observations.window.rows]) / cells
    return _areas(dark.reshape(cells, cells), due, there, np.tile(size, 2))


def _cells(observations: Observations, place: Floats, cells: int) -> Indices:
    """Number of the cell of places (n,4)."""
    row, col = (
        np.clip((cells * (place[:, axis] + 0.5) / size).astype(np.int64), 0, cells - 1)
        for axis, size in ((1, observations.window.rows), (2, observations.window.cols))
    )
    return np.asarray(row * cells + col)


def _families(observations: Observations, grains: RefinedGrains, spots: PredictedSpots, use: Mask) -> Indices:
    """A number for each spot (of those in `use`), the same for those of one phase and one |g|."""
    number, offset = np.zeros(len(spots), dtype=np.int64), 0
    phase = grains.phase[spots.grain]
    for row, reflections in enumerate(observations.reflections):
        rings, ring = np.unique(np.round(reflections.g_length, 6), return_inverse=True)
        mine = phase == row
        number[mine] = offset + ring.ravel()[spots.reflection[mine]]
        offset += len(rings)
    return number[use]


def _areas(dark: Mask, due: Floats, there: Indices, size: Floats) -> list[UnseenArea]:
    """Cells [row, col] of `size` (4) px that hang together, where enough spots should be."""
    label, count = ndimage.label(dark)
    found = []
    for number in range(1, count + 1):
        mine = label == number
        total = float(due[mine.ravel()].sum())
        if total >= LEAST_IN_AREA:
            found.append(UnseenArea(_boxes(mine) * size, total, int(there[mine.ravel()].sum())))
    return found


def _boxes(mask: Mask) -> Floats:
    """Boxes (m,4) col0, row0, col1, row1 that cover a mask [row, col] and nothing else."""
    boxes: list[list[int]] = []
    for row, line in enumerate(mask):
        for col0, col1 in np.flatnonzero(np.diff(line, prepend=False, append=False)).reshape(-1, 2).tolist():
            above = next((box for box in boxes if (box[0], box[2], box[3]) == (col0, col1, row)), None)
            if above is None:
                boxes.append([col0, row, col1, row + 1])
            else:
                above[3] = row + 1
    return np.array(boxes, dtype=np.float64)
