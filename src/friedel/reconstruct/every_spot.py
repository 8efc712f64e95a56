"""Every spot used: shapes say where grains' light lies, blobs are divided by that, the parts give shapes again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from friedel.kernels.reconstruct.footprints import light_in_windows
from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.blobs import Flag
from friedel.model.shapes import GrainShape
from friedel.model.shares import SpotShares
from friedel.model.stream import Executor, Watcher, watched
from friedel.reconstruct.footprints import Footprints, footprints_of
from friedel.reconstruct.grain import (
    FLAG_WEIGHTS,
    SHARED_WEIGHT,
    Seen,
    best_by_trust,
    reconstruct_grain,
    shape_from,
)
from friedel.reconstruct.parting import divide_blobs, find_meetings
from friedel.reconstruct.projections import IdealDetectors, Projections, SpotLight, VoxelBox, Windows, lay_out
from friedel.reconstruct.shared_inputs import SharedInputs

LEAST_COVERAGE = 0.5
"""A spot of which less lies in blobs is no projection of its grain."""
MISFIT = 0.5
"""Blobs that footprints leave so much of unexplained count half."""
WHOLE = 0.95
"""A spot that is this part of its blobs tells omega: what a division says of it is not to be asked."""
LEAST_TRUST = 0.05
LEVELS_OF_TRUST = 5


@dataclass(frozen=True, slots=True, eq=False)
class DividedScan:
    """All parts of blobs, sorted by predicted spot, and what is known of the spots (s) that they make up.

    Those of spot s are `shares` rows `pointer[s]:pointer[s+1]`. `coverage` (s) the part of its light in blobs, 1 of
    what is alone in blobs that the grain lists; `trust` (s) how far that is a projection of its grain alone; `blob`
    (s) the one with most of it (-1: none); `counts` (s); `divided` (s) whether others have a part in its blobs, or
    nobody listed them for the grain; `whole` (s) whether its blobs are nearly all its own.
    """

    footprints: Footprints
    shares: SpotShares
    pointer: Indices
    blob: Indices
    coverage: Floats
    counts: Floats
    trust: Floats
    divided: Mask
    whole: Mask

    def rows_of(self, spot: int) -> Indices:
        """The rows of a spot's shares."""
        return np.arange(self.pointer[spot], self.pointer[spot + 1])


def divide_scan(inputs: SharedInputs, shapes: Sequence[GrainShape], executor: Executor) -> DividedScan | None:
    """All blobs divided between the spots that the shapes predict; None without any shape."""
    parts = [part for part in executor.map(lambda shape: footprints_of(inputs, shape), shapes) if part is not None]
    if not parts:
        return None
    footprints = Footprints.together(parts)
    shares, spots = divide_blobs(inputs, footprints, find_meetings(inputs.blobs_by_frame, footprints.box), executor)
    order = np.lexsort((-shares.counts, spots))
    return describe(inputs, footprints, shares.take(order), spots[order])


def describe(inputs: SharedInputs, footprints: Footprints, shares: SpotShares, spots: Indices) -> DividedScan:
    """What is known of each predicted spot from its parts, sorted by spot, those with most counts first."""
    n, blobs = len(footprints), inputs.blobs
    pointer = np.searchsorted(spots, np.arange(n + 1)).astype(np.int64)

    def summed(values: AnyArray, weights: AnyArray, length: int) -> Floats:
        return np.asarray(np.bincount(values, weights, length), dtype=np.float64)

    some = pointer[1:] > pointer[:-1]
    blob = np.full(n, -1, dtype=np.int64)
    blob[some] = shares.blob[pointer[:-1][some]]
    counts = summed(spots, shares.counts, n)
    of_voxel = np.repeat(np.arange(len(shares)), np.diff(shares.voxel_pointer))
    own = shares.voxel_counts.astype(np.float64)
    pure = summed(of_voxel, own**2 / inputs.blobs_by_frame.intensity[shares.voxel], len(shares))
    purity = summed(spots, pure, n) / np.maximum(counts, 1e-30)
    misfit = summed(spots, shares.residual * shares.counts, n) / np.maximum(counts, 1e-30)
    listed, shared = _listed(inputs, shares)
    divided = np.bincount(spots, (shares.part < 1.0 - 1e-6) | ~listed, n) > 0
    whole = counts >= WHOLE * summed(spots, shares.counts / np.maximum(shares.part, 1e-30), n)
    # what lies alone in listed blobs is the spot, whatever its footprint says
    alone = whole & (np.bincount(spots, ~listed, n) == 0)
    coverage = np.where(alone, 1.0, summed(spots, shares.coverage, n))
    trust = purity * np.minimum(coverage, 1.0)
    for flag, left in FLAG_WEIGHTS:
        if flag is not Flag.TOUCHES:
            trust[some] *= np.where(blobs.columns["flags"][blob[some]] & flag, left, 1.0)
    with_unseen = np.bincount(spots, shared & (_grains_in_blob(shares) == 1), n) > 0
    trust[with_unseen] *= SHARED_WEIGHT
    trust = np.where(divided & ~alone, trust / (1.0 + (misfit / MISFIT) ** 4), trust)
    shares = replace(shares, trust=trust[spots])
    return DividedScan(footprints, shares, pointer, blob, coverage, counts, trust, divided, whole)


