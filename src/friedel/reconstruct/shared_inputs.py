"""What the reconstruction of every grain needs."""

from typing import NamedTuple

from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.shapes import Grid, SampleMask
from friedel.reconstruct.density import SMOOTH_PX
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
    def pixel(self) -> float:
        """Edge of a pixel, in voxels."""
        return Grid.of(self.diffraction.setup).voxel_um / self.grid.voxel_um

    @property
    def smooth(self) -> float:
        """Standard deviation of the smoothing of densities, in voxels."""
        return SMOOTH_PX * self.pixel
