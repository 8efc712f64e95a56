"""Sharp boundaries inside a grain: a rotation for each voxel where no smooth field does, and parts told apart."""

import h5py
import numpy as np
import pytest

from friedel.assemble import AssembleParams, assemble
from friedel.evaluator import evaluate
from friedel.io.store import write_volume
from friedel.model.grains import GrainVolume
from friedel.model.sub_grains import label_sub_grains, sub_grains_of
from friedel.reconstruct import ReconstructParams, reconstruct
from friedel.reconstruct.lattice_field import BentVoxels, SpotViews, fit_field
from friedel.reconstruct.voxel_field import _Tomograph, fit_voxels
from friedel.simulator import SpecimenParams, simulate, small
from tests.true_grains import with_hkl

STEP_DEG = 0.8


@pytest.fixture(scope="module")
def halved():
    """Three grains whose halves are turned against each other, and the map from their true blobs."""
    sample = SpecimenParams(
        radius_um=77.0, height_um=91.0, mosaicity_deg=0.06, gradient_deg=STEP_DEG, sub_grain_fraction=1.0
    )
    size = {"grains": 3, "frames": 720, "rows": 192, "cols": 192, "sample": sample}
    simulation = simulate(small(1).model_copy(update=size))
    grains = with_hkl(simulation.truth)
    shapes = reconstruct(simulation.truth.blobs, grains, simulation.setup, simulation.phases, ReconstructParams())
    volume = assemble(shapes, grains, AssembleParams(), sample=simulation.setup.sample)
    return simulation, grains, volume


def test_both_sides_of_a_sharp_boundary_have_their_own_orientation(halved):
    simulation, grains, volume = halved
    found = evaluate(simulation.truth, grains=grains, volume=volume, phases=simulation.phases)["volume"]
    assert found["grain_orientation_deg"]["median"] == pytest.approx(STEP_DEG / 2, rel=0.01)
    assert found["voxel_orientation_deg"]["median"] < 0.1 * STEP_DEG
    assert found["voxel_agreement"] > 0.97


def test_the_halves_are_told_apart(halved):
    simulation, _, volume = halved
    true = simulation.truth.volume
    assert true.grain_id.shape == volume.grain_id.shape
    label = label_sub_grains(volume)
    np.testing.assert_array_equal(sub_grains_of(volume, 3), [2, 2, 2])
    for grain in (1, 2, 3):
        both = (true.grain_id == grain) & (volume.grain_id == grain)
        turned = true.rotation_deg[both]
        side = turned @ turned[0] > 0
        same = np.mean(side == (label[both] == 1))
        assert max(same, 1 - same) > 0.95


def random_spots(rng, turn_of, spots=30, size=24):
    """A ball's voxels, and what spots in random directions see of its rotations."""
    place = np.argwhere(((np.indices((15, 15, 15)) - 7) ** 2).sum(axis=0) <= 36).astype(float)
    matrix = np.zeros((spots, 2, 7))
    angle = rng.uniform(0, np.pi, spots)
    matrix[:, 0, 0], matrix[:, 0, 1] = np.cos(angle), np.sin(angle)
    matrix[:, 1, :2], matrix[:, 1, 2] = rng.normal(0, 0.2, (spots, 2)), 1.0
    matrix[:, :, 3] = size / 2 - matrix[:, :, :3] @ np.full(3, 7.0)
    voxels = BentVoxels(place, rng.uniform(0.5, 1.0, len(place)), np.zeros_like(place))
    weight = rng.uniform(0, 1, (spots, size, size)).astype(np.float32)
    views = SpotViews(matrix, rng.normal(size=(spots, 3)), np.zeros_like(weight), weight, np.arange(spots) % 5)
    omega = _Tomograph(voxels, views).see(turn_of((place - 7) / 6)).astype(np.float32)
    return voxels, views._replace(omega=omega)


def test_what_spots_see_of_rotations_has_an_exact_transpose():
    rng = np.random.default_rng(3)
    voxels, views = random_spots(rng, lambda x: x)
    tomograph = _Tomograph(voxels, views)
    turn, images = rng.normal(size=(len(voxels.place), 3)), rng.normal(size=views.omega.shape)
    spots = rng.uniform(size=len(images))
    assert np.count_nonzero(tomograph.weight) > 1000
    there = float((spots[:, None, None] * tomograph.weight * tomograph.see(turn) * images).sum())
    back = float((turn * tomograph.back(images, spots)).sum())
    assert back == pytest.approx(there, rel=1e-3)


