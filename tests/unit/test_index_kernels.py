"""Kernels of indexing against slow and obvious twins."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.kernels.index import blob_lookup, fit_grain, grain_seeds, line_lookup
from friedel.kernels.index.assignment import assign_one_to_one, first_choices, unassigned
from friedel.model.crystal import Phase
from friedel.model.setup import Beam, Detector

WAVELENGTH = Beam(40.0).wavelength
DETECTOR = Detector.from_distance(3094.0, 3.5, (255.5, 255.5), tilt_deg=(0.3, -0.6, 0.2))
PLANE = bragg.detector_frame(DETECTOR.origin_um, DETECTOR.u_um, DETECTOR.v_um)
AL = Phase.from_lattice("Al", (4.0495, 4.0495, 4.0495, 90, 90, 90), "F m -3 m")
WINDOW = (512.0, 512.0, 0.0, 2 * np.pi, 0.1, np.zeros((0, 4)), np.zeros((0, 2)))


def lines(count, seed=0):
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(count, 3)) * [1, 1, 0.3]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = rng.uniform(-50, 50, (count, 3)) + 300 * directions
    return points, directions


@pytest.mark.parametrize("cell", [4.0, 9.0, 60.0])
def test_lines_near_a_line_are_those_that_looking_at_all_of_them_finds(cell):
    points, directions = lines(300)
    low, high = np.full(3, -60.0), np.full(3, 60.0)
    lookup = line_lookup.make_line_lookup(points, directions, low, high, cell)
    usable = np.arange(300) % 7 != 0
    seen_from = np.full(300, -1, dtype=np.int64)
    found, along, out = np.empty(300, dtype=np.int64), np.empty(300), np.empty(3)
    for i in range(0, 300, 11):
        n = line_lookup.lines_near(i, points, directions, usable, tuple(lookup), 4.0, 0.1, seen_from, found, along)
        expected = {}
        for j in range(300):
            line_lookup.closest_approach(points[i], directions[i], points[j], directions[j], out)
            place = points[i] + out[2] * directions[i]
            if j != i and usable[j] and out[0] <= 3.0 and out[1] >= 0.1 and (np.abs(place) < 55).all():
                expected[j] = out[2]
        got = dict(zip(found[:n].tolist(), along[:n], strict=True))
        assert set(expected) <= set(got)
        for j, t in expected.items():
            assert got[j] == pytest.approx(t, abs=1e-9)


def test_closest_approach_is_the_smallest_distance_of_points_of_both_lines():
    points, directions = lines(20, 3)
    out = np.empty(3)
    for i in range(0, 20, 2):
        p, d, q, e = points[i], directions[i], points[i + 1], directions[i + 1]
        line_lookup.closest_approach(p, d, q, e, out)
        t, s = np.linalg.lstsq(np.column_stack([d, -e]), q - p, rcond=None)[0]
        assert out[0] == pytest.approx(np.linalg.norm(p + t * d - q - s * e), abs=1e-9)
        assert out[1] == pytest.approx(np.linalg.norm(np.cross(d, e)), abs=1e-12)
        assert out[2] == pytest.approx(t, abs=1e-6)


def test_the_distance_of_parallel_lines_is_that_across():
    out = np.empty(3)
    along = np.array([0.0, 0.6, 0.8])
    line_lookup.closest_approach(np.zeros(3), along, np.array([3.0, 8.0, -6.0]), along, out)
    assert out[0] == pytest.approx(np.sqrt(109.0))
    assert out[1] == 0.0


def place_of(spots):
    return np.column_stack([spots[:, 0], spots[:, 1], spots[:, 2]])


@pytest.mark.parametrize("seed", range(4))
def test_blobs_looked_up_are_those_that_looking_at_all_of_them_finds(seed):
    rng = np.random.default_rng(seed)
    place = np.column_stack([rng.uniform(0, 2 * np.pi, 900), *rng.uniform(0, 100, (2, 900))])
    extra_error = np.where(rng.random((900, 1)) < 0.1, [[0.02, 2.0, 3.0]], 0.0)
    lookup = blob_lookup.make_blob_lookup(place, extra_error, 100, 100)
    error = np.array([0.03, 1.5, 2.5])
    near, squares = np.empty(50, dtype=np.int64), np.empty(50)
    for _ in range(60):
        spot = np.array(
            [rng.choice([0.001, rng.uniform(0, 6.28), 6.282]), *rng.uniform(-10, 110, 2), rng.uniform(0.05, 1)]
        )
        n = blob_lookup.nearest_blobs(spot, tuple(lookup), error, 3.5, near, squares)
        off = spot[:3] - place
        off[:, 0] = (np.mod(off[:, 0] + np.pi, 2 * np.pi) - np.pi) * spot[3]
        all_squares = (off**2 / (error**2 + extra_error**2)).sum(axis=1)
        expected = np.flatnonzero(all_squares <= 3.5**2)
        assert set(near[:n].tolist()) == set(expected.tolist())
        np.testing.assert_allclose(squares[:n], np.sort(all_squares[expected]), rtol=1e-9)


def test_with_little_room_the_nearest_blobs_come_first():
    place = np.array([[1.0, 50.0, 50.0 + d] for d in (3.0, 1.0, 2.0, 0.5)])
    lookup = blob_lookup.make_blob_lookup(place, np.zeros((4, 3)), 100, 100)
    near, squares = np.empty(2, dtype=np.int64), np.empty(2)
    spot = np.array([1.0, 50.0, 50.0, 1.0])
    assert blob_lookup.nearest_blobs(spot, tuple(lookup), np.ones(3), 10.0, near, squares) == 2
    assert near.tolist() == [3, 1]


def grain(seed=0):
    rng = np.random.default_rng(seed)
    return Rotation.random(rng=rng).as_matrix(), rng.uniform(-100, 100, 3)


def spots_of(U, position, window=WINDOW):
    hkl = AL.reflections(1.1).hkl.astype(float)
    spots, state = np.zeros((2 * len(hkl), 4)), np.zeros(2 * len(hkl), dtype=np.int64)
    blob_lookup.predict_spots(hkl @ (U @ AL.B).T, position, WAVELENGTH, PLANE, window, spots, state)
    return hkl, spots, state


def test_predicted_spots_are_those_of_the_prediction_for_everybody():
    U, position = grain()
    hkl, spots, state = spots_of(U, position)
    found = bragg.predict(hkl @ (U @ AL.B).T, position, WAVELENGTH, PLANE)
    there = {(int(r), round(w, 9)): (row, col) for r, w, row, col in zip(*found[:2], *found[4:6], strict=True)}
    seen = np.flatnonzero(state)
    assert len(seen) > 80
    for s in seen:
        row, col = there[int(s // 2), round(spots[s, 0], 9)]
        assert spots[s, 1:3] == pytest.approx([row, col], abs=1e-9)


def test_a_spot_in_a_hidden_box_or_beyond_the_scan_is_not_expected():
    U, position = grain()
    _, spots, state = spots_of(U, position)
    _, _, some = spots_of(
        U, position, (512.0, 512.0, 0.0, np.pi, 0.1, np.array([[0.0, 0.0, 256.0, 512.0]]), np.zeros((0, 2)))
    )
    wanted = (spots[:, 0] <= np.pi) & (spots[:, 2] > 256) & (state == blob_lookup.EXPECTED)
    assert ((some == blob_lookup.EXPECTED) == wanted).all()
    _, _, back = spots_of(U, position, (512.0, 512.0, 0.0, -np.pi, 0.1, np.zeros((0, 4)), np.zeros((0, 2))))
    assert ((back == blob_lookup.EXPECTED) == ((state == blob_lookup.EXPECTED) & (spots[:, 0] >= np.pi))).all()


@pytest.mark.parametrize(("first", "sweep"), [(0.0, 2 * np.pi), (1.0, 2 * np.pi), (1.0, -2 * np.pi)])
def test_a_spot_at_an_angle_that_was_not_recorded_is_not_expected(first, sweep):
    U, position = grain()
    _, spots, state = spots_of(U, position)
    gaps = np.array([[0.5, 0.9], [3.0, 4.0]])
    _, _, some = spots_of(U, position, (512.0, 512.0, first, sweep, 0.1, np.zeros((0, 4)), gaps))
    turned = np.sign(sweep) * (spots[:, 0] - first) % (2 * np.pi)
    hidden = ((turned >= 0.5) & (turned <= 0.9)) | ((turned >= 3.0) & (turned <= 4.0))
    expected = state == blob_lookup.EXPECTED
    assert (expected & hidden).sum() > 5
    assert ((some == blob_lookup.EXPECTED) == (expected & ~hidden)).all()
    assert (some[expected & hidden] == blob_lookup.POSSIBLE).all()


def fitted(U, position, noise, seed=0, wrong=0):
    hkl, spots, state = spots_of(U, position)
    use = np.flatnonzero(state == blob_lookup.EXPECTED)
    rng = np.random.default_rng(seed)
    seen = place_of(spots[use]) + rng.normal(size=(len(use), 3)) * noise
    seen[:, 0] += rng.normal(size=len(use)) * noise[0] * (1 / spots[use, 3] - 1)
    seen[:wrong] += [0.01, 5.0, -5.0]
    errors = np.tile(noise, (len(use), 1))
    start = Rotation.from_rotvec(np.radians([0.2, -0.2, 0.1])).as_matrix() @ U
    return fit_grain.gauss_newton(
        start, AL.B, np.add(position, [4.0, -3.0, 5.0]), hkl[use // 2], seen, errors, WAVELENGTH, PLANE, 12
    )


def test_a_fit_to_exact_spots_is_exact():
    U, position = grain()
    got, place, _ = fitted(U, position, np.array([1e-9, 1e-6, 1e-6]))
    assert AL.misorientation_deg(U, got) < 1e-6
    np.testing.assert_allclose(place, position, atol=1e-4)


def test_a_fit_errs_as_its_covariance_says():
    U, position = grain(3)
    noise = np.array([np.radians(0.03), 0.3, 0.3])
    turns, shifts = [], []
    for seed in range(60):
        got, place, A = fitted(U, position, noise, seed)
        turns.append(Rotation.from_matrix(got @ U.T).as_rotvec())
        shifts.append(place - position)
    covariance = np.linalg.inv(A)
    for values, part in ((turns, covariance[:3, :3]), (shifts, covariance[3:, 3:])):
        ratio = np.sqrt((np.square(values)).sum(axis=1).mean() / np.trace(part))
        assert 0.75 < ratio < 1.3


def test_wrong_spots_hardly_move_a_fit():
    U, position = grain(5)
    got, place, _ = fitted(U, position, np.array([np.radians(0.01), 0.1, 0.1]), wrong=8)
    assert AL.misorientation_deg(U, got) < 0.02
    assert np.linalg.norm(place - position) < 0.7


def test_a_small_rotation_is_that_of_scipy():
    U = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    v = np.array([0.3, -0.2, 0.7])
    np.testing.assert_allclose(fit_grain.rotated(U, v), Rotation.from_rotvec(v).as_matrix() @ U, atol=1e-12)
    np.testing.assert_array_equal(fit_grain.rotated(U, np.zeros(3)), U)


def test_a_triad_takes_one_pair_of_directions_into_the_other():
    U, _ = grain(8)
    h1, h2 = np.array([0.6, 0.8, 0.0]), np.array([0.0, 0.6, 0.8])
    np.testing.assert_allclose(grain_seeds.triad(h1, h2, U @ h1, U @ h2), U, atol=1e-12)


def test_a_vector_fits_when_it_is_near_a_lattice_vector():
    U, _ = grain(2)
    inverse, h = np.linalg.inv(AL.B), np.empty(3)
    g = U @ AL.B @ np.array([1.0, -1.0, 3.0])
    assert grain_seeds.is_lattice_vector(U, AL.B, inverse, g, 0.005, h)
    np.testing.assert_array_equal(h, [1, -1, 3])
    turned = Rotation.from_rotvec([0, 0, 0.02]).as_matrix() @ g
    assert not grain_seeds.is_lattice_vector(U, AL.B, inverse, turned, 0.005, h)


def test_blobs_go_to_the_first_claim_and_losers_keep_their_first_choice():
    spot, blob = np.array([0, 1, 1, 2]), np.array([5, 5, 6, 6])
    blob_of_spot, spot_of_blob, first_choice = unassigned(3), unassigned(7), unassigned(3)
    order = np.array([1, 0, 2, 3])
    assign_one_to_one(order, spot, blob, blob_of_spot, spot_of_blob)
    assert blob_of_spot.tolist() == [-1, 5, 6]
    first_choices(order, spot, blob, blob_of_spot, first_choice)
    assert spot_of_blob[5] == 1
    assert first_choice[0] == 5
