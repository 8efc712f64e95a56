"""What the map is for, on maps that were made by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.describe import DescribeParams, describe
from friedel.errors import InputError, SetupError
from friedel.model.crystal import Phase
from friedel.model.slip import equivalent_planes, plane_normals, slip_systems
from tests.grain_maps import AL, FE, TI, grains_of, volume_of


def described(label, grains=None, phases=(AL,), **params):
    label = np.asarray(label)
    grains = grains or grains_of([np.eye(3)] * int(label.max(initial=0)))
    return describe(grains, volume_of(label), phases, DescribeParams(**params))


def ball(radius, scale=(1, 1, 1), size=None):
    size = size or 2 * int(radius * max(scale)) + 5
    axis = np.arange(size) - (size - 1) / 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return (x / scale[0]) ** 2 + (y / scale[1]) ** 2 + (z / scale[2]) ** 2 <= radius**2


# --- sizes and shapes


def test_a_ball_has_its_diameter_centre_and_equal_axes():
    got = described(ball(10).astype(int)).grains
    assert got["diameter_um"][0] == pytest.approx(40.0, rel=0.01)
    np.testing.assert_allclose(got["centre_um"][0], 2.0 * 12.5, atol=1e-9)
    np.testing.assert_allclose(got["semi_axes_um"][0], 20.0, rtol=0.01)
    np.testing.assert_allclose(got["aspect_ratio"][0], 1.0, rtol=0.01)


def test_a_long_grain_has_its_axes_in_order_and_right_handed():
    got = described(ball(6, (1, 2, 1.5)).astype(int)).grains
    np.testing.assert_allclose(got["semi_axes_um"][0], [24, 18, 12], rtol=0.02)
    np.testing.assert_allclose(got["aspect_ratio"][0], [0.75, 0.5], rtol=0.02)
    np.testing.assert_allclose(np.abs(got["axes"][0]), [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-9)
    assert np.linalg.det(got["axes"][0]) == pytest.approx(1.0)


def test_a_single_voxel_is_a_cube_of_its_size():
    label = np.zeros((3, 3, 3), int)
    label[1, 1, 1] = 1
    got = described(label).grains
    assert got["n_voxels"].tolist() == [1]
    np.testing.assert_allclose(got["semi_axes_um"][0], 2.0 * np.sqrt(5 / 12))


def test_a_grain_without_a_voxel_has_zeros():
    got = described([[[1, 1]]], grains_of([np.eye(3)] * 2)).grains
    assert (got["n_voxels"][1], got["diameter_um"][1], got["neighbours"][1], got["on_surface"][1]) == (0, 0, 0, 0)
    assert np.isfinite(got["axes"]).all()


# --- neighbours and boundaries


def test_two_halves_have_one_boundary_with_its_normal_and_area():
    label = np.ones((24, 24, 24), int)
    label[:, :, 12:] = 2
    got = described(label)
    assert (got.boundaries["grain_id_a"].tolist(), got.boundaries["grain_id_b"].tolist()) == ([1], [2])
    assert got.boundaries["faces"].tolist() == [576]
    np.testing.assert_allclose(got.boundaries["normal"], [[1, 0, 0]])
    assert got.boundaries["area_um2"][0] == pytest.approx(48**2, rel=0.12)
    assert got.grains["neighbours"].tolist() == [1, 1]
    np.testing.assert_allclose(got.grains["boundary_area_um2"], got.boundaries["area_um2"][0])


def test_the_area_of_a_ball_in_a_grain_is_that_of_a_sphere():
    got = described(1 + ball(12))
    assert got.boundaries["area_um2"][0] == pytest.approx(4 * np.pi * 24**2, rel=0.02)
    np.testing.assert_allclose(got.boundaries["normal"], 0)
    assert got.grains["on_surface"].tolist() == [1, 0]


def test_a_normal_points_from_the_first_to_the_second_grain():
    label = np.ones((4, 4, 4), int)
    label[:2] = 2
    np.testing.assert_allclose(described(label).boundaries["normal"], [[0, 0, -1]])


def test_grains_that_only_touch_at_an_edge_are_no_neighbours():
    got = described([[[1, 0], [0, 2]]])
    assert len(got.boundaries["grain_id_a"]) == 0
    assert got.grains["neighbours"].tolist() == [0, 0]


def test_boundaries_count_every_pair_of_grains_once():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 6, (7, 8, 9))
    faces = {}
    for axis in range(3):
        for one, other in zip(np.delete(label, -1, axis).ravel(), np.delete(label, 0, axis).ravel(), strict=True):
            if one and other and one != other:
                key = (min(one, other), max(one, other))
                faces[key] = faces.get(key, 0) + 1
    got = described(label).boundaries
    rows = zip(got["grain_id_a"].tolist(), got["grain_id_b"].tolist(), got["faces"].tolist(), strict=True)
    assert {(a, b): n for a, b, n in rows} == faces


def test_a_boundary_knows_its_misorientation():
    turn = Rotation.from_rotvec(np.radians(60) * np.array([1, 1, 1]) / np.sqrt(3)).as_matrix()
    grains = grains_of([np.eye(3), turn, np.eye(3)], [0, 0, 1], (AL, FE))
    got = described([[[1, 2, 3]]], grains, (AL, FE)).boundaries
    assert got["misorientation_deg"][0] == pytest.approx(60)
    assert np.isnan(got["misorientation_deg"][1])


# --- planes and slip


@pytest.mark.parametrize(
    ("phase", "families"),
    [
        (AL, {"{111}<110>": 12}),
        (FE, {"{110}<111>": 12, "{112}<111>": 12}),
        (TI, {"basal <a>": 3, "prismatic <a>": 3, "pyramidal <a>": 6, "pyramidal <c+a>": 12}),
    ],
)
def test_each_lattice_has_its_slip_systems(phase, families):
    systems = slip_systems(phase)
    assert {name: systems.family.count(name) for name in families} == families
    assert len(systems) == sum(families.values())
    np.testing.assert_allclose(np.einsum("ij,ij->i", systems.normal, systems.vector), 0, atol=1e-12)
    assert len(slip_systems(phase, [systems.family[-1]])) == families[systems.family[-1]]


def test_slip_systems_have_the_lengths_and_angles_of_the_lattice():
    systems = slip_systems(TI, ["pyramidal <c+a>"])
    direct = np.linalg.inv(TI.B).T
    lengths = np.linalg.norm(systems.direction @ direct.T, axis=1)
    np.testing.assert_allclose(lengths, np.hypot(2.95, 4.68))
    np.testing.assert_allclose(systems.vector * lengths[:, None], systems.direction @ direct.T)


@pytest.mark.parametrize(
    ("load", "factor", "active"),
    [((0, 0, 1), 1 / np.sqrt(6), 8), ((1, 1, 1), 0.272166, 6), ((0, 1, 1), 1 / np.sqrt(6), 4)],
)
def test_schmid_factors_of_an_fcc_crystal_are_those_of_the_textbook(load, factor, active):
    factors = slip_systems(AL).schmid_factors(np.eye(3)[None], load)[0]
    assert factors.max() == pytest.approx(factor, abs=1e-6)
    assert np.isclose(factors, factors.max()).sum() == active


def test_basal_slip_is_idle_under_a_load_along_c_and_best_at_45_degrees():
    basal = slip_systems(TI, ["basal <a>"])
    assert basal.schmid_factors(np.eye(3)[None], (0, 0, 1)).max() == pytest.approx(0)
    a = np.linalg.inv(TI.B)[0] / 2.95
    assert basal.schmid_factors(np.eye(3)[None], np.add(a, [0, 0, 1])).max() == pytest.approx(0.5)


def test_the_slip_of_a_turned_grain_under_a_turned_load_is_the_same():
    turn = Rotation.random(random_state=4).as_matrix()
    load = np.array([1.0, 2.0, 4.0])
    still = described([[[1]]], load_axis=tuple(load)).grains
    turned = described([[[1]]], grains_of([turn]), load_axis=tuple(turn @ load)).grains
    assert turned["schmid_factor"][0] == pytest.approx(still["schmid_factor"][0])
    np.testing.assert_array_equal(turned["slip_plane"], still["slip_plane"])
    np.testing.assert_allclose(turned["slip_normal"][0], turn @ still["slip_normal"][0])
    np.testing.assert_allclose(turned["slip_vector"][0], turn @ still["slip_vector"][0])


def test_a_lattice_without_known_slip_has_none():
    tin = Phase.from_lattice("Sn", [5.83, 5.83, 3.18, 90, 90, 90], "I 41/a m d", atoms=[["Sn", 0, 0, 0]])
    got = described([[[1]]], grains_of([np.eye(3)], phases=(tin,)), (tin,)).grains
    assert np.isnan(got["schmid_factor"]).all()


@pytest.mark.parametrize(
    ("phase", "hkl", "count"), [(AL, (1, 1, 1), 4), (AL, (1, 2, 3), 24), (TI, (0, 0, 2), 1), (TI, (1, 0, 1), 6)]
)
def test_plane_normals_are_all_of_the_family_in_the_sample_frame(phase, hkl, count):
    U = Rotation.random(2, random_state=1).as_matrix()
    normals = plane_normals(U, phase, hkl)
    assert normals.shape == (2, count, 3)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1)
    first = U[1] @ phase.B @ np.array(hkl)
    np.testing.assert_allclose(normals[1, 0], first / np.linalg.norm(first))
    assert equivalent_planes(phase, hkl)[0].tolist() == list(hkl)


# --- what cannot be


def test_nothing_is_described_as_nothing():
    got = described(np.zeros((3, 3, 3), int))
    assert {len(column) for column in (*got.grains.values(), *got.boundaries.values())} == {0}


def test_a_volume_that_names_unknown_grains_is_refused():
    with pytest.raises(InputError, match="must be among the 1 grains"):
        described([[[2]]], grains_of([np.eye(3)]))
    with pytest.raises(InputError, match="every phase"):
        described([[[1]]], grains_of([np.eye(3)]), ())


def test_a_load_without_direction_and_unknown_slip_are_refused():
    with pytest.raises(SetupError, match="load axis"):
        described([[[1]]], load_axis=(0, 0, 0))
    with pytest.raises(SetupError, match="slip families of Al"):
        slip_systems(AL, ["basal <a>"])
    with pytest.raises(SetupError, match="hkl"):
        plane_normals(np.eye(3)[None], AL, (0, 0, 0))