def test_a_step_asks_for_voxels_of_their_own_and_an_even_bend_does_not():
    step = np.array([0.004, -0.002, 0.003])
    voxels, views = random_spots(np.random.default_rng(1), lambda x: np.sign(x[:, :1] + 0.3 * x[:, 1:2]) * step)
    smooth = fit_field(voxels, views)
    own = fit_voxels(voxels, views, smooth)
    assert own is not None
    assert own.explained > smooth.explained + 0.03
    true = np.sign(voxels.place[:, :1] - 7 + 0.3 * (voxels.place[:, 1:2] - 7)) * step
    error = np.linalg.norm(own.turn - (true - np.average(true, axis=0, weights=voxels.density)), axis=1)
    assert np.median(error) < 0.15 * np.linalg.norm(step)
    noise = np.random.default_rng(2).normal(0, 0.001, views.omega.shape).astype(np.float32)
    voxels, views = random_spots(np.random.default_rng(1), lambda x: x[:, :1] * step)
    noisy = views._replace(omega=views.omega + noise)
    smooth = fit_field(voxels, noisy)
    assert 0.3 < smooth.explained < 0.9
    assert fit_voxels(voxels, noisy, smooth) is None


def made(turn_of, size=12):
    """A cube of one grain, [z,y,x], with the rotations (n,3) that a function of places gives."""
    label = np.zeros((size, size, size), np.int32)
    label[1:-1, 1:-1, 1:-1] = 1
    at = np.argwhere(label > 0).astype(float)
    turned = np.full((*label.shape, 3), np.nan, np.float32)
    turned[label > 0] = turn_of(at)
    return GrainVolume(label, label.astype(np.uint8), label.astype(np.float32), np.zeros(3), 1.0, turned)


def stepped(at, degrees, where=6.0):
    return np.where(at[:, :1] < where, 0.0, degrees) * np.array([[0.0, 0.6, 0.8]])


def test_parts_are_numbered_from_the_largest():
    label = label_sub_grains(made(lambda at: stepped(at, 0.5, 4.0)))
    assert (label[4:11, 1:11, 1:11] == 1).all()
    assert (label[1:4, 1:11, 1:11] == 2).all()
    assert not label[0].any()
    assert label.dtype == np.int16


@pytest.mark.parametrize(
    "turn_of",
    [
        lambda at: stepped(at, 0.05),
        lambda at: stepped(at, 0.5, 2.0) * (at[:, 1:2] < 4) * (at[:, 2:] < 4),
        lambda at: at[:, :1] * np.ones((1, 3)) * 0.1,
        lambda at: at @ np.ones((3, 3)) * 0.1,
        lambda at: at[:, 1:2] ** 2 * np.ones((1, 3)) * 0.01,
        lambda at: np.zeros((len(at), 3)),
        lambda at: np.random.default_rng(0).normal(0, 0.1, (len(at), 3)),
        lambda at: np.full((len(at), 3), np.nan),
    ],
    ids=["too little", "too small", "even", "even and oblique", "curved", "none", "noise", "unknown"],
)
def test_what_is_no_boundary_divides_nothing(turn_of):
    assert not label_sub_grains(made(turn_of)).any()


def test_a_grain_whose_rotation_is_not_known_has_no_number_of_parts(tmp_path):
    volume = made(lambda at: stepped(at, 0.5))
    np.testing.assert_array_equal(sub_grains_of(volume, 2), [2, 0])
    np.testing.assert_array_equal(sub_grains_of(made(lambda at: np.full((len(at), 3), np.nan)), 1), [0])
    np.testing.assert_array_equal(sub_grains_of(made(lambda at: np.zeros((len(at), 3))), 1), [1])
    write_volume(tmp_path / "volume.h5", volume)
    with h5py.File(tmp_path / "volume.h5") as file:
        np.testing.assert_array_equal(file["VTKHDF/CellData/sub_grain"], label_sub_grains(volume))
