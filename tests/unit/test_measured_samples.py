"""Samples whose grains are those of a map."""

import json

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import friedel
from friedel.errors import FriedelWarning, RecipeError, SetupError
from friedel.io.store import read_truth, write_grains, write_volume
from friedel.model.grain_map import GrainMap, MapPhase
from friedel.model.grains import GrainVolume
from friedel.simulator import SimulationParams, simulate
from friedel.simulator.map_orientations import voxel_rotations
from friedel.simulator.measured import measured_cells
from friedel.simulator.sample import make_specimen
from tests.grain_maps import AL, FE, TI, grains_of

RNG = np.random.default_rng(3)
U = Rotation.random(4, random_state=3).as_matrix()
LABEL = np.zeros((6, 8, 10), np.int32)
LABEL[:, 1:7, 1:5] = 1
LABEL[:, 1:7, 5:9] = 2
LABEL[4:, 1:7, 5:9] = 3
LABEL[0, 1, 1] = LABEL[5, 6, 4] = 4


def a_map(label=LABEL, **changes):
    n = int(label.max())
    values = {
        "name": "map",
        "grain_id": label,
        "number": np.arange(1, n + 1),
        "phase": np.zeros(n, np.int64),
        "phases": (MapPhase("Al", AL.lattice),),
        "U": U[:n],
        "voxel_um": np.array([7.0, 7.0, 7.0]),
        **changes,
    }
    return GrainMap(**values)


def params_of(phases=1, **sample):
    names = [{"name": "Al"}, {"name": "Fe", "lattice": [2.87] * 3 + [90] * 3, "spacegroup": "I m -3 m"}]
    base = {"rows": 64, "cols": 64, "frames": 360, "pixel_um": 7.0, "phase": names[:phases]}
    return SimulationParams.build({**base, "sample": {"map": "map", "shape": "box", **sample}})


def made(grain_map, phases=(AL,), **sample):
    params = params_of(len(phases), **sample)
    rng = np.random.default_rng(1)
    cells, grid, params = measured_cells(params, grain_map, phases, rng)
    return make_specimen(params, phases, rng, (cells, grid)), params


# --- shapes


def test_the_truth_is_the_map_where_both_have_the_same_voxel():
    specimen, params = made(a_map())
    np.testing.assert_array_equal(specimen.volume.grain_id, LABEL[:, 1:7, 1:9])
    np.testing.assert_allclose(specimen.grains.U, U)
    np.testing.assert_allclose(specimen.volume.origin_um, [-28.0, -21.0, -21.0])
    assert params.sample.size_um == (56.0, 42.0, 42.0)
    assert np.diff(specimen.pointer).tolist() == [(n == LABEL).sum() for n in (1, 2, 3, 4)]


def test_a_grain_in_several_pieces_is_one_grain():
    specimen, _ = made(a_map())
    part = specimen.position_um[specimen.pointer[3] : specimen.pointer[4]]
    np.testing.assert_allclose(part, [[-24.5, -17.5, -17.5], [-3.5, 17.5, 17.5]])
    np.testing.assert_allclose(specimen.grains.position_um[3], part.mean(axis=0))


@pytest.mark.parametrize("edges", [(7.0, 7.0, 14.0), (3.5, 3.5, 7.0)])
def test_a_map_of_other_voxels_keeps_its_shapes(edges):
    specimen, params = made(a_map(voxel_um=np.array(edges)))
    factor = np.array(edges)[::-1] / 7.0
    size = np.array(LABEL[:, 1:7, 1:9].shape) * factor
    assert (np.array(params.sample.size_um) >= 7.0 * size[::-1]).all()
    assert (np.array(params.sample.size_um) < 7.0 * size[::-1] + 14.0).all()
    volume = np.bincount(specimen.volume.grain_id.ravel())[1:4]
    np.testing.assert_allclose(volume, factor.prod() * np.bincount(LABEL.ravel())[1:4], rtol=0.05)


def test_a_finer_grid_repeats_the_voxels_of_the_map():
    specimen, _ = made(a_map(), voxel_um=3.5)
    fine = LABEL[:, 1:7, 1:9].repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(specimen.volume.grain_id, fine)


