"""Every spot used: shapes say where grains' light lies, blobs are divided by that, faint spots are looked for, and
all of them give shapes again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from friedel.kernels.reconstruct.footprints import light_in_windows
from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.blobs import Flag
from friedel.model.shapes import GrainShape
from friedel.model.shares import SpotShares
from friedel.model.spots import Came, SpotTable
from friedel.model.stream import CleanFrames, Executor, Watcher, watched
from friedel.reconstruct.faint_spots import FaintSpots, lit_voxels, look_for_faint_spots
from friedel.reconstruct.footprints import LEAST_COUNTS, LEAST_FAINT, Footprints, footprints_of
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
SURE = 20.0
"""A faint spot of so many standard deviations is trusted by half."""


@dataclass(frozen=True, slots=True, eq=False)
class DividedScan:
    """All parts of blobs, sorted by predicted spot, and what is known of the spots (s) that they make up.

    Those of spot s are `shares` rows `pointer[s]:pointer[s+1]`. `coverage` (s) the part of its light in blobs, 1 of
    what is alone in blobs that the grain lists; `trust` (s) how far that is a projection of its grain alone; `blob`
    (s) the one with most of it (-1: none); `counts` (s); `divided` (s) whether others have a part in its blobs, or
    nobody listed them for the grain; `whole` (s) whether its blobs are nearly all its own; `came` (s) how it was
    found. `faint` are the spots that were looked for in clean frames, if that was asked.
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
    came: Indices
    faint: FaintSpots | None = None

    def rows_of(self, spot: int) -> Indices:
        """The rows of a spot's shares."""
        return np.arange(self.pointer[spot], self.pointer[spot + 1])


def divide_scan(
    inputs: SharedInputs, shapes: Sequence[GrainShape], executor: Executor, least: float = LEAST_COUNTS
) -> DividedScan | None:
    """All blobs divided between the spots that the shapes predict; None without any shape.

    Spots that are too faint for blobs, down to `least` of the grain's faintest good one, are there without parts.
    """
    found = executor.map(lambda shape: footprints_of(inputs, shape, least), shapes)
    parts = [part for part in found if part is not None]
    if not parts:
        return None
    footprints = Footprints.together(parts)
    bright = np.flatnonzero(footprints.bright)
    meetings = find_meetings(inputs.blobs_by_frame, footprints.box[bright])
    meetings = meetings._replace(spot=bright[meetings.spot])
    shares, spots = divide_blobs(inputs, footprints, meetings, executor)
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
    alone = some & whole & (np.bincount(spots, ~listed, n) == 0)
    coverage = np.where(alone, 1.0, summed(spots, shares.coverage, n) / footprints.on_detector)
    trust = purity * np.minimum(coverage, 1.0)
    for flag, left in FLAG_WEIGHTS:
        if flag is not Flag.TOUCHES:
            trust[some] *= np.where(blobs.columns["flags"][blob[some]] & flag, left, 1.0)
    with_unseen = np.bincount(spots, shared & (_grains_in_blob(shares) == 1), n) > 0
    trust[with_unseen] *= SHARED_WEIGHT
    trust = np.where(divided & ~alone, trust / (1.0 + (misfit / MISFIT) ** 4), trust)
    shares = replace(shares, trust=trust[spots])
    came = np.where(coverage >= LEAST_COVERAGE, Came.DIVIDED, Came.MISSING)
    came[np.bincount(spots, listed, n) > 0] = Came.LISTED
    return DividedScan(footprints, shares, pointer, blob, coverage, counts, trust, divided, whole, came)


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
    inputs: SharedInputs,
    shapes: Sequence[GrainShape],
    executor: Executor,
    watcher: Watcher | None = None,
    frames: CleanFrames | None = None,
) -> list[GrainShape]:
    """The final shapes, from all spots, those in divided blobs too, and faint ones in clean `frames`; of grains
    that have none of these from their blobs."""
    scan = divide_scan(inputs, shapes, executor, LEAST_COUNTS if frames is None else LEAST_FAINT)
    if scan is not None and frames is not None:
        scan = with_faint_spots(inputs, scan, frames, executor, watcher)
    table = SpotTable.none() if scan is None else spots_of(scan, frames)
    grains = np.zeros(0, dtype=np.int64) if scan is None else scan.footprints.grain
    edges, own = (np.searchsorted(one, np.arange(len(inputs.grains) + 1)) for one in (grains, table.grain))

    def work(shape: GrainShape) -> GrainShape:
        spots = np.arange(edges[shape.grain], edges[shape.grain + 1])
        again = _again(inputs, scan, shape, spots) if scan is not None else None
        again = reconstruct_grain(inputs, shape.grain, bent=True) if again is None else again
        return replace(again, spots=table.take(np.arange(own[shape.grain], own[shape.grain + 1])))

    return list(watched(watcher, "all spots", executor.map(work, shapes), len(shapes), "grains"))


