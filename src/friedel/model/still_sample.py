"""Blobs as if the sample had not moved: what everything that looks for pairs and grains works on."""

from dataclasses import replace

import numpy as np

from friedel.kernels import bragg
from friedel.model.arrays import Floats
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
    columns = blobs.columns
    omega = setup.lab_omega_rad(columns["omega"])
    row, col = moved_px(setup, columns["frame"], omega, columns["sc"], columns["fc"]).T
    return replace(blobs, columns={**columns, "sc": columns["sc"] - row, "fc": columns["fc"] - col})


def moved_px(setup: Setup, frame: Floats, omega_rad: Floats, row: Floats, col: Floats) -> Floats:
    """How far (row, col) spots are from where they were without the sample's motion: (n,2)."""
    if setup.motion is None:
        return np.zeros((len(frame), 2))
    detector = setup.detector
    moved = setup.motion.displacement_um(frame, omega_rad)
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    return shift_px(moved, detector.position_um(row, col), plane)
