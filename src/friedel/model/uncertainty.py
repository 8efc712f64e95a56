"""How well a blob's centroid and size are known, as far as the blob itself tells.

The figures are right up to a common factor for each quantity, which matching measures on the pairs: nobody knows
the gain of the camera, nor what overlap and background do to a centroid.
"""

from typing import NamedTuple

import numpy as np

from friedel.kernels.blob_rims import centroids_with_rims
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.blobs import BlobTable, Flag

UNSURE = Flag.TOUCHES | Flag.EDGE | Flag.EXCLUDED | Flag.SCAN_END | Flag.FULL_TURN | Flag.SATURATED
"""A part of such a blob is missing, or is not its own."""
LEAST_PX = 0.01
LEAST_STEP = 0.01
"""No centroid is known better than this, in pixels and parts of a frame."""
USUAL_LEVEL = 0.1
TAIL = 2.0
"""What thresholds have cut off a tail, over what they would if they were twice as high: tails of .4 to 1.2 px."""
PIECE = 4_000_000
"""Voxels that are looked at together."""
LARGEST = 4_000_000
"""Voxels of a blob's box: of larger ones nobody asks for a rim."""
SHIFT_OF_CUT = 0.5
"""How far the centroid of a cut blob moves, in standard deviations of its own extent (0.3 to 0.6 where known)."""


class Uncertainty(NamedTuple):
    """Standard deviations for each kept blob: of row and col (px), omega (deg), and the relative one of intensity.

    `cut_row`, `cut_col` (px), `cut_omega` (deg) come on top for blobs of which a part is missing (`unsure`), 0 for
    the others.
    """

    row: Floats
    col: Floats
    omega: Floats
    intensity: Floats
    cut_row: Floats
    cut_col: Floats
    cut_omega: Floats
    unsure: Mask


def blob_uncertainty(blobs: BlobTable) -> Uncertainty:
    """From extent, number of voxels, and intensity over the threshold that the blob grew down to.

    A centroid moves by its extent times the relative error of the intensity. That error is taken as one
    threshold for each voxel, added in squares: what the voxels at the blob's border are uncertain by.
    """
    voxels = np.maximum(blobs["Number_of_pixels"], 1).astype(np.float64)
    level = _threshold_counts(blobs)
    relative = np.sqrt(voxels) * level / np.maximum(blobs["sum_intensity"], 1e-30)
    relative = np.clip(relative, 1e-3, 1.0)
    step = abs(blobs.omega_step_deg)
    # within a frame nobody knows the angle; with more frames the weights tell
    frames = np.maximum(blobs["frame_stop"] - blobs["frame_start"], 1)
    rounding = step / (np.sqrt(12.0) * frames)
    row = np.hypot(np.maximum(blobs["sigs"], 0.3) * relative, LEAST_PX)
    col = np.hypot(np.maximum(blobs["sigf"], 0.3) * relative, LEAST_PX)
    omega = np.sqrt((blobs["sigo"] * relative) ** 2 + rounding**2 + (LEAST_STEP * step) ** 2)
    unsure = np.asarray((blobs["flags"] & int(UNSURE)) != 0)
    shift = SHIFT_OF_CUT * unsure
    return Uncertainty(
        row, col, omega, relative, shift * blobs["sigs"], shift * blobs["sigf"], shift * blobs["sigo"], unsure
    )


def _threshold_counts(blobs: BlobTable) -> Floats:
    """What each blob grew down to (n), in counts: its dimmest voxel where the table says it in sigma."""
    dimmest = cut_level(blobs) * blobs["IMax_int"]
    if blobs.threshold_unit != "counts":
        return np.asarray(dimmest, dtype=np.float64)
    return np.where(blobs["threshold"] > 0, blobs["threshold"], dimmest)


def cut_level(blobs: BlobTable) -> Floats:
    """Dimmest over brightest voxel of each kept blob (n): how much of it the threshold cuts off.

    A tenth where no voxels are known.
    """
    pointer, intensity = np.asarray(blobs.voxels.pointer, dtype=np.int64), blobs.voxels.intensity
    n = len(blobs)
    level = np.full(n, USUAL_LEVEL)
    filled = np.flatnonzero(np.diff(pointer[: n + 1]) > 0)
    if len(filled):
        dimmest = np.minimum.reduceat(intensity[: pointer[n]], pointer[filled])
        level[filled] = dimmest / np.maximum(blobs["IMax_int"][filled], 1e-30)
    return level