def with_faint_spots(
    inputs: SharedInputs, scan: DividedScan, frames: CleanFrames, executor: Executor, watcher: Watcher | None
) -> DividedScan:
    """The same, with what is found in clean frames of the spots that are in no blob."""
    counts = np.where(scan.coverage >= LEAST_COVERAGE, scan.counts, scan.footprints.counts)
    missing = scan.came == Came.MISSING
    faint = look_for_faint_spots(inputs, scan.footprints, counts, missing, frames, executor, watcher)
    taken, spot = faint.taken, faint.spot[faint.taken]
    trust, counts, came, divided = scan.trust.copy(), scan.counts.copy(), scan.came.copy(), scan.divided.copy()
    square = (faint.significance[taken] / SURE) ** 2
    trust[spot], counts[spot], came[spot] = square / (1.0 + square), faint.counts[taken], Came.FAINT
    divided[spot] = True
    return replace(scan, trust=trust, counts=counts, came=came, divided=divided, faint=faint)


def spots_of(scan: DividedScan, frames: CleanFrames | None) -> SpotTable:
    """What is known of every predicted spot that may be in a blob, or was looked for."""
    footprints, faint, n = scan.footprints, scan.faint, len(scan.footprints)
    significance, by_chance = np.full(n, np.nan), np.full(n, np.nan)
    sizes, voxels = np.zeros(n, dtype=np.int64), np.zeros((0, 3), dtype=np.int32)
    if faint is not None and frames is not None:
        significance[faint.spot], by_chance[faint.spot] = faint.significance, faint.by_chance
        each = [lit_voxels(footprints, int(s), frames.noise.shape) for s in faint.spot[faint.taken]]
        sizes[faint.spot[faint.taken]] = [len(one) for one in each]
        voxels = np.concatenate([voxels, *each])
        voxels[:, 0] %= max(frames.count, 1)
    # a filter tells all the light of a spot, blobs what of it the detector sees
    counts = np.where(scan.came == Came.FAINT, scan.counts * footprints.on_detector, scan.counts)
    counts = np.where(scan.came == Came.MISSING, 0.0, counts)
    table = SpotTable(
        footprints.grain, footprints.rays.hkl, footprints.omega[:, 0], footprints.rays.row, footprints.rays.col,
        footprints.counts * footprints.on_detector, counts, np.minimum(scan.coverage, 1.0), scan.came,
        significance, by_chance, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), voxels,
    )  # fmt: skip
    return table.take(footprints.bright | np.isfinite(significance))


def _again(inputs: SharedInputs, scan: DividedScan, shape: GrainShape, spots: Indices) -> GrainShape | None:
    """One shape from the spots (rows) of its grain; None where too few are more than its blobs say."""
    there = (scan.coverage[spots] >= LEAST_COVERAGE) | (scan.came[spots] == Came.FAINT)
    spots = spots[there & (scan.trust[spots] >= LEAST_TRUST)]
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
    if not again.density.size:
        return None
    known = again.blobs >= 0
    columns = {name: getattr(again, name)[known] for name in ("blobs", "blob_weight", "blob_residual")}
    return replace(again, shares=shares, **columns)


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
    """The parts of blobs that are these spots', and what clean frames show of faint ones."""
    parts = [_of_faint(scan, int(s)) if scan.came[s] == Came.FAINT else _of_blobs(inputs, scan, s) for s in spots]
    pointer = np.concatenate([[0], np.cumsum([len(counts) for _, counts in parts])]).astype(np.int64)
    voxels = tuple(np.concatenate([where[axis] for where, _ in parts]) for axis in range(3))
    counts = np.concatenate([counts for _, counts in parts]).astype(np.float32)
    middle = np.rint(scan.footprints.omega[spots, 0]).astype(np.int64)
    apart = voxels[0].astype(np.int64) - np.repeat(middle, np.diff(pointer))
    if turn := inputs.blobs_by_frame.turn:
        apart = (apart + turn // 2) % turn - turn // 2
    first, last = np.minimum.reduceat(apart, pointer[:-1]), np.maximum.reduceat(apart, pointer[:-1])
    return SpotLight(np.arange(len(spots)), pointer, voxels, counts, middle + first, last - first + 1)


def _of_blobs(inputs: SharedInputs, scan: DividedScan, spot: int) -> tuple[tuple[AnyArray, ...], AnyArray]:
    """Voxels (frame, row, col) of a spot's parts of blobs, and the counts there."""
    mine = scan.shares.take(scan.rows_of(spot))
    return tuple(values[mine.voxel] for values in inputs.blobs_by_frame.voxels), mine.voxel_counts


def _of_faint(scan: DividedScan, spot: int) -> tuple[tuple[AnyArray, ...], AnyArray]:
    """The same of what clean frames show of a spot, all of it in its middle frame."""
    assert scan.faint is not None
    row, col, counts = scan.faint.picture(int(np.flatnonzero(scan.faint.spot == spot)[0]))
    frame = np.full(len(row), np.rint(scan.footprints.omega[spot, 0]), dtype=np.int64)
    return (frame, row, col), counts


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
