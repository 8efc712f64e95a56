"""Sub-grains: parts of one grain with a sharp step of the lattice rotation between them."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.grains import GrainVolume

FLAT = 0.5
"""Inside a sub-grain, steps from voxel to voxel are smaller than this part of the whole grain's root mean square
step: in a grain that bends evenly no voxel is so flat."""
LEAST_PART = 0.1
"""Of the grain's voxels."""
LEAST_VOXELS = 20
LEAST_DEG = 0.1
"""Between the means of neighbouring sub-grains."""


def label_sub_grains(volume: GrainVolume) -> AnyArray:
    """A number for each sub-grain of each grain, int16 [z,y,x], from 1 at the largest; 0 in grains without a sharp
    boundary and where no rotation is known.

    The cores of sub-grains are voxels where the lattice hardly turns; the others go to the nearest core.
    """
    out = np.zeros(volume.grain_id.shape, dtype=np.int16)
    if volume.rotation_deg is None:
        return out
    known = (volume.grain_id > 0) & np.isfinite(volume.rotation_deg).all(axis=-1)
    boxes = ndimage.find_objects(volume.grain_id)
    for number in np.unique(volume.grain_id[known]).tolist():
        box = boxes[number - 1]
        mine = known[box] & (volume.grain_id[box] == number)
        if np.count_nonzero(mine) >= 2 * LEAST_VOXELS:
            out[box][mine] = _labelled(mine, np.asarray(volume.rotation_deg[box], np.float64))[mine]
    return out


def sub_grains_of(volume: GrainVolume, grains: int) -> Indices:
    """How many sub-grains each grain (n) has; 1 where it has no sharp boundary inside, 0 where no rotation of it is
    known."""
    if volume.rotation_deg is None:
        return np.zeros(grains, dtype=np.int64)
    out = np.zeros(grains, dtype=np.int64)
    known = (volume.grain_id > 0) & np.isfinite(volume.rotation_deg).all(axis=-1)
    row, label = volume.grain_id[known] - 1, label_sub_grains(volume)[known]
    np.maximum.at(out, row, np.maximum(label, 1))
    return out


class _Steps(NamedTuple):
    """How far the lattice turns from voxel to voxel of a grain: the `square` root mean square, and each voxel's
    `largest` step to a neighbour [z,y,x]."""

    square: float
    largest: Floats


def _steps(mine: Mask, turn: Floats) -> _Steps:
    largest = np.zeros(mine.shape)
    squares, count = 0.0, 0
    for axis in range(3):
        here, there = (
            tuple(part if i == axis else slice(None) for i in range(3)) for part in (slice(0, -1), slice(1, None))
        )
        both = mine[here] & mine[there]
        step = np.where(both, np.linalg.norm(turn[here] - turn[there], axis=-1), 0.0)
        squares, count = squares + float((step[both] ** 2).sum()), count + int(np.count_nonzero(both))
        for side in (here, there):
            largest[side] = np.maximum(largest[side], step)
    return _Steps(np.sqrt(squares / max(count, 1)), largest)


def _labelled(mine: Mask, turn: Floats) -> AnyArray:
    """Sub-grains [z,y,x] of one grain; zeros where it has but one."""
    steps = _steps(mine, turn)
    cores, count = ndimage.label(mine & (steps.largest < FLAT * steps.square))
    sizes = np.bincount(cores.ravel(), minlength=count + 1)[1:]
    large = np.flatnonzero(sizes >= max(LEAST_VOXELS, LEAST_PART * np.count_nonzero(mine))) + 1
    # cores of one orientation are one sub-grain that something narrow cuts
    means = [turn[cores == core].mean(axis=0) for core in large]
    large = large[_apart(means, sizes[large - 1])]
    if len(large) < 2:
        return np.zeros(mine.shape, dtype=np.int16)
    number = np.zeros(count + 1, dtype=np.int16)
    number[large[np.argsort(-sizes[large - 1], kind="stable")]] = np.arange(1, len(large) + 1)
    label = number[cores]
    where = ndimage.distance_transform_edt(label == 0, return_distances=False, return_indices=True)
    return np.asarray(np.where(mine, label[tuple(where)], 0))


def _apart(means: list[Floats], sizes: Indices) -> list[int]:
    """Of cores, largest first, those whose mean rotation differs from that of all kept ones."""
    kept: list[int] = []
    for i in np.argsort(-sizes, kind="stable").tolist():
        if all(np.linalg.norm(means[i] - means[j]) >= LEAST_DEG for j in kept):
            kept.append(i)
    return sorted(kept)
