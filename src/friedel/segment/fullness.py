"""Frames that are too full of bright voxels: how many there may be, and the error for a frame with more."""

import numpy as np

from friedel.errors import NoiseError
from friedel.kernels.segment.bright_runs import Runs
from friedel.model.arrays import Mask
from friedel.segment.params import SegmentParams

LEAST_BRIGHT = 9
"""One spot of 3 × 3 is not too much for any frame, however small."""


def most_bright(params: SegmentParams, pixels: int) -> int:
    """How many voxels of a frame may be bright; `pixels` of it are looked at."""
    return max(int(params.max_bright_fraction * pixels), LEAST_BRIGHT)


def check_fullness(runs: Runs, left_out: Mask, *, most: int, floor: float) -> None:
    """Raise `NoiseError` for the first frame with more than `most` voxels in runs, which are at or above `floor`.

    Pixels of `left_out` [row, col] are not looked at.
    """
    count = np.bincount(runs.frame, weights=runs.length, minlength=1)
    full = np.flatnonzero(count > most)
    if not len(full):
        return
    first, bright, pixels = int(full[0]), int(count[full[0]]), int(np.count_nonzero(~left_out))
    others = f", and {len(full) - 1} more frames like it" if len(full) > 1 else ""
    raise NoiseError(
        f"frame {first}",
        rule=f"at most {most} of its voxels may be above the lowest threshold, {floor:g}",
        got=f"{bright} ({bright / max(pixels, 1):.1%}){others}",
        way_out="raise segment.grow_min or segment.tolerance, exclude what is bright, "
        "or raise segment.max_bright_fraction",
    )
