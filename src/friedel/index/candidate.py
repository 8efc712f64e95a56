"""A crystal that some pairs suggest, with the spots that it explains."""

from dataclasses import dataclass

import numpy as np

from friedel.kernels.index.fit_grain import tally
from friedel.model.arrays import AnyArray, Floats, Indices


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A crystal and its spots: `blob`, `square`, `state` (2n) as in `kernels.index.blob_lookup`."""

    crystal: int
    U: Floats
    position: Floats
    support: int
    blob: Indices
    square: Floats
    state: Indices

    def counts(self, claimed: AnyArray) -> tuple[int, int, int]:
        """Expected spots whose blob nobody has, how many of them are found, expected in all."""
        out = np.zeros(3, dtype=np.int64)
        tally(self.blob, self.state, claimed, out)
        return int(out[0]), int(out[1]), int(out[2])
