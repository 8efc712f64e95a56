"""Angles of measured spots: the direction from a place in the sample to a pixel of the detector."""

import numpy as np

from friedel.model.arrays import Floats
from friedel.model.setup import Setup


def spot_angles_deg(
    setup: Setup, row: Floats, col: Floats, omega_deg: Floats, position_um: Floats
) -> tuple[Floats, Floats]:
    """Eta and two-theta (n) of spots at (row, col) and recorded `omega_deg` from places (n,3), sample frame.

    A spot whose grain is unknown may be given the axis (0, 0, 0): its two-theta is then off by as much as its
    grain is far from the axis, its eta by little.
    """
    w = setup.lab_omega_rad(omega_deg)
    x, y, z = np.asarray(position_um, dtype=np.float64).T
    place = np.stack([np.cos(w) * x - np.sin(w) * y, np.sin(w) * x + np.cos(w) * y, z], axis=-1)
    kx, ky, kz = (setup.detector.position_um(row, col) - place).T
    eta = np.degrees(np.arctan2(-ky, kz))
    return np.asarray(eta), np.asarray(np.degrees(np.arctan2(np.hypot(ky, kz), kx)))
