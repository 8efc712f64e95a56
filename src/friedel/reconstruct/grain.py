"""One grain: choose its spots, reconstruct its density, and see whether its lattice bends."""

from typing import NamedTuple

import numpy as np

from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.blobs import BlobTable, Flag
from friedel.model.shapes import GrainShape, Grid
from friedel.reconstruct.bent_grain import NO_BEND, GrainSpots, see_bend
from friedel.reconstruct.density import MASS_SPREAD, Data, fit_density
from friedel.reconstruct.projections import Projections, VoxelBox, extents, make_voxel_box, project_blobs
from friedel.reconstruct.rays import Rays, sample_directions
from friedel.reconstruct.shared_inputs import SharedInputs
from friedel.reconstruct.sirt import SirtSolver
from friedel.reconstruct.transmission import transmission

FLAG_WEIGHTS: tuple[tuple[Flag, float], ...] = (
    (Flag.EXCLUDED, 0.1),
    (Flag.SCAN_END, 0.2),
    (Flag.FULL_TURN, 0.01),
    (Flag.SATURATED, 0.3),
    (Flag.REPLACED, 0.7),
    (Flag.EDGE, 0.5),
    (Flag.TOUCHES, 0.6),
)
"""What a flag leaves of a spot's weight."""
SHARED_WEIGHT = 0.1
SURE = 0.5
ENOUGH = 20
"""With so many spots of at least this trust, a grain does without the others."""
CHOICE = 60
"""At least so many bright spots are looked at for their directions: fewer of them alone may look from one side."""
REACH_QUANTILE = 0.9
LONGEST = 2.5
"""Reach of a grain over that of its typical spot, at most."""
MAX_OFFSET_PX = 4.0
MAX_OFFSET_RAD = np.radians(1.0)
"""A spot is not this grain's when the grain's centre falls so far outside its blob's box."""


def reconstruct_grain(inputs: SharedInputs, grain: int, bent: bool) -> GrainShape:
    """The shape of one grain from its blobs, and how it is bent, where that is asked; an empty density where it has
    too few spots."""
    params, grid = inputs.params, inputs.grid
    rays = inputs.diffraction.rays(inputs.grains, grain, inputs.blobs)
    rays = rays.take(_as_predicted(rays, inputs.blobs))
    rays, weight = _choose_spots(rays, inputs.blobs, params.projections)
    if len(rays.blob) < params.fewest_projections:
        return _empty_shape(grain, grid)
    centre = inputs.grains.position_um[grain]
    each = extents(rays, inputs.blobs, inputs.diffraction.plane)
    reach = np.minimum(np.quantile(each, REACH_QUANTILE, axis=0), LONGEST * np.median(each, axis=0))
    box = make_voxel_box(centre, reach + params.margin_px * grid.voxel_um, grid)
    spots = project_blobs(rays, inputs.blobs_by_frame, inputs.diffraction.plane, centre, box, grid)
    every = np.ones(len(weight), dtype=bool)
    return shape_from(inputs, grain, Seen(rays, spots, weight, box, every), bent)


class Seen(NamedTuple):
    """What is seen of a grain: rays and projections of its spots, their weights (n), the box that it is in, and
    which spots (n) tell omega."""

    rays: Rays
    spots: Projections
    weight: Floats
    box: VoxelBox
    whole: Mask


def shape_from(inputs: SharedInputs, grain: int, seen: Seen, bent: bool) -> GrainShape:
    """The shape of one grain, and how it is bent, where that is asked; an empty density where the projections do
    not agree."""
    params, grid, centre = inputs.params, inputs.grid, inputs.grains.position_um[grain]
    rays, spots, weight, box, whole = seen
    support = _support(inputs, box.start, tuple(box.size.tolist()), centre, box.radius)
    where = (spots.slope, spots.offset), (box.start, box.radius), spots.image.shape[1:]
    spots = spots._replace(image=spots.image / transmission(inputs, grain, rays, *where))
    measured, doubt = _normalised(spots, rays.strength)
    data = Data(measured, spots.known, weight * doubt, support)

    def solver_on(part: Mask) -> SirtSolver:
        return SirtSolver(spots.slope, spots.offset, part, measured.shape, inputs.blur)

    straight = fit_density(data, params, solver_on)
    if straight is None:
        return _empty_shape(grain, grid)
    UB = inputs.grains.U[grain] @ inputs.diffraction.phases[int(inputs.grains.phase[grain])].B
    fitted, bend = straight, NO_BEND
    if bent and params.bent == "auto":
        fitted, bend = see_bend(GrainSpots(rays, spots, whole, data, UB, centre), inputs, straight, grain)
    density, threshold, residual, weight, blob_residual = fitted
    keep = np.argwhere(density > 0.05)
    low, high = (keep.min(axis=0), keep.max(axis=0) + 1) if len(keep) else (np.zeros(3, int), np.ones(3, int))
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return GrainShape(
        grain, np.ascontiguousarray(density[part].transpose(2, 1, 0)), grid.corner_um(box.start + low),
        grid.voxel_um, threshold, residual, int(np.count_nonzero(weight > 0.05)), rays.blob, weight, blob_residual,
        _as_stored(bend.turn, part), bend.explained, bend.null,
    )  # fmt: skip


