"""What the reconstructions of all grains share."""

from typing import NamedTuple

from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.shapes import Grid, SampleMask
from friedel.reconstruct.params import ReconstructParams
from friedel.reconstruct.projections import BlobsByFrame
from friedel.reconstruct.rays import DiffractionModel


class SharedInputs(NamedTuple):
    """What all grains share."""

    blobs: BlobTable
    grains: GrainTable
    diffraction: DiffractionModel
    blobs_by_frame: BlobsByFrame
    grid: Grid
    params: ReconstructParams
    mask: SampleMask | None

    @property
    def pixel_um(self) -> float:
        """Edge of a pixel."""
        return Grid.of(self.diffraction.setup).voxel_um