def shift_of_threshold(blobs: BlobTable, times: float = 2.0) -> Floats:
    """How far each kept blob's centroid (n,3: omega in deg, row, col in px) moves when voxels below `times` its
    dimmest one are left out; 0 where none is left or no voxels are known.

    What a threshold cuts off is not seen; what it would cut off if it were higher is, and moves centroids the same
    way: thin parts of the grain, tails of the point spread.
    """
    out = np.zeros((len(blobs), 3))
    pointer = np.asarray(blobs.voxels.pointer, dtype=np.int64)[: len(blobs) + 1]
    first = 0
    while first < len(out):
        upto = int(np.searchsorted(pointer, pointer[first] + PIECE, side="right")) - 1
        stop = min(max(upto, first + 1), len(out))
        out[first:stop] = _shifts(blobs, pointer[first : stop + 1], np.arange(first, stop), times)
        first = stop
    out[:, 0] *= blobs.omega_step_deg
    return out


def shift_of_rim(blobs: BlobTable) -> Floats:
    """How far each kept blob's centroid (n,3: omega in deg, row, col in px) moves when what lies just below its
    threshold, around it in the same frames, is guessed and counted too; 0 where no voxels are known.

    A grain's thin parts end below the threshold in every view, above all at its top and bottom, which stand in the
    same rows of all frames.
    """
    n, voxels = len(blobs), blobs.voxels
    out = np.zeros((n, 3))
    if len(voxels.intensity):
        names = ("frame_start", "frame_stop", "row_start", "row_stop", "col_start", "col_stop")
        box = np.column_stack([blobs[name] for name in names]).astype(np.int64)
        turn = blobs.shape[0] if blobs.wrapped else 0
        pointer = np.asarray(voxels.pointer, dtype=np.int64)
        centroids_with_rims(
            pointer, voxels.frame, voxels.row, voxels.col, voxels.intensity, box, turn, LARGEST, out
        )  # fmt: skip
    out[:, 0] *= blobs.omega_step_deg
    return out


def alike_by_threshold(shift: Floats) -> Floats:
    """How far thresholds may have moved centroids, from how far they would if they were twice as high (n,...).

    As far again; of what all have in common, which a point spread's tail makes, `TAIL` times as far: more of it
    lies below the threshold than just above.
    """
    return np.asarray(shift + (TAIL - 1.0) * shift.mean(axis=0))


def _shifts(blobs: BlobTable, pointer: Indices, rows: Indices, times: float) -> Floats:
    """Of some blobs that follow each other: frames, row, col (n,3)."""
    voxels, part = blobs.voxels, slice(int(pointer[0]), int(pointer[-1]))
    size = np.diff(pointer)
    own = np.repeat(np.arange(len(rows)), size)
    intensity = np.asarray(voxels.intensity[part], dtype=np.float64)
    out = np.zeros((len(rows), 3))
    filled = np.flatnonzero(size > 0)
    if not len(filled):
        return out
    dimmest = np.zeros(len(rows))
    dimmest[filled] = np.minimum.reduceat(intensity, (pointer[:-1] - pointer[0])[filled])
    bright = np.where(intensity >= times * dimmest[own], intensity, 0.0)
    total, left = (np.bincount(own, weight, len(rows)) for weight in (intensity, bright))
    some = (left > 0) & (total > 0)
    frame = np.asarray(voxels.frame[part], dtype=np.float64)
    turn = blobs.shape[0]
    frame -= turn * np.rint((frame - np.asarray(blobs["frame"])[rows][own]) / turn) if blobs.wrapped else 0.0
    for axis, place in enumerate((frame, voxels.row[part], voxels.col[part])):
        at, higher = (np.bincount(own, weight * place, len(rows)) for weight in (intensity, bright))
        out[some, axis] = higher[some] / left[some] - at[some] / total[some]
    return out
