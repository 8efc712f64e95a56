"""Orientations of a map's voxels as one for each grain, and small rotations against it."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.model.arrays import AnyArray, Floats, Indices

NONE_DEG = 1e-3
"""Rotations below this are those of numbers with seven digits: such a map tells none."""
PASSES = 3
"""Means of rotations are found in as many steps; each leaves the third power of the one before."""


def voxel_rotations(quaternion: AnyArray, row: Indices, symmetry: Sequence[Floats]) -> tuple[Floats, Floats | None]:
    """The mean U (g,3,3) of each grain, and rotation vectors (n,3) in rad: a voxel's own is exp(rotation) U.

    `quaternion` (n,4) (w,x,y,z) are crystal to sample, of voxels of the grains `row` (n); `symmetry` are the proper
    rotations (s,3,3) of each grain's crystal: of the orientations that it makes equal the nearest to the mean
    counts. The rotations are None where no voxel is turned.
    """
    order = np.argsort(row, kind="stable")
    pointer = np.searchsorted(row[order], np.arange(len(symmetry) + 1))
    U = np.empty((len(symmetry), 3, 3))
    rotation = np.zeros((len(row), 3))
    for grain, turns in enumerate(symmetry):
        mine = order[pointer[grain] : pointer[grain + 1]]
        U[grain], rotation[mine] = _of_one_grain(np.asarray(quaternion[mine], dtype=np.float64), turns)
    turned = np.degrees(np.linalg.norm(rotation, axis=1).max(initial=0.0)) > NONE_DEG
    return U, rotation if turned else None


def _of_one_grain(quaternion: Floats, symmetry: Floats) -> tuple[Floats, Floats]:
    """Mean U (3,3) and rotation vectors (n,3)."""
    different, back = np.unique(quaternion, axis=0, return_inverse=True)
    back = back.ravel()
    weight = np.bincount(back).astype(np.float64)
    each, same = Rotation.from_quat(different, scalar_first=True), Rotation.from_matrix(symmetry)
    mean = each[int(np.argmax(weight))]
    for _ in range(PASSES):
        # cosines of half the angles between the mean and each of the ways to write a voxel's orientation
        ways = (mean * same.inv()).as_quat()
        each = each * same[np.argmax(np.abs(each.as_quat() @ ways.T), axis=1)]
        vectors = (each * mean.inv()).as_rotvec()
        mean = Rotation.from_rotvec(np.average(vectors, axis=0, weights=weight)) * mean
    return mean.as_matrix(), (each * mean.inv()).as_rotvec()[back]


def centred(U: Floats, row: Indices, rotation: Floats) -> tuple[Floats, Floats]:
    """The same orientations exp(rotation) U of voxels, with U the mean of each grain's."""
    count = np.maximum(np.bincount(row, minlength=len(U)), 1)
    sums = [np.bincount(row, rotation[:, axis], minlength=len(U)) for axis in range(3)]
    mean = Rotation.from_rotvec(np.stack(sums, axis=1) / count[:, None])
    back = Rotation.from_rotvec(rotation) * mean.inv()[row]
    return mean.as_matrix() @ U, back.as_rotvec()
