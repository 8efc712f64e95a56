"""What the lattice rotation of the voxels says of places and of grains: KAM, GROD and spread.

Angles are those of the differences of rotation vectors: for bends of a few degrees the misorientation, to 1 in
1000.
"""

import numpy as np

from friedel.model.arrays import AnyArray, Floats
from friedel.model.grains import GrainVolume
from friedel.model.sub_grains import label_sub_grains


def bend_layers(volume: GrainVolume) -> dict[str, AnyArray]:
    """Layers of a map about its lattice rotations: `rotation_deg` float32 [z,y,x,3], `kam_deg` and `grod_deg`
    float32 [z,y,x], `sub_grain` int16 [z,y,x]; none where no rotation is known."""
    if volume.rotation_deg is None:
        return {}
    turned = np.asarray(volume.rotation_deg, dtype=np.float32)
    return {
        "rotation_deg": turned,
        "kam_deg": kernel_average(volume),
        "grod_deg": reference_deviation(volume),
        "sub_grain": label_sub_grains(volume),
    }


def kernel_average(volume: GrainVolume) -> AnyArray:
    """Kernel average misorientation, degrees, float32 [z,y,x]: the mean angle between a voxel's lattice and those
    of its up to six neighbours in the same grain; nan where the rotation is not known or it has none.

    Raises `ValueError` for a volume without rotations.
    """
    label, turn = volume.grain_id, _rotation(volume)
    total, count = np.zeros(label.shape, dtype=np.float32), np.zeros(label.shape, dtype=np.float32)
    for axis in range(3):
        end = label.shape[axis]
        here = tuple(slice(0, end - 1) if i == axis else slice(None) for i in range(3))
        there = tuple(slice(1, end) if i == axis else slice(None) for i in range(3))
        angle = np.linalg.norm(turn[here] - turn[there], axis=-1)
        same = (label[here] == label[there]) & (label[here] > 0) & np.isfinite(angle)
        for side in (here, there):
            total[side] += np.where(same, angle, 0.0)
            count[side] += same
    return np.divide(total, count, out=np.full(label.shape, np.nan, dtype=np.float32), where=count > 0)


def reference_deviation(volume: GrainVolume) -> AnyArray:
    """Grain reference orientation deviation, degrees, float32 [z,y,x]: the angle between a voxel's lattice and the
    mean of its grain's voxels; nan where the rotation is not known. Raises `ValueError` for a volume without
    rotations.
    """
    label, turn = volume.grain_id, _rotation(volume)
    means = _means(volume, int(label.max(initial=0)))
    out = np.full(label.shape, np.nan, dtype=np.float32)
    known = (label > 0) & np.isfinite(turn[..., 0])
    out[known] = np.linalg.norm(turn[known] - means[label[known] - 1], axis=1)
    return out


def spread_of_grains(volume: GrainVolume, grains: int) -> Floats:
    """Root mean square angle (n) of each grain's voxels against their mean, in degrees; nan where none is known."""
    if volume.rotation_deg is None:
        return np.full(grains, np.nan)
    off = reference_deviation(volume)
    known = np.isfinite(off)
    row = volume.grain_id[known] - 1
    count = np.bincount(row, minlength=grains)
    square = np.bincount(row, off[known].astype(np.float64) ** 2, minlength=grains)
    return np.asarray(np.sqrt(np.divide(square, count, out=np.full(grains, np.nan), where=count > 0)))


def _means(volume: GrainVolume, grains: int) -> Floats:
    """Mean rotation vector (n,3) of the voxels of each grain whose rotation is known."""
    turn = _rotation(volume)
    known = (volume.grain_id > 0) & np.isfinite(turn[..., 0])
    row = volume.grain_id[known] - 1
    count = np.maximum(np.bincount(row, minlength=grains), 1)
    sums = [np.bincount(row, turn[known][:, axis], minlength=grains) for axis in range(3)]
    return np.asarray(np.stack(sums, axis=1) / count[:, None])


def _rotation(volume: GrainVolume) -> AnyArray:
    if volume.rotation_deg is None:
        raise ValueError("a volume without rotations has no misorientations inside its grains")
    return volume.rotation_deg