def test_the_size_that_is_given_beats_that_of_the_file():
    params = made(a_map(), map_voxel_um=3.5)[1]
    assert params.sample.size_um == (28.0, 28.0, 28.0)
    assert params_of(map_voxel_um=[1, 2, 3]).sample.map_voxel_um == (1.0, 2.0, 3.0)


def test_a_map_is_cropped_in_its_own_voxels():
    specimen, params = made(a_map(), map_crop=[0, 0, 3, 5, 8, 6])
    np.testing.assert_array_equal(
        specimen.volume.grain_id, np.where(LABEL == 4, 2, LABEL)[3:, 1:7, 1:5]
    )  # the grains that are left count anew
    # the map's middle is half a voxel off the axis where it has an odd number of them
    np.testing.assert_allclose(specimen.volume.origin_um, [-14.0, -21.0, -14.0])
    assert params.sample.size_um == (28.0, 42.0, 28.0)


def test_a_map_is_cut_to_the_shape():
    specimen, params = made(a_map(), map_fit="cut", shape="cylinder", radius_um=15.0, height_um=14.0)
    x, y, z = specimen.position_um.T
    assert np.hypot(x, y).max() < 15.0
    assert np.abs(z).max() < 7.0
    assert params.sample.radius_um < 15.0 + 3.5
    assert params.sample.height_um == 14.0


BOX, CYLINDER = {"shape": "box", "size_um": [112, 84, 200]}, {"shape": "cylinder", "radius_um": 60, "height_um": 84}


@pytest.mark.parametrize("shape", [BOX, CYLINDER])
def test_a_map_is_scaled_to_fill_the_shape(shape):
    specimen = made(a_map(), map_fit="scale", **shape)[0]
    filled = np.ptp(specimen.position_um, axis=0) + 7.0
    if shape["shape"] == "box":
        np.testing.assert_allclose(filled, [112.0, 84.0, 84.0])
    else:
        assert np.hypot(*specimen.position_um[:, :2].T).max() == pytest.approx(60.0, abs=7.0)
        assert filled[2] == pytest.approx(filled[0] * 42 / 56, abs=7.0)


def test_small_grains_may_be_left_out():
    specimen, _ = made(a_map(), map_min_voxels=3)
    assert len(specimen.grains) == 3
    assert not specimen.volume.grain_id[0, 0, 0]


def test_our_maps_stay_where_they_are():
    specimen, params = made(a_map(origin_um=np.array([-30.0, -20.0, -10.0])))
    np.testing.assert_allclose(specimen.volume.origin_um, [-23.0, -13.0, -10.0])
    # the box about the axis that holds all of it
    assert params.sample.size_um == (66.0, 58.0, 64.0)


@pytest.mark.parametrize(
    ("grain_map", "sample", "message"),
    [
        (a_map(voxel_um=None), {}, "sample.map_voxel_um: must be given for map: the file does not say it"),
        (a_map(), {"map_crop": [0, 0, 0, 11, 8, 6]}, "must be x0, y0, z0, x1, y1, z1 within the map's 10 × 8 × 6"),
        (a_map(), {"map_crop": [0, 0, 0, 1, 8, 6]}, "sample.map_crop: must leave a grain"),
        (a_map(), {"map_fit": "cut", "size_um": [0.1, 0.1, 0.1]}, "sample.map: must leave a grain in the sample"),
        (a_map(), {"map_min_voxels": 1000}, "must leave a grain: the largest has 142 voxels, got 1000"),
        (a_map(), {"map_voxel_um": 70.0}, "must be at most 448 um wide and 448 um high, to fit on the detector"),
        (a_map(), {"voxel_um": 0.01}, "must have at most 1e[+]09 voxels of 0.01 um"),
        (a_map(U=None), {}, 'sample.map_orientations: must be "random"'),
    ],
)
def test_a_map_that_cannot_be_the_sample_says_why(grain_map, sample, message):
    with pytest.raises(SetupError, match=message):
        made(grain_map, **sample)


@pytest.mark.parametrize("edges", [-1.0, [1.0, 0.0, 1.0]])
def test_edges_are_positive(edges):
    with pytest.raises(RecipeError, match="map_voxel_um must be positive, or 0 for what the file says"):
        params_of(map_voxel_um=edges)


# --- orientations


