"""Second half of the segmentation: the blobs of finished components."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from friedel.kernels.segment import saddles
from friedel.kernels.segment.bright_runs import Runs, empty_runs, pack_values
from friedel.kernels.segment.components import Rows, link_rows, sort_by_label, unite_runs
from friedel.kernels.segment.grow import Claims, Ground, claim_regions, no_claims
from friedel.kernels.segment.moments import (
    REAL,
    WHOLE,
    Stretches,
    beside_pixels,
    claimed_stretches,
    count_marks,
    measure_blobs,
    on_frames,
    sort_stretches,
)
from friedel.kernels.segment.seeds import Seeds, bright_stretches, measure_seeds, number_roots
from friedel.kernels.segment.watershed import split_regions
from friedel.model.arrays import AnyArray, Indices, Mask
from friedel.model.blobs import Flag, Reason
from friedel.segment.params import Rules, SegmentParams
from friedel.segment.pending import Batch

TASK_VOXELS = 1 << 17
"""Voxels of components that are solved together: about what a core's cache holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What blobs are looked at against: the scan's shape, marked voxels, pixels and frames.

    `turn` is the number of frames of a full turn, else 0. `saturated` and `beside_invalid` are ascending flat
    indices into the scan, `replaced` [frame], and `seen` [row, col + 1] counts the pixels beside left-out ones
    (None: no such pixels).
    """

    shape: tuple[int, int, int]
    turn: int
    saturated: Indices
    beside_invalid: Indices
    replaced: Mask
    seen: AnyArray | None


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One row per seed of some finished components, and their voxels.

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
    stretches: Stretches
    values: AnyArray
    value_pointer: Indices
    n_empty_ranges: int


def chunks(batch: Batch) -> list[Batch]:
    """The batch in parts of about `TASK_VOXELS`, components whole: independent pieces of work."""
    total = np.concatenate([[0], np.cumsum(batch.runs.length, dtype=np.int64)])[batch.section]
    part = total[:-1] // TASK_VOXELS
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1, [len(part)]])
    found = []
    for a, b in pairwise(cuts):
        section = batch.section[a : b + 1]
        runs = batch.runs.take(slice(int(section[0]), int(section[-1])))
        found.append(Batch(runs, section - section[0], batch.level, batch.intensity))
    return found


def packed(batch: Batch) -> Batch:
    """The same with a copy of just its values, in the order of its runs: together in memory, it halves the time."""
    size = int(batch.runs.length.sum(dtype=np.int64))
    level = np.empty(size, np.float32)
    pack_values(batch.runs, batch.level, level)
    intensity = level
    if batch.intensity is not batch.level:
        intensity = np.empty(size, np.float32)
        pack_values(batch.runs, batch.intensity, intensity)
    offset = np.cumsum(batch.runs.length, dtype=np.int64) - batch.runs.length
    return Batch(batch.runs._replace(offset=offset), batch.section, level, intensity)


def pixels_beside(left_out: Mask, connectivity: int) -> Indices | None:
    """Number of pixels left of each that lie beside a left-out one, [row, col + 1]; None where there are none."""
    if not left_out.any():
        return None
    rows, cols = left_out.shape
    wide = np.zeros((rows + 2, cols + 2), dtype=bool)
    beside = np.zeros_like(left_out)
    wide[1:-1, 1:-1] = left_out
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if connectivity > 6 or dy == 0 or dx == 0:
                beside |= wide[1 + dy : rows + 1 + dy, 1 + dx : cols + 1 + dx]
    count = np.zeros((rows, cols + 1), np.int32)
    np.cumsum(beside, axis=1, dtype=np.int32, out=count[:, 1:])
    return count


def find_regions(batch: Batch, rules: Rules, params: SegmentParams, scene: Scene) -> Found | None:
    """The blobs and the rejected seeds of some `packed` components; None where none holds a seed."""
    runs = batch.runs
    stretches, at, inside, section = _bright(batch, rules.seed_threshold)
    if not len(at):
        return None
    rows = link_rows(stretches, section, scene.turn)
    number, seeds = _seeds(stretches, rows, section, at, inside, params)
    if params.overlap == "watershed" and params.saddle > 0:
        rule = (rules.seed_threshold, params.saddle, params.seed_min_voxels)
        whole = saddles.Stretches(stretches, rows, section, at, inside, number)
        parted, n = saddles.part_seeds(whole, len(seeds.at), batch.level, rule, scene.turn, params.connectivity)
        if parted is not whole:
            stretches, _, section, at, inside, number = parted
            seeds = _measured_seeds(stretches, section, at, inside, number, n)
    claims = no_claims(len(seeds.at))
    # the brightest first; equal maxima by the peak's position, which need not be the order of first voxels
    order = np.lexsort((seeds.at - runs.offset[seeds.run], seeds.run, -seeds.peak, seeds.section))
    members, pointer = sort_by_label(number, len(seeds.at)) if _needs_members(rules, params) else _nothing()
    ground = Ground(
        runs, link_rows(runs, batch.section, scene.turn), batch.level, np.zeros(len(batch.level), np.int32),
        np.zeros((len(runs.row), 2), np.int64), np.empty((len(batch.level) + 1, 3), np.int32),
    )  # fmt: skip
    claim_regions(
        ground, order, seeds, np.array(rules[:4]), params.seed_min_voxels, rules.literal, params.connectivity,
        stretches, inside, members, pointer, claims,
    )  # fmt: skip
    if params.overlap == "watershed":
        split_regions(ground, seeds, claims, stretches, inside, members, pointer, params.connectivity, scene.turn)
    reason = np.where(claims.voxels > 0, Reason.KEPT, np.where(claims.absorber >= 0, Reason.ABSORBED, 1))
    blobs = _gathered(ground, stretches, number, reason != Reason.KEPT)
    return _measured(batch, seeds, claims, reason, blobs, params, rules, scene)


def _needs_members(rules: Rules, params: SegmentParams) -> bool:
    return rules.literal or params.overlap == "watershed"


def _nothing() -> tuple[Indices, Indices]:
    return np.empty(0, np.int64), np.zeros(1, np.int64)


def _bright(batch: Batch, threshold: float) -> tuple[Runs, Indices, AnyArray, Indices]:
    room = len(batch.level)  # an upper bound, never touched beyond what is found
    stretches, at, inside = empty_runs(room), np.empty(room, np.int64), np.empty(room, np.int32)
    section = np.empty(len(batch.section), np.int64)
    n = bright_stretches(batch.runs, batch.section, batch.level, threshold, stretches, at, inside, section)
    return stretches.take(slice(0, n)), at[:n], inside[:n], section


def _seeds(
    stretches: Runs, rows: Rows, section: Indices, at: Indices, inside: AnyArray, params: SegmentParams
) -> tuple[AnyArray, Seeds]:
    parent = np.arange(len(at))
    unite_runs(stretches, rows, params.connectivity, parent.copy(), parent)
    number = np.empty(len(at), np.int32)
    n = number_roots(parent, number)
    return number, _measured_seeds(stretches, section, at, inside, number, n)


def _measured_seeds(
    stretches: Runs, section: Indices, at: Indices, inside: AnyArray, number: AnyArray, n: int
) -> Seeds:
    seeds = Seeds(*[np.empty(n, np.float32 if name == "peak" else np.int64) for name in Seeds._fields])
    measure_seeds(stretches, section, at, inside, number, seeds)
    return seeds


def _gathered(ground: Ground, seeds: Runs, number: AnyArray, rejected: Mask) -> Stretches:
    """Voxels of every seed's row: what it claimed, or for a rejected one its own component."""
    room = len(ground.level)
    taken, claimer = empty_runs(room), np.empty(room, np.int32)
    n = claimed_stretches(ground.runs, ground.claimed, ground.last, claimer, taken)
    taken, claimer = taken.take(slice(0, n)), claimer[:n]
    count = np.bincount(claimer, minlength=len(rejected))
    count += np.bincount(number[rejected[number]], minlength=len(rejected))
    pointer = np.concatenate([[0], np.cumsum(count)])
    fields = [np.empty(pointer[-1], np.int64 if name == "at" else np.int32) for name in Stretches._fields[1:]]
    out = Stretches(pointer, *fields)
    sort_stretches(taken, claimer, seeds, number, rejected, pointer[:-1].copy(), out)
    return out


