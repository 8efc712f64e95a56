"""Blobs of finished components: seeds, the regions that they claim, and what is measured of each."""

from typing import NamedTuple

import numpy as np

from friedel.kernels.segment.bright_runs import empty_runs
from friedel.kernels.segment.components import Rows, link_rows, sort_by_label, unite_runs
from friedel.kernels.segment.grow import Claims, Regions, claim_regions, no_claims, no_regions
from friedel.kernels.segment.moments import (
    REAL,
    WHOLE,
    count_marked_voxels,
    measure_blobs,
    touch_marked_frames,
    touch_marked_pixels,
)
from friedel.kernels.segment.runs_by_blob import RunsByBlob, claimed_runs, sort_runs_by_blob
from friedel.kernels.segment.saddles import split_seeds
from friedel.kernels.segment.seeds import SeedRuns, Seeds, extract_seed_runs, measure_seeds, number_roots
from friedel.kernels.segment.watershed import split_regions
from friedel.model.arrays import AnyArray, Indices, Mask
from friedel.model.blobs import Flag, Reason
from friedel.segment.components import Components, ScanMarks
from friedel.segment.params import SegmentParams, Thresholds


class SeedRows(NamedTuple):
    """What the ledger says of each seed of some components, one row a seed.

    `whole` and `real` have the columns `WHOLE` and `REAL` of the kernel; `first` is the flat index of the first
    voxel in the scan.
    """

    first: Indices
    reason: AnyArray
    whole: Indices
    real: AnyArray
    threshold: AnyArray
    seed_voxels: Indices
    n_absorbed: Indices
    n_saturated: Indices
    flags: Indices


class FoundBlobs(NamedTuple):
    """The rows of some components' seeds, and the runs and values (float32, counts) of their voxels, row by row."""

    rows: SeedRows
    by_blob: RunsByBlob
    values: AnyArray
    n_empty_ranges: int


def find_blobs(components: Components, thresholds: Thresholds, params: SegmentParams) -> FoundBlobs | None:
    """The blobs and the rejected seeds of some `packed` components; None where none holds a seed."""
    runs, marks = components.runs, components.marks
    seed_runs = _seed_runs(components, thresholds.seed_threshold)
    if not len(seed_runs.at):
        return None
    rows = link_rows(seed_runs.runs, seed_runs.section, marks.turn)
    n = _number_seeds(seed_runs, rows, params.connectivity)
    if params.overlap == "watershed" and params.saddle > 0:
        rule = (thresholds.seed_threshold, params.saddle, params.seed_min_voxels)
        seed_runs, n = split_seeds(seed_runs, rows, n, components.level, rule, marks.turn, params.connectivity)
    seeds = Seeds(*[np.empty(n, np.float32 if name == "peak" else np.int64) for name in Seeds._fields])
    measure_seeds(seed_runs, seeds)
    claims = no_claims(n)
    # the brightest first; equal maxima by the peak's position, which need not be the order of first voxels
    order = np.lexsort((seeds.at - runs.offset[seeds.run], seeds.run, -seeds.peak, seeds.section))
    needed = thresholds.literal or params.overlap == "watershed"
    members = sort_by_label(seed_runs.seed, n) if needed else (np.empty(0, np.int64), np.zeros(1, np.int64))
    regions = no_regions(runs, link_rows(runs, components.section, marks.turn), components.level)
    claim_regions(
        regions, order, seeds, np.array(thresholds[:4]), params.seed_min_voxels, thresholds.literal,
        params.connectivity, seed_runs, members, claims,
    )  # fmt: skip
    if params.overlap == "watershed":
        split_regions(regions, claims, seed_runs, members, params.connectivity, marks.turn)
    reason = np.where(claims.voxels > 0, Reason.KEPT, np.where(claims.absorber >= 0, Reason.ABSORBED, 1))
    by_blob = _runs_by_blob(regions, seed_runs, reason != Reason.KEPT)
    return _measured(components, seeds, claims, reason, by_blob, thresholds)


def _seed_runs(components: Components, threshold: float) -> SeedRuns:
    """Runs of voxels >= the seed threshold; all of seed 0 for now."""
    room = len(components.level)  # an upper bound, never touched beyond what is found
    runs, at, inside = empty_runs(room), np.empty(room, np.int64), np.empty(room, np.int32)
    section = np.empty(len(components.section), np.int64)
    n = extract_seed_runs(
        components.runs, components.section, components.level, threshold, runs, at, inside, section
    )
    return SeedRuns(runs.take(slice(0, n)), section, at[:n], inside[:n], np.zeros(n, np.int32))


