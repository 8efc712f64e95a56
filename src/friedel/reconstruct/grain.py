"""One grain: choose its spots, reconstruct, weigh the spots by how well they fit, reconstruct again, threshold."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.blobs import BlobTable, Flag
from friedel.model.shapes import GrainShape, Grid
from friedel.reconstruct.inputs import SharedInputs
from friedel.reconstruct.params import ReconstructParams
from friedel.reconstruct.projections import Projections, VoxelBox, extents, make_voxel_box, project_blobs
from friedel.reconstruct.rays import Rays, sample_directions
from friedel.reconstruct.sirt import SirtSolver, visual_hull

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
AGREE = 0.8
"""Part of the projections that must see a voxel as lit for it to be in the support."""
MASS_SPREAD = 0.35
"""Spots whose integrated intensity is off by more than this (natural logarithm) lose weight."""
TUNING = 2.0
"""Spots whose residual is more than this many times the median's lose weight."""
LEVELS = np.linspace(0.2, 0.8, 25)
SMOOTH_PX = 0.6
"""Standard deviation of the smoothing of a density, which takes out what noise does to boundaries: a map of 200
small grains (6 px in radius) has a fifth fewer wrong voxels with it; 1 rounds corners off."""
SMOOTH = 5
"""Levels that are averaged before the best threshold is read."""


def reconstruct_grain(inputs: SharedInputs, grain: int) -> GrainShape:
    """The shape of one grain; an empty density where it has too few spots."""
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
    return shape_from(inputs, grain, spots, rays, weight, box)


