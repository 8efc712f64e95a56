"""Blobs divided between the grains that predict spots there, by non-negative least squares of footprints.

The amplitude of each footprint is held near what the grain's other spots say (a weak prior), so that spots which
lie on each other exactly, as twins' do, are divided by the grains' volumes. Least squares without negative parts:
C. L. Lawson and R. J. Hanson, Solving Least Squares Problems (1974), chapter 23.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from friedel.kernels.reconstruct.footprints import (
    add_normal_equations,
    boxes_that_meet,
    footprints_at,
    non_negative_solution,
    part_intensity,
)
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.shares import SpotShares
from friedel.model.stream import Executor
from friedel.reconstruct.footprints import Footprints
from friedel.reconstruct.projections import BlobsByFrame
from friedel.reconstruct.shared_inputs import SharedInputs

PRIOR = 0.03
"""Weight of the expected amplitudes against the voxels."""
LEAST_COVERAGE = 0.05
"""A spot of which less than this falls into a blob has no part in it, ..."""
LEAST_PART = 0.02
"""... unless it would be this part of the blob's counts."""
EXPLAINED = 0.2
"""Where all footprints together say less than this part of a voxel's counts, the rest is nobody's."""
ALONE, FOREMOST = 0.5, 0.9
"""A blob of which a spot explains this part, and this part of what all of them do, is that spot but for the others'
parts."""
ROUNDS = 300
CHUNK = 1 << 15
"""Voxels whose footprints are held at a time."""
BATCH = 64
"""Blobs that are one piece of work."""


class Meetings(NamedTuple):
    """Boxes of predicted spots and of blobs that meet: `spot` (n) and `blob` (n), by blob, then by spot."""

    spot: Indices
    blob: Indices


def find_meetings(by_frame: BlobsByFrame, boxes: Indices) -> Meetings:
    """Spots (n,6) and blobs, rejected ones too, whose boxes (start and stop of frames, rows, cols) have a voxel in
    common."""
    spot = blob = np.zeros(0, dtype=np.int64)
    arguments = (by_frame.box, by_frame.order, by_frame.longest, boxes, by_frame.turn)
    count = boxes_that_meet(*arguments, spot, blob)
    spot, blob = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    boxes_that_meet(*arguments, spot, blob)
    order = np.lexsort((spot, blob))
    spot, blob = spot[order], blob[order]
    new = np.ones(count, dtype=bool)  # a blob longer than half a turn may be met twice
    new[1:] = (np.diff(spot) != 0) | (np.diff(blob) != 0)
    return Meetings(spot[new], blob[new])


def divide_blobs(
    inputs: SharedInputs, footprints: Footprints, meetings: Meetings, executor: Executor
) -> tuple[SpotShares, Indices]:
    """Every blob that predicted spots fall into, divided between them: the parts by blob, and the spot of each."""
    edges = np.flatnonzero(np.diff(meetings.blob, prepend=-1, append=-1))
    starts = list(range(0, max(len(edges) - 1, 0), BATCH))

    def work(start: int) -> list[tuple[SpotShares, Indices]]:
        found = (
            divide_blob(inputs, footprints, int(meetings.blob[a]), meetings.spot[a:b])
            for a, b in zip(edges[start : start + BATCH], edges[start + 1 : start + BATCH + 1], strict=False)
        )
        return [part for part in found if part is not None]

    parts = [part for batch in executor.map(work, starts) for part in batch]
    spots = np.concatenate([np.zeros(0, dtype=np.int64), *(spots for _, spots in parts)])
    return SpotShares.together([shares for shares, _ in parts]), spots