def _grains_in_blob(shares: SpotShares) -> Indices:
    """How many grains have a part in the blob of each part."""
    both = np.unique(np.column_stack([shares.blob, shares.grain]), axis=0)[:, 0]
    return np.bincount(both)[shares.blob] if len(shares) else np.zeros(0, dtype=np.int64)


def _listed(inputs: SharedInputs, shares: SpotShares) -> tuple[Mask, Mask]:
    """Whether the grain of each part lists its blob, and lists it as shared with another one."""
    grains = inputs.grains
    owner = np.repeat(np.arange(len(grains)), np.diff(grains.blob_pointer))
    many = len(inputs.blobs.reason) + 1
    mine, listed = shares.grain * many + shares.blob, owner * many + grains.blobs
    return np.isin(mine, listed), np.isin(mine, listed[np.asarray(grains.shared, dtype=bool)])


def reconstruct_again(
    inputs: SharedInputs, shapes: Sequence[GrainShape], executor: Executor, watcher: Watcher | None = None
) -> list[GrainShape]:
    """The final shapes, from all spots, those in divided blobs too; of grains that have none of these from their
    blobs."""
    scan = divide_scan(inputs, shapes, executor)
    grains = np.zeros(0, dtype=np.int64) if scan is None else scan.footprints.grain
    edges = np.searchsorted(grains, np.arange(len(inputs.grains) + 1))

    def work(shape: GrainShape) -> GrainShape:
        spots = np.arange(edges[shape.grain], edges[shape.grain + 1])
        again = _again(inputs, scan, shape, spots) if scan is not None else None
        return reconstruct_grain(inputs, shape.grain, bent=True) if again is None else again

    return list(watched(watcher, "all spots", executor.map(work, shapes), len(shapes), "grains"))


def _again(inputs: SharedInputs, scan: DividedScan, shape: GrainShape, spots: Indices) -> GrainShape | None:
    """One shape from the spots (rows) of its grain; None where too few are more than its blobs say."""
    spots = spots[(scan.coverage[spots] >= LEAST_COVERAGE) & (scan.trust[spots] >= LEAST_TRUST)]
    if not scan.divided[spots].any() or len(spots) < inputs.params.fewest_projections:
        return None
    of_others = spots[scan.divided[spots]]
    shares = scan.shares.take(np.concatenate([scan.rows_of(s) for s in of_others]))
    rays = scan.footprints.rays.take(spots)._replace(blob=scan.blob[spots])
    trust, counts = scan.trust[spots], scan.counts[spots]
    lit = scan.shares.voxel_pointer[scan.pointer]
    bright = counts / np.sqrt(np.maximum(lit[spots + 1] - lit[spots], 1))
    # of spots that are trusted about as much the bright ones are better
    level = np.ceil(trust * LEVELS_OF_TRUST) / LEVELS_OF_TRUST
    chosen = best_by_trust(rays, level, bright, inputs.params.projections)
    rays, spots = rays.take(chosen), spots[chosen]
    box = _box_around(inputs, shape)
    layout = lay_out(rays, inputs.diffraction.plane, inputs.grains.position_um[shape.grain], box, inputs.grid)
    projections = project_shares(inputs, scan, spots, layout)
    weight = trust[chosen] / trust[chosen].max()
    again = shape_from(inputs, shape.grain, Seen(rays, projections, weight, box, scan.whole[spots]), bent=True)
    return replace(again, shares=shares) if again.density.size else None


