"""Orientations in the forms of others, against orix and by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.model.crystal import Phase
from friedel.model.orientation import bunge_angles, ipf_colours, quaternions, rodrigues

AL = Phase.from_lattice("Al", [4.05] * 3 + [90] * 3, "F m -3 m")
TI = Phase.from_lattice("Ti", [2.95, 2.95, 4.68, 90, 90, 120], "P 63/m m c")
TIN = Phase.from_lattice("Sn", [5.83, 5.83, 3.18, 90, 90, 90], "I 41/a m d", atoms=[["Sn", 0, 0, 0]])
ORTHO = Phase.from_lattice("x", [3, 4, 5, 90, 90, 90], "P m m m", atoms=[["Al", 0, 0, 0]])
RANDOM = Rotation.random(50, random_state=7).as_matrix()


def rebuilt(angles):
    return Rotation.from_euler("ZXZ", angles).as_matrix()


@pytest.mark.filterwarnings("ignore")
def test_angles_are_bunges_and_quaternions_conjugate_to_those_of_orix():
    from orix.quaternion import Orientation

    theirs = Orientation.from_matrix(np.swapaxes(RANDOM, -1, -2))  # orix takes sample to crystal
    apart = np.mod(theirs.to_euler() - bunge_angles(RANDOM) + 1, 2 * np.pi) - 1
    np.testing.assert_allclose(apart, 0, atol=1e-6)
    q = theirs.data * np.sign(theirs.data[:, :1])
    np.testing.assert_allclose(q * [1, -1, -1, -1], quaternions(RANDOM), atol=1e-6)


def test_angles_give_the_matrix_back_also_where_they_are_degenerate():
    flat = Rotation.from_euler("ZXZ", [[0.3, 0, 0.4], [1.0, np.pi, 2.0], [0, 0, 0]]).as_matrix()
    for U in (RANDOM, flat):
        angles = bunge_angles(U)
        np.testing.assert_allclose(rebuilt(angles), U, atol=1e-7)
        assert (angles >= 0).all()
        assert (angles <= [2 * np.pi, np.pi, 2 * np.pi]).all()


def test_rodrigues_vectors_are_axis_times_tangent():
    U = Rotation.from_rotvec([[0, 0, np.pi / 2], [0, 0, 0]]).as_matrix()
    np.testing.assert_allclose(rodrigues(U), [[0, 0, 1], [0, 0, 0]], atol=1e-12)
    assert rodrigues(np.empty((0, 3, 3))).shape == (0, 3)


@pytest.mark.parametrize("phase", [AL, TI, TIN, ORTHO])
def test_colours_do_not_depend_on_which_of_the_equal_orientations_is_taken(phase):
    equal = RANDOM[:, None] @ phase.symmetry
    colours = ipf_colours(equal.reshape(-1, 3, 3), phase, (1, 2, 3)).reshape(*equal.shape[:2], 3)
    assert np.abs(colours.astype(int) - colours[:, :1]).max() <= 1


@pytest.mark.parametrize(
    ("phase", "along", "colour"),
    [
        (AL, (0, 0, 1), (255, 0, 0)),
        (AL, (1, 0, 1), (0, 255, 0)),
        (AL, (1, 1, 1), (0, 0, 255)),
        (TI, (0, 0, 1), (255, 0, 0)),
        (TI, (1, 0, 0), (0, 0, 255)),  # x is a*
        (TI, (np.sqrt(3), 1, 0), (0, 255, 0)),
        (TIN, (0, 1, 0), (0, 255, 0)),
        (TIN, (1, 1, 0), (0, 0, 255)),
        (ORTHO, (0, 1, 0), (0, 0, 255)),
    ],
)
def test_the_corners_are_red_green_and_blue(phase, along, colour):
    np.testing.assert_allclose(ipf_colours(np.eye(3)[None], phase, along)[0], colour, atol=1)
