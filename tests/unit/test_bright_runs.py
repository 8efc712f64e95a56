"""Bright runs: every voxel at or above the floor, and no other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from friedel.errors import FriedelError, NoiseError
from friedel.kernels.segment.bright_runs import (
    CLOSED,
    MIXED,
    OPEN,
    beside_invalid,
    block_states,
    lowest_counts,
    smallest_float32,
)
from friedel.model.stream import CleanBlock, Serial
from friedel.segment import bright_voxels
from friedel.segment.bright import FrameThreshold, find_bright
from tests.oracles_segment import frames_in_blocks, parameters


def dense(bright):
    """The bright voxels back in a volume, NaN where nothing is bright."""
    volume = np.full(bright.shape, np.nan, np.float32)
    for frame, row, col, length, peak, offset in zip(*bright.runs, strict=True):
        values = bright.level[offset : offset + length]
        assert peak == values.max()
        volume[frame, row, col : col + length] = values
    return volume


def expected(volume, floor, left_out=False):
    with np.errstate(invalid="ignore"):
        return np.where((volume >= floor) & np.isfinite(volume) & ~np.asarray(left_out), volume, np.nan)


@pytest.mark.parametrize("cols", [1, 2, 63, 64, 65, 128, 200])
@pytest.mark.parametrize("rows", [1, 3])
def test_runs_hold_what_reaches_the_floor_for_any_width(rows, cols):
    rng = np.random.default_rng(cols)
    volume = rng.normal(0, 10, (4, rows, cols)).astype(np.float32)
    volume[rng.random(volume.shape) < 0.1] = np.nan
    volume[rng.random(volume.shape) < 0.05] = np.inf
    mask = rng.random((rows, cols)) < 0.2
    bright = bright_voxels(frames_in_blocks(volume), volume.shape, parameters(), mask=mask, floor=5.0)
    np.testing.assert_array_equal(dense(bright), expected(volume, 5.0, mask))


def test_runs_end_where_a_row_ends():
    volume = np.full((2, 3, 130), 9.0, np.float32)
    runs = bright_voxels(frames_in_blocks(volume), volume.shape, parameters(), floor=5.0).runs
    assert runs.length.tolist() == [130] * 6
    assert runs.offset.tolist() == [130 * i for i in range(6)]


@pytest.mark.parametrize("floor", [0.1, 0.3, 7.0, 1 / 3, 16777217.0, 1e-40, 1e39])
def test_a_float32_reaches_a_float64_floor_exactly(floor):
    near = np.float32(min(floor, 3e38))
    values = np.array([np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))])
    assert ((values >= smallest_float32(floor)) == (values.astype(np.float64) >= floor)).all()


def test_closed_blocks_of_columns_are_told_from_mixed_ones():
    left_out = np.zeros((2, 150), bool)
    left_out[0, :64] = True
    left_out[0, 100] = True
    left_out[1, 128:] = True
    assert block_states(left_out).tolist() == [[CLOSED, MIXED, OPEN], [OPEN, OPEN, CLOSED]]


def test_levels_are_float32_quotients_where_the_noise_is_per_pixel():
    rng = np.random.default_rng(0)
    volume = rng.normal(0, 30, (3, 4, 70)).astype(np.float32)
    noise = rng.uniform(1, 5, (4, 70)).astype(np.float32)
    noise[1, 3], noise[2, 5], noise[0, 69] = 0.0, np.nan, -1.0
    params = parameters(unit="sigma", noise="local")
    bright = bright_voxels(frames_in_blocks(volume), volume.shape, params, noise_image=noise, floor=2.0)
    bad = ~(noise > 0)
    level = volume / np.where(bad, np.float32(1), noise)
    np.testing.assert_array_equal(dense(bright), expected(level, 2.0, bad))
    np.testing.assert_array_equal(bright.intensity, volume[~np.isnan(expected(level, 2.0, bad))])


def test_voxels_beside_what_is_not_a_number_are_marked():
    volume = np.zeros((2, 5, 5), np.float32)
    volume[1, 1:4, 1:4] = 9.0
    volume[1, 0, 0] = np.nan
    volume[1, 4, 2] = np.inf
    volume[0, 2, 2] = 9.0
    bright = bright_voxels(frames_in_blocks(volume), volume.shape, parameters(), floor=5.0)
    where = [tuple(np.unravel_index(i, volume.shape)) for i in bright.beside_invalid]
    assert where == [(1, 1, 1), (1, 3, 1), (1, 3, 2), (1, 3, 3)]
    assert bright.at_side.tolist() == [False, False, True, False]


def test_a_masked_nan_marks_nothing():
    frame = np.array([[np.nan, 9.0]], np.float32)
    out, side = np.empty(1, np.int64), np.empty(1, bool)
    args = (np.array([0]), np.array([1]), np.array([1]), out, side)
    assert beside_invalid(frame, np.array([[True, False]]), *args) == 0
    assert beside_invalid(frame, np.array([[False, False]]), *args) == 1


def test_flat_indices_do_not_overflow_late_in_a_long_scan():
    shape = (10_000, 1000, 1000)
    frames = np.zeros((1, *shape[1:]), np.float32)
    frames[0, 999, 999] = np.nan
    frames[0, 999, 998] = 50.0
    threshold = FrameThreshold.of(shape, parameters(), baseline=None, exclude=None, mask=None, noise_image=None)
    block = CleanBlock(9_999, frames, np.array([999_998]), np.zeros(1, bool))
    part = find_bright(block, threshold, Serial())
    assert part.saturated.tolist() == part.beside_invalid.tolist() == [9_999_999_998]


def test_too_much_above_the_floor_names_the_frame_the_part_and_the_way_out():
    volume = np.zeros((4, 10, 10), np.float32)
    volume[2, :1] = 30.0
    params = parameters(max_bright_fraction=0.05)
    with pytest.raises(NoiseError, match=r"frame 2: .* 10, got 10 \(10.0%\) \(raise segment.grow_min"):
        bright_voxels(frames_in_blocks(volume), volume.shape, params)
    volume[2, 0, 5:] = 0
    assert len(bright_voxels(frames_in_blocks(volume), volume.shape, params)) == 5


def test_one_spot_is_not_too_much_for_a_small_frame():
    volume = np.zeros((4, 4, 4), np.float32)
    volume[1:3, :3, :3] = 60.0
    params = parameters(max_bright_fraction=0.05)
    assert len(bright_voxels(frames_in_blocks(volume), volume.shape, params)) == 18
    volume[2, 3, 3] = 60.0
    with pytest.raises(NoiseError, match="frame 2: at most 9"):
        bright_voxels(frames_in_blocks(volume), volume.shape, params)


def test_excluded_pixels_do_not_count_as_noise():
    volume = np.zeros((3, 10, 10), np.float32)
    volume[:, :5] = 1000.0
    params = parameters(max_bright_fraction=0.05, exclude=[[0, 0, 10, 5]])
    assert len(bright_voxels(frames_in_blocks(volume), volume.shape, params)) == 0


def test_blocks_that_skip_a_frame_are_refused():
    volume = np.zeros((6, 2, 2), np.float32)
    blocks = list(frames_in_blocks(volume))
    for wrong in (blocks[1:], [blocks[0], blocks[2]], blocks[:2]):
        with pytest.raises(FriedelError, match="clean blocks"):
            bright_voxels(wrong, volume.shape, parameters())


@given(
    hnp.arrays(np.float32, 40, elements=st.floats(0, 1e6, width=32)),
    hnp.arrays(np.float32, 40, elements=st.floats(0, 1e4, width=32)),
    st.floats(0, 100),
)
def test_what_is_surely_dark_is_below_the_floor(values, noise, floor):
    dark = lowest_counts(floor, noise)
    lit = noise > 0
    with np.errstate(over="ignore"):
        level = values[lit] / noise[lit]
    assert not np.any((values[lit] < dark[lit]) & (level >= smallest_float32(floor)))