def _number_seeds(seed_runs: SeedRuns, rows: Rows, connectivity: int) -> int:
    """Number the connected components of seed runs in place; returns how many there are."""
    parent = np.arange(len(seed_runs.at))
    unite_runs(seed_runs.runs, rows, connectivity, parent.copy(), parent)
    return int(number_roots(parent, seed_runs.seed))


def _runs_by_blob(regions: Regions, seed_runs: SeedRuns, rejected: Mask) -> RunsByBlob:
    """Voxels of every seed's row: what it claimed, or for a rejected one its own component."""
    room = len(regions.level)
    taken, claimer = empty_runs(room), np.empty(room, np.int32)
    n = claimed_runs(regions.runs, regions.claimed, regions.last, claimer, taken)
    taken, claimer = taken.take(slice(0, n)), claimer[:n]
    count = np.bincount(claimer, minlength=len(rejected))
    count += np.bincount(seed_runs.seed[rejected[seed_runs.seed]], minlength=len(rejected))
    pointer = np.concatenate([[0], np.cumsum(count)])
    fields = [np.empty(pointer[-1], np.int64 if name == "offset" else np.int32) for name in RunsByBlob._fields[1:]]
    out = RunsByBlob(pointer, *fields)
    sort_runs_by_blob(taken, claimer, seed_runs.runs, seed_runs.seed, rejected, pointer[:-1].copy(), out)
    return out


def _measured(
    components: Components, seeds: Seeds, claims: Claims, reason: AnyArray, by_blob: RunsByBlob,
    thresholds: Thresholds,
) -> FoundBlobs:  # fmt: skip
    n, runs, marks = len(reason), components.runs, components.marks
    size = np.add.reduceat(by_blob.length, by_blob.pointer[:-1], dtype=np.int64)
    value_pointer = np.concatenate([[0], np.cumsum(size)])
    values = np.empty(value_pointer[-1], np.float32)
    whole, real = np.empty((n, len(WHOLE)), np.int64), np.empty((n, len(REAL)))
    col = runs.col[seeds.run] + seeds.at - runs.offset[seeds.run]
    peak = np.stack([runs.frame[seeds.run], runs.row[seeds.run], col], axis=1).astype(np.int64)
    measure_blobs(by_blob, components.intensity, peak, marks.turn, values, value_pointer, whole, real)
    n_saturated = np.zeros(n, np.int64)
    if len(marks.saturated):
        count_marked_voxels(by_blob, marks.shape, marks.saturated, n_saturated)
    rows = SeedRows(
        first=first_voxels(by_blob, marks.shape),
        reason=reason.astype(np.int8),
        whole=whole,
        real=real,
        threshold=np.where(reason == Reason.KEPT, claims.threshold, thresholds.seed_threshold),
        seed_voxels=seeds.voxels,
        n_absorbed=np.bincount(claims.absorber[reason == Reason.ABSORBED], minlength=n),
        n_saturated=n_saturated,
        flags=_flags(by_blob, whole, claims.touches, n_saturated, marks),
    )
    return FoundBlobs(rows, by_blob, values, int(np.count_nonzero(claims.empty)))


def first_voxels(by_blob: RunsByBlob, shape: tuple[int, int, int]) -> Indices:
    """Flat index into the scan of each blob's first voxel."""
    start = by_blob.pointer[:-1]
    line = by_blob.frame[start].astype(np.int64) * shape[1] + by_blob.row[start]
    return np.asarray(line * shape[2] + by_blob.col[start])


def _flags(by_blob: RunsByBlob, whole: Indices, touches: Mask, n_saturated: Indices, marks: ScanMarks) -> Indices:
    frames, rows, cols = marks.shape
    column = dict(zip(WHOLE, whole.T, strict=True))
    edge = (column["row0"] == 0) | (column["row1"] == rows) | (column["col0"] == 0) | (column["col1"] == cols)
    ends = (column["first_frame"] == 0) | (column["last_frame"] == frames - 1)
    beside, replaced = np.zeros((2, len(whole)), np.bool_)
    if marks.beside_left_out is not None:
        touch_marked_pixels(by_blob, marks.beside_left_out, beside)
    if len(marks.beside_invalid):
        count = np.zeros(len(whole), np.int64)
        count_marked_voxels(by_blob, marks.shape, marks.beside_invalid, count)
        beside |= count > 0
    if marks.replaced.any():
        touch_marked_frames(by_blob, marks.replaced, replaced)
    return np.asarray(
        Flag.TOUCHES * touches
        + Flag.EDGE * edge
        + Flag.EXCLUDED * beside
        + (Flag.SCAN_END * ends if marks.turn == 0 else 0)
        + (Flag.FULL_TURN * (column["frames"] == marks.turn))
        + Flag.SATURATED * (n_saturated > 0)
        + Flag.REPLACED * replaced,
        dtype=np.int64,
    )
