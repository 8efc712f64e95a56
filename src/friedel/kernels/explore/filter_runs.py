"""Bright runs filtered: a higher floor, other noise, more pixels left out."""

import numpy as np

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import LARGEST, AnyArray, Runs


@njit(cache=True, nogil=True, error_model="numpy")
def filter_runs(
    runs: Runs,
    level: AnyArray,
    intensity: AnyArray | None,
    noise: AnyArray | None,
    floor: np.float32,
    left_out: AnyArray,
    out: Runs,
    out_level: AnyArray,
    out_intensity: AnyArray | None,
) -> tuple[int, int]:
    """The runs that `extract_runs` would have found with another floor, as far as all their voxels are here.

    `level` (and `intensity`, or None where it is the same) belong to `runs`, float32. With an image `noise`
    [row, col] levels are formed anew from the intensities, rounded as there. Voxels with level >= `floor` outside
    `left_out` [row, col] are written to `out` (not their offset), `out_level` and `out_intensity` (None where
    `intensity` and `noise` are). Returns (runs, voxels).
    """
    n_runs = 0
    n_voxels = 0
    for r in range(runs.length.size):
        j = runs.row[r]
        i0 = runs.col[r]
        start = runs.offset[r]
        end = -2
        peak = np.float32(0)
        for k in range(runs.length[r]):
            i = i0 + k
            v = level[start + k] if noise is None or intensity is None else intensity[start + k] / noise[j, i]
            if not (floor <= v <= LARGEST) or left_out[j, i]:
                continue
            out_level[n_voxels] = v
            if intensity is not None and out_intensity is not None:
                out_intensity[n_voxels] = intensity[start + k]
            n_voxels += 1
            if end != i:
                if end >= 0:
                    out.length[n_runs - 1] = end - out.col[n_runs - 1]
                    out.peak[n_runs - 1] = peak
                out.frame[n_runs] = runs.frame[r]
                out.row[n_runs] = j
                out.col[n_runs] = i
                n_runs += 1
                peak = v
            peak = max(peak, v)
            end = i + 1
        if end >= 0:
            out.length[n_runs - 1] = end - out.col[n_runs - 1]
            out.peak[n_runs - 1] = peak
    return n_runs, n_voxels