def _measured(
    batch: Batch, seeds: Seeds, claims: Claims, reason: AnyArray, blobs: Stretches, params: SegmentParams,
    rules: Rules, scene: Scene,
) -> Found:  # fmt: skip
    n, runs = len(reason), batch.runs
    size = np.add.reduceat(blobs.length, blobs.pointer[:-1], dtype=np.int64)
    value_pointer = np.concatenate([[0], np.cumsum(size)])
    values = np.empty(value_pointer[-1], np.float32)
    whole, real = np.empty((n, len(WHOLE)), np.int64), np.empty((n, len(REAL)))
    col = runs.col[seeds.run] + seeds.at - runs.offset[seeds.run]
    peak = np.stack([runs.frame[seeds.run], runs.row[seeds.run], col], axis=1).astype(np.int64)
    measure_blobs(blobs, batch.intensity, peak, scene.turn, values, value_pointer, whole, real)
    n_saturated = np.zeros(n, np.int64)
    if len(scene.saturated):
        count_marks(blobs, scene.shape, scene.saturated, n_saturated)
    start = blobs.pointer[:-1]
    line = blobs.frame[start].astype(np.int64) * scene.shape[1] + blobs.row[start]
    return Found(
        first=line * scene.shape[2] + blobs.col[start],
        reason=reason.astype(np.int8),
        whole=whole,
        real=real,
        threshold=np.where(reason == Reason.KEPT, claims.threshold, rules.seed_threshold),
        seed_voxels=seeds.voxels,
        n_absorbed=np.bincount(claims.absorber[reason == Reason.ABSORBED], minlength=n),
        n_saturated=n_saturated,
        flags=_flags(blobs, whole, claims.touches, n_saturated, scene),
        stretches=blobs._replace(at=np.empty(0, np.int64)),
        values=values,
        value_pointer=value_pointer,
        n_empty_ranges=int(np.count_nonzero(claims.empty)),
    )


