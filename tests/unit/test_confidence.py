"""How likely the voxels of a map have their right grain, and whether that is true."""

import numpy as np
import pytest

from friedel.assemble import boundary_places as module
from friedel.assemble.boundary_places import LEVEL, MapLayers, boundary_places
from friedel.evaluator import evaluate_volume
from friedel.evaluator.confidence import calibration
from friedel.model.grains import GrainVolume, Status


def random_layers(seed, shape=(11, 9, 10), grains=4):
    """Grains by nearest seeds, with gaps and overlaps and empty corners."""
    rng = np.random.default_rng(seed)
    place = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).astype(float)
    away = np.linalg.norm(place[..., None, :] - rng.uniform(0, shape, (grains, 3)), axis=-1)
    label = (away.argmin(axis=-1) + 1).astype(np.int32)
    label[away.min(axis=-1) > 6] = 0
    status = np.where(label > 0, rng.choice([1, 1, 1, 2, 3], shape), 0).astype(np.uint8)
    lead = rng.random(shape).astype(np.float32)
    return MapLayers(label, status, lead)


def to_the_rim(layers, at):
    """Distance from a voxel that touches another grain to the plane between them: reciprocals add in squares."""
    label, _, lead, _ = layers
    inverse = 0.0
    for axis in range(3):
        parts = []
        for way in (-1, 1):
            other = list(at)
            other[axis] += way
            if 0 <= other[axis] < label.shape[axis] and label[tuple(other)] not in (0, label[at]):
                mine, theirs = (float(lead[one]) + LEVEL for one in (at, tuple(other)))
                parts.append(mine / (mine + theirs))
        inverse += 1 / min(parts) ** 2 if parts else 0.0
    return 1 / np.sqrt(inverse) if inverse else np.inf


@pytest.mark.parametrize("seed", range(3))
def test_depth_gap_and_neighbour_are_those_of_a_search_through_all_voxels(seed):
    layers = random_layers(seed)
    label, status, _, _ = layers
    found = boundary_places(layers)
    voxels = [tuple(one) for one in np.argwhere(label > 0)]
    rims = {at: to_the_rim(layers, at) for at in voxels}
    rims = {at: depth for at, depth in rims.items() if np.isfinite(depth)}
    for row, at in enumerate(voxels):
        far = {other: np.linalg.norm(np.subtract(at, other)) for other in rims}
        near = min(far.values())
        expected = {min(near + rims[other], module.REACH) for other, d in far.items() if d < near + 1e-9}
        assert min(abs(found.depth[row] - one) for one in expected) < 1e-5
        assert found.other[row] != label[at]
        if status[at] == Status.MEASURED:
            assert found.gap[row] == found.away[row] == 0
            continue
        sure = [other for other in voxels if status[other] == Status.MEASURED]
        own, others = (
            min(
                (np.linalg.norm(np.subtract(at, one)) for one in sure if (label[one] == label[at]) == mine),
                default=9,
            )
            for mine in (True, False)
        )
        assert found.away[row] == pytest.approx(min(own, module.REACH))
        assert found.gap[row] == pytest.approx(min(own, module.REACH) + min(others, module.REACH))


def test_places_are_the_same_slab_by_slab(monkeypatch):
    layers = random_layers(5, (30, 7, 8), 9)
    whole = boundary_places(layers)
    monkeypatch.setattr(module, "SLAB", 3)
    for one, other in zip(whole, boundary_places(layers), strict=True):
        np.testing.assert_array_equal(one, other)


def test_how_densities_are_scaled_does_not_matter_much():
    layers = random_layers(6)
    scaled = boundary_places(layers._replace(lead=3 * layers.lead + 2 * LEVEL))
    np.testing.assert_allclose(scaled.depth, boundary_places(layers).depth, atol=1e-5)


def test_places_on_a_finer_grid_are_in_voxels_of_the_shapes():
    label = np.repeat(np.array([1, 2], np.int32), 12)[None, None].repeat(10, 0).repeat(10, 1)
    status = np.where(np.arange(24) < 16, Status.MEASURED, Status.DILATED).astype(np.uint8) + np.zeros_like(label)
    lead = (np.abs(np.arange(24) - 11.5) / 2 + np.zeros(label.shape)).astype(np.float32)
    found = boundary_places(MapLayers(label, status, lead, 2))
    row = found.depth.reshape(label.shape)[5, 5]
    np.testing.assert_allclose(row, np.minimum(np.abs(np.arange(24) - 11.5) / 2, module.REACH), atol=1e-6)
    np.testing.assert_allclose(found.away.reshape(label.shape)[5, 5, 15:18], [0.0, 0.5, 1.0])


def test_calibration_compares_what_is_said_with_what_is_right():
    said = np.array([0.9] * 10 + [0.5] * 4 + [1.0] * 5)
    right = np.array([True] * 9 + [False] + [True, False] * 2 + [True] * 5)
    found = calibration(said, right)
    assert [(one["voxels"], one["said"], one["right"]) for one in found["bins"]] == [
        (4, pytest.approx(0.5), 0.5),
        (10, pytest.approx(0.9), 0.9),
        (5, 1.0, 1.0),
    ]
    assert found["error"] == pytest.approx(0.0, abs=1e-9)
    assert calibration(said, ~right)["error"] == pytest.approx((10 * 0.8 + 5) / 19)


def test_wrong_voxels_are_counted_by_status_on_any_grid():
    true = np.repeat(np.array([1, 2], np.int32), 4)[None, None].repeat(4, 0).repeat(4, 1)
    found = np.array([1, 1, 1, 1, 1, 2, 2, 2], np.int32)[None].repeat(4, 0)
    found = found[None].repeat(4, 0).astype(np.int32)
    status = np.full(found.shape, Status.MEASURED, np.uint8)
    status[..., 5] = Status.DILATED
    said = np.full(found.shape, 0.9, np.float32)

    def volume(label, status, said=None, voxel=1.0):
        return GrainVolume(label, status, np.ones(label.shape, np.float32), np.zeros(3), voxel, None, said)

    scores = evaluate_volume(volume(found, status, said), volume(true, np.ones_like(status)))
    assert scores["wrong"] == {"measured": pytest.approx(1 / 7), "dilated": 0.0}
    assert scores["confidence"]["bins"][0]["right"] == pytest.approx(7 / 8)
    fine = [np.repeat(np.repeat(np.repeat(one, 2, 0), 2, 1), 2, 2) for one in (found, status, said)]
    finer = evaluate_volume(volume(*fine, voxel=0.5), volume(true, np.ones_like(status)))
    assert finer["wrong"] == scores["wrong"]
    assert finer["confidence"]["error"] == pytest.approx(scores["confidence"]["error"])
