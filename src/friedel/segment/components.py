"""Bright voxels by component, for looking for blobs among them again and again."""

from dataclasses import dataclass

import numpy as np

from friedel.model.stream import Executor, Serial
from friedel.segment.bright import BrightVoxels, beside_invalid_voxels
from friedel.segment.pending import Batch, Pending
from friedel.segment.regions import Scene, chunks, packed, pixels_beside


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """All components of bright voxels, those that hang together side by side in memory: independent pieces of work.

    Which voxels hang together depends on nothing that a slider moves but the floor: with these, it need not be
    found out again for another seed threshold or tolerance. `voxels` is how many there are, `floor` what all of
    them reach; `frames` were looked at.
    """

    shape: tuple[int, int, int]
    floor: float
    connectivity: int
    voxels: int
    frames: int
    scene: Scene
    pieces: list[Batch]


def components_of(
    bright: BrightVoxels, connectivity: int, *, wrap: bool, executor: Executor | None = None
) -> Components:
    """Put the voxels of a whole scan (or of all of its frames that there are) in order."""
    executor = executor or Serial()
    scene = scene_of(bright, connectivity, wrap=wrap)
    pending = Pending(bright.shape, bright.floor, connectivity, wrap=wrap)
    batches = pending.push(bright) if bright.stop > bright.start else []
    pieces = [piece for batch in batches for piece in executor.map(packed, chunks(batch))]
    return Components(
        bright.shape, bright.floor, connectivity, len(bright), bright.stop - bright.start, scene, pieces
    )


def scene_of(bright: BrightVoxels, connectivity: int, *, wrap: bool) -> Scene:
    """What blobs among these voxels are looked at against."""
    replaced = np.zeros(bright.shape[0], np.bool_)
    replaced[bright.start : bright.stop] = bright.replaced
    return Scene(
        bright.shape,
        bright.shape[0] if wrap else 0,
        bright.saturated,
        beside_invalid_voxels(bright, connectivity),
        replaced,
        pixels_beside(bright.left_out, connectivity),
    )
