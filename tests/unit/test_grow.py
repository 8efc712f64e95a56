"""Growth and claims: which voxels belong to which blob."""

import numpy as np
import pytest

from friedel.errors import FriedelWarning
from friedel.model.blobs import Flag, Reason
from tests.oracles_segment import blobs_of, parameters, run


def line(*values):
    """A scan of one row, in the first of two frames."""
    volume = np.zeros((2, 1, len(values)), np.float32)
    volume[0, 0] = values
    return volume


def spans(table):
    """(reason, first column, last column) of every row."""
    return [
        (Reason(int(reason)).text, int(a), int(b) - 1)
        for reason, a, b in zip(table.reason, table.columns["col_start"], table.columns["col_stop"], strict=True)
    ]


def test_a_blob_grows_down_to_the_tolerance_of_its_maximum():
    table = run(line(0, 4, 9, 11, 30, 100, 40, 10, 9, 0), parameters(tolerance=0.1))
    assert spans(table) == [("kept", 3, 7)]
    assert table["threshold"][0] == 10.0
    assert table["seed_voxels"][0] == 3


@pytest.mark.parametrize(
    ("changes", "first", "last", "threshold"),
    [
        ({"tolerance": 0.0, "grow_min": 4.0}, 1, 8, 4.0),  # tau 0: c_min decides
        ({"tolerance": 1.0}, 4, 6, 20.0),  # tau 1, and tau * M > T: T decides
        ({"tolerance": 0.5}, 4, 6, 20.0),
        ({"tolerance": 0.11, "grow_min": 5.0}, 3, 6, 11.0),  # v == t belongs
        ({"tolerance": 0.0, "grow_min": 9.0, "grow_max": 9.0}, 2, 8, 9.0),  # c_min == c_max
        ({"tolerance": 1.0, "grow_min": 0.0, "grow_max": 10.0}, 3, 7, 10.0),  # c_max < T
        ({"tolerance": 0.0, "grow_min": 20.0}, 4, 6, 20.0),
    ],
)
def test_the_threshold_of_growth_is_clipped(changes, first, last, threshold):
    table = run(line(0, 4, 9, 11, 30, 100, 40, 10, 9, 0), parameters(**changes))
    assert spans(table) == [("kept", first, last)]
    assert table["threshold"][0] == threshold


def test_a_voxel_equal_to_the_seed_threshold_is_a_seed():
    below = np.nextafter(np.float32(20), np.float32(0))
    table = run(line(below, 0, 20, 0, below), parameters())
    assert spans(table) == [("kept", 2, 2)]


@pytest.mark.parametrize("threshold", [20.1, 0.1, 1 / 3, 7.3])
def test_thresholds_that_no_float32_equals_are_compared_exactly(threshold):
    near = np.float32(threshold)
    values = [np.nextafter(near, np.float32(0)), near, np.nextafter(near, np.float32(np.inf))]
    table = run(
        line(0, values[0], 0, values[1], 0, values[2], 0), parameters(seed_threshold=threshold, grow_min=0.0)
    )
    assert table["col_start"].tolist() == [
        c for c, v in zip((1, 3, 5), values, strict=True) if float(v) >= threshold
    ]


def test_where_the_growth_rules_differ_is_above_grow_max():
    values = line(0, 6, 9, 15, 60, 100, 18, 15, 9, 6, 0)
    rule = {"tolerance": 0.05, "grow_min": 5.0, "grow_max": 10.0}
    clipped = run(values, parameters(**rule))
    literal = run(values, parameters(**rule, growth="literal"))
    assert spans(clipped) == [("kept", 1, 9)]
    assert spans(literal) == [("kept", 4, 5)]  # 15 and 18 are above c_max: the range does not reach past them


def test_the_growth_rules_agree_while_grow_max_does_not_bind():
    values = line(0, 6, 9, 15, 60, 100, 18, 15, 9, 6, 0)
    for tolerance in (0.0, 0.07, 0.1, 0.2, 0.5, 1.0):
        rule = {"tolerance": tolerance, "grow_min": 5.0}
        literal = run(values, parameters(**rule, growth="literal"))
        assert blobs_of(run(values, parameters(**rule))) == blobs_of(literal)


def test_literal_growth_goes_through_its_range_only_and_keeps_the_seed():
    table = run(line(8, 9, 30, 9, 12, 9, 0), parameters(tolerance=0.1, grow_max=10.0, growth="literal"))
    assert spans(table) == [("kept", 0, 3)]
    assert table["Number_of_pixels"][0] == 4


def test_an_empty_literal_range_leaves_the_seed_and_warns():
    params = parameters(tolerance=0.5, grow_min=5.0, grow_max=10.0, growth="literal")
    with pytest.warns(FriedelWarning, match="1 seeds had no range"):
        table = run(line(9, 10, 25, 40, 9), params)
    assert spans(table) == [("kept", 2, 3)]
    assert table["threshold"][0] == 20.0


def test_a_brighter_blob_absorbs_a_dimmer_seed_that_it_reaches():
    table = run(line(0, 100, 60, 15, 30, 0, 0), parameters(tolerance=0.1))
    assert spans(table) == [("kept", 1, 4), ("absorbed", 4, 4)]
    assert table["n_absorbed"].tolist() == [1]
    assert table.columns["sum_intensity"].tolist() == [205.0, 30.0]
    assert table.columns["IMax_f"].tolist() == [1, 4]