def divide_blob(
    inputs: SharedInputs, footprints: Footprints, blob: int, spots: Indices
) -> tuple[SpotShares, Indices] | None:
    """One blob divided between spots (k); None where it is none of theirs."""
    by_frame = inputs.blobs_by_frame
    part = slice(int(by_frame.pointer[blob]), int(by_frame.pointer[blob + 1]))
    voxels, intensity = tuple(values[part] for values in by_frame.voxels), by_frame.intensity[part]
    total = float(intensity.sum(dtype=np.float64))
    if total <= 0:
        return None
    coverage, gram, right = np.zeros(len(spots)), np.zeros((len(spots), len(spots))), np.zeros(len(spots))
    for chunk, light in _light(inputs, footprints, spots, voxels):
        coverage += light.sum(axis=1, dtype=np.float64)
        add_normal_equations(light, intensity[chunk], gram, right)
    expected = footprints.counts[spots]
    within = (coverage >= LEAST_COVERAGE) | (coverage * expected >= LEAST_PART * total)
    within &= np.diag(gram) > 0
    if not within.any():
        return None
    spots, coverage, expected = spots[within], coverage[within], expected[within]
    amplitude = solve(gram[np.ix_(within, within)], right[within], expected)
    return _shares(inputs, footprints, blob, spots, amplitude, coverage)


def solve(gram: Floats, right: Floats, expected: Floats) -> Floats:
    """Amplitudes (k) of footprints, from their products (k,k), those with the counts (k), and what is expected."""
    own = np.diag(gram)
    amplitude = expected.copy()
    non_negative_solution(gram + np.diag(PRIOR * own), right + PRIOR * own * expected, ROUNDS, amplitude)
    return amplitude


def _light(
    inputs: SharedInputs, footprints: Footprints, spots: Indices, voxels: tuple[AnyArray, ...]
) -> Iterator[tuple[slice, AnyArray]]:
    """Some voxels after the other, and the footprints there, float32 [spot,voxel]."""
    for start in range(0, len(voxels[0]), CHUNK):
        chunk = slice(start, min(start + CHUNK, len(voxels[0])))
        light = np.empty((len(spots), chunk.stop - start), dtype=np.float32)
        footprints_at(
            spots, footprints.images, footprints.pointer, footprints.size, footprints.inverse, footprints.omega,
            inputs.blobs_by_frame.turn, tuple(values[chunk] for values in voxels), light,
        )  # fmt: skip
        yield chunk, light


def _shares(
    inputs: SharedInputs, footprints: Footprints, blob: int, spots: Indices, amplitude: Floats, coverage: Floats
) -> tuple[SpotShares, Indices]:
    """The parts of a blob that amplitudes (k) of footprints say."""
    by_frame = inputs.blobs_by_frame
    start, stop = int(by_frame.pointer[blob]), int(by_frame.pointer[blob + 1])
    voxels, intensity = tuple(values[start:stop] for values in by_frame.voxels), by_frame.intensity[start:stop]
    counts, square = np.zeros((len(spots), stop - start), dtype=np.float32), 0.0
    for chunk, light in _light(inputs, footprints, spots, voxels):
        square += part_intensity(light, amplitude, intensity[chunk], EXPLAINED, counts[:, chunk])
    whole, light = float(intensity.sum(dtype=np.float64)), coverage * amplitude
    first = int(np.argmax(light))
    if light[first] >= max(ALONE * whole, FOREMOST * float(light.sum())):
        others = counts.sum(axis=0) - counts[first]
        counts[first] = np.maximum(intensity - others, 0.0)
    every = np.maximum(counts.sum(axis=1, dtype=np.float64), 1e-30)
    lit = counts > 0
    mine = np.flatnonzero(lit.any(axis=1))
    sizes = lit[mine].sum(axis=1)
    _, row, col = voxels
    misfit = np.sqrt(square / max(float((intensity.astype(np.float64) ** 2).sum()), 1e-30))
    table = SpotShares(
        footprints.grain[spots[mine]],
        np.full(len(mine), blob, dtype=np.int64),
        footprints.rays.hkl[spots[mine]],
        footprints.omega[spots[mine], 0],
        (counts[mine] @ row.astype(np.float64)) / every[mine],
        (counts[mine] @ col.astype(np.float64)) / every[mine],
        every[mine],
        every[mine] / whole,
        coverage[mine],
        np.ones(len(mine)),
        np.full(len(mine), misfit),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        start + np.nonzero(lit[mine])[1].astype(np.int64),
        counts[mine][lit[mine]],
    )
    return table, spots[mine]
