"""The fit of a grain to its spots against its slow twins."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.kernels.index import blob_lookup, fit_grain
from friedel.model.crystal import Phase
from friedel.model.setup import Beam, Detector
from tests import oracles_fit as oracles

WAVELENGTH = Beam(40.0).wavelength
DETECTOR = Detector.from_distance(3094.0, 3.5, (255.5, 255.5), tilt_deg=(0.3, -0.6, 0.2))
PLANE = bragg.detector_frame(DETECTOR.origin_um, DETECTOR.u_um, DETECTOR.v_um)
AL = Phase.from_lattice("Al", (4.0495, 4.0495, 4.0495, 90, 90, 90), "F m -3 m")
HKL = AL.reflections(1.1).hkl.astype(float)
WINDOW = (512.0, 512.0, 0.0, 2 * np.pi, 0.1, np.zeros((0, 4)), np.zeros((0, 2)))
NOISE = np.array([np.radians(0.03), 0.3, 0.3])


def predicted(U, position):
    """Both spots of every reflection: (2n,4) omega, row, col, |sin eta|, and their state."""
    spots, state = np.zeros((2 * len(HKL), 4)), np.zeros(2 * len(HKL), np.int64)
    blob_lookup.predict_spots(HKL @ (U @ AL.B).T, position, WAVELENGTH, PLANE, WINDOW, spots, state)
    return spots, state


def case(seed):
    """A grain, and hkl, places and errors of its spots as seen, one in ten far off."""
    rng = np.random.default_rng(seed)
    U, position = Rotation.random(rng=rng).as_matrix(), rng.uniform(-100, 100, 3)
    spots, state = predicted(U, position)
    use = np.flatnonzero(state == blob_lookup.EXPECTED)
    seen = spots[use, :3] + rng.normal(size=(len(use), 3)) * NOISE / np.column_stack(
        [spots[use, 3], np.ones((len(use), 2))]
    )
    seen[::10] += [0.01, 4.0, -3.0]
    error = NOISE * rng.uniform(0.7, 1.5, (len(use), 3))
    return U, position, HKL[use // 2], seen, error


def start_of(U, position):
    """Beside the truth."""
    return Rotation.from_rotvec([0.002, -0.001, 0.0015]).as_matrix() @ U, np.add(position, [3.0, -2.0, 4.0])


@pytest.mark.parametrize("seed", range(3))
def test_residuals_equal_predicted_minus_seen(seed):
    U, position, hkl, seen, _ = case(seed)
    expected = oracles.residuals(U @ AL.B, position, hkl, seen, WAVELENGTH, PLANE)
    hit, out = np.empty(2), np.empty(3)
    for i in range(len(hkl)):
        assert fit_grain.spot_residual(U @ AL.B, position, hkl[i], seen[i], WAVELENGTH, PLANE, hit, out)
        np.testing.assert_allclose(out, expected[i], rtol=1e-9, atol=1e-9)
    assert not fit_grain.spot_residual(
        U @ AL.B, position, np.array([40.0, 0, 0]), seen[0], WAVELENGTH, PLANE, hit, out
    )


@pytest.mark.parametrize("seed", range(3))
def test_normal_equations_equal_those_of_central_differences(seed):
    U, position, hkl, seen, error = case(seed)
    U, position = start_of(U, position)
    A, b = np.empty((6, 6)), np.empty(6)
    total = fit_grain.normal_equations(U, AL.B, position, hkl, seen, error, WAVELENGTH, PLANE, A, b)
    slow_A, slow_b, slow_total = oracles.normal_matrices(U, AL.B, position, hkl, seen, error, WAVELENGTH, PLANE)
    scale = np.sqrt(np.diag(slow_A))
    np.testing.assert_allclose(A / np.outer(scale, scale), slow_A / np.outer(scale, scale), atol=1e-4)
    np.testing.assert_allclose(b / scale, slow_b / scale, rtol=1e-4, atol=1e-3)
    assert total == pytest.approx(slow_total, rel=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_fit_ends_where_scipy_finds_the_least_cauchy_loss(seed):
    U, position, hkl, seen, error = case(seed)
    start = start_of(U, position)
    got, place, A = fit_grain.gauss_newton(start[0], AL.B, start[1], hkl, seen, error, WAVELENGTH, PLANE, 40)
    slow_U, slow_place = oracles.fitted(U, AL.B, position, hkl, seen, error, WAVELENGTH, PLANE)
    sigma = np.sqrt(np.diag(np.linalg.inv(A)))
    assert (np.abs(Rotation.from_matrix(got @ slow_U.T).as_rotvec()) < 0.02 * sigma[:3]).all()
    assert (np.abs(place - slow_place) < 0.02 * sigma[3:]).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_grain_is_fitted_to_its_nearest_blobs(seed):
    U, position, hkl, seen, _ = case(seed)
    rng = np.random.default_rng(seed)
    others = np.column_stack([rng.uniform(0, 2 * np.pi, 300), *rng.uniform(0, 511, (2, 300))])
    blobs = np.concatenate([np.column_stack([np.mod(seen[:, 0], 2 * np.pi), seen[:, 1:]]), others])
    lookup = blob_lookup.make_blob_lookup(blobs, np.zeros(blobs.shape), 512, 512)
    n = 2 * len(HKL)
    blob, square, state = np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
    start = start_of(U, position)
    got, place = fit_grain.fit_to_nearest_blobs(
        *start, AL.B, HKL, WAVELENGTH, PLANE, WINDOW, tuple(lookup), NOISE, 4.0, 5.0, blob, square, state
    )  # fmt: skip
    used = blob[blob >= 0]
    assert len(set(used.tolist())) == len(used) > 0.8 * len(hkl)
    spots, _ = predicted(got, place)
    near = oracles.nearest_blobs(spots[blob >= 0], blobs, np.zeros(blobs.shape), NOISE, 4.0)
    assert np.mean([b == order[0] for b, (order, _) in zip(used, near, strict=True)]) > 0.98
    args = (HKL[np.flatnonzero(blob >= 0) // 2], blobs[used], np.tile(NOISE, (len(used), 1)), WAVELENGTH, PLANE)
    slow_U, slow_place = oracles.fitted(U, AL.B, position, *args)
    assert AL.misorientation_deg(got, slow_U) < 0.005
    np.testing.assert_allclose(place, slow_place, atol=0.1)


def test_choices_of_blobs_equal_those_of_looking_at_all_blobs():
    rng = np.random.default_rng(4)
    place = np.column_stack([rng.uniform(0, 2 * np.pi, 900), *rng.uniform(0, 100, (2, 900))])
    extra_error = np.where(rng.random((900, 1)) < 0.1, [[0.02, 2.0, 3.0]], 0.0)
    spots = np.column_stack(
        [rng.uniform(0, 2 * np.pi, 80), *rng.uniform(-5, 105, (2, 80)), rng.uniform(0.05, 1, 80)]
    )
    lookup, error = blob_lookup.make_blob_lookup(place, extra_error, 100, 100), np.array([0.03, 1.5, 2.5])
    state = np.where(np.arange(80) % 9 == 0, blob_lookup.ABSENT, blob_lookup.EXPECTED)
    blobs, squares = np.full((80, 12), 7), np.empty((80, 12))
    blob_lookup.blob_choices(spots, state, tuple(lookup), error, 3.0, blobs, squares)
    for s, (order, near) in enumerate(oracles.nearest_blobs(spots, place, extra_error, error, 3.0)):
        count = 0 if state[s] == blob_lookup.ABSENT else min(len(order), 12)
        assert blobs[s].tolist() == order[:count].tolist() + [-1] * (12 - count)
        np.testing.assert_allclose(squares[s, :count], near[:count], rtol=1e-9)


def test_one_blob_is_only_the_nearest_spots():
    rng = np.random.default_rng(6)
    place = np.column_stack([rng.uniform(0, 2 * np.pi, 60), *rng.uniform(0, 40, (2, 60))])
    extra_error = np.zeros((60, 3))
    spots = np.column_stack([rng.uniform(0, 2 * np.pi, 90), *rng.uniform(0, 40, (2, 90)), rng.uniform(0.1, 1, 90)])
    lookup, error = blob_lookup.make_blob_lookup(place, extra_error, 40, 40), np.array([0.3, 3.0, 3.0])
    state = np.where(np.arange(90) % 9 == 0, blob_lookup.ABSENT, blob_lookup.EXPECTED)
    blob, square = np.full(90, 7), np.zeros(90)
    blob_lookup.nearest_blob_each(spots, state, tuple(lookup), error, 3.0, blob, square)
    there = state != blob_lookup.ABSENT
    assert (blob[~there] == -1).all()
    expected = oracles.nearest_blob_each(spots[there], place, extra_error, error, 3.0)
    assert blob[there].tolist() == expected.tolist()
    assert 10 < np.count_nonzero(expected >= 0) < np.count_nonzero(there)


def test_what_is_expected_free_and_found_is_counted():
    rng = np.random.default_rng(0)
    kinds = [blob_lookup.EXPECTED, blob_lookup.POSSIBLE, blob_lookup.ABSENT]
    blob, state, claimed = rng.integers(-1, 20, 200), rng.choice(kinds, 200), rng.random(20) < 0.4
    counts = np.empty(3, np.int64)
    fit_grain.count_spots(blob, state, claimed, counts)
    expected = state == blob_lookup.EXPECTED
    free = expected & ~((blob >= 0) & claimed[blob])
    assert counts.tolist() == [free.sum(), (free & (blob >= 0)).sum(), expected.sum()]
