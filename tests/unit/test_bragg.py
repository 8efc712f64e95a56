"""Prediction of spots, against slow twins."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.model.crystal import Phase
from friedel.model.setup import Beam, Detector
from tests.oracles_physics import omegas_by_search, spot_by_hand

WAVELENGTH = Beam(40.0).wavelength
AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
DETECTOR = Detector.from_distance(3094.0, 3.5, (250.0, 260.0), tilt_deg=(1.0, -2.0, 3.0), flip=("cols",))
PLANE = bragg.detector_frame(DETECTOR.origin_um, DETECTOR.u_um, DETECTOR.v_um)
POSITION = np.array([60.0, -35.0, 80.0])


def al_vectors(seed=0):
    U = Rotation.random(random_state=seed).as_matrix()
    return AL.reflections(1.0).hkl @ (U @ AL.B).T


def test_every_angle_that_a_search_finds_is_predicted_and_no_other():
    g = al_vectors()
    found = bragg.predict(g, POSITION, WAVELENGTH, PLANE)
    for row, vector in enumerate(g):
        np.testing.assert_allclose(
            np.sort(found.omega[found.reflection == row]), omegas_by_search(vector, WAVELENGTH), atol=1e-9
        )


def test_places_equal_those_of_three_equations():
    g = al_vectors(1)
    found = bragg.predict(g, POSITION, WAVELENGTH, PLANE)
    assert len(found.omega) > 80
    for i, reflection in enumerate(found.reflection):
        expected = spot_by_hand(
            g[reflection], POSITION, found.omega[i], WAVELENGTH, DETECTOR.origin_um, DETECTOR.u_um, DETECTOR.v_um
        )
        np.testing.assert_allclose(
            [found.row[i], found.col[i], found.eta[i], found.two_theta[i]], expected, rtol=1e-9, atol=1e-8
        )


def test_a_vector_along_the_axis_never_diffracts():
    assert len(bragg.predict(np.array([[0.0, 0.0, 0.4]]), POSITION, WAVELENGTH, PLANE).omega) == 0


def test_a_vector_longer_than_the_sphere_never_diffracts():
    g = np.array([[2.1 / WAVELENGTH, 0.0, 0.0]])
    assert len(bragg.predict(g, POSITION, WAVELENGTH, PLANE).omega) == 0


def test_beams_that_go_back_do_not_meet_the_detector():
    g = np.array([[1.9 / WAVELENGTH, 0.1, 0.0]])
    found = bragg.predict(g, np.zeros(3), WAVELENGTH, PLANE)
    assert len(found.omega) == 0


def test_no_vectors_give_no_spots():
    found = bragg.predict(np.zeros((0, 3)), POSITION, WAVELENGTH, PLANE)
    assert all(len(values) == 0 for values in found)


def test_the_lorentz_factor_is_the_time_in_the_diffraction_condition():
    g = al_vectors(2)
    found = bragg.predict(g, POSITION, WAVELENGTH, PLANE)
    far = np.abs(np.sin(found.eta)) > 0.05
    step = 1e-6
    speed = []
    for omega, reflection in zip(found.omega, found.reflection, strict=True):
        ends = [Rotation.from_euler("z", omega + side * step).apply(g[reflection])[0] for side in (-1, 1)]
        speed.append(WAVELENGTH * abs(ends[1] - ends[0]) / (2 * step))
    factor = bragg.lorentz(found.two_theta[far], found.eta[far])
    np.testing.assert_allclose(factor, 1 / np.array(speed)[far], rtol=1e-6)


def test_polarisation_dims_horizontal_beams_only():
    two_theta = np.radians([10.0, 10.0])
    np.testing.assert_allclose(
        bragg.polarisation(two_theta, np.radians([0.0, 90.0])), [1.0, np.cos(np.radians(10.0)) ** 2]
    )


def test_spots_near_the_axis_can_be_left_out():
    found = bragg.predict(al_vectors(3), POSITION, WAVELENGTH, PLANE)
    fewer = found.only(0.5)
    assert 0 < len(fewer.omega) < len(found.omega)
    assert (np.abs(np.sin(fewer.eta)) >= 0.5).all()


@pytest.mark.parametrize("flip", [(), ("rows",), ("cols",), ("rows", "cols")])
def test_the_beam_through_the_axis_hits_the_centre(flip):
    detector = Detector.from_distance(3094.0, 3.5, (250.0, 260.0), tilt_deg=(1.0, -2.0, 3.0), flip=flip)
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    hit = np.empty(2)
    assert bragg.meet_plane(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, plane, hit)
    np.testing.assert_allclose(hit, [260.0, 250.0], atol=1e-9)