def _as_stored(turn: Floats | None, part: tuple[slice, ...]) -> AnyArray:
    """Rotation vectors in degrees, [z,y,x,3], of a part of the box [x,y,z]."""
    if turn is None:
        return np.zeros((0, 0, 0, 3), np.float32)
    return np.ascontiguousarray(np.degrees(turn[part]).transpose(2, 1, 0, 3), dtype=np.float32)


def _empty_shape(grain: int, grid: Grid) -> GrainShape:
    empty = np.zeros(0)
    return GrainShape(
        grain, np.zeros((0, 0, 0), np.float32), np.zeros(3), grid.voxel_um, 0.5, 1.0, 0,
        np.zeros(0, np.int64), empty, empty,
    )  # fmt: skip


def _as_predicted(rays: Rays, blobs: BlobTable) -> Mask:
    """Whether each blob is where, and when, its spot is expected: others are mistakes of the indexing."""
    ok = np.ones(len(rays.blob), dtype=bool)
    for name, centre in (("row", rays.row), ("col", rays.col)):
        start, stop = blobs[f"{name}_start"][rays.blob], blobs[f"{name}_stop"][rays.blob]
        ok &= (centre > start - 0.5 - MAX_OFFSET_PX) & (centre < stop - 0.5 + MAX_OFFSET_PX)
    width = (
        0.5
        * np.radians(abs(blobs.omega_step_deg))
        * (blobs["frame_stop"][rays.blob] - blobs["frame_start"][rays.blob])
    )
    return np.asarray(ok & (np.abs(rays.omega_offset) < width + MAX_OFFSET_RAD))


def _choose_spots(rays: Rays, blobs: BlobTable, most: int) -> tuple[Rays, Floats]:
    """The most trusted spots, of these the bright ones, of these those that look from all sides; weight of each."""
    flags = blobs["flags"][rays.blob]
    trust = np.where(rays.shared, SHARED_WEIGHT, 1.0)
    for flag, left in FLAG_WEIGHTS:
        trust = np.where(flags & flag, trust * left, trust)
    bright = blobs["sum_intensity"][rays.blob] / np.sqrt(np.maximum(blobs["Number_of_pixels"][rays.blob], 1))
    chosen = best_by_trust(rays, trust, bright, most)
    return rays.take(chosen), trust[chosen] / max(trust[chosen].max(initial=0.0), 1e-9)


def best_by_trust(rays: Rays, trust: Floats, bright: Floats, most: int) -> Indices:
    """Rows of the most trusted spots, of these of the bright ones, of these of those that look from all sides."""
    order = np.lexsort((rays.blob, -bright, -trust))
    sure = np.count_nonzero(trust >= SURE)
    if sure >= ENOUGH:
        order = order[:sure]
    order = order[: max(CHOICE, most)]
    return np.sort(order[_spread(sample_directions(rays.take(order)), most)])


def _spread(directions: Floats, most: int) -> Indices:
    """The first of the directions (n,3) and those farthest from all chosen ones, one after the other.

    A beam and its opposite see the same. Equal distances: the earlier one.
    """
    if len(directions) <= most:
        return np.arange(len(directions))
    chosen = [0]
    near = np.abs(directions @ directions[0])
    for _ in range(most - 1):
        near[chosen[-1]] = np.inf
        chosen.append(int(np.argmin(near)))
        near = np.maximum(near, np.abs(directions @ directions[chosen[-1]]))
    return np.array(chosen)


def _support(inputs: SharedInputs, start: AnyArray, size: tuple[int, ...], centre: Floats, radius: float) -> Mask:
    """Voxels [x,y,z] of the box that are near enough to the grain's centre and in the sample."""
    grid = inputs.grid
    x, y, _ = (
        (grid.corner_um(start)[axis] + 0.5 * grid.voxel_um) + np.arange(size[axis]) * grid.voxel_um
        for axis in range(3)
    )
    round_ = np.hypot(x[:, None] - centre[0], y[None, :] - centre[1]) <= radius * grid.voxel_um
    support = np.repeat(round_[:, :, None], size[2], axis=2)
    if inputs.mask is not None:
        shape = (size[2], size[1], size[0])
        support &= inputs.mask.on(grid.corner_um(start), shape, grid.voxel_um).transpose(2, 1, 0)
    return support


def _normalised(spots: Projections, strength: Floats) -> tuple[AnyArray, Floats]:
    """Projections with their physical factors taken out and median mass 1; what is left of their weights.

    Masses nearly agree where a spot is whole and alone: those are made equal, the others lose weight.
    """
    mass = spots.image.sum(axis=(1, 2)) / strength
    off = np.log(np.maximum(mass, 1e-30) / np.median(mass[mass > 0])) if (mass > 0).any() else np.zeros(len(mass))
    scale = np.exp(-np.clip(off, -MASS_SPREAD, MASS_SPREAD)) / strength / max(float(np.median(mass)), 1e-30)
    doubt = 1.0 / (1.0 + (off / MASS_SPREAD) ** 2)
    return (spots.image * scale[:, None, None]).astype(np.float32), np.where(mass > 0, doubt, 0.0)
