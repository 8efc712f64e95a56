"""How likely each voxel of the map has its right grain.

A voxel is wrong where the true boundary runs on its other side. Where it runs is known with an error that follows
from what the shapes leave unexplained: a rim of width w around a grain of radius R that is there and should not be
(or the other way round) is a part of about w / R of its light, so with a residual r (root mean square) w is about
r squared times R. It is larger where two grains claim a voxel or none does. A small part of all boundaries is off
by much more, the larger the fewer directions a grain was seen from. And what lies far from the measured part of its
grain may be another grain's that nobody found.

The numbers of the model were fitted to simulated scans (`python -m bench.fit_confidence`) and judged on others
(`python -m bench.pulls`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from friedel.assemble.boundary_places import BoundaryPlaces, MapLayers, places_by_slab
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.grains import Status
from friedel.model.shapes import GrainShape

SEEN = 60.0
"""Projections that a grain is usually reconstructed from."""
STEP = 0.01
"""Confidences are multiples of this: a file of them is small."""


class ErrorModel(NamedTuple):
    """What a voxel's chance to be wrong is made of; lengths in voxels of the shapes.

    Standard deviation of a boundary's place: `rim` times r squared R of its two grains (root mean square) and
    `grid`, in squares; times `contested` or `dilated` for such voxels. `lead` comes off a voxel's depth: whoever
    won it had luck on its side. A part `stray` of boundaries, times (60 / projections) to the power of `few`, is
    off by `far` radii. `claimed` and `unseen`: over which distance from the measured part of its grain, beyond one
    voxel, a contested and a dilated voxel loses all but 1/e of its chance.
    """

    rim: float = 0.8064
    grid: float = 0.08353
    contested: float = 1.077
    dilated: float = 1.582
    lead: float = 0.0129
    stray: float = 0.00557
    few: float = 2.381
    far: float = 0.2815
    claimed: float = 2.78
    unseen: float = 0.4488


MODEL = ErrorModel()


class ShapeQuality(NamedTuple):
    """Of all grains by their number (n+1; 0 is none): `rim` r squared R and `radius` R in voxels, `projections`."""

    rim: Floats
    radius: Floats
    projections: Floats


def confidence_of(layers: MapLayers, shapes: Sequence[GrainShape], grains: int) -> AnyArray:
    """How likely each voxel's grain is the right one, float32 [z,y,x] from 0 to 1; 0 where there is none.

    `layers` are those of the finished map, of so many `grains`.
    """
    out = np.zeros(layers.grain_id.shape, dtype=np.float32)
    quality = shape_quality(shapes, grains)
    for planes, places in places_by_slab(layers):
        label = layers.grain_id[planes]
        here = label > 0
        chance = right_chance(places, label[here], layers.status[planes][here], quality)
        out[planes][here] = np.rint(chance / STEP).astype(np.float32) * np.float32(STEP)
    return out


def shape_quality(shapes: Sequence[GrainShape], grains: int) -> ShapeQuality:
    """How well the grains' shapes explain their spots; a grain without a shape is taken as the median one."""
    rim, radius, projections = (np.full(grains + 1, np.nan) for _ in range(3))
    for shape in shapes:
        if shape.density.size:
            size = np.cbrt(0.75 / np.pi * max(int(np.count_nonzero(shape.inside)), 1))
            rim[shape.grain + 1] = shape.residual**2 * size
            radius[shape.grain + 1] = size
            projections[shape.grain + 1] = max(shape.projections_used, 1)
    found = ShapeQuality(rim, radius, projections)
    usual = [float(np.nanmedian(one)) if np.isfinite(one).any() else 1.0 for one in found]
    return ShapeQuality(
        *(np.where(np.isfinite(one), one, middle) for one, middle in zip(found, usual, strict=True))
    )


def right_chance(
    places: BoundaryPlaces, label: Indices, status: AnyArray, quality: ShapeQuality, model: ErrorModel = MODEL
) -> Floats:
    """How likely voxels (n) of grains `label` (n, from 1) with a `status` (n) are right."""
    other = np.where(places.other > 0, places.other, label)
    square = 0.5 * (quality.rim[label] ** 2 + quality.rim[other] ** 2)
    contested, dilated = status == Status.CONTESTED, status == Status.DILATED
    unsure = np.where(contested, model.contested, np.where(dilated, model.dilated, 1.0))
    place = np.sqrt(model.grid**2 + model.rim**2 * square) * unsure
    fewest = np.minimum(quality.projections[label], quality.projections[other])
    stray = np.minimum(model.stray * (SEEN / fewest) ** model.few, 0.5)
    far = model.far * 0.5 * (quality.radius[label] + quality.radius[other])
    depth = places.depth.astype(np.float64) - model.lead
    wrong = (1.0 - stray) * ndtr(-depth / place) + stray * ndtr(-depth / far)
    reach = np.where(contested, model.claimed, np.where(dilated, model.unseen, np.inf))
    return np.asarray((1.0 - wrong) * np.exp(-np.maximum(places.away - 1.0, 0.0) / reach), dtype=np.float64)
