"""An axis that leans is ImageD11's wedge, one that leans across the beam its chi."""

import numpy as np
import pytest
from ImageD11 import transform
from scipy.spatial.transform import Rotation

from friedel.io.export import export_parameters
from friedel.io.import_parameters import import_parameters
from friedel.kernels import bragg
from friedel.model.crystal import Phase
from friedel.model.leaning_axis import beam_direction, leaning, predict
from friedel.model.setup import Axis, Beam, Detector, Setup, rotation
from friedel.recipe.setup import SetupParams

AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
WAVELENGTH = Beam(40.0).wavelength


def g_vectors(seed=0):
    return AL.reflections(1.0).hkl @ (Rotation.random(random_state=seed).as_matrix() @ AL.B).T


def setup_of(lean):
    detector = Detector.from_distance(5000.0, 3.5, (300.0, 280.0), tilt_deg=(0.5, 0.4, -0.3))
    return leaning(Setup(Beam(40.0), detector, Axis(1)), lean)


@pytest.mark.parametrize("lean", [-1.0, 0.2, 3.0])
def test_planes_flash_when_imaged11_says(lean):
    g = g_vectors()
    setup = setup_of(lean)
    plane = bragg.detector_frame(setup.detector.origin_um, setup.detector.u_um, setup.detector.v_um)
    found = predict(g, np.zeros(3), WAVELENGTH, plane, setup.axis.lean_rad)
    omega = transform.uncompute_g_vectors(g.T, WAVELENGTH, wedge=-lean)[2]
    for reflection in range(0, len(g), 7):
        mine = np.sort(np.degrees(found.omega[found.reflection == reflection]) % 360)
        theirs = np.array([one[reflection] for one in omega]) % 360
        if len(mine) == 2:
            np.testing.assert_allclose(mine, np.sort(theirs), atol=1e-6)
    # and back: their g of what we predict is the g that it was predicted from
    back = transform.compute_g_vectors(
        np.degrees(found.two_theta), np.degrees(found.eta), np.degrees(found.omega), WAVELENGTH, wedge=-lean
    )
    np.testing.assert_allclose(back.T, g[found.reflection], atol=1e-9)


@pytest.mark.parametrize("lean", [-1.0, 0.2, 3.0])
def test_spots_of_a_grain_beside_the_axis_lie_where_imaged11_says(lean):
    setup, place = setup_of(lean), np.array([60.0, -40.0, 25.0])
    plane = bragg.detector_frame(setup.detector.origin_um, setup.detector.u_um, setup.detector.v_um)
    found = predict(g_vectors(), place, WAVELENGTH, plane, setup.axis.lean_rad)
    lab = setup_of(0.0).detector.position_um(found.row, found.col)
    tth, eta = transform.compute_tth_eta_from_xyz(
        lab.T, np.degrees(found.omega), wedge=-lean, **dict(zip(("t_x", "t_y", "t_z"), place, strict=True))
    )
    np.testing.assert_allclose(tth, np.degrees(found.two_theta), atol=1e-8)
    np.testing.assert_allclose(eta, np.degrees(found.eta), atol=1e-8)


def test_without_a_lean_nothing_is_other():
    setup = setup_of(0.0)
    plane = bragg.detector_frame(setup.detector.origin_um, setup.detector.u_um, setup.detector.v_um)
    g, place = g_vectors(), np.array([60.0, -40.0, 25.0])
    straight, tiny = bragg.predict(g, place, WAVELENGTH, plane), predict(g, place, WAVELENGTH, plane, 1e-14)
    for one, other in zip(straight, tiny, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-8)
    np.testing.assert_array_equal(beam_direction(0.0), [1, 0, 0])


PAR = {
    "distance": 5000.0, "y_center": 300.0, "z_center": 280.0, "y_size": 3.5, "z_size": 3.5,
    "tilt_x": 0.01, "tilt_y": -0.02, "tilt_z": 0.03, "o11": -1.0, "o12": 0.0, "o21": 0.0, "o22": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(("wedge", "chi"), [(0.4, 0.0), (0.0, -0.7), (-1.1, 0.8)])
def test_wedge_and_chi_of_a_par_file_put_spots_where_imaged11_has_them(tmp_path, wedge, chi):
    path, values = tmp_path / "a.par", {**PAR, "wavelength": WAVELENGTH, "wedge": wedge, "chi": chi}
    path.write_text("".join(f"{name} {value}\n" for name, value in values.items()))
    setup = SetupParams.build(import_parameters(path).setup).setup()
    place, g = np.array([60.0, -40.0, 25.0]), g_vectors()
    plane = bragg.detector_frame(setup.detector.origin_um, setup.detector.u_um, setup.detector.v_um)
    found = predict(g, place, WAVELENGTH, plane, setup.axis.lean_rad)
    turn = rotation("y", -wedge) @ rotation("x", chi)
    about_axis = float(np.degrees(np.arctan2(-turn[0, 1], turn[0, 0])))
    assert (abs(about_axis) > 1e-3) == (wedge * chi != 0)
    # their sample frame is turned about z where both are there
    there = rotation("z", -about_axis) @ place
    omega = np.degrees(found.omega)
    angles = {"wedge": wedge, "chi": chi}
    lab = transform.compute_xyz_lab([found.row, found.col], **PAR)
    tth, eta = transform.compute_tth_eta_from_xyz(
        lab, omega, **dict(zip(("t_x", "t_y", "t_z"), there, strict=True)), **angles
    )
    back = transform.compute_g_vectors(tth, eta, omega, WAVELENGTH, **angles)
    np.testing.assert_allclose(rotation("z", about_axis) @ back, g[found.reflection].T, atol=1e-8)


def test_a_lean_goes_out_as_wedge_and_comes_back(tmp_path):
    setup = setup_of(-0.7)
    export_parameters(tmp_path / "a.par", setup)
    assert "wedge 0.7\n" in (tmp_path / "a.par").read_text()
    back = SetupParams.build(import_parameters(tmp_path / "a.par").setup).setup()
    assert back.axis.lean_deg == pytest.approx(-0.7)
    for name in ("origin_um", "u_um", "v_um"):
        np.testing.assert_allclose(getattr(back.detector, name), getattr(setup.detector, name), atol=1e-6)