def test_of_orientations_that_are_the_same_by_symmetry_the_nearest_counts():
    rng = np.random.default_rng(5)
    row = rng.integers(0, 2, 300)
    phases = [AL.symmetry, TI.symmetry]
    vectors = np.radians(3.0) * rng.normal(size=(300, 3))
    for grain in (0, 1):
        vectors[row == grain] -= vectors[row == grain].mean(axis=0)
    either = np.array([phases[grain][rng.integers(len(phases[grain]))] for grain in row])
    each = Rotation.from_rotvec(vectors).as_matrix() @ U[row] @ either
    found, rotation = voxel_rotations(Rotation.from_matrix(each).as_quat(scalar_first=True), row, phases)
    for grain, phase in enumerate((AL, TI)):
        assert phase.misorientation_deg(found[grain], U[grain]) < 0.05
    again = Rotation.from_rotvec(rotation).as_matrix() @ found[row]
    for grain, phase in enumerate((AL, TI)):
        mine = row == grain
        assert np.max(phase.misorientation_deg(again[mine], each[mine])) < 1e-5
    assert np.degrees(np.linalg.norm(rotation, axis=1).max()) < 20
    means = [rotation[row == grain].mean(axis=0) for grain in (0, 1)]
    assert np.abs(means).max() < 1e-6


def test_a_map_whose_voxels_stand_alike_tells_no_rotations():
    q = np.tile(Rotation.from_matrix(U[0]).as_quat(scalar_first=True).astype(np.float32), (5, 1))
    found, rotation = voxel_rotations(q, np.zeros(5, np.int64), [AL.symmetry])
    assert rotation is None
    assert AL.misorientation_deg(found[0], U[0]) < 1e-4


def voxel_map():
    """Grains whose lattice turns along x by 2 deg."""
    x = np.indices(LABEL.shape)[2]
    turn = Rotation.from_rotvec(np.radians(0.2) * x.ravel()[:, None] * np.array([0.0, 0.6, 0.8]))
    each = (turn * Rotation.from_matrix(U[np.maximum(LABEL.ravel(), 1) - 1])).as_quat(scalar_first=True)
    return a_map(U=None, quaternion=each.reshape(*LABEL.shape, 4))


@pytest.mark.parametrize("kind", ["voxel", "grain", "random"])
def test_voxels_stand_as_the_map_says_if_they_are_asked(kind):
    grain_map = voxel_map()
    specimen, _ = made(grain_map, map_orientations=kind, gradient_deg=0.0)
    turned = np.linalg.norm(np.nan_to_num(specimen.volume.rotation_deg), axis=-1)
    if kind == "voxel":
        volume, at = specimen.volume, (2, 3, 0)
        own = Rotation.from_rotvec(np.radians(volume.rotation_deg[at])).as_matrix()
        q = grain_map.quaternion[2, 4, 1]
        true = Rotation.from_quat(q, scalar_first=True).as_matrix()
        mine = own @ specimen.grains.U[volume.grain_id[at] - 1]
        assert AL.misorientation_deg(mine, true) < 1e-4
        assert 0.25 < turned.max() < 0.35
    else:
        assert turned.max() == 0
        angle = AL.misorientation_deg(specimen.grains.U[0], U[0])
        assert (angle < 1.0) == (kind == "grain")


def test_twins_of_a_turned_grain_are_turned_with_it():
    specimen, _ = made(voxel_map(), twin_fraction=0.6, map_crop=[1, 1, 0, 9, 7, 4])
    assert len(specimen.grains) > 2
    volume = specimen.volume
    for grain in range(len(specimen.grains)):
        mine = volume.rotation_deg[volume.grain_id == grain + 1]
        assert np.abs(mine.mean(axis=0)).max() < 1e-3


def test_voxels_that_are_turned_far_are_said():
    x = np.indices(LABEL.shape)[2]
    each = Rotation.from_rotvec(np.radians(3.0) * x.ravel()[:, None] * [0.0, 0.6, 0.8]).as_quat(scalar_first=True)
    with pytest.warns(FriedelWarning, match=r"voxels of \d grains are turned by up to [45]\.\d deg"):
        made(a_map(U=None, quaternion=each.reshape(*LABEL.shape, 4)))


# --- crystals


