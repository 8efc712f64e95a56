"""Grains with a single pair: the turn about its plane's normal is tried."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.index import IndexParams, index
from friedel.kernels.index import blob_lookup
from friedel.kernels.index.turned_seeds import about, best_turns, onto, places_of_spot
from friedel.match import MatchParams, match
from friedel.model.setup import Axis
from tests.oracles_fit import nearest_blobs
from tests.oracles_match import is_true, spot_table
from tests.unit.test_fit_grain import HKL, PLANE, WAVELENGTH, WINDOW, case, predicted
from tests.unit.test_match import AL, SETUP, TI


@pytest.mark.parametrize("seed", range(5))
def test_a_vector_is_taken_along_another_and_turned_about_it(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 3))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    for other in (b, a, -a):
        R = onto(a, other)
        assert np.allclose(R @ a, other)
        assert np.allclose(R @ R.T, np.eye(3))
        assert np.linalg.det(R) == pytest.approx(1)
    assert np.allclose(about(a, np.cos(0.7), np.sin(0.7)), Rotation.from_rotvec(0.7 * a).as_matrix())


@pytest.mark.parametrize("seed", range(3))
def test_the_best_turn_is_that_of_looking_at_every_turn(seed):
    U, position, _, seen, _ = case(seed)
    rng = np.random.default_rng(seed)
    extra = np.zeros_like(seen)
    seen[:, 0] %= 2 * np.pi
    lookup, error = blob_lookup.make_blob_lookup(seen, extra, 512, 512), np.array([np.radians(0.3), 2.0, 2.0])
    plane, count = HKL[rng.integers(len(HKL))], 120
    normal = AL.B @ plane / np.linalg.norm(AL.B @ plane)
    g = U @ normal
    scores, Us, places = np.zeros(2), np.zeros((2, 3, 3)), np.zeros((2, 3))
    best_turns(
        np.stack([position, position + 90.0]), np.stack([g, g]), np.stack([normal, normal]),
        np.array([[count, 2 * np.pi]] * 2), AL.B, HKL, WAVELENGTH, PLANE, WINDOW, tuple(lookup), error, 3.0,
        scores, Us, places,
    )  # fmt: skip
    slow = []
    for angle in 2 * np.pi * np.arange(count) / count:
        turned = Rotation.from_rotvec(angle * g).as_matrix() @ onto(normal, g)
        spots, state = predicted(turned, position)
        wanted = state == blob_lookup.EXPECTED
        near = nearest_blobs(spots[wanted], seen, extra, error, 3.0)
        slow.append(sum(len(order) > 0 for order, _ in near) / max(wanted.sum(), 6))
    assert scores[0] == pytest.approx(max(slow))
    assert scores[1] < scores[0]
    np.testing.assert_allclose(places[0], position)
    assert AL.misorientation_deg(Us[:1], U)[0] < 2.0


def only_pairs(pairs, rows):
    columns = {name: values[rows] for name, values in pairs.across.columns.items()}
    return replace(pairs, across=replace(pairs.across, columns=columns))


@pytest.mark.parametrize("phase", [AL, TI], ids=["Al", "Ti"])
def test_one_pair_is_enough_for_a_grain(phase):
    blobs = spot_table(SETUP, [phase], 6, turn_deg=180.0, seed=2)
    pairs = match(blobs, SETUP, [phase], MatchParams())
    grain = blobs["grain"][pairs.across["blob_a"]]
    true = np.flatnonzero(is_true(blobs, pairs.across))
    first = [int(true[grain[true] == one][0]) for one in range(6)]
    grains = index(blobs, only_pairs(pairs, first), SETUP, [phase], IndexParams())
    owners = [
        np.unique(blobs["grain"][grains.blobs[a:b]])
        for a, b in zip(grains.blob_pointer, grains.blob_pointer[1:], strict=False)
    ]
    assert sorted(int(owner[0]) for owner in owners) == list(range(6))


def test_single_spots_give_grains_where_there_are_no_pairs_at_all():
    blobs = spot_table(SETUP, [AL], 4, turn_deg=90.0, seed=4)
    pairs = only_pairs(match(blobs, SETUP, [AL], MatchParams()), np.zeros(0, dtype=np.int64))
    grains = index(blobs, pairs, SETUP, [AL], IndexParams())
    owners = [
        np.unique(blobs["grain"][grains.blobs[a:b]])
        for a, b in zip(grains.blob_pointer, grains.blob_pointer[1:], strict=False)
    ]
    assert all(len(owner) == 1 for owner in owners)
    assert sorted(int(owner[0]) for owner in owners) == list(range(4))


def test_single_spots_at_random_angles_give_none():
    blobs = spot_table(SETUP, [AL], 4, turn_deg=90.0, seed=4)
    omega = np.random.default_rng(0).permutation(blobs["omega"])
    shuffled = replace(blobs, columns={**blobs.columns, "omega": omega})
    pairs = only_pairs(match(shuffled, SETUP, [AL], MatchParams()), np.zeros(0, dtype=np.int64))
    assert not len(index(shuffled, pairs, SETUP, [AL], IndexParams()))


def test_places_of_a_spot_are_on_its_cone_and_in_the_sample():
    seen, omega, two_theta = np.array([3094.0, 300.0, -400.0]), 0.7, np.radians(8.78)
    half = np.array([157.5, 157.5, 126.0])
    points, g = np.empty((5000, 3)), np.empty((5000, 3))
    count = places_of_spot(seen, omega, two_theta, half, False, 20.0, points, g)
    assert 30 < count < 5000
    points, g = points[:count], g[:count]
    turn = Rotation.from_euler("z", omega)
    ray = seen - turn.apply(points)
    ray /= np.linalg.norm(ray, axis=1)[:, None]
    assert np.allclose(ray[:, 0], np.cos(two_theta), atol=1e-9)
    assert np.allclose((ray - [1, 0, 0]) / (2 * np.sin(two_theta / 2)), turn.apply(g), atol=1e-9)
    assert (np.hypot(points[:, 0], points[:, 1]) <= 157.5 + 1e-9).all()
    assert (np.abs(points[:, 2]) <= 126).all()


def test_pairs_by_chance_alone_give_none():
    blobs = spot_table(SETUP, [AL], 12, turn_deg=180.0, seed=2)
    wrong = replace(SETUP, axis=Axis(-1))
    pairs = match(blobs, wrong, [AL], MatchParams())
    assert len(pairs.across) > 0
    assert not len(index(blobs, pairs, wrong, [AL], IndexParams()))
