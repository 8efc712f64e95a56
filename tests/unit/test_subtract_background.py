"""Batches of bit planes to clean frames, against numpy and scipy; at the limits of 16 bits too."""

import numpy as np
import pytest
from scipy.ndimage import median_filter

from friedel.kernels.preprocess.bit_planes import BATCH, BATCH_VALUES, TILE, transpose_bits
from friedel.kernels.preprocess.subtract_background import clean_batch

SHAPE = (21, 100)


def packed(values):
    """One batch of frames [frame, pixel] as planes [1, tile, 1, bit, pixel]."""
    tiles = -(-values.shape[1] // TILE)
    full = np.zeros((BATCH, tiles * TILE), np.uint16)
    full[: len(values), : values.shape[1]] = values
    planes = full.reshape(BATCH, tiles, TILE).swapaxes(0, 1).copy().reshape(1, tiles, 1, BATCH, TILE)
    for tile in range(tiles):
        transpose_bits(planes[0, tile, 0].reshape(BATCH_VALUES))
    return planes


def cleaned(values, which, backgrounds, size, *, scale=1.0, masked=(), rows=(0, SHAPE[0])):
    padded = np.pad(backgrounds, ((0, 0), (0, -backgrounds.shape[1] % TILE)))
    nothing, pointer = np.empty(0, np.int64), np.zeros(BATCH + 1, np.int64)
    out = np.full((int((which >= 0).sum()), *SHAPE), np.nan, np.float32)
    clean_batch(
        packed(values),
        0,
        which,
        padded,
        scale,
        size,
        np.array(masked, np.int64),
        nothing,
        pointer,
        SHAPE,
        *rows,
        out,
    )
    return out


def expected(values, which, backgrounds, size, scale=1.0):
    used = which >= 0
    difference = (values[used].astype(np.float32) - backgrounds[which[used]]) / np.float32(scale)
    return np.array([median_filter(d.reshape(SHAPE), size, mode="nearest") for d in difference])


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("step", [1.0, 0.5], ids=["whole backgrounds", "halves"])
@pytest.mark.parametrize("top", [3000, 65536], ids=["16 bits do", "differences beyond 16 bits"])
def test_a_word_equals_numpy_and_scipy(size, step, top):
    rng = np.random.default_rng(size)
    values = rng.integers(0, top, (BATCH, SHAPE[0] * SHAPE[1])).astype(np.uint16)
    backgrounds = (rng.integers(0, top, (3, values.shape[1])) * step).astype(np.float32)
    which = np.sort(rng.integers(0, 3, BATCH))
    which[[0, 9]] = -1
    got = cleaned(values, which, backgrounds, size, scale=2.0)
    np.testing.assert_array_equal(got, expected(values, which, backgrounds, size, 2.0))


@pytest.mark.parametrize("level", [32767, 32766, 32768, 65535])
def test_a_flat_patch_at_the_limit_of_16_bits_keeps_its_height(level):
    values = np.zeros((BATCH, SHAPE[0] * SHAPE[1]), np.uint16)
    values.reshape(BATCH, *SHAPE)[5, 3:9, 40:50] = level
    backgrounds = np.zeros((1, values.shape[1]), np.float32)
    which = np.zeros(BATCH, np.int64)
    for sign in (1, -1):
        if sign < 0:
            values, backgrounds = np.zeros_like(values), np.full_like(backgrounds, level)
        np.testing.assert_array_equal(
            cleaned(values, which, backgrounds, 3), expected(values, which, backgrounds, 3)
        )


def test_rows_are_the_same_alone_and_masked_pixels_are_zero():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 4000, (BATCH, SHAPE[0] * SHAPE[1])).astype(np.uint16)
    backgrounds = np.full((1, values.shape[1]), 1000, np.float32)
    which = np.zeros(BATCH, np.int64)
    whole = cleaned(values, which, backgrounds, 3)
    part = cleaned(values, which, backgrounds, 3, masked=(705, 801), rows=(7, 9))
    assert np.isnan(np.delete(part, (7, 8), axis=1)).all()
    assert not part[:, (7, 8), (5, 1)].any()
    part[:, 7, 5], part[:, 8, 1] = whole[:, 7, 5], whole[:, 8, 1]
    np.testing.assert_array_equal(part[:, 7:9], whole[:, 7:9])
