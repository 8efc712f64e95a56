"""What the reconstruction of every grain needs."""

from typing import NamedTuple

from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.shapes import Grid, SampleMask
from friedel.reconstruct.params import ReconstructParams
from friedel.reconstruct.projections import BlobsByFrame
from friedel.reconstruct.rays import DiffractionModel


class SharedInputs(NamedTuple):
    """What all grains share; `point_spread_px` is what a point becomes on the frames (standard deviation)."""

    blobs: BlobTable
    grains: GrainTable
    diffraction: DiffractionModel
    blobs_by_frame: BlobsByFrame
    grid: Grid
    params: ReconstructParams
    mask: SampleMask | None
    point_spread_px: float = 0.0

    @property
    def blur(self) -> float:
        """Standard deviation of the point spread, in voxels."""
        return self.point_spread_px * Grid.of(self.diffraction.setup).voxel_um / self.grid.voxel_um
