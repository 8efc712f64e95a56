"""Predicted footprints, and blobs divided by them, beside slow twins."""

import numpy as np
import pytest

from friedel.kernels.reconstruct.footprints import (
    add_normal_equations,
    boxes_that_meet,
    footprints_at,
    light_in_windows,
    part_intensity,
)
from friedel.reconstruct.parting import PRIOR, solve
from tests.oracles_footprints import amplitudes, boxes_meet, light_at


def some_spots(seed=0):
    rng = np.random.default_rng(seed)
    size = np.array([(5, 7), (6, 4), (9, 9)])
    images = [rng.uniform(0, 1, tuple(one)).astype(np.float32) for one in size]
    inverse = rng.normal(0, 0.1, (3, 2, 3))
    inverse[:, 0, 1], inverse[:, 1, 0] = 1.0, -1.0
    inverse[:, :, 2] = [(2.0, 5.0)] * 3
    omega = np.array([(1.3, 0.4), (19.2, 2.0), (7.7, 0.1)])
    return images, size, inverse, omega


@pytest.mark.parametrize("turn", [0, 20])
def test_a_footprint_is_the_image_between_pixels_times_the_frames_part(turn):
    images, size, inverse, omega = some_spots()
    pointer = np.concatenate([[0], np.cumsum(size.prod(axis=1))])
    flat = np.concatenate([image.ravel() for image in images])
    frame, row, col = np.indices((20, 7, 7)).reshape(3, -1)
    out = np.empty((3, len(frame)), np.float32)
    footprints_at(np.array([2, 0, 1]), flat, pointer, size, inverse, omega, turn, (frame, row, col), out)
    for k, s in enumerate((2, 0, 1)):
        wanted = [
            light_at(images[s], inverse[s], *omega[s], turn, *one) for one in zip(frame, row, col, strict=True)
        ]
        np.testing.assert_allclose(out[k], wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("turn", [0, 50])
def test_boxes_meet_as_by_comparing_all(turn):
    rng = np.random.default_rng(1)

    def boxes(count):
        start = rng.integers(0, (50, 30, 30), (count, 3))
        return np.stack([start, start + rng.integers(1, 9, (count, 3))], axis=2).reshape(count, 6)

    blobs, spots = boxes(60), boxes(40)
    order = np.argsort(blobs[:, 0], kind="stable")
    longest = int((blobs[:, 1] - blobs[:, 0]).max())
    first, second = np.zeros(2400, np.int64), np.zeros(2400, np.int64)
    count = boxes_that_meet(blobs, order, longest, spots, turn, first, second)
    found = set(zip(first[:count].tolist(), second[:count].tolist(), strict=True))
    assert found == {(i, j) for i in range(40) for j in range(60) if boxes_meet(spots[i], blobs[j], turn)}
    assert boxes_that_meet(blobs, order, longest, spots, turn, first[:0], second[:0]) == count


@pytest.mark.parametrize("seed", range(8))
def test_amplitudes_are_those_of_scipys_non_negative_least_squares(seed):
    rng = np.random.default_rng(seed)
    spots = int(rng.integers(1, 7))
    light = (rng.uniform(0, 1, (spots, 300)) * (rng.uniform(0, 1, (spots, 300)) > 0.6)).astype(np.float32)
    true = rng.uniform(-1, 3, spots)
    counts = np.maximum(true @ light + rng.normal(0, 0.2, 300), 0)
    expected = rng.uniform(0.2, 3, spots)
    gram, right = np.zeros((spots, spots)), np.zeros(spots)
    for half in (slice(0, 150), slice(150, 300)):
        add_normal_equations(np.ascontiguousarray(light[:, half]), counts[half], gram, right)
    wanted = amplitudes(light.astype(np.float64), counts, PRIOR, expected)
    np.testing.assert_allclose(solve(gram, right, expected), wanted, atol=1e-5)


def test_equal_footprints_are_told_apart_by_what_is_expected():
    light = np.ones((2, 10), np.float32)
    gram, right = np.zeros((2, 2)), np.zeros(2)
    add_normal_equations(light, np.full(10, 4.0), gram, right)
    np.testing.assert_allclose(solve(gram, right, np.array([3.0, 1.0])), [3.0, 1.0], atol=1e-6)


def test_counts_go_by_footprints_and_what_none_explains_is_nobodys():
    light = np.array([[1, 1, 0, 0.1], [0, 1, 0, 0]], np.float32)
    out = np.zeros((2, 4), np.float32)
    square = part_intensity(light, np.array([3.0, 1.0]), np.array([5.0, 8.0, 2.0, 6.0]), 0.2, out)
    np.testing.assert_allclose(out, [[5, 6, 0, 0.3 * 6 / 1.2], [0, 2, 0, 0]], rtol=1e-6)
    assert square == pytest.approx(2**2 + 4**2 + 2**2 + 5.7**2)


def test_all_light_in_a_spots_frames_is_summed():
    voxels = tuple(np.array(values) for values in ([0, 1, 9, 5], [3, 3, 4, 3], [2, 2, 2, 2]))
    out = np.zeros((1, 3, 3), np.float32)
    light_in_windows(
        np.array([0]), np.array([[3, 1]]), np.array([[0.0, 0.3]]), 10, np.array([0, 1]), np.array([0, 2]),
        np.array([0, 2, 4]), voxels, np.array([1.0, 2.0, 4.0, 8.0], np.float32), out,
    )  # fmt: skip
    assert out[0, 0, 1] == 3.0
    assert out[0, 1, 1] == 4.0
    assert out.sum() == 7.0
