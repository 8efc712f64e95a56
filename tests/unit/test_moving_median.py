"""The moving median on bit planes against numpy.median."""

import numpy as np
import pytest

from friedel.kernels.preprocess.bit_planes import BATCH, BATCH_VALUES, TILE, transpose_bits
from friedel.kernels.preprocess.moving_median import median_of_planes, moving_median_uint16, pack_batch
from friedel.kernels.preprocess.normalise import normalise_batch

WINDOWS = [(0, 1), (0, 2), (3, 5), (0, 16), (15, 17), (1, 48), (16, 32), (0, 100), (7, 98), (40, 99), (99, 100)]


def medians(frames, windows):
    starts, stops = (np.array(ends, np.int64) for ends in zip(*windows, strict=True))
    out = np.full((len(windows), frames.shape[1]), np.nan, np.float32)
    moving_median_uint16(frames, starts, stops, 0, -(-frames.shape[1] // TILE), out)
    return out


def float_medians(frames, windows, slots=None):
    """Through keys in a buffer: batches are loaded in order, and each window is taken as soon as it is there."""
    count, pixels = frames.shape
    tiles = -(-pixels // TILE)
    slots = slots or -(-count // BATCH)
    padded = tiles * TILE
    planes = np.zeros((2, tiles, slots, BATCH, TILE), np.uint16)
    used = np.zeros((2, tiles, slots), np.uint16)
    out = np.empty((len(windows), padded), np.float32)
    loaded = 0
    for b, (start, stop) in enumerate(windows):
        while loaded * BATCH < stop:
            raw = np.ascontiguousarray(frames[loaded * BATCH : (loaded + 1) * BATCH])
            normalise_batch(
                raw,
                np.zeros(padded, np.float32),
                np.ones(padded, np.bool_),
                np.zeros(padded, np.uint8),
                np.ones((len(raw), 1), np.float32),
                0.0,
                loaded % slots,
                planes,
                used,
                np.zeros(BATCH, np.int64),
            )
            loaded += 1
        ends = np.array([start], np.int64), np.array([stop], np.int64)
        median_of_planes(planes, used, 0, tiles, *ends, out[b : b + 1])
    return out[:, :pixels]


def expected(frames, windows):
    return np.stack([np.median(frames[start:stop], axis=0) for start, stop in windows]).astype(np.float32)


@pytest.mark.parametrize("pixels", [1, 127, 128, 129, 300])
def test_any_window_and_any_width_equals_numpy(pixels):
    frames = np.random.default_rng(pixels).integers(0, 65536, (100, pixels)).astype(np.uint16)
    np.testing.assert_array_equal(medians(frames, WINDOWS), expected(frames, WINDOWS))


@pytest.mark.parametrize("values", [[0], [65535], [0, 65535], [7, 8], [32767, 32768], [1, 2, 3, 65534]])
def test_few_distinct_values_make_ties_that_are_exact(values):
    frames = np.random.default_rng(1).choice(np.array(values, np.uint16), (100, 140))
    np.testing.assert_array_equal(medians(frames, WINDOWS), expected(frames, WINDOWS))


def test_a_window_of_501_equals_numpy():
    frames = np.random.default_rng(2).poisson(900, (960, 128)).astype(np.uint16)
    windows = [(51 * n, 51 * n + 501) for n in range(10)]
    np.testing.assert_array_equal(medians(frames, windows), expected(frames, windows))


def test_the_mean_of_two_middle_values_keeps_its_half():
    frames = np.array([[3], [4]], np.uint16)
    assert medians(frames, [(0, 2)])[0, 0] == 3.5


def test_only_the_tiles_asked_for_are_written():
    frames = np.ones((20, 3 * TILE), np.uint16)
    out = np.full((1, 3 * TILE), -1, np.float32)
    moving_median_uint16(frames, np.array([0]), np.array([20]), 1, 2, out)
    assert (out[0, :TILE] == -1).all()
    assert (out[0, TILE : 2 * TILE] == 1).all()
    assert (out[0, 2 * TILE :] == -1).all()


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_float_windows_equal_numpy(scale):
    frames = (np.random.default_rng(3).normal(0, scale, (100, 150))).astype(np.float32)
    windows = sorted(WINDOWS, key=lambda window: window[1])
    np.testing.assert_array_equal(float_medians(frames, windows), expected(frames, windows))


def test_float_ties_and_zeros_of_both_signs_equal_numpy():
    frames = np.random.default_rng(4).choice(np.array([-1.5, -0.0, 0.0, 2.25], np.float32), (100, 130))
    windows = sorted(WINDOWS, key=lambda window: window[1])
    np.testing.assert_array_equal(float_medians(frames, windows), expected(frames, windows))


@pytest.mark.parametrize("slots", [4, 5, 7])
def test_a_window_may_lie_across_the_end_of_the_ring(slots):
    frames = np.random.default_rng(5).normal(0, 9, (400, 130)).astype(np.float32)
    windows = [(start, start + 33 + start % 2) for start in range(0, 360, 7)]
    np.testing.assert_array_equal(float_medians(frames, windows, slots), expected(frames, windows))


def test_transposing_twice_gives_the_frames_back():
    batch = np.random.default_rng(6).integers(0, 65536, BATCH_VALUES).astype(np.uint16)
    twice = batch.copy()
    transpose_bits(twice)
    transpose_bits(twice)
    np.testing.assert_array_equal(twice, batch)


@pytest.mark.parametrize("bits", [0, 1, 5, 11, 15, 16])
def test_planes_of_zeros_at_the_top_change_nothing(bits):
    frames = np.random.default_rng(bits).integers(0, 1 << bits, (70, 2 * TILE)).astype(np.uint16)
    frames[:, TILE:] = 3  # one tile whose values need fewer bits than the other's
    out = np.empty((2, 2 * TILE), np.float32)
    moving_median_uint16(frames, np.array([0, 20]), np.array([51, 70]), 0, 2, out)
    np.testing.assert_array_equal(out, expected(frames, [(0, 51), (20, 70)]))


def test_a_plane_holds_one_bit_of_sixteen_frames():
    frames = np.random.default_rng(7).integers(0, 65536, (BATCH, TILE)).astype(np.uint16)
    batch = np.empty(BATCH_VALUES, np.uint16)
    assert pack_batch(frames, 0, BATCH, 0, batch) == np.bitwise_or.reduce(frames, axis=None)
    planes = batch.reshape(BATCH, TILE)
    for bit in range(16):
        want = sum(((frames[f].astype(int) >> bit) & 1) << f for f in range(BATCH))
        np.testing.assert_array_equal(planes[bit], want)
