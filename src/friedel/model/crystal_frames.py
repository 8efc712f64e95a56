"""Crystal frames of others: along which of the crystal's directions their x, y and z lie."""

from collections.abc import Sequence

import numpy as np

from friedel.model.arrays import Floats


def busing_levy(lattice: Sequence[float]) -> Floats:
    """B (3,3) without 2 pi of a, b, c (Angstrom), alpha, beta, gamma (deg): x along a*, z along c."""
    return np.asarray(np.linalg.cholesky(np.linalg.inv(_metric(lattice))).T)


def x_along_a(lattice: Sequence[float]) -> Floats:
    """Rotation (3,3) that takes vectors of a frame with x along a and z along c* into the frame of B.

    So stand the crystals of MTEX and GrainMapper3D.
    """
    theirs = np.linalg.cholesky(_metric(lattice)).T
    ours = np.linalg.inv(busing_levy(lattice)).T
    return np.asarray(ours @ np.linalg.inv(theirs))


def turned_to_a(B: Floats) -> Floats:
    """Rotation (3,3) that takes vectors of a frame turned about z until x lies over a into the frame of B.

    So stand the crystals of TSL and DREAM.3D: it is 30° in hexagonal and trigonal lattices.
    """
    a = np.linalg.inv(B)[0]
    angle = np.arctan2(a[1], a[0])
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _metric(lattice: Sequence[float]) -> Floats:
    a, b, c, *angles = lattice
    alpha, beta, gamma = np.cos(np.radians(angles))
    cosines = np.array([[1.0, gamma, beta], [gamma, 1.0, alpha], [beta, alpha, 1.0]])
    return np.asarray(cosines * np.outer([a, b, c], [a, b, c]))
