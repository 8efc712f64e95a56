"""Images for the screen equal what plain numpy makes of them."""

import numpy as np
import pytest

from friedel.kernels.explore import display_images


@pytest.fixture(params=range(4))
def image(request):
    """Counts with spots, gaps and what no number is, of odd sizes."""
    random = np.random.default_rng(request.param)
    shape = [(1, 1), (7, 5), (16, 16), (13, 29)][request.param]
    values = random.normal(0, 900, shape).astype(np.float32)
    values[random.random(shape) < 0.2] = np.nan
    return values


def test_sixteen_bits_are_rounded_and_cut_off(image):
    flat = np.concatenate([image.ravel(), np.float32([0.25, -0.25, 1e9, -1e9, np.inf, -np.inf])])
    short, word = np.empty(flat.size, np.int16), np.empty(flat.size, np.uint16)
    display_images.to_int16(flat, np.float32(2.0), short)
    display_images.to_uint16(flat, np.float32(-500.0), np.float32(2.0), word)
    known = ~np.isnan(flat)
    assert (short[~known] == -32768).all()
    assert (word[~known] == 0).all()
    wanted = np.floor(flat[known].astype(np.float64) * 2 + 0.5)
    assert (short[known] == np.clip(wanted, -32767, 32767)).all()
    wanted = np.floor((flat[known].astype(np.float64) + 500) * 2 + 0.5)
    assert (word[known] == np.clip(wanted, 0, 65535)).all()


@pytest.mark.parametrize("step", [1, 2, 3, 8])
def test_fewer_pixels_are_the_mean_or_the_largest_of_a_square(image, step):
    rows, cols = (-(-n // step) for n in image.shape)
    mean, most = np.empty((rows, cols), np.float32), np.empty((rows, cols), np.float32)
    whole = np.nan_to_num(image)
    display_images.block_mean(whole, step, mean)
    display_images.block_max(image, step, most)
    for j, i in np.ndindex(rows, cols):
        square = (slice(j * step, (j + 1) * step), slice(i * step, (i + 1) * step))
        numbers = image[square][~np.isnan(image[square])]
        assert mean[j, i] == pytest.approx(np.mean(whole[square], dtype=np.float64), rel=1e-5, abs=1e-3)
        assert most[j, i] == numbers.max() if len(numbers) else np.isnan(most[j, i])


def test_the_largest_is_that_of_the_numbers(image):
    numbers = np.abs(image[~np.isnan(image)])
    assert display_images.largest(image.ravel()) == numbers.max(initial=0)
