"""Our equations against ImageD11's, to 1e-10."""

import numpy as np
import pytest
from ImageD11 import transform, unitcell
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.model.crystal import Phase
from friedel.model.setup import Beam, Detector

WAVELENGTH = Beam(46.0).wavelength
LATTICES = [[4.0495, 4.0495, 4.0495, 90, 90, 90], [2.95, 2.95, 4.68, 90, 90, 120], [4.1, 5.2, 6.3, 81, 95, 107]]


def vectors(count=200):
    rng = np.random.default_rng(5)
    g = rng.normal(size=(count, 3))
    return g / np.linalg.norm(g, axis=1, keepdims=True) * rng.uniform(0.2, 1.2, (count, 1))


@pytest.mark.parametrize("lattice", LATTICES)
def test_b_is_the_same(lattice):
    ours = Phase.from_lattice("x", lattice, "P 1", atoms=[["Al", 0, 0, 0]]).B
    np.testing.assert_allclose(ours, unitcell.unitcell(lattice, "P").B, atol=1e-10)


def test_angles_are_the_same():
    g = vectors()
    detector = Detector.from_distance(1e5, 50.0, (1000.0, 1000.0))
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    two_theta, etas, omegas = transform.uncompute_g_vectors(g.T.copy(), WAVELENGTH)
    found = bragg.predict(g, np.zeros(3), WAVELENGTH, plane)
    checked = 0
    for row in np.unique(found.reflection):
        mine = found.reflection == row
        order = np.argsort(found.omega[mine])
        theirs = np.mod(np.radians([omegas[0][row], omegas[1][row]]), 2 * np.pi)
        np.testing.assert_allclose(found.omega[mine][order], np.sort(theirs), atol=1e-10)
        eta = np.radians([etas[0][row], etas[1][row]])[np.argsort(theirs)]
        np.testing.assert_allclose(found.eta[mine][order], eta, atol=1e-10)
        np.testing.assert_allclose(found.two_theta[mine], np.radians(two_theta[row]), atol=1e-10)
        checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("flip", "o11", "o22"),
    [((), -1, 1), (("rows",), 1, 1), (("cols",), -1, -1), (("rows", "cols"), 1, -1)],
)
def test_places_on_a_tilted_detector_are_the_same(flip, o11, o22):
    tilt = np.array([0.7, -1.3, 2.1])
    position = np.array([80.0, -120.0, 60.0])
    detector = Detector.from_distance(5500.0, 7.0, (190.0, 201.0), tilt_deg=tuple(tilt), flip=flip)
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    found = bragg.predict(vectors(), position, WAVELENGTH, plane)
    col, row = transform.compute_xyz_from_tth_eta(
        np.degrees(found.two_theta),
        np.degrees(found.eta),
        np.degrees(found.omega),
        *position,
        distance=5500.0,
        y_center=190.0,
        z_center=201.0,
        y_size=7.0,
        z_size=7.0,
        **dict(zip(("tilt_x", "tilt_y", "tilt_z"), np.radians(tilt), strict=True)),
        o11=o11,
        o22=o22,
    )
    near = found.two_theta < np.radians(60)
    assert near.sum() > 100
    np.testing.assert_allclose(found.row[near], row[near], rtol=1e-10, atol=1e-10 * 1000)
    np.testing.assert_allclose(found.col[near], col[near], rtol=1e-10, atol=1e-10 * 1000)


def test_an_orientation_gives_the_same_vectors_as_a_ubi():
    phase = Phase.from_lattice("Al", LATTICES[0], "F m -3 m")
    U = Rotation.random(random_state=2).as_matrix()
    ubi = np.linalg.inv(U @ phase.B)
    g = phase.reflections(1.0).hkl @ (U @ phase.B).T
    np.testing.assert_allclose(ubi @ g.T, phase.reflections(1.0).hkl.T, atol=1e-10)