def _flags(blobs: Stretches, whole: Indices, touches: Mask, n_saturated: Indices, scene: Scene) -> Indices:
    frames, rows, cols = scene.shape
    column = dict(zip(WHOLE, whole.T, strict=True))
    edge = (column["row0"] == 0) | (column["row1"] == rows) | (column["col0"] == 0) | (column["col1"] == cols)
    ends = (column["first_frame"] == 0) | (column["last_frame"] == frames - 1)
    beside, replaced = np.zeros((2, len(whole)), np.bool_)
    if scene.seen is not None:
        beside_pixels(blobs, scene.seen, beside)
    if len(scene.beside_invalid):
        count = np.zeros(len(whole), np.int64)
        count_marks(blobs, scene.shape, scene.beside_invalid, count)
        beside |= count > 0
    if scene.replaced.any():
        on_frames(blobs, scene.replaced, replaced)
    return np.asarray(
        Flag.TOUCHES * touches
        + Flag.EDGE * edge
        + Flag.EXCLUDED * beside
        + (Flag.SCAN_END * ends if scene.turn == 0 else 0)
        + (Flag.FULL_TURN * (column["frames"] == scene.turn))
        + Flag.SATURATED * (n_saturated > 0)
        + Flag.REPLACED * replaced,
        dtype=np.int64,
    )
