"""The shape of each grain, from its spots: SIRT with exact geometry for every spot."""

from collections.abc import Sequence

from friedel.model.absorption import Absorption
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.setup import Setup
from friedel.model.shapes import GrainShape, Grid, SampleMask
from friedel.model.stream import CleanFrames, Executor, Serial, Watcher, watched
from friedel.reconstruct.every_spot import reconstruct_again
from friedel.reconstruct.grain import reconstruct_grain
from friedel.reconstruct.params import ReconstructParams
from friedel.reconstruct.point_spread import measure_point_spread
from friedel.reconstruct.projections import BlobsByFrame
from friedel.reconstruct.rays import DiffractionModel
from friedel.reconstruct.shared_inputs import SharedInputs
from friedel.reconstruct.strengths import absorption_of_spots, fit_strengths

__all__ = ["ReconstructParams", "absorption_of_spots", "fit_strengths", "reconstruct"]


def reconstruct(
    blobs: BlobTable,
    grains: GrainTable,
    setup: Setup,
    phases: Sequence[Phase],
    params: ReconstructParams,
    *,
    absorption: Absorption | None = None,
    executor: Executor | None = None,
    mask: SampleMask | None = None,
    watcher: Watcher | None = None,
    frames: CleanFrames | None = None,
) -> list[GrainShape]:
    """Reconstruct every grain from the blobs that `grains` lists for it; shapes in the order of the grains.

    A spot is the projection of its grain along its own diffracted beam (parallel, from the grain's orientation and
    the spot's hkl), its blob summed over frames, divided by |F|^2 * Lorentz * polarisation (|F|^2 of unknown atoms
    is one fitted number for each family), by what the sample's `absorption` leaves where that is known, and by one
    fitted scale. Nothing grows outside `mask` (where it is known) nor outside what the projections agree on. Faint
    spots are looked for in clean `frames`, where there are some. The result does not depend on the executor.

    Grains from the projections that their spots are: W. Ludwig et al., Rev. Sci. Instrum. 80, 033905 (2009).
    """
    phases = fit_strengths(blobs, grains, setup, phases, absorption)
    grid = Grid.of(setup, params.voxel_um)
    diffraction = DiffractionModel(setup, phases, blobs.shape, absorption)
    inputs = SharedInputs(blobs, grains, diffraction, BlobsByFrame(blobs), grid, params, mask)
    executor = executor or Serial()
    inputs = inputs._replace(point_spread_px=measure_point_spread(inputs, executor, watcher))
    work = executor.map(lambda grain: reconstruct_grain(inputs, grain, bent=False), range(len(grains)))
    shapes = list(watched(watcher, "shapes", work, len(grains), "grains"))
    return reconstruct_again(inputs, shapes, executor, watcher, frames if params.faint else None)
