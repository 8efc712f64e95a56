"""Raw values to fixed point and keys, margins, and what is odd in a frame."""

import numpy as np
import pytest

from friedel.kernels.preprocess.bit_planes import BATCH, BATCH_VALUES, TILE, transpose_bits
from friedel.kernels.preprocess.normalise import (
    invalid_runs,
    is_constant,
    margin_mean,
    normalise_batch,
    saturated_runs,
)


def fixed(raw, dark, keep, part, factors, bias):
    """Values [frame, pixel] and clipped counts, through the planes and back."""
    frames, pixels = raw.shape
    tiles = -(-pixels // TILE)
    rest = (0, tiles * TILE - pixels)
    planes = np.empty((1, tiles, 2, BATCH, TILE), np.uint16)
    used = np.zeros((1, tiles, 2), np.uint16)
    clipped = np.zeros(BATCH, np.int64)
    normalise_batch(
        raw, np.pad(dark, rest), np.pad(keep, rest), np.pad(part, rest), factors, bias, 1, planes, used, clipped
    )
    out = np.empty((BATCH, tiles * TILE), np.uint16)
    for tile in range(tiles):
        batch = planes[0, tile, 1].reshape(BATCH_VALUES).copy()
        transpose_bits(batch)
        out[:, tile * TILE : (tile + 1) * TILE] = batch.reshape(BATCH, TILE)
    return out[:frames, :pixels], out[frames:], clipped[:frames]


def wanted(raw, dark, keep, part, factors, bias):
    value = (raw.astype(np.float32) - dark) * factors[:, part] + np.float32(bias)
    value = np.where(keep & np.isfinite(value), np.floor(value), np.floor(np.float32(bias)))
    return value.clip(0, 65535), np.count_nonzero((value < 0) | (value > 65535), axis=1)


@pytest.mark.parametrize("frames", [1, 5, 16])
@pytest.mark.parametrize("pixels", [1, 128, 200])
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_fixed_point_follows_the_documented_order(frames, pixels, parts, kind):
    rng = np.random.default_rng(pixels)
    raw = rng.integers(0, 65536, (frames, pixels)).astype(kind)
    if kind is np.float32:
        raw[rng.random(raw.shape) < 0.05] = np.nan
    dark = rng.normal(100, 5, pixels).astype(np.float32)
    keep = rng.random(pixels) > 0.05
    part = rng.integers(0, parts, pixels).astype(np.uint8)
    factors = rng.uniform(0.7, 1.4, (frames, parts)).astype(np.float32)
    got, beyond, clipped = fixed(raw, dark, keep, part, factors, 64.5)
    want, want_clipped = wanted(raw, dark, keep, part, factors, 64.5)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(clipped, want_clipped)
    assert not beyond.any()


def test_the_margin_leaves_out_saturated_and_missing_values():
    raw = np.array([10, 20, 65535, np.nan, 30], np.float32)
    dark = np.array([1, 2, 3, 4, 5], np.float32)
    assert margin_mean(raw, dark, np.array([0, 1, 2, 3]), 65535.0) == ((9 + 18) / 2, 1)
    nothing, saturated = margin_mean(raw, dark, np.array([2, 3]), 65535.0)
    assert np.isnan(nothing)
    assert saturated == 1


@pytest.mark.parametrize(
    ("frame", "constant"),
    [([5, 5, 5], True), ([5, 5, 6], False), ([np.nan, np.nan], True), ([np.nan, 1], False), ([1, np.nan], False)],
)
def test_a_frame_of_one_value_is_noticed(frame, constant):
    assert is_constant(np.array(frame, np.float32)) == constant


def test_saturated_pixels_are_runs():
    raw = np.array([9, 1, 9, 9, 1, 1, 9], np.uint16)
    assert saturated_runs(raw, np.uint16(9)).tolist() == [[0, 1], [2, 4], [6, 7]]
    assert saturated_runs(raw, np.uint16(10)).tolist() == []
    assert saturated_runs(np.tile(np.array([9, 1], np.uint16), 50), np.uint16(9)).shape == (50, 2)


def test_invalid_pixels_are_runs():
    raw = np.array([np.nan, 1, 2, np.inf, np.nan], np.float32)
    keep = np.ones(8, np.bool_)  # padded to whole tiles
    assert invalid_runs(raw, keep).tolist() == [[0, 1], [3, 5]]
    assert invalid_runs(raw, keep & (np.arange(8) != 3)).tolist() == [[0, 1], [4, 5]]
    assert invalid_runs(np.zeros(4, np.float32), keep).tolist() == []