def _box_around(inputs: SharedInputs, shape: GrainShape) -> VoxelBox:
    """Voxels around a shape, as far as it may grow."""
    grid, margin = inputs.grid, int(np.ceil(inputs.params.margin_px)) + 1
    at = np.argwhere(shape.inside)[:, ::-1] + grid.index(shape.origin_um)
    start, stop = at.min(axis=0) - margin, at.max(axis=0) + 1 + margin
    middle = inputs.grains.position_um[shape.grain] / grid.voxel_um - np.array(grid.phase)
    radius = float(np.hypot(*(at[:, :2] + 0.5 - middle[:2]).T).max()) + margin
    off = np.ceil(np.abs(0.5 * (start + stop) - middle)).astype(np.int64)
    return VoxelBox(start - off, stop - start + 2 * off, radius)


def project_shares(inputs: SharedInputs, scan: DividedScan, spots: Indices, layout: IdealDetectors) -> Projections:
    """The parts of spots (n) on ideal detectors; pixels are known by as much as the light in them is theirs."""
    windows = layout.windows(inputs.blobs_by_frame.detector)
    light = _light_of(inputs, scan, spots)
    images = light.images(windows)
    every = _all_light(inputs, scan, spots, windows)
    share = np.where(every > 0, np.minimum(images / np.maximum(every, 1e-30), 1.0), 1.0).astype(np.float32)
    image, weight = windows.read(images)
    sure, _ = windows.read(share)
    return Projections(image, weight * sure**2, layout.slope, layout.offset, light, windows)


def _light_of(inputs: SharedInputs, scan: DividedScan, spots: Indices) -> SpotLight:
    """The parts of blobs that are these spots'."""
    by_frame, lit = inputs.blobs_by_frame, scan.shares.voxel_pointer[scan.pointer]
    pointer = np.concatenate([[0], np.cumsum(lit[spots + 1] - lit[spots])]).astype(np.int64)
    mine = scan.shares.take(np.concatenate([scan.rows_of(s) for s in spots]))
    voxels = tuple(values[mine.voxel] for values in by_frame.voxels)
    middle = np.rint(scan.footprints.omega[spots, 0]).astype(np.int64)
    apart = voxels[0].astype(np.int64) - np.repeat(middle, np.diff(pointer))
    if by_frame.turn:
        apart = (apart + by_frame.turn // 2) % by_frame.turn - by_frame.turn // 2
    first, last = np.minimum.reduceat(apart, pointer[:-1]), np.maximum.reduceat(apart, pointer[:-1])
    return SpotLight(np.arange(len(spots)), pointer, voxels, mine.voxel_counts, middle + first, last - first + 1)


def _all_light(inputs: SharedInputs, scan: DividedScan, spots: Indices, windows: Windows) -> AnyArray:
    """All that blobs hold in windows and frames of spots (n): float32 (n,row,col)."""
    by_frame, (height, width) = inputs.blobs_by_frame, windows.shape[1:]
    row, col = windows.corner.T
    boxes = np.column_stack([scan.footprints.box[spots, :2], row, row + height, col, col + width])
    near = find_meetings(by_frame, boxes)
    met = near.blob[np.argsort(near.spot, kind="stable")]
    met_pointer = np.concatenate([[0], np.cumsum(np.bincount(near.spot, minlength=len(spots)))]).astype(np.int64)
    every = np.zeros(windows.shape, dtype=np.float32)
    light_in_windows(
        np.arange(len(spots)), windows.corner, scan.footprints.omega[spots], by_frame.turn, met, met_pointer,
        by_frame.pointer, by_frame.voxels, by_frame.intensity, every,
    )  # fmt: skip
    return every
