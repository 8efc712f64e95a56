"""Random numbers by counter."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from friedel.kernels.simulate import random_numbers

NEXT = np.uint64(0x9E3779B97F4A7C15)


@njit
def normals(seed, count):
    start = random_numbers.stream(seed, 1, 7)
    return np.array([random_numbers.normal(random_numbers.at(start, i)) for i in range(count)])


@njit
def poissons(seed, count, mean):
    start = random_numbers.stream(seed, 2, 7)
    return np.array([random_numbers.poisson(random_numbers.at(start, i), mean) for i in range(count)])


def test_normal_numbers_are_normal_into_the_tails():
    values = normals(3, 1_000_000)
    assert stats.kstest(values, "norm").pvalue > 0.001
    for sigma in (2.0, 3.0, 3.6, 4.0):
        expected = 2 * stats.norm.sf(sigma) * len(values)
        assert abs((np.abs(values) > sigma).sum() - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize("mean", [0.02, 0.7, 5.0, 15.9, 16.1, 40.0, 900.0, 20000.0])
def test_photon_numbers_have_the_moments_of_poisson(mean):
    count = 400_000
    values = poissons(11, count, mean)
    assert (values == np.rint(values)).all()
    assert values.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / count))
    spread = np.sqrt((mean + 2 * mean**2) / count)
    assert values.var() == pytest.approx(mean, abs=5 * spread)
    assert stats.skew(values) == pytest.approx(1 / np.sqrt(mean), abs=0.02 + 0.05 / np.sqrt(mean))


@pytest.mark.parametrize("mean", [3.0, 20.0])
def test_photon_numbers_follow_the_poisson_distribution(mean):
    values = poissons(5, 400_000, mean)
    edges = np.arange(stats.poisson.ppf(1e-3, mean), stats.poisson.ppf(1 - 1e-3, mean) + 1)
    measured = np.searchsorted(np.sort(values), edges, side="right") / len(values)
    assert np.abs(measured - stats.poisson.cdf(edges, mean)).max() < 0.004


def test_no_light_gives_no_photons():
    assert (poissons(1, 100, 0.0) == 0).all()


def test_frames_pixels_seeds_and_kinds_draw_different_numbers():
    starts = {
        int(random_numbers.stream(seed, kind, frame)) for seed in range(8) for kind in (1, 2) for frame in range(50)
    }
    assert len(starts) == 8 * 2 * 50
    assert abs(np.corrcoef(normals(1, 20000), normals(2, 20000))[0, 1]) < 0.04
    values = normals(1, 20000)
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.04


def test_an_exposure_has_offset_gain_read_noise_and_saturation():
    shape = (200, 300)
    expected = np.full(shape, 50.0, np.float32)
    gain, offset = np.full(shape, 2.0, np.float32), np.full(shape, 100.0, np.float32)
    raw = np.empty(shape, np.uint16)
    random_numbers.expose(expected, 1.1 / 2.0, gain, offset, 3.0, 65535.0, 1, 1, 0, raw)
    assert raw.mean() == pytest.approx(100 + 55, abs=0.3)
    assert raw.astype(float).var() == pytest.approx(55 * 2 + 9, rel=0.03)
    random_numbers.expose(expected, 1.1 / 2.0, gain, offset, 3.0, 150.0, 1, 1, 0, raw)
    assert raw.max() == 150
    random_numbers.expose(np.zeros(shape, np.float32), 0.5, gain, np.zeros_like(offset), 3.0, 150.0, 1, 1, 0, raw)
    assert raw.min() == 0
