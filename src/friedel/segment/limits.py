"""Limits of size, edge and exclusion: which rows of the ledger are kept, and the order that follows from it."""

from collections.abc import Mapping

import numpy as np

from friedel.model.arrays import AnyArray, Indices
from friedel.model.blobs import Flag, Reason
from friedel.segment.params import SegmentParams

_FIXED = (Reason.SEED_TOO_SMALL, Reason.ABSORBED)
"""Reasons that belong to the seed, whatever the limits."""


def limit_reasons(columns: Mapping[str, AnyArray], reason: AnyArray, params: SegmentParams) -> AnyArray:
    """The first reason that applies to each row under the limits of `params`; sizes are inclusive."""
    sizes = [columns[f"{axis}_stop"] - columns[f"{axis}_start"] for axis in ("col", "row", "frame")]
    flags = columns["flags"]
    tests = {
        Reason.SEED_TOO_SMALL: reason == Reason.SEED_TOO_SMALL,
        Reason.ABSORBED: reason == Reason.ABSORBED,
        Reason.TOO_SMALL_X: sizes[0] < params.min_size[0],
        Reason.TOO_SMALL_Y: sizes[1] < params.min_size[1],
        Reason.TOO_SMALL_FRAMES: sizes[2] < params.min_size[2],
        Reason.TOO_BIG_X: sizes[0] > params.max_size[0],
        Reason.TOO_BIG_Y: sizes[1] > params.max_size[1],
        Reason.TOO_BIG_FRAMES: sizes[2] > params.max_size[2],
        Reason.EDGE: params.reject_edge & ((flags & Flag.EDGE) != 0),
        Reason.TOUCHES_EXCLUDED: params.reject_touching_excluded & ((flags & Flag.EXCLUDED) != 0),
    }
    codes = [np.int8(code) for code in tests]
    return np.select(list(tests.values()), codes, default=np.int8(Reason.KEPT))


def order_of_rows(first: Indices, reason: AnyArray) -> Indices:
    """Kept rows, then the others, each by first voxel; where an absorbed seed begins with a rejected blob's first
    voxel, the blob comes first (blobs share no voxels, nor do seeds)."""
    return np.lexsort((np.isin(reason, _FIXED), first, reason != Reason.KEPT))
