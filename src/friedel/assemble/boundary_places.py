"""How far each voxel of the map is from where its grain ends, and how wide the unknown there is.

Lengths are voxels of the shapes. The place of a boundary within a voxel follows from how far each of its sides is
ahead of the other in density over threshold: from ratios, so that it does not matter how densities are scaled.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.model.arrays import AnyArray, Floats, Mask
from friedel.model.grains import Status

REACH = 8
"""Voxels: who is farther from a boundary is as far as can be."""
SLAB = 32
"""Planes that are looked at together."""
LEVEL = 0.05
"""Ahead by this much of a threshold at least: where no side is, the boundary is in the middle."""


class MapLayers(NamedTuple):
    """A finished map [z,y,x]: `grain_id`, `status`, and `lead`, by how much of a threshold each voxel's grain is
    ahead of the next one; `per_edge` of its voxels are on an edge of the shapes'."""

    grain_id: AnyArray
    status: AnyArray
    lead: AnyArray
    per_edge: int = 1

    @property
    def reach(self) -> int:
        """`REACH` in its own voxels."""
        return REACH * self.per_edge

    def planes(self, part: slice) -> "MapLayers":
        """Some of its planes."""
        return MapLayers(self.grain_id[part], self.status[part], self.lead[part], self.per_edge)


class BoundaryPlaces(NamedTuple):
    """Of every voxel of a grain, in the order of the map (n): `depth` float32 from its centre to the nearest
    boundary, at most about `REACH`; `other` int32 the number of the grain behind it, 0 for none that near; `gap`
    float32 how wide what is not measured is there, from the measured part of the one grain to that of the other; 0
    for measured voxels; `away` float32 from the measured part of the voxel's own grain."""

    depth: AnyArray
    other: AnyArray
    gap: AnyArray
    away: AnyArray


def boundary_places(layers: MapLayers) -> BoundaryPlaces:
    """Those of the whole map."""
    parts = [places for _, places in places_by_slab(layers)]
    return BoundaryPlaces(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def places_by_slab(layers: MapLayers) -> Iterator[tuple[slice, BoundaryPlaces]]:
    """Planes, and the places of their voxels; slab by slab, so that memory does not grow with the map."""
    planes = len(layers.grain_id)
    for first in range(0, planes, SLAB):
        last = min(first + SLAB, planes)
        low, high = max(first - layers.reach - 1, 0), min(last + layers.reach + 1, planes)
        found = _of_slab(layers.planes(slice(low, high)))
        inner = slice(first - low, last - low)
        here = layers.grain_id[first:last] > 0
        yield slice(first, last), BoundaryPlaces(*(layer[inner][here] for layer in found))


def _of_slab(layers: MapLayers) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray]:
    label, scale, reach = layers.grain_id, np.float32(layers.per_edge), layers.reach
    near, other = _rims(layers)
    rim = np.isfinite(near)
    depth, behind = np.full(label.shape, reach, dtype=np.float32), np.zeros(label.shape, dtype=np.int32)
    if rim.any():
        far, nearest = ndimage.distance_transform_edt(~rim, return_indices=True)
        at = tuple(nearest)
        # the nearest rim may be another grain's: its own is less than a voxel farther
        within = far < reach
        depth[within] = np.minimum(far + near[at], reach)[within]
        behind[within] = np.where(label[at] == label, other[at], label[at])[within]
    away, gap = _gaps(layers)
    return depth / scale, behind, gap / scale, away / scale


def _rims(layers: MapLayers) -> tuple[AnyArray, AnyArray]:
    """Of voxels that touch another grain: how far the boundary is from their centre, across all their faces, and
    the grain behind the nearest; infinite and 0 for the others."""
    label = layers.grain_id
    ahead = np.maximum(layers.lead, 0.0) + np.float32(LEVEL / layers.per_edge)
    inverse = np.zeros(label.shape, dtype=np.float64)
    best = np.full(label.shape, np.inf)
    other = np.zeros(label.shape, dtype=np.int32)
    for axis in range(3):
        nearest = np.full(label.shape, np.inf)
        for here, there in _neighbours(label.shape, axis):
            apart = (label[here] != label[there]) & (label[here] > 0) & (label[there] > 0)
            part = np.where(apart, ahead[here] / (ahead[here] + ahead[there]), np.inf)
            closer = part < best[here]
            other[here] = np.where(closer, label[there], other[here])
            best[here] = np.minimum(best[here], part)
            nearest[here] = np.minimum(nearest[here], part)
        inverse += np.where(np.isfinite(nearest), 1.0 / nearest**2, 0.0)
    return np.where(inverse > 0, 1.0 / np.sqrt(np.maximum(inverse, 1e-12)), np.inf), other


def _neighbours(shape: tuple[int, ...], axis: int) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Slices of all voxels that have a neighbour along an axis, and of those neighbours; both ways."""
    low = tuple(slice(0, shape[axis] - 1) if i == axis else slice(None) for i in range(3))
    high = tuple(slice(1, shape[axis]) if i == axis else slice(None) for i in range(3))
    return [(low, high), (high, low)]


def _gaps(layers: MapLayers) -> tuple[AnyArray, AnyArray]:
    """Of voxels that are not measured: the distance to the measured part of their own grain, and that plus the
    distance to the nearest measured part of another one; 0 for the others."""
    label, status, reach = layers.grain_id, layers.status, layers.reach
    away, gap = np.zeros(label.shape, dtype=np.float32), np.zeros(label.shape, dtype=np.float32)
    unsure = (label > 0) & (status != Status.MEASURED)
    for number, box in _boxes_of(label, unsure, reach):
        mine = label[box] == number
        sure = status[box] == Status.MEASURED
        asked = mine & unsure[box]
        own, others = (_distance(part & sure, reach)[asked] for part in (mine, ~mine & (label[box] > 0)))
        away[box][asked] = own
        gap[box][asked] = own + others
    return away, gap


def _distance(sure: Mask, reach: int) -> Floats:
    """From each voxel to the nearest that is sure, at most `reach`."""
    if not sure.any():
        return np.full(sure.shape, float(reach))
    return np.asarray(np.minimum(ndimage.distance_transform_edt(~sure), reach), dtype=np.float64)


def _boxes_of(label: AnyArray, asked: Mask, reach: int) -> list[tuple[int, tuple[slice, ...]]]:
    """Numbers of grains with voxels that are asked for, and a box around those with `reach` to spare."""
    out = []
    for row, box in enumerate(ndimage.find_objects(np.where(asked, label, 0))):
        if box is not None:
            out.append((row + 1, tuple(slice(max(s.start - reach, 0), s.stop + reach) for s in box)))
    return out