def test_phases_are_matched_by_name_else_in_their_order():
    two = (MapPhase("Fe", FE.lattice), MapPhase("unused"), MapPhase("Al", AL.lattice))
    grain_map = a_map(phase=np.array([0, 2, 2, 0]), phases=two)
    specimen, _ = made(grain_map, (AL, FE))
    assert specimen.grains.phase.tolist() == [1, 0, 0, 1]
    assert specimen.grains.phases == ("Al", "Fe")
    named = (MapPhase("alpha"), MapPhase(), MapPhase("beta"))
    specimen, _ = made(a_map(phase=np.array([0, 2, 2, 0]), phases=named), (AL, FE))
    assert specimen.grains.phase.tolist() == [0, 1, 1, 0]


def test_other_phases_than_those_of_the_map_are_refused_or_said():
    two = (MapPhase("Fe", FE.lattice), MapPhase("austenite"))
    with pytest.raises(SetupError, match=r"must be as many .* names: Fe \(2.87 2.87 2.87 90 90 90\); austenite"):
        made(a_map(phase=np.array([0, 1, 1, 0]), phases=two))
    with pytest.warns(FriedelWarning, match=r"its phase Fe \(2.87 .*\) is simulated as Al \(4.05"):
        made(a_map(phases=(MapPhase("Fe", FE.lattice),)))


# --- scans


def test_the_direct_beam_is_absorbed_where_the_maps_voxels_are():
    _, y, x = np.indices((20, 30, 30)) + 0.5
    label = (np.hypot(x - 15, y - 15) < 14).astype(np.int32)
    values = {"shape": "cylinder", "radius_um": 98.0, "height_um": 140.0}
    light = {"light": {"beam_counts": 20000.0}, "camera": {"point_spread_px": 0.3}}
    mapped = params_of(**values).replaced(**light)
    grown = mapped.replaced(sample={**mapped.sample.model_dump(), "map": ""}, grains=1)
    there, expected = simulate(mapped, grain_map=a_map(label)).camera, simulate(grown).camera
    box = expected.beam_box
    inner = np.s_[4:-4, 14:-14]
    assert there.beam_box == box
    for frame in (0, 77):
        np.testing.assert_allclose(there.path_um(frame)[inner], expected.path_um(frame)[inner], rtol=0.06)
    assert there.path_um(5).sum() == pytest.approx(expected.path_um(5).sum(), rel=0.02)


def test_simulate_takes_a_map_from_a_file_and_says_so_in_the_truth(tmp_path, monkeypatch):
    rotation = np.zeros((*LABEL.shape, 3), np.float32)
    rotation[..., 2] = 0.1 * np.indices(LABEL.shape)[2]
    solid = LABEL > 0
    volume = GrainVolume(
        LABEL, solid.astype(np.uint8), solid.astype(np.float32), np.array([-35.0, -28, -21]), 7.0, rotation
    )
    (tmp_path / "maps").mkdir()
    write_volume(tmp_path / "maps" / "volume.h5", volume)
    write_grains(tmp_path / "maps" / "grains.h5", grains_of(U))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps" / "sim.toml").write_text('[sample]\nmap = "volume.h5"\nmosaicity_deg = 0.2\n')
    settings = ["frames=180", "rows=64", "cols=64", "pixel_um=7.0", "camera.dark_frames=1"]
    files = friedel.simulate("scan.h5", config="maps/sim.toml", settings=settings)
    truth = read_truth(files.truth)
    np.testing.assert_array_equal(truth.volume.grain_id, LABEL[:, 1:7, 1:9])
    with h5py.File(files.truth) as file:
        read = json.loads(file.attrs["simulated_from"])
    assert list(read) == ["sample.map"]
    assert len(read["sample.map"]) == 64
    assert 'mask = "absorption"' in files.recipe.read_text()
    # a truth is a map too, and the same as what it was made of
    again = friedel.simulate("again.h5", settings=[*settings, f"sample.map={files.truth}"])
    np.testing.assert_array_equal(read_truth(again.truth).volume.grain_id, truth.volume.grain_id)
    np.testing.assert_allclose(
        read_truth(again.truth).volume.rotation_deg, truth.volume.rotation_deg, atol=1e-3, equal_nan=True
    )


def test_a_map_has_to_be_read_before():
    with pytest.raises(SetupError, match="must be read before"):
        simulate(params_of())
