"""Shapes on a finer grid: what a grain's density is between the centres of its voxels.

Boundaries follow from which grain is ahead, and densities are smooth, so where they cross is known better than to a
voxel; voxels of one pixel cannot show it.
"""

from dataclasses import replace

import numpy as np

from friedel.model.arrays import AnyArray
from friedel.model.shapes import GrainShape


def finer(shape: GrainShape, times: int) -> GrainShape:
    """The same shape with `times` voxels on each edge of one of its voxels, by linear interpolation.

    Densities outside of the shape's box are 0, rotations those at its faces.
    """
    if times == 1:
        return shape
    rotation = shape.rotation_deg
    return replace(
        shape,
        density=interpolated(shape.density, times, "constant"),
        rotation_deg=interpolated(rotation, times, "edge") if rotation.size else rotation,
        voxel_um=shape.voxel_um / times,
    )


def interpolated(values: AnyArray, times: int, beyond: str) -> AnyArray:
    """Values [z,y,x,...] at the centres of `times` voxels on each edge, of the same type; `beyond` the outermost
    centres as `numpy.pad` says."""
    for axis in range(3):
        count = values.shape[axis]
        at = (np.arange(count * times) + 0.5) / times + 0.5  # among the padded values
        first = np.floor(at).astype(np.int64)
        part = (at - first).astype(values.dtype).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
        padded = np.pad(values, [(1, 1) if i == axis else (0, 0) for i in range(values.ndim)], mode=beyond)  # type: ignore[call-overload]
        values = (1 - part) * padded.take(first, axis) + part * padded.take(first + 1, axis)
    return np.ascontiguousarray(values)
