"""Blobs as if the sample had not moved: what everything that looks for pairs and grains works on."""

from dataclasses import replace

from friedel.kernels import bragg
from friedel.model.blobs import BlobTable
from friedel.model.motion import shift_px
from friedel.model.setup import Setup


def of_still_sample(blobs: BlobTable, setup: Setup) -> BlobTable:
    """The blobs as if the sample had not moved: `sc` and `fc` of the kept and rejected ones are changed.

    Which way a blob's ray goes is taken from the middle of the sample: for a grain 150 um from it and a detector
    3 mm away, a shift along the beam errs by a twentieth of what it does on the detector.
    """
    if setup.motion is None:
        return blobs
    columns, detector = blobs.columns, setup.detector
    omega = setup.lab_omega_rad(columns["omega"])
    moved = setup.motion.displacement_um(columns["frame"], omega)
    ray = detector.position_um(columns["sc"], columns["fc"])
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    row, col = shift_px(moved, ray, plane).T
    return replace(blobs, columns={**columns, "sc": columns["sc"] - row, "fc": columns["fc"] - col})
