"""What holds for the diffraction of any planes of any grain."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from friedel.kernels import bragg
from friedel.model.setup import Detector
from tests.strategies import triples

DETECTOR = Detector.from_distance(3094.0, 3.5, (255.5, 255.5))
PLANE = bragg.detector_frame(DETECTOR.origin_um, DETECTOR.u_um, DETECTOR.v_um)
part = st.floats(-1.2, 1.2)
vectors = st.tuples(part, part, part).filter(lambda g: 0.05 < np.linalg.norm(g) < 1.5)
places = triples(200)
wavelengths = st.floats(0.1, 0.6)


def predicted(g, position, wavelength):
    return bragg.predict(np.array([g]), np.array(position), wavelength, PLANE)


@given(vectors, places, wavelengths)
@settings(max_examples=200, deadline=None)
def test_every_solution_fulfils_braggs_law(g, position, wavelength):
    found = predicted(g, position, wavelength)
    np.testing.assert_allclose(np.linalg.norm(found.k, axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(np.sin(found.two_theta / 2), wavelength * np.linalg.norm(g) / 2, atol=1e-9)
    assert ((found.omega >= 0) & (found.omega < 2 * np.pi)).all()
    direction = np.column_stack(
        [
            np.cos(found.two_theta),
            -np.sin(found.two_theta) * np.sin(found.eta),
            np.sin(found.two_theta) * np.cos(found.eta),
        ]
    )
    np.testing.assert_allclose(found.k, direction, atol=1e-9)


@given(vectors, wavelengths)
@settings(max_examples=200, deadline=None)
def test_friedel_partners_lie_half_a_turn_apart_with_mirrored_eta(g, wavelength):
    one = predicted(g, (0, 0, 0), wavelength)
    other = predicted(tuple(-np.array(g)), (0, 0, 0), wavelength)
    assert len(one.omega) == len(other.omega)
    for omega, eta in zip(one.omega, one.eta, strict=True):
        apart = np.abs((other.omega - omega + np.pi) % (2 * np.pi) - np.pi)
        partner = int(np.argmin(np.abs(apart - np.pi)))
        assert abs(apart[partner] - np.pi) < 1e-6
        mirrored = np.array([np.sin(np.pi - eta), np.cos(np.pi - eta)])
        np.testing.assert_allclose([np.sin(other.eta[partner]), np.cos(other.eta[partner])], mirrored, atol=1e-6)


@given(vectors, places, wavelengths, st.floats(-np.pi, np.pi))
@settings(max_examples=100, deadline=None)
def test_turning_the_grain_about_the_axis_only_shifts_the_angles(g, position, wavelength, angle):
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    here = predicted(g, position, wavelength)
    there = predicted(tuple(turn @ g), tuple(turn @ position), wavelength)
    assert len(here.omega) == len(there.omega)
    shift = (here.omega - there.omega - angle + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(shift, 0.0, atol=1e-7)
    np.testing.assert_allclose(here.row, there.row, rtol=1e-7, atol=1e-5)
    np.testing.assert_allclose(here.col, there.col, rtol=1e-7, atol=1e-5)


@given(vectors, places, places, wavelengths)
@settings(max_examples=100, deadline=None)
def test_places_are_linear_in_the_grains_position(g, a, b, wavelength):
    middle = tuple((np.array(a) + np.array(b)) / 2)
    rows = [predicted(g, position, wavelength).row for position in (a, middle, b)]
    assume(len(rows[0]) > 0 and len({len(row) for row in rows}) == 1)
    np.testing.assert_allclose(rows[1], (rows[0] + rows[2]) / 2, rtol=1e-9, atol=1e-6)
