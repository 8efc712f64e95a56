"""Whether faint spots are where true ones are."""

from typing import Any

import numpy as np

from friedel.evaluator.grains import GrainMatching
from friedel.evaluator.overlap import faint_overlaps
from friedel.model.blobs import BlobTable
from friedel.model.spots import Came, SpotTable

LISTED_FROM, CLEARLY = 2.0, 2.0
"""Truths list spots whose brightest voxel has so many sigma of a raw frame; one so many times brighter cannot be
missing there."""


def evaluate_faint(spots: SpotTable, truth: BlobTable, matching: GrainMatching, grains: int) -> dict[str, Any]:
    """How many faint spots lie on a spot that the truth lists of the same grain; the keys are those of "faint" in
    `friedel evaluate --json`.

    `unlisted` are those of found grains that lie on none, but are so dim that the truth need not list them. `false`
    are brighter ones, and those of grains that are none; `precision` is the part that is not false. `grains` is the
    number of the result's.
    """
    faint = spots.came == Came.FAINT
    owner = matching.truth_of(grains)[spots.grain]
    pairs = faint_overlaps(spots, truth)
    right = np.zeros(len(spots), dtype=bool)
    right[pairs.result[truth["grain"][pairs.truth] == owner[pairs.result]]] = True
    # half of the brightest voxel and more: there a spot is nearly as bright on average
    peak = spots.counts / np.maximum(np.diff(spots.voxel_pointer), 1)
    dim = (owner >= 0) & (peak < CLEARLY * LISTED_FROM * _sigma(truth))
    found, true, false = (int(np.count_nonzero(faint & one)) for one in (faint, right, ~right & ~dim))
    return {
        "found": found, "true": true, "unlisted": found - true - false, "false": false,
        "precision": 1.0 - false / found if found else 1.0,
    }  # fmt: skip


def _sigma(truth: BlobTable) -> float:
    """Noise of a raw frame in counts, as the truth has it; 0 where it does not say."""
    if "snr" not in truth.extra or not len(truth):
        return 0.0
    return float(np.median(truth["IMax_int"] / np.maximum(truth["snr"], 1e-12)))
