"""Distributions that the page draws, and the threshold that the elbow suggests."""

import numpy as np
import pytest

from friedel.explorer.elbow import THRESHOLDS, ElbowCache, elbow, suggested
from friedel.explorer.heard_warnings import warnings_heard
from friedel.explorer.histograms import histogram, intensities, sizes
from friedel.explorer.solving import Solver
from friedel.model.stream import Serial
from tests.explorer_source import MemorySource, spotty
from tests.oracles_segment import parameters

COUNTS = parameters(seed_threshold=12.0, grow_min=4.0)
LOCAL = COUNTS.replaced(unit="sigma", noise="local", seed_threshold=9.0, grow_min=3.0)


@pytest.mark.parametrize("of", [sizes, intensities])
def test_every_kept_blob_is_in_one_bin(of):
    table = MemorySource(spotty(), COUNTS).run(COUNTS.replaced(min_size=(3, 3, 2)))
    found = of(table)
    assert len(found.edges) == len(found.counts) + 1
    assert found.counts.sum() == len(table) < len(table.reason)
    assert (np.diff(found.edges) > 0).all()


@pytest.mark.parametrize("of", [sizes, intensities])
def test_without_blobs_a_distribution_is_empty(of):
    found = of(MemorySource(np.zeros((4, 5, 6), np.float32), COUNTS).run(COUNTS))
    assert found.counts.tolist() == [0.0]
    assert found.plain()["edges"] == found.edges.tolist()


@pytest.mark.parametrize("params", [COUNTS, LOCAL])
def test_voxels_above_the_floor_are_counted_exactly_and_noise_is_mirrored(params):
    source = MemorySource(spotty((12, 60, 70), spots=30), params, floor=3.0)
    resegmenter = Solver(source, Serial()).resegmenter(params, "whole")
    found = histogram(resegmenter, params, source.volume)
    noise = source.collected.noise
    level = source.volume if noise is None else source.volume / noise
    for low, high, count, mirrored in zip(
        found.edges[:-1], found.edges[1:], found.counts, found.noise, strict=True
    ):
        inside = np.count_nonzero((level >= low) & (level < high))
        assert count == pytest.approx(inside, abs=1)
        assert mirrored == pytest.approx(np.count_nonzero((-level > low) & (-level <= high)), abs=1)
    assert found.edges[:-1][found.counts > 0].max() <= level.max() < found.edges[-1]


def test_a_histogram_of_many_voxels_is_made_from_a_probe(monkeypatch):
    monkeypatch.setattr("friedel.explorer.histograms.PROBE_VOXELS", 5000)
    source = MemorySource(spotty((12, 60, 70), spots=30), COUNTS, floor=3.0)
    resegmenter = Solver(source, Serial()).resegmenter(COUNTS, "whole")
    found = histogram(resegmenter, COUNTS, source.volume)
    exact = np.histogram(source.volume, found.edges)[0]
    low = found.edges[1:] <= 3.0
    assert found.counts[low].sum() == pytest.approx(exact[low].sum(), rel=0.1)
    np.testing.assert_array_equal(found.counts[~low], exact[~low])


@pytest.mark.parametrize("params", [COUNTS, LOCAL, COUNTS.replaced(unit="sigma", seed_threshold=9.0, grow_min=3.0)])
def test_an_elbow_tells_what_each_threshold_would_find(params):
    source = MemorySource(spotty(spots=60), params, floor=2.5)
    resegmenter = Solver(source, Serial()).resegmenter(params, "whole")
    *_, found = elbow(resegmenter, params)
    assert found.done == THRESHOLDS
    for k in (0, 7, 23):
        threshold = float(found.thresholds[k])
        lowest = max(params.grow_min, 2.5 * (1 + 1e-9) / resegmenter.unit(params))
        with warnings_heard():
            table = source.run(params.replaced(seed_threshold=threshold, grow_min=lowest))
        assert (found.seeds[k], found.blobs[k]) == (len(table.reason), len(table))
        level = source.volume if source.collected.noise is None else source.volume / source.collected.noise
        assert found.bright_fraction[k] == pytest.approx((level >= threshold * resegmenter.unit(params)).mean())


def test_the_suggested_threshold_is_where_noise_makes_no_more_seeds():
    thresholds = np.geomspace(3, 300, 24)
    spots = 1000 * np.exp(-thresholds / 200)
    noise = 1e6 * np.exp(-0.5 * thresholds**2)
    found = suggested(thresholds, spots + noise)
    assert found is not None
    assert 3.5 < found < 6.0
    assert suggested(thresholds, spots + noise, grow_min=5.5) == max(found, 5.5)
    assert suggested(thresholds, spots + noise, grow_min=0.5) == found


def test_nothing_is_suggested_where_seeds_only_become_fewer():
    thresholds = np.geomspace(3, 300, 24)
    assert suggested(thresholds, 1e9 * thresholds**-2.0) is None
    assert suggested(thresholds, np.zeros(24)) is None


def test_thresholds_that_a_run_would_refuse_have_no_numbers():
    source = MemorySource(spotty(spots=60), COUNTS, floor=0.5)
    params = COUNTS.replaced(max_bright_fraction=0.2, grow_min=0.6, tolerance=0.0)
    resegmenter = Solver(source, Serial()).resegmenter(params, "whole")
    *_, last = elbow(resegmenter, params.replaced(tolerance=1.0))
    found = last.plain()
    assert found["blobs"][0] is found["seeds"][0] is None
    assert found["blobs"][-1] is not None
    assert found["bright_fraction"][0] > 0.2


def test_a_curve_grows_while_it_is_asked_for_and_high_thresholds_come_first():
    source = MemorySource(spotty(spots=60), COUNTS, floor=2.5)
    resegmenter = Solver(source, Serial()).resegmenter(COUNTS, "whole")
    tried = []

    class Counting:
        voxels, bright, unit = resegmenter.voxels, resegmenter.bright, resegmenter.unit

        def solved(self, params):
            tried.append(params.seed_threshold)
            return resegmenter.solved(params)

    def begin():
        return elbow(Counting(), COUNTS)

    curves = ElbowCache()
    first = curves.after("a", begin, 0, 0.0)
    assert (first.done, len(tried), first.suggested) == (1, 1, None)
    assert tried[0] == first.thresholds[-1]
    assert np.isfinite(first.bright_fraction).all()
    assert np.flatnonzero(np.isfinite(first.blobs)).tolist() == [THRESHOLDS - 1]
    assert curves.after("b", begin, -1, 0.0).done == 0
    assert curves.after("a", begin, 4, 0.0).done == 5
    assert np.isfinite(first.blobs).sum() == 1, "an answer does not change any more"
    last = curves.after("a", begin, THRESHOLDS, 0.0)
    assert last.done == THRESHOLDS == len(tried) == len(set(tried))
    assert curves.after("a", begin, THRESHOLDS, 0.0) is last
    for k in range(3):
        curves.after(k, begin, -1, 0.0)
    assert curves.after("a", begin, -1, 0.0) is last
    curves.after("other", begin, -1, 0.0)
    assert curves.after("b", begin, -1, 0.0).done == 0
