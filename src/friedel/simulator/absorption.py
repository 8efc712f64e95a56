"""How far the direct beam passes through a sample that is given by its voxels."""

from collections.abc import Callable

import numpy as np

from friedel.kernels import bragg
from friedel.kernels.simulate.spot_images import SPOT, ProjectionModel, spot_image
from friedel.model.arrays import Floats
from friedel.model.leaning_axis import beam_direction, leaning
from friedel.model.scan import Box
from friedel.model.setup import Setup
from friedel.simulator.cells import Specimen
from friedel.simulator.params import SimulationParams

NO_SPREAD = np.ones(1, dtype=np.float32)


def paths_through_voxels(
    specimen: Specimen, setup: Setup, params: SimulationParams, box: Box
) -> Callable[[int], Floats]:
    """Lengths in um [row,col] of `box` by frame: every voxel falls on the pixels behind it."""
    leant = leaning(setup, params.lean_deg)
    detector = leant.detector
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    model = ProjectionModel(
        specimen.position_um, specimen.rotation, plane, NO_SPREAD, beam_direction(leant.axis.lean_rad)
    )
    pixel_um2 = abs(float(np.cross(detector.u_um, detector.v_um)[0]))
    ranges = np.array([0, 1, box.row0, box.row1, box.col0, box.col1])
    motion = params.moved

    def path(frame: int) -> Floats:
        omega = setup.lab_omega_rad(params.omega_start_deg + (frame + 0.5) * params.omega_step_deg)
        shadow = np.zeros(1, dtype=SPOT)
        shadow["stop"] = len(specimen.position_um)
        shadow["omega"], shadow["frame"] = omega, 0.5
        shadow["counts"] = specimen.volume.voxel_um**3 / pixel_um2
        if motion is not None:
            shadow["moved"] = motion.displacement_um(np.array([float(frame)]), np.array([float(omega)]))[0]
        return np.asarray(spot_image(shadow[0], ranges, model, True)[0], dtype=np.float64)

    return path