def shape_from(
    inputs: SharedInputs, grain: int, spots: Projections, rays: Rays, weight: Floats, box: VoxelBox
) -> GrainShape:
    """The shape of one grain from projections of it, in a box; an empty density where they do not agree."""
    params, grid, centre = inputs.params, inputs.grid, inputs.grains.position_um[grain]
    support = _support(inputs, box.start, tuple(box.size.tolist()), centre, box.radius)
    measured, doubt = _normalised(spots, rays.strength)
    weight = weight * doubt
    smooth = SMOOTH_PX * inputs.pixel_um / grid.voxel_um
    fitted = fit_density(spots, measured, weight, support, params, smooth)
    if fitted is None:
        return _empty_shape(grain, grid)
    density, threshold, residual, weight, blob_residual = fitted
    keep = np.argwhere(density > 0.05)
    low, high = (keep.min(axis=0), keep.max(axis=0) + 1) if len(keep) else (np.zeros(3, int), np.ones(3, int))
    density = density[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return GrainShape(
        grain, np.ascontiguousarray(density.transpose(2, 1, 0)), grid.corner_um(box.start + low), grid.voxel_um,
        threshold, residual, int(np.count_nonzero(weight > 0.05)), rays.blob, weight, blob_residual,
    )  # fmt: skip


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


class Fitted(NamedTuple):
    """Density [x,y,z] that is 1 inside on average, its threshold and residual; weights and residuals by spot."""

    density: AnyArray
    threshold: float
    residual: float
    weight: Floats
    blob_residual: Floats


def fit_density(
    spots: Projections, measured: AnyArray, weight: Floats, support: Mask, params: ReconstructParams, smooth: float
) -> Fitted | None:
    """The density from projections float32 (n,u,v) with weights (n), smoothed by so many voxels in the end."""
    solver = SirtSolver(spots.slope, spots.offset, support, measured.shape)
    lit = (measured > 0).astype(np.float32)
    trusted = (spots.known * weight[:, None, None]).astype(np.float32)
    support = visual_hull(solver, lit, trusted, AGREE)
    if not support.any():
        return None
    solver = SirtSolver(spots.slope, spots.offset, support, measured.shape)
    # masses are 1: give them the volume of the support, so that densities are of order 1
    measured *= np.float32(np.count_nonzero(support))
    first = params.iterations // 3
    x = solver.iterate(support * np.float32(0.5), measured, trusted, first)
    footprint = _footprint(solver, x, params.footprint_px)
    model = solver.forward(x)
    pixels = spots.known * np.where(footprint | (measured == 0), 1.0, 0.0).astype(np.float32)
    measured, weight, _ = _reweigh(model, measured, weight, pixels * footprint)
    pixels = pixels * weight[:, None, None].astype(np.float32)
    x = solver.iterate(x, measured, pixels, params.iterations - first)
    x = smoothed(x, support, smooth)
    return _threshold(solver, x, measured, pixels, weight)


def smoothed(x: AnyArray, support: Mask, voxels: float) -> AnyArray:
    """A density [x,y,z] smoothed a little, within the support: noise makes ragged boundaries."""
    blurred = ndimage.gaussian_filter(x, voxels, mode="constant", truncate=3.0)
    return np.asarray(blurred * support, dtype=np.float32)


def _footprint(solver: SirtSolver, x: AnyArray, margin: int) -> AnyArray:
    """Pixels that the grain as it looks now can light, with a margin."""
    level = 0.5 * _plateau(x)
    seen = solver.forward((x >= level).astype(np.float32)) > 0.01
    if margin == 0:
        return seen
    square = np.ones((1, 2 * margin + 1, 2 * margin + 1), dtype=bool)
    return np.asarray(ndimage.maximum_filter(seen, footprint=square))


def _plateau(x: AnyArray) -> float:
    """The density of the inside: the mean of what is above half of it, by repetition from the mean by mass."""
    total = float(x.sum(dtype=np.float64))
    level = 0.5 * float((x.astype(np.float64) ** 2).sum()) / total if total > 0 else 0.0
    for _ in range(20):
        inside = x[x >= level]
        if not inside.size:
            break
        level = 0.5 * float(inside.mean())
    return max(2 * level, 1e-12)


def _reweigh(
    model: AnyArray, measured: AnyArray, weight: Floats, pixels: AnyArray
) -> tuple[AnyArray, Floats, Floats]:
    """One scale for each projection, and weights by how badly they fit after it."""
    both = (pixels * model * measured).sum(axis=(1, 2), dtype=np.float64)
    own = (pixels * measured**2).sum(axis=(1, 2), dtype=np.float64)
    ideal = (pixels * model**2).sum(axis=(1, 2), dtype=np.float64)
    fine = (own > 0) & (ideal > 0) & (both > 0)
    scale = np.where(fine, both / np.where(fine, own, 1.0), 0.0)
    blob_residual = np.sqrt(np.maximum(1.0 - both**2 / np.where(fine, own * ideal, 1.0), 0.0))
    blob_residual = np.where(fine, blob_residual, 1.0)
    typical = np.median(blob_residual[fine]) if fine.any() else 1.0
    left = 1.0 / (1.0 + (blob_residual / (TUNING * max(typical, 1e-6))) ** 4)
    shift = np.log(np.where(fine, scale, 1.0))
    left *= 1.0 / (1.0 + (shift / MASS_SPREAD) ** 2)
    return measured * scale[:, None, None].astype(np.float32), np.where(fine, weight * left, 0.0), blob_residual


def _threshold(solver: SirtSolver, x: AnyArray, measured: AnyArray, pixels: AnyArray, weight: Floats) -> Fitted:
    """The level whose solid shape reproduces the projections best."""
    plateau = _plateau(x)
    x = x / np.float32(plateau)
    total = float((pixels * measured**2).sum(dtype=np.float64))
    misses = []
    for level in LEVELS:
        model = solver.forward((x >= level).astype(np.float32))
        ideal = float((pixels * model**2).sum(dtype=np.float64))
        both = float((pixels * model * measured).sum(dtype=np.float64))
        misses.append(1.0 - both**2 / (ideal * total) if ideal > 0 and total > 0 else 1.0)
    # single levels can fit by accident: a grain of 700 voxels got 0.375 where its neighbours' best was 0.55
    best = int(np.argmin(ndimage.uniform_filter1d(misses, SMOOTH, mode="nearest")))
    _, _, blob_residual = _reweigh(solver.forward(x), measured, weight, (pixels > 0).astype(np.float32))
    return Fitted(
        x.astype(np.float32), float(LEVELS[best]), float(np.sqrt(max(misses[best], 0.0))), weight, blob_residual
    )
