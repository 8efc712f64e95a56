"""Grains in a sample."""

import numpy as np
import pytest
from scipy.ndimage import label as components
from scipy.spatial import ConvexHull

from friedel.model.crystal import Phase
from friedel.simulator import SimulationParams, SpecimenParams
from friedel.simulator.sample import _nearest, make_specimen, random_rotations

AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
TI = Phase.from_lattice("Ti", [2.9505, 2.9505, 4.6826, 90, 90, 120], "P63/mmc")


def specimen(phase=AL, grains=30, **sample):
    values = {"radius_um": 20.0, "height_um": 30.0, "voxel_um": 1.0, **sample}
    params = SimulationParams(grains=grains, sample=SpecimenParams(**values))
    return make_specimen(params, [phase], np.random.default_rng(5)), params


def test_cells_are_the_smallest_power_distance():
    rng = np.random.default_rng(0)
    points, seeds, radii = rng.random((500, 3)), rng.random((20, 3)), 0.2 * rng.random(20)
    power = ((points[:, None] - seeds) ** 2).sum(axis=2) - radii**2
    np.testing.assert_array_equal(_nearest(points, seeds, radii), power.argmin(axis=1))


@pytest.mark.parametrize("shape", ["cylinder", "box"])
def test_grains_fill_the_sample_and_nothing_else(shape):
    made, params = specimen(shape=shape, size_um=(30.0, 40.0, 20.0))
    volume = made.volume
    z, y, x = (
        volume.origin_um[axis] + (np.arange(n) + 0.5) * volume.voxel_um
        for axis, n in zip((2, 1, 0), volume.grain_id.shape, strict=True)
    )
    if shape == "cylinder":
        inside = np.broadcast_to((np.hypot(x[None, :], y[:, None]) < 20.0)[None], volume.grain_id.shape)
        assert volume.grain_id.shape == (30, 40, 40)
    else:
        inside = np.ones((20, 40, 30), bool)
    np.testing.assert_array_equal(volume.grain_id > 0, inside)
    np.testing.assert_array_equal(volume.status, inside.astype(np.uint8))
    assert len(made.position_um) == inside.sum()
    assert abs(z.mean()) < 1e-9
    assert params.voxel_um == 1.0


def test_voxels_of_each_grain_are_together_and_its_lattice_turns_evenly_about_the_mean():
    made, _ = specimen()
    for i in range(len(made.grains)):
        part = slice(made.pointer[i], made.pointer[i + 1])
        np.testing.assert_allclose(made.position_um[part].mean(axis=0), made.grains.position_um[i], atol=1e-3)
        turned = made.rotation[part]
        assert np.abs(turned.mean(axis=0)).max() < 1e-7
        ends = turned[np.argmax(turned @ turned[0])] - turned[np.argmin(turned @ turned[0])]
        assert np.linalg.norm(ends) == pytest.approx(np.radians(0.1), rel=1e-4)
        assert np.linalg.matrix_rank(turned, tol=1e-7) == 1


def test_sizes_spread_as_asked():
    even, _ = specimen(grains=60, size_spread=0.0, lloyd_passes=10)
    uneven, _ = specimen(grains=60, size_spread=0.5, lloyd_passes=2)
    spread = [np.std(np.log(np.diff(made.pointer))) for made in (even, uneven)]
    assert spread[0] < 0.35 < spread[1]


def test_no_grain_is_lost():
    for spread in (0.0, 0.3, 1.0):
        made, _ = specimen(grains=200, size_spread=spread, waviness_um=1.0)
        assert len(made.grains) == 200
        assert np.diff(made.pointer).min() > 0


def test_wavy_grains_are_not_convex():
    flat, _ = specimen(grains=8)
    wavy, _ = specimen(grains=8, waviness_um=2.0)

    def solidity(made):
        """Part of each grain's convex hull that it fills itself."""
        parts = np.split(made.position_um, made.pointer[1:-1])
        return np.mean([len(part) / ConvexHull(part).volume for part in parts])

    assert solidity(flat) > 1.0
    assert solidity(wavy) < solidity(flat) - 0.05


@pytest.mark.parametrize(("phase", "angle"), [(AL, 60.0), (TI, 85.0)])
def test_twins_are_lamellae_with_the_twin_orientation(phase, angle):
    made, _ = specimen(phase, grains=6, twin_fraction=0.5)
    table = made.grains
    assert len(table) == 9
    for twin in range(6, 9):
        angles = phase.misorientation_deg(table.U[:6], table.U[twin])
        assert np.abs(angles - angle).min() < 1.5
        _, parts = components(made.volume.grain_id == twin + 1)
        assert parts <= 2


def test_random_rotations_are_proper_and_even():
    U = random_rotations(4000, np.random.default_rng(0))
    np.testing.assert_allclose(U @ np.swapaxes(U, 1, 2), np.broadcast_to(np.eye(3), U.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(U), 1.0)
    assert np.abs(U.mean(axis=0)).max() < 0.05