def test_three_blobs_in_a_chain_belong_to_the_brightest():
    table = run(line(50, 15, 100, 15, 60, 0), parameters(tolerance=0.1))
    assert spans(table) == [("kept", 0, 4), ("absorbed", 0, 0), ("absorbed", 4, 4)]
    assert table["n_absorbed"].tolist() == [2]


def test_in_a_chain_whose_middle_is_dim_each_end_takes_its_own():
    table = run(line(200, 12, 30, 12, 100, 8, 0), parameters(tolerance=0.1))
    assert spans(table) == [("kept", 0, 0), ("kept", 1, 4), ("absorbed", 2, 2)]
    assert (table["flags"] & Flag.TOUCHES).tolist() == [0, 1]


def test_a_dim_blob_can_enclose_a_bright_one_and_touches_it():
    volume = np.full((5, 7, 9), 8.0, np.float32)
    volume[2, 3, 3:6] = [100.0, 1000.0, 100.0]
    volume[0, 0, 0] = 25.0
    table = run(volume, parameters(tolerance=0.1))
    assert table["Number_of_pixels"].tolist() == [volume.size - 3, 3]
    assert (table["flags"] & Flag.TOUCHES).tolist() == [1, 0]


def test_of_two_equal_maxima_the_first_is_the_peak():
    table = run(line(100, 15, 100, 0), parameters(tolerance=0.1))
    assert spans(table) == [("kept", 0, 2), ("absorbed", 2, 2)]
    assert table["IMax_f"].tolist() == [0]


def test_small_seeds_are_in_the_ledger_and_may_lie_in_a_blob():
    table = run(line(500, 0, 30, 25, 15, 40, 0), parameters(seed_min_voxels=2, tolerance=0.4))
    assert spans(table) == [("kept", 2, 5), ("seed_too_small", 0, 0), ("seed_too_small", 5, 5)]
    assert table["IMax_int"].tolist() == [40.0]  # brighter than the seed's own maximum
    assert table["threshold"].tolist() == [12.0]
    assert table["n_absorbed"].tolist() == [0]


def test_the_watershed_splits_at_the_saddle():
    values = line(0, 30, 100, 40, 12, 11, 18, 60, 30, 0)
    assert spans(run(values, parameters(tolerance=0.1))) == [("kept", 1, 8), ("absorbed", 7, 8)]
    table = run(values, parameters(tolerance=0.1, overlap="watershed"))
    assert spans(table) == [("kept", 1, 4), ("kept", 5, 8)] or spans(table) == [("kept", 1, 5), ("kept", 6, 8)]
    assert table["n_absorbed"].tolist() == [0, 0]
    assert (table["flags"] & Flag.TOUCHES).tolist() == [1, 1]
    assert table["threshold"].tolist() == [10.0, 10.0]


def test_the_watershed_leaves_small_seeds_and_single_seeds_alone():
    values = line(0, 30, 100, 15, 60, 0, 0, 70, 12, 0)
    table = run(values, parameters(tolerance=0.1, overlap="watershed", seed_min_voxels=2))
    assert spans(table) == [("kept", 1, 4), ("seed_too_small", 4, 4), ("seed_too_small", 7, 7)]


BRIGHT_NEIGHBOURS = line(0, 25, 60, 300, 60, 50, 70, 200, 60, 0)


def test_neighbours_above_the_seed_threshold_are_parted_where_the_saddle_is_low_for_the_dimmer_one():
    assert spans(run(BRIGHT_NEIGHBOURS, parameters(overlap="watershed"))) == [("kept", 1, 8)]
    table = run(BRIGHT_NEIGHBOURS, parameters(overlap="watershed", saddle=0.6))
    assert spans(table) == [("kept", 1, 4), ("kept", 5, 8)]
    assert table["IMax_int"].tolist() == [300.0, 200.0]
    assert (table["flags"] & Flag.TOUCHES).tolist() == [1, 1]
    assert spans(run(BRIGHT_NEIGHBOURS, parameters(overlap="watershed", saddle=0.25))) == [("kept", 1, 8)]


def test_a_saddle_says_nothing_where_the_brightest_claims_all():
    assert spans(run(BRIGHT_NEIGHBOURS, parameters(saddle=0.6))) == [("kept", 1, 8)]


def test_a_maximum_of_few_voxels_is_no_part_of_its_own():
    params = parameters(overlap="watershed", saddle=0.9, seed_min_voxels=3)
    assert spans(run(line(0, 90, 200, 100, 60, 70, 45, 40, 30, 0), params)) == [("kept", 1, 8)]  # 70 after 60
    assert spans(run(line(0, 900, 60, 90, 200, 100, 40, 30, 25, 0), params)) == [("kept", 1, 8)]  # 900 alone


def test_a_hump_that_wraps_around_is_parted_like_any_other():
    values = BRIGHT_NEIGHBOURS[0, 0]
    volume = np.roll(values, 5).reshape(-1, 1, 1)
    table = run(volume, parameters(overlap="watershed", saddle=0.6), wrap=True)
    assert sorted(table["Number_of_pixels"].tolist()) == [4, 4]


def test_a_literal_seed_that_lost_voxels_does_not_grow_from_those():
    volume = np.zeros((2, 3, 3), np.float32)
    volume[0] = [[0, 100, 0], [0, 16, 0], [12, 25, 60]]  # the 25 goes to the 100; the 12 hangs on the 25 alone
    params = parameters(tolerance=0.15, grow_max=30.0, growth="literal", connectivity=6)
    assert blobs_of(run(volume, params)) == {
        ("kept", frozenset({(0, 0, 1), (0, 1, 1), (0, 2, 1)})),
        ("kept", frozenset({(0, 2, 2)})),
    }
