"""What grains leave unexplained: blobs that belong to none of them, and the light in these."""

from typing import NamedTuple

import numpy as np

from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.traceability import grain_of_blob

HALF = 0.5
"""Grains that explain less of the light, or measure less of the sample, than this are not the whole story."""


class Explained(NamedTuple):
    """How much belongs to grains: share of the kept `blobs` and of their `light` (0 to 1), and how many blobs are
    `left`."""

    blobs: float
    light: float
    left: int

    @property
    def doubt(self) -> str:
        """What is wrong with it, empty where grains explain most of the light."""
        if self.light >= HALF:
            return ""
        return (
            f"grains explain {100 * self.light:.0f} % of the blobs' light ({100 * self.blobs:.0f} % of the blobs); "
            f"{self.left:,} blobs belong to none: another phase, grains that were not found, or spots so long "
            "and faint that only parts of them are blobs"
        )


def explained(blobs: BlobTable, grains: GrainTable) -> Explained:
    """What the grains explain of the kept blobs; everything where there is no blob."""
    count = len(blobs)
    if not count:
        return Explained(1.0, 1.0, 0)
    mine = grain_of_blob(grains, count) >= 0
    light = np.maximum(np.asarray(blobs["sum_intensity"], dtype=np.float64), 0.0)
    whole = float(light.sum())
    share = float(light[mine].sum()) / whole if whole > 0 else 1.0
    return Explained(float(mine.mean()), share, int(np.count_nonzero(~mine)))
