"""What a simulation knows: the same types that the stages return."""

from dataclasses import dataclass

from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable, GrainVolume


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Blobs (with the columns of `TRUTH_COLUMNS` in `extra`), grains and volume of a simulated scan."""

    blobs: BlobTable
    grains: GrainTable | None = None
    volume: GrainVolume | None = None
