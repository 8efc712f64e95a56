"""Clean frames that are means of several: right at ends and gaps, and the same however the scan is cut."""

import numpy as np
import pytest

from friedel.errors import FriedelError
from friedel.model.scan import ArrayFrames, Scan
from friedel.model.stream import CleanBlock
from friedel.preprocess import PreprocessParams, clean_blocks, measure_baseline
from friedel.preprocess.running_mean import running_mean

FRAMES, ROWS, COLS = 40, 5, 6
GAP = (20, 24)
NONE = np.empty(0, np.int64)


def values(*, hole=False):
    found = np.random.default_rng(2).normal(size=(FRAMES, ROWS, COLS)).astype(np.float32)
    found[slice(*GAP)] = 0
    if hole:
        found[10, 2, 3] = np.nan
    return found


def blocks(frames, size):
    for start in range(0, FRAMES, size):
        part = frames[start : start + size].copy()
        unknown = np.flatnonzero(np.isnan(part))
        yield CleanBlock(start, part, unknown, np.zeros(len(part), np.bool_), unknown)


def slowly(frames, average):
    """Frame by frame: the mean of what was recorded nearby."""
    recorded = np.ones(FRAMES, np.bool_)
    recorded[slice(*GAP)] = False
    out = np.zeros_like(frames)
    for k in np.flatnonzero(recorded):
        near = [j for j in range(k - average // 2, k + average // 2 + 1) if 0 <= j < FRAMES and recorded[j]]
        known = np.isfinite(frames[near])
        out[k] = np.nansum(frames[near].astype(np.float64), axis=0) / np.maximum(known.sum(axis=0), 1)
    out[np.isnan(frames)] = np.nan
    return out


@pytest.mark.parametrize("hole", [False, True])
@pytest.mark.parametrize("average", [1, 3, 7])
def test_a_mean_is_that_of_the_recorded_frames_around_and_the_same_for_any_blocks(average, hole):
    frames = values(hole=hole)
    made = []
    for size in (1, 3, 16, FRAMES):
        found = list(running_mean(blocks(frames, size), average, (GAP,)))
        assert [one.start for one in found] == [*range(0, FRAMES, size)]
        made.append(np.concatenate([one.frames for one in found]))
        marked = np.concatenate([one.invalid + one.start * ROWS * COLS for one in found])
        np.testing.assert_array_equal(marked, np.flatnonzero(np.isnan(frames)))
    np.testing.assert_allclose(made[0], slowly(frames, average), atol=1e-6)
    for other in made[1:]:
        np.testing.assert_array_equal(other, made[0])


def test_frames_that_cannot_be_used_in_a_row_stay_empty():
    frames = values()
    frames[30:35] = 0
    block = next(blocks(frames, FRAMES))
    block.replaced[30:35] = True
    found = next(running_mean([block], 5, (GAP,)))
    assert not found.frames[30:35].any()
    np.testing.assert_allclose(found.frames[35], frames[35:38].mean(axis=0), atol=1e-6)


def test_the_noise_that_thresholds_are_multiples_of_is_that_of_the_means():
    raw = np.random.default_rng(1).normal(200, 5, (80, 64, 72)).round().astype(np.uint16)
    scan = Scan(ArrayFrames(raw), 0.0, 1.0, np.full((64, 72), 100, np.float32), np.zeros((64, 72), bool))
    params = PreprocessParams(half_window=30, half_step=5, normalise="none", beam="none", average=5)
    baseline = measure_baseline(scan, params)
    frames = np.concatenate([b.frames.copy() for b in clean_blocks(scan, params, baseline, windows_per_block=2)])
    assert baseline.sigma == pytest.approx(frames[5:-5].std(), rel=0.1)


def test_an_even_number_has_no_middle():
    with pytest.raises(FriedelError, match="average must be odd"):
        PreprocessParams.build({"average": 4})
