"""The 2D median against scipy.ndimage.median_filter."""

import numpy as np
import pytest
from scipy.ndimage import median_filter

from friedel.kernels.preprocess.despeckle import despeckle

SIZES = (1, 3, 5, 7)
SHAPES = [(1, 1), (1, 9), (8, 1), (2, 2), (3, 130), (37, 260)]


def filtered(image, size):
    out = np.empty_like(image)
    despeckle(image, size, 0, len(image), out)
    return out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_size_and_shape_equals_scipy(shape, size):
    image = np.random.default_rng(size).normal(0, 5, shape).astype(np.float32)
    np.testing.assert_array_equal(filtered(image, size), median_filter(image, size, mode="nearest"))


@pytest.mark.parametrize("size", SIZES)
def test_ties_equal_scipy(size):
    image = np.random.default_rng(size).integers(-1, 2, (20, 140)).astype(np.float32)
    np.testing.assert_array_equal(filtered(image, size), median_filter(image, size, mode="nearest"))


@pytest.mark.parametrize("size", SIZES)
def test_a_band_equals_the_same_rows_of_the_whole(size):
    image = np.random.default_rng(8).normal(0, 5, (30, 50)).astype(np.float32)
    out = np.empty((4, 50), np.float32)
    despeckle(image, size, 11, 15, out)
    np.testing.assert_array_equal(out, filtered(image, size)[11:15])


def test_a_hot_pixel_vanishes():
    image = np.zeros((9, 9), np.float32)
    image[4, 4] = 60000
    assert not filtered(image, 3).any()
