"""Grains whose lattice bends: every voxel has its own orientation, and the spots show which."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.assemble import AssembleParams, assemble
from friedel.errors import FriedelError
from friedel.evaluator import evaluate
from friedel.io.grain_store import forget_description, read_grains, write_grains
from friedel.io.shape_store import read_shapes, write_shapes
from friedel.io.store import read_volume, write_volume
from friedel.kernels import bragg
from friedel.kernels.reconstruct.bent_projectors import back_bent, forward_bent, forward_parts
from friedel.kernels.reconstruct.spot_projections import sum_with_omega
from friedel.model.grains import GrainVolume
from friedel.model.lattice_bends import kernel_average, reference_deviation, spread_of_grains
from friedel.reconstruct import ReconstructParams, reconstruct
from friedel.reconstruct.bent_rays import turn_rates
from friedel.reconstruct.lattice_field import BentVoxels, SpotViews, fit_field
from friedel.reconstruct.projections import to_detector
from friedel.reconstruct.rays import DiffractionModel
from friedel.simulator import SpecimenParams, simulate, small
from tests.oracles_projectors import bent_matrix_of
from tests.true_grains import with_hkl


def simulated(gradient_deg, frames=720):
    sample = SpecimenParams(radius_um=77.0, height_um=91.0, mosaicity_deg=0.06, gradient_deg=gradient_deg)
    return simulate(
        small(1).model_copy(update={"grains": 3, "frames": frames, "rows": 192, "cols": 192, "sample": sample})
    )


def shapes_of(simulation, **params):
    truth = simulation.truth
    return reconstruct(
        truth.blobs, with_hkl(truth), simulation.setup, simulation.phases, ReconstructParams(**params)
    )


def judged(simulation, shapes):
    grains = with_hkl(simulation.truth)
    volume = assemble(shapes, grains, AssembleParams(), sample=simulation.setup.sample)
    found = evaluate(simulation.truth, grains=grains, volume=volume, phases=simulation.phases)
    return volume, found["volume"]


@pytest.fixture(scope="module", params=[1.0, 2.0])
def bent(request):
    """Degrees from end to end of each grain, the simulation, and the shapes from its true blobs."""
    simulation = simulated(request.param)
    return request.param, simulation, shapes_of(simulation)


def test_each_voxel_of_a_bent_grain_gets_its_orientation_and_the_map_is_no_worse(bent):
    gradient, simulation, shapes = bent
    volume, scores = judged(simulation, shapes)
    _, without = judged(simulation, shapes_of(simulation, bent="off"))
    assert scores["grain_orientation_deg"]["median"] > 0.12 * gradient
    assert scores["voxel_orientation_deg"]["median"] < 0.04 * gradient
    assert scores["voxel_orientation_deg"]["p95"] < 0.1 * gradient + 0.02
    assert without["voxel_orientation_deg"] == pytest.approx(without["grain_orientation_deg"])
    assert scores["voxel_agreement"] >= without["voxel_agreement"] - 1e-3
    assert all(shape.bend_explained > 0.8 and shape.bend_null < 0.3 for shape in shapes)
    true = spread_of_grains(simulation.truth.volume, 3)
    np.testing.assert_allclose(spread_of_grains(volume, 3), true, rtol=0.12)


def test_the_same_field_comes_out_again_and_none_where_nobody_asks(bent):
    _, simulation, shapes = bent
    for a, b in zip(shapes, shapes_of(simulation), strict=True):
        np.testing.assert_array_equal(a.rotation_deg, b.rotation_deg)
    off = shapes_of(simulation, bent="off")
    assert all(shape.rotation_deg.size == 0 and np.isnan(shape.bend_explained) for shape in off)


def test_a_perfect_grain_has_no_field():
    for shape in shapes_of(simulated(0.0)):
        assert shape.rotation_deg.size == 0
        assert shape.bend_explained < 0.2


def test_spots_that_are_one_frame_long_tell_nothing():
    for shape in shapes_of(simulated(1.0, frames=45)):
        assert shape.rotation_deg.size == 0
        assert np.isnan(shape.bend_explained)


def test_shuffled_frames_give_no_field(bent):
    _, simulation, _ = bent
    blobs = simulation.truth.blobs
    rng, frame = np.random.default_rng(2), blobs.voxels.frame.copy()
    for blob in range(len(blobs)):
        part = blobs.voxels.of(blob)
        own = np.arange(blobs["frame_start"][blob], blobs["frame_stop"][blob])
        frame[part] = rng.permutation(own)[(frame[part] - own[0]) % 720] % 720
    shuffled = replace(blobs, voxels=replace(blobs.voxels, frame=frame))
    grains = with_hkl(simulation.truth)
    for shape in reconstruct(shuffled, grains, simulation.setup, simulation.phases, ReconstructParams()):
        assert shape.rotation_deg.size == 0
        assert shape.bend_explained < 0.3


def test_rates_are_those_of_a_lattice_that_is_turned(bent):
    _, simulation, _ = bent
    truth, grains = simulation.truth, with_hkl(simulation.truth)
    diffraction = DiffractionModel(simulation.setup, simulation.phases, truth.blobs.shape)
    rays = diffraction.rays(grains, 0, truth.blobs)
    UB, centre = grains.U[0] @ simulation.phases[0].B, grains.position_um[0]
    rates = turn_rates(diffraction, rays, UB, centre)
    turn = np.radians([0.2, -0.1, 0.15])
    wavelength = simulation.setup.beam.wavelength
    g = rays.hkl @ (Rotation.from_rotvec(turn).as_matrix() @ UB).T
    moved = np.einsum("nij,njk->nik", to_detector(rays, diffraction.plane), rates.place) @ turn
    for n in range(0, len(g), 7):
        found = bragg.predict(g[n : n + 1], centre, wavelength, diffraction.plane)
        nearest = np.argmin(np.abs(np.angle(np.exp(1j * (found.omega - rays.omega[n])))))
        omega = np.angle(np.exp(1j * (found.omega[nearest] - rays.omega[n])))
        place = found.row[nearest] - rays.row[n], found.col[nearest] - rays.col[n]
        assert omega == pytest.approx(rates.omega[n] @ turn, abs=2e-4)
        assert place == pytest.approx(moved[n], abs=0.1)


def random_views(rng, spots=30, size=24):
    matrix = np.zeros((spots, 2, 7))
    angle = rng.uniform(0, np.pi, spots)
    matrix[:, 0, 0], matrix[:, 0, 1] = np.cos(angle), np.sin(angle)
    matrix[:, 1, :2], matrix[:, 1, 2] = rng.normal(0, 0.2, (spots, 2)), 1.0
    matrix[:, :, 4:] = rng.normal(0, 60.0, (spots, 2, 3))
    middle = np.full(3, 7.0)
    matrix[:, :, 3] = size / 2 - matrix[:, :, :3] @ middle
    return matrix, rng.normal(size=(spots, 3))


def test_a_field_that_curves_is_followed_as_far_as_left_out_spots_bear_it_out():
    rng = np.random.default_rng(4)
    matrix, rates = random_views(rng)
    place = np.argwhere(((np.indices((15, 15, 15)) - 7) ** 2).sum(axis=0) <= 36).astype(float)
    x = (place - 7) / 6
    turn = 0.01 * np.stack([x[:, 0] + x[:, 1] ** 2, x[:, 0] * x[:, 2], x[:, 2] - x[:, 1] ** 2], axis=1)
    turn -= turn.mean(axis=0)
    ones, size = np.ones((len(matrix), 1)), (24, 24)
    depth, moment = np.zeros((30, *size), np.float32), np.zeros((30, *size), np.float32)
    forward_bent(place, turn, matrix, np.ones((len(place), 1)), ones, depth)
    forward_bent(place, turn, matrix, turn, rates, moment)
    omega = np.divide(moment, depth, out=np.zeros_like(depth), where=depth > 0)
    views = SpotViews(matrix, rates, omega, depth / depth.sum(axis=(1, 2), keepdims=True), np.arange(30) % 5)
    fit = fit_field(BentVoxels(place, np.ones(len(place)), np.zeros_like(place)), views)
    assert fit.field.order > 1
    assert fit.explained > 0.9
    error = np.linalg.norm(fit.field.at(place) - turn, axis=1)
    assert np.median(error) < 0.1 * np.sqrt((turn**2).sum(axis=1).mean())


def test_every_voxel_falls_along_its_own_beam():
    rng = np.random.default_rng(1)
    matrix = rng.normal(0, 1, (4, 2, 7))
    matrix[:, :, 3] += 3.0
    place, turn, rates = rng.uniform(0, 4, (20, 3)), rng.normal(0, 1, (20, 3)), rng.normal(size=(4, 2))
    dense = bent_matrix_of(place, turn, matrix, rates, (7, 6))
    values, images = rng.normal(size=(20, 2)), rng.normal(size=(4, 7, 6)).astype(np.float32)
    out, back = np.zeros((4, 7, 6), np.float32), np.zeros((20, 2))
    forward_bent(place, turn, matrix, values, rates, out)
    back_bent(images, place, turn, matrix, rates, back)
    np.testing.assert_allclose(out.ravel(), dense @ values.ravel(), atol=1e-5)
    np.testing.assert_allclose(back.ravel(), dense.T @ images.ravel(), atol=1e-5)
    apart = np.zeros((4, 7, 6, 2), np.float32)
    forward_parts(place, turn, matrix, values, apart)
    for part in range(2):
        alone = bent_matrix_of(place, turn, matrix, np.ones((4, 1)), (7, 6)) @ values[:, part]
        np.testing.assert_allclose(apart[..., part].ravel(), alone, atol=1e-5)


def test_each_voxel_of_a_spot_counts_with_the_omega_of_its_frame():
    pointer, frame = np.array([0, 3, 5]), np.array([0, 1, 9, 4, 4])
    row, col, intensity = np.array([5, 5, 6, 2, 3]), np.array([7, 7, 7, 1, 9]), np.array([1, 2, 4, 8, 16.0])
    out = np.zeros((2, 3, 3), np.float32)
    omega = np.array([[10.0, 20.0, 30.0], [-1.0, 0.0, 0.0]])
    corner, first = np.array([[5, 6], [1, 0]]), np.array([-1, 4])
    sum_with_omega(np.array([0, 1]), corner, pointer, (frame, row, col), intensity, first, 10, omega, out)
    wanted = np.zeros((2, 3, 3))
    wanted[0, 0, 1], wanted[0, 1, 1], wanted[1, 1, 1] = 1 * 20.0 + 2 * 30.0, 4 * 10.0, -8.0
    np.testing.assert_array_equal(out, wanted)


def line_of_voxels(*turned, grain_id=(1, 1, 1, 2, 2)):
    """A map of voxels along x, with rotations about z."""
    label = np.array(grain_id, np.int32)[None, None, :]
    rotation = np.zeros((*label.shape, 3), np.float32)
    rotation[0, 0, :, 2] = turned
    rotation[np.isnan(rotation).any(axis=-1)] = np.nan
    return GrainVolume(label, (label > 0).astype(np.uint8), label.astype(np.float32), np.zeros(3), 1.0, rotation)


def test_kernel_average_and_reference_deviation_stay_within_their_grain():
    volume = line_of_voxels(0.0, 0.1, 0.5, 3.0, np.nan)
    nan = np.nan
    np.testing.assert_allclose(kernel_average(volume)[0, 0], [0.1, 0.25, 0.4, nan, nan], atol=1e-6)
    np.testing.assert_allclose(reference_deviation(volume)[0, 0], [0.2, 0.1, 0.3, 0.0, nan], atol=1e-6)
    np.testing.assert_allclose(spread_of_grains(volume, 3), [np.sqrt(0.14 / 3), 0.0, nan], atol=1e-6)


def test_rotations_are_kept_by_the_files_and_must_fit_their_voxels(tmp_path, bent):
    volume = line_of_voxels(0.0, 0.1, 0.5, 3.0, np.nan)
    write_volume(tmp_path / "volume.h5", volume)
    np.testing.assert_array_equal(read_volume(tmp_path / "volume.h5").rotation_deg, volume.rotation_deg)
    with pytest.raises(FriedelError, match="rotation_deg"):
        replace(volume, rotation_deg=np.zeros((1, 1, 4, 3), np.float32))
    shapes = list(bent[2])
    shapes[1] = replace(shapes[1], rotation_deg=np.zeros((0, 0, 0, 3), np.float32))
    write_shapes(tmp_path / "shapes.h5", shapes)
    for shape, back in zip(shapes, read_shapes(tmp_path / "shapes.h5"), strict=True):
        np.testing.assert_array_equal(back.rotation_deg, shape.rotation_deg)
        assert (back.bend_explained, back.bend_null) == (shape.bend_explained, shape.bend_null)


def test_what_the_map_told_of_bends_is_forgotten_with_the_map(tmp_path, bent):
    grains, path = with_hkl(bent[1].truth), tmp_path / "grains.h5"
    told = {name: np.full(3, 0.5) for name in ("orientation_spread_deg", "bend_explained", "bend_null")}
    write_grains(path, replace(grains, **told))
    np.testing.assert_array_equal(read_grains(path).orientation_spread_deg, told["orientation_spread_deg"])
    assert "orientation_spread_deg" in read_grains(path).flat_columns()
    forget_description(path)
    assert all(len(getattr(read_grains(path), name)) == 0 for name in told)


def test_filled_voxels_take_the_rotation_of_the_nearest_and_grains_without_a_field_have_none(bent):
    _, simulation, shapes = bent
    shapes = [replace(shape, rotation_deg=np.zeros((0, 0, 0, 3), np.float32)) for shape in shapes[:1]] + shapes[1:]
    volume, _ = judged(simulation, shapes)
    known = np.isfinite(volume.rotation_deg).all(axis=-1)
    assert not known[volume.grain_id == 1].any()
    assert known[(volume.grain_id > 1) & (volume.status != 3)].all()
    assert known[(volume.grain_id > 1) & (volume.status == 3)].mean() > 0.9
