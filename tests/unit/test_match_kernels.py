"""Kernels of Friedel pairs, against slow twins."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.kernels.calibrate.ring_scores import ring_scores
from friedel.kernels.match import friedel_pairs
from friedel.model.crystal import Phase
from friedel.model.setup import Beam, Detector
from tests.oracles_match import candidates_by_hand, line_by_turning

AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
WAVELENGTH = Beam(40.0).wavelength
POSITION = np.array([70.0, -40.0, 55.0])
DETECTORS = {
    "ideal": Detector.from_distance(3094.0, 3.5, (255.5, 255.5)),
    "tilted": Detector.from_distance(3094.0, 3.5, (240.0, 260.0), tilt_deg=(3.0, -8.0, 5.0)),
    "flipped": Detector.from_distance(3094.0, 3.5, (255.5, 255.5), tilt_deg=(90.0, 0.0, 2.0), flip=("cols",)),
}


def exact_pairs(detector, seed=0):
    """Spots of one grain without noise: those of h, those of -h half a turn later, and the two theta of h."""
    U = Rotation.random(random_state=seed).as_matrix()
    hkl = AL.reflections(1.2).hkl
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    a = bragg.predict(hkl @ (U @ AL.B).T, POSITION, WAVELENGTH, plane)
    b = bragg.predict(-hkl @ (U @ AL.B).T, POSITION, WAVELENGTH, plane)
    first, second = [], []
    for i, reflection in enumerate(a.reflection):
        apart = np.mod(b.omega - a.omega[i], 2 * np.pi) - np.pi
        match = np.flatnonzero((b.reflection == reflection) & (np.abs(apart) < 1e-9))
        first += [i] * len(match)
        second += match.tolist()
    return a, b, np.array(first), np.array(second)


def random_spots(seed, n=160, spread=1.0):
    """Spots anywhere on the detector, half of them placed near a partner of the other half."""
    rng = np.random.default_rng(seed)
    half = n // 2
    position = np.column_stack([np.full(n, 3000.0) + rng.uniform(-40, 40, n), *rng.uniform(-800, 800, (2, n))])
    omega = rng.uniform(0, 2 * np.pi, n)
    position[half:] = position[:half] * [1, 1, -1] + rng.uniform(-150, 150, (half, 3)) * [0, 1, 1]
    omega[half:] = np.mod(omega[:half] + np.pi + rng.normal(0, 0.02, half), 2 * np.pi)
    features = np.column_stack([rng.normal(0, 0.6, (n, 4)), rng.uniform(-0.5, 0.5, n)])
    features[half:] = features[:half] * [1, 1, 1, 1, -1] + rng.normal(0, 0.3, (half, 5))
    variances = (
        spread * rng.uniform(0.2, 1.0, (n, 3 + friedel_pairs.FEATURES)) * [1e-4, 9.0, 9.0, 0.3, 0.3, 0.3, 0.3, 0.2]
    )
    return friedel_pairs.LabSpots(omega, position, variances, features)


def pair_limits(kind=friedel_pairs.CYLINDER, factor=2.5, **others):
    values = {
        "omega": 0.03, "two_theta": 0.012, "least_sin_eta": 0.15, "factor": factor,
        "intensity": 1.2, "area": 1.4, "box": 1.0, "correlation": 0.9,
        "kind": kind, "half_x": 120.0, "half_y": 90.0, "half_z": 80.0, "margin": 7.0,
    }  # fmt: skip
    return friedel_pairs.PairLimits(**{**values, **others})


RINGS = np.radians(np.arange(5.0, 25.0, 1.7))


@pytest.mark.parametrize("name", DETECTORS)
def test_the_line_of_a_pair_passes_the_grain_on_any_detector(name):
    detector = DETECTORS[name]
    a, b, first, second = exact_pairs(detector)
    assert len(first) > 30
    lines = friedel_pairs.friedel_lines(
        detector.position_um(a.row, a.col)[first],
        detector.position_um(b.row, b.col)[second],
        a.omega[first],
        b.omega[second],
    )
    away = np.linalg.norm(np.cross(POSITION - lines.point, lines.direction), axis=1)
    np.testing.assert_allclose(away, 0.0, atol=1e-6)
    np.testing.assert_allclose(lines.two_theta, a.two_theta[first], atol=1e-10)
    np.testing.assert_allclose(np.cos(lines.eta - a.eta[first]), 1.0, atol=1e-12)
    np.testing.assert_allclose(lines.direction, friedel_pairs.turned_back(a.k[first], a.omega[first]), atol=1e-10)


def test_partners_have_mirrored_eta():
    a, b, first, second = exact_pairs(DETECTORS["ideal"])
    np.testing.assert_allclose(np.cos(b.eta[second] - (np.pi - a.eta[first])), 1.0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_lines_equal_those_of_carrying_both_spots_along_with_the_sample(seed):
    spots = random_spots(seed)
    n = len(spots.omega) // 2
    lines = friedel_pairs.friedel_lines(spots.position[:n], spots.position[n:], spots.omega[:n], spots.omega[n:])
    for i in range(n):
        two_theta, eta, direction, point = line_by_turning(
            spots.position[i], spots.position[n + i], spots.omega[i], spots.omega[n + i]
        )
        np.testing.assert_allclose([lines.two_theta[i], lines.eta[i]], [two_theta, eta], atol=1e-9)
        np.testing.assert_allclose(lines.direction[i], direction, atol=1e-9)
        np.testing.assert_allclose(np.cross(lines.point[i] - point, direction), 0.0, atol=1e-6)
        assert abs(lines.point[i] @ direction) < 1e-6


@pytest.mark.parametrize("kind", [friedel_pairs.ANYWHERE, friedel_pairs.CYLINDER, friedel_pairs.BOX])
@pytest.mark.parametrize("factor", [1.5, 2.5, np.inf])
def test_candidates_equal_those_of_looking_at_every_pair(kind, factor):
    found = 0
    for seed in range(3):
        spots, limits = random_spots(seed), pair_limits(kind, factor)
        rows, residuals = friedel_pairs.find_candidates(spots, RINGS, limits)
        expected = candidates_by_hand(spots, RINGS, limits)
        np.testing.assert_array_equal(rows, expected[:, :3].astype(int))
        np.testing.assert_allclose(residuals, expected[:, 3:], rtol=1e-7, atol=1e-9)
        found += len(rows)
    assert found > 4


def test_asking_some_spots_gives_all_pairs_of_these():
    spots, limits = random_spots(7), pair_limits(factor=np.inf)
    rows, _ = friedel_pairs.find_candidates(spots, RINGS, limits)
    asked = np.arange(0, len(spots.omega), 3)
    some, _ = friedel_pairs.find_candidates(spots, RINGS, limits, asked)
    expected = {tuple(row) for row in rows.tolist() if row[0] % 3 == 0 or row[1] % 3 == 0}
    assert {tuple(row) for row in some.tolist()} == expected


def test_candidates_do_not_depend_on_the_order_of_the_spots():
    spots, limits = random_spots(3), pair_limits(factor=np.inf)
    order = np.random.default_rng(0).permutation(len(spots.omega))
    rows, _ = friedel_pairs.find_candidates(spots, RINGS, limits)
    shuffled, _ = friedel_pairs.find_candidates(friedel_pairs.LabSpots(*(x[order] for x in spots)), RINGS, limits)
    assert {frozenset(r) for r in rows[:, :2].tolist()} == {frozenset(r) for r in order[shuffled[:, :2]].tolist()}


def test_pairs_are_found_across_the_ends_of_a_turn():
    spots = random_spots(1, spread=4.0)
    limits = pair_limits(factor=np.inf)
    before = {tuple(r) for r in friedel_pairs.find_candidates(spots, RINGS, limits)[0][:, :2].tolist()}
    turned = spots._replace(omega=np.mod(spots.omega + 1.2345, 2 * np.pi))
    after = {
        tuple(r)
        for r in friedel_pairs.find_candidates(turned, RINGS, limits._replace(kind=friedel_pairs.CYLINDER))[0][
            :, :2
        ].tolist()
    }
    assert before == after
    assert before


def test_no_spots_have_no_candidates():
    empty = friedel_pairs.LabSpots(np.zeros(0), np.zeros((0, 3)), np.zeros((0, 8)), np.zeros((0, 5)))
    rows, residuals = friedel_pairs.find_candidates(empty, RINGS, pair_limits())
    assert rows.shape == (0, 3)
    assert len(residuals) == 0


def test_best_first_and_every_spot_once():
    rows = np.array([[0, 1, 0], [1, 2, 0], [2, 3, 0], [4, 5, 0], [3, 4, 0]])
    keep = np.zeros(5, np.bool_)
    assert friedel_pairs.take_best(rows, np.zeros(6, np.bool_), keep) == 3
    assert keep.tolist() == [True, False, True, True, False]


@pytest.mark.parametrize("angle", [0.0, 6.0, 7.49, 7.51, 90.0])
def test_the_nearest_ring_is_the_nearest(angle):
    rings = np.radians([5.0, 10.0, 11.0])
    assert friedel_pairs.nearest(rings, np.radians(angle)) == np.argmin(np.abs(rings - np.radians(angle)))


def test_scores_of_rings_equal_a_sum_in_numpy():
    rng = np.random.default_rng(0)
    direction = np.column_stack([rng.uniform(6000, 6400, 50), rng.uniform(-900, 900, (50, 2))])
    weight, across, along = rng.random(50), np.array([-5.0, 0.0, 9.0]), np.array([-60.0, 20.0])
    out = np.empty((3, 2))
    ring_scores(direction, weight, RINGS, across, along, 0.002, out)
    for i, j in np.ndindex(3, 2):
        moved = direction + np.array([2 * along[j], 2 * across[i], 0.0])
        angle = np.arctan2(np.hypot(moved[:, 1], moved[:, 2]), moved[:, 0])
        off = np.abs(angle[:, None] - RINGS).min(axis=1) / 0.002
        assert out[i, j] == pytest.approx((weight * np.exp(-0.5 * off**2) * (off < 4)).sum(), rel=1e-9)
