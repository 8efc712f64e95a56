"""Whether faint spots are where true ones are."""

from typing import Any

import numpy as np

from friedel.evaluator.grains import GrainMatching
from friedel.evaluator.overlap import faint_overlaps
from friedel.model.blobs import BlobTable
from friedel.model.spots import Came, SpotTable


def evaluate_faint(spots: SpotTable, truth: BlobTable, matching: GrainMatching, grains: int) -> dict[str, Any]:
    """How many faint spots lie on a spot that the truth lists of the same grain; the keys are those of "faint" in
    `friedel evaluate --json`.

    `unlisted` are those of found grains that lie on none: the truth lists no spot below twice the noise. `false`
    are those of grains that are none. `grains` is the number of the result's.
    """
    faint = spots.came == Came.FAINT
    owner = matching.truth_of(grains)[spots.grain]
    pairs = faint_overlaps(spots, truth)
    right = np.zeros(len(spots), dtype=bool)
    right[pairs.result[truth["grain"][pairs.truth] == owner[pairs.result]]] = True
    found, true = int(np.count_nonzero(faint)), int(np.count_nonzero(faint & right))
    false = int(np.count_nonzero(faint & (owner < 0)))
    return {
        "found": found, "true": true, "unlisted": found - true - false, "false": false,
        "precision": true / found if found else 1.0,
    }  # fmt: skip
