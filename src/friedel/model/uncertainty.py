"""How well a blob's centroid and size are known, as far as the blob itself tells.

The figures are right up to a common factor for each quantity, which matching measures on the pairs: nobody knows
the gain of the camera, nor what overlap and background do to a centroid.
"""

from typing import NamedTuple

import numpy as np

from friedel.model.arrays import Floats, Mask
from friedel.model.blobs import BlobTable, Flag

UNSURE = Flag.TOUCHES | Flag.EDGE | Flag.EXCLUDED | Flag.SCAN_END | Flag.FULL_TURN | Flag.SATURATED
"""A part of such a blob is missing, or is not its own."""
LEAST_PX = 0.01
LEAST_STEP = 0.01
"""No centroid is known better than this, in pixels and parts of a frame."""
USUAL_LEVEL = 0.1
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
