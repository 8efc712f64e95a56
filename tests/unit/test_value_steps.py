"""Histograms of values that come in steps show no comb, and nothing at zero that is not there."""

import numpy as np
import pytest

from friedel.preprocess.value_steps import between_values, spread_over_steps


@pytest.mark.parametrize("step", [0.0625, 1.0, 4.0])
def test_bins_between_values_are_as_full_as_they_are_wide(step):
    values = np.arange(-400, 4001) * step  # each value once: what a flat distribution is in steps
    fine = np.sinh(np.linspace(-3, 7, 400)) * step
    edges = between_values(fine, step)
    inside = (edges > values[0]) & (edges < values[-1])
    counts, _ = np.histogram(values, edges[inside])
    np.testing.assert_allclose(counts / np.diff(edges[inside]) * step, 1.0)
    assert np.diff(edges).min() >= 0.999 * step
    assert max(np.abs(fine - edge).min() for edge in edges) <= step / 2


def test_edges_stay_where_there_is_no_step():
    edges = np.geomspace(1, 9, 4)
    assert between_values(edges, None) is edges


def test_a_step_larger_than_all_edges_leaves_one_bin():
    assert between_values(np.array([0.1, 0.2, 0.3]), 1.0).tolist() == [0.5, 1.5]


@pytest.mark.parametrize("sigma", [np.full(200_000, 3.0), np.random.default_rng(2).uniform(2, 6, 200_000)])
def test_whole_counts_over_a_noise_look_like_what_was_counted(sigma):
    true = np.random.default_rng(1).normal(0, sigma)
    edges = np.linspace(-3, 3, 121)
    expected = np.histogram(true / sigma, edges)[0]
    stepped = np.histogram(np.rint(true) / sigma, edges)[0]
    shown = np.histogram(spread_over_steps(np.rint(true), 1.0) / sigma, edges)[0]
    assert stepped[59:61].sum() > 2 * expected[59:61].sum(), "what one saw: a spike at zero"
    assert np.abs(shown - expected).max() < 0.12 * expected.max()
    np.testing.assert_array_equal(np.rint(spread_over_steps(np.rint(true), 1.0)), np.rint(true))


def test_values_stay_where_there_is_no_step():
    values = np.ones(3, np.float32)
    assert spread_over_steps(values, None) is values
