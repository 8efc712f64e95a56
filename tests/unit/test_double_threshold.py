"""The double threshold as a whole: edge cases, flags, limits, units, and two halves that agree."""

import numpy as np
import pytest

from friedel.errors import FriedelWarning, InputError, RecipeError
from friedel.kernels.segment.bright_runs import Runs
from friedel.model.baseline import Baseline
from friedel.model.blobs import Flag, Reason
from friedel.model.scan import Box
from friedel.segment import (
    BrightVoxels,
    SegmentParams,
    bright_voxels,
    components_of,
    excluded_area,
    segment,
    solve,
)
from tests.oracles_segment import blobs_of, frames_in_blocks, parameters, run, same_bytes, solved


def baseline(sigma=2.0, sigma_image=None, beam=None):
    image = np.full((6, 8), sigma, np.float32) if sigma_image is None else sigma_image
    return Baseline((0,), beam, (), 1000.0, 1.0, 0.0, sigma, image)


def spot(shape=(5, 6, 8), at=(2, 2, 3), value=60.0, size=(2, 2, 2)):
    volume = np.zeros(shape, np.float32)
    volume[tuple(slice(a, a + n) for a, n in zip(at, size, strict=True))] = value
    return volume


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("cuts", [[], range(5)])
def test_a_scan_without_a_seed_gives_an_empty_table(cuts, wrap):
    for level in (0.0, 19.0, np.nan):
        table = run(np.full((5, 4, 6), level, np.float32), parameters(), cuts=cuts, wrap=wrap)
        assert len(table) == len(table.reason) == len(table.voxels) == 0
        assert table.shape == (5, 4, 6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 5), (2, 3, 1), (3, 1, 130), (4, 5, 64)])
@pytest.mark.parametrize("wrap", [False, True])
def test_a_scan_that_is_bright_everywhere_is_one_blob(shape, wrap):
    table = run(np.full(shape, 50.0, np.float32), parameters(), wrap=wrap, cuts=range(shape[0]))
    assert table["Number_of_pixels"].tolist() == [int(np.prod(shape))]
    assert table["frame_stop"][0] - table["frame_start"][0] == shape[0]
    assert bool(table["flags"][0] & Flag.FULL_TURN) == wrap
    assert bool(table["flags"][0] & Flag.SCAN_END) == (not wrap)
    assert table["onfirst"].tolist() == table["onlast"].tolist() == [1]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames_wrap_without_counting_twice(frames):
    volume = np.zeros((frames, 3, 4), np.float32)
    volume[0, 1, 1] = 50.0
    volume[frames - 1, 1, 2] = 40.0
    table = run(volume, parameters(), wrap=True, cuts=range(frames))
    assert table["Number_of_pixels"].tolist() == [2]
    assert table["sum_intensity"].tolist() == [90.0]
    assert (table["frame_start"][0], table["frame_stop"][0]) == {1: (0, 1), 2: (-1, 1), 3: (-1, 1)}[frames]


@pytest.mark.parametrize("cuts", [[], [4], range(9)])
def test_a_blob_over_the_ends_of_a_full_turn_is_unwrapped_around_its_peak(cuts):
    for late, expected in ((False, (-3, 2)), (True, (6, 11))):
        volume = np.zeros((9, 3, 4), np.float32)
        volume[6:, 1, 1] = volume[:2, 1, 1] = 30.0
        volume[8 if late else 0, 1, 1] = 60.0
        table = run(volume, parameters(), wrap=True, cuts=cuts)
        assert (table["frame_start"][0], table["frame_stop"][0]) == expected
        assert table["flags"][0] == 0
        assert sorted(table.voxels.frame.tolist()) == [0, 1, 6, 7, 8]
        assert len(run(volume, parameters(), wrap=False, cuts=cuts)) == 2


def test_a_full_turn_is_flagged_and_centred_on_its_peak():
    volume = np.zeros((8, 3, 4), np.float32)
    volume[:, 1, 1] = 30.0
    volume[1, 1, 1] = 60.0
    table = run(volume, parameters(), wrap=True)
    assert table["flags"][0] == Flag.FULL_TURN
    assert (table["frame_start"][0], table["frame_stop"][0]) == (-3, 5)


def test_a_plateau_across_a_cut_has_one_peak():
    volume = spot(shape=(6, 6, 8), at=(1, 2, 3), size=(4, 2, 2))
    for cuts in ([], [3], range(6)):
        table = run(volume, parameters(), cuts=cuts)
        assert len(table) == 1
        assert (table["IMax_o"][0], table["IMax_s"][0], table["IMax_f"][0]) == (3.0 - 0.5 * 1.5, 2, 3)


def test_a_dead_column_through_a_blob_splits_it_in_two_that_say_so():
    volume = spot(at=(1, 1, 2), size=(2, 3, 5))
    mask = np.zeros((6, 8), bool)
    mask[:, 4] = True
    table = run(volume, parameters(), mask=mask)
    assert table["Number_of_pixels"].tolist() == [12, 12]
    assert (table["flags"] & Flag.EXCLUDED > 0).all()
    one = run(volume, parameters(), mask=np.eye(6, 8, 3, dtype=bool) & False)
    assert one["flags"].tolist() == [0]


@pytest.mark.parametrize(("connectivity", "beside"), [(6, False), (18, True), (26, True)])
def test_a_masked_corner_is_beside_under_18_and_26_only(connectivity, beside):
    mask = np.zeros((6, 8), bool)
    mask[1, 2] = True
    for bad in ({"mask": mask}, {"exclude": mask}):
        table = run(spot(), parameters(connectivity=connectivity), **bad)
        assert bool(table["flags"][0] & Flag.EXCLUDED) == beside
    volume = spot()
    volume[2, 1, 2] = np.nan
    assert bool(run(volume, parameters(connectivity=connectivity))["flags"][0] & Flag.EXCLUDED) == beside


def test_nan_belongs_to_nothing():
    volume = spot(at=(1, 1, 1), size=(3, 3, 3))
    volume[2, 2, 2] = np.nan
    table = run(volume, parameters())
    assert table["Number_of_pixels"].tolist() == [26]
    assert np.isfinite(table["sum_intensity"][0])
    assert table["flags"].tolist() == [Flag.EXCLUDED]


@pytest.mark.parametrize(
    ("at", "edge"), [((2, 0, 3), 1), ((2, 4, 3), 1), ((2, 2, 0), 1), ((2, 2, 6), 1), ((2, 1, 1), 0)]
)
def test_blobs_at_the_edge_of_the_detector_are_flagged_and_may_be_rejected(at, edge):
    volume = spot(at=at)
    assert run(volume, parameters())["flags"].tolist() == [Flag.EDGE * edge]
    assert run(volume, parameters(reject_edge=True)).reason.tolist() == [Reason.EDGE * edge]


@pytest.mark.parametrize(("at", "end"), [(0, True), (1, False), (3, True)])
def test_blobs_on_the_first_or_last_frame_are_flagged_unless_they_wrap(at, end):
    volume = spot(at=(at, 2, 3))
    table = run(volume, parameters())
    assert table["flags"].tolist() == [Flag.SCAN_END * end]
    assert (table["onfirst"][0], table["onlast"][0]) == (at == 0, at == 3)
    assert run(volume, parameters(), wrap=True)["flags"].tolist() == [0]


def test_limits_are_inclusive_and_the_first_that_applies_is_the_reason():
    volume = spot(size=(3, 2, 4))
    for low, high, reason in (
        ((4, 2, 3), (4, 2, 3), Reason.KEPT),
        ((5, 3, 4), (9, 9, 9), Reason.TOO_SMALL_X),
        ((4, 3, 4), (9, 9, 9), Reason.TOO_SMALL_Y),
        ((4, 2, 4), (9, 9, 9), Reason.TOO_SMALL_FRAMES),
        ((0, 0, 0), (3, 1, 2), Reason.TOO_BIG_X),
        ((0, 0, 0), (4, 1, 2), Reason.TOO_BIG_Y),
        ((0, 0, 0), (4, 2, 2), Reason.TOO_BIG_FRAMES),
        ((0, 3, 0), (3, 9, 9), Reason.TOO_SMALL_Y),
    ):
        params = parameters(min_size=low, max_size=high)
        assert run(volume, params).reason.tolist() == [reason]
        assert solved(volume, parameters()).limited(params).reason.tolist() == [reason]


def test_a_discarded_blob_keeps_its_claim():
    volume = np.zeros((3, 3, 12), np.float32)
    volume[1, 1, 1:9] = [100, 30, 15, 15, 30, 15, 15, 15]
    table = run(volume, parameters(tolerance=0.1, max_size=(3, 9, 9)))
    assert blobs_of(table) == {
        ("too_big_x", frozenset((1, 1, c) for c in range(1, 9))),
        ("absorbed", frozenset({(1, 1, 5)})),
    }


def test_rejection_beside_excluded_pixels_comes_last():
    volume = spot(at=(2, 2, 0))
    mask = np.zeros((6, 8), bool)
    mask[2, 2] = True
    both = parameters(reject_edge=True, reject_touching_excluded=True)
    assert run(volume, both, mask=mask).reason.tolist() == [Reason.EDGE]
    assert run(volume, parameters(reject_touching_excluded=True), mask=mask).reason.tolist() == [
        Reason.TOUCHES_EXCLUDED
    ]


def test_rows_are_in_the_order_of_their_first_voxels_kept_ones_first():
    volume = np.zeros((4, 5, 20), np.float32)
    volume[0, 1, 1] = volume[1, 3, 1:4] = volume[1, 0, 15:18] = volume[2, 4, 10] = 50.0
    table = run(volume, parameters(min_size=(2, 0, 0)))
    assert table.columns["spot3d_id"].tolist() == [0, 1, 2, 3]
    assert table.columns["Min_f"].tolist() == [15, 1, 1, 10]
    assert table.reason.tolist() == [Reason.KEPT, Reason.KEPT, Reason.TOO_SMALL_X, Reason.TOO_SMALL_X]


def test_thresholds_in_sigma_of_the_scan_are_multiples_of_it():
    volume = spot(value=41.0)
    volume[2, 2, 2] = 12.0
    params = parameters(unit="sigma", seed_threshold=20.0, grow_min=5.0, tolerance=0.0)
    table = run(volume, params, baseline=baseline(2.0))
    assert table["threshold"].tolist() == [10.0]
    assert same_bytes(table, run(volume, parameters(seed_threshold=40.0, grow_min=10.0, tolerance=0.0)))
    assert len(run(volume, params, baseline=baseline(2.1))) == 0


def test_thresholds_in_sigma_of_each_pixel_follow_the_noise():
    volume = spot(shape=(5, 6, 20), at=(2, 2, 2))
    volume[2:4, 2:4, 12:14] = 30.0
    noise = np.full((6, 20), 1.0, np.float32)
    noise[:, :10] = 4.0
    params = parameters(unit="sigma", noise="local", seed_threshold=20.0)
    table = run(volume, params, baseline=baseline(1.0, noise))
    assert table["col_start"].tolist() == [12]
    assert table["IMax_int"].tolist() == [30.0]
    assert table["threshold"].tolist() == [15.0]
    image = run(volume, parameters(unit="sigma", noise="noise.tif", seed_threshold=20.0), noise_image=noise)
    assert same_bytes(table, image)


@pytest.mark.parametrize(("noise", "unit"), [("scan", "counts"), ("local", "sigma")])
def test_the_table_says_what_its_thresholds_are(noise, unit):
    params = parameters(unit="sigma", noise=noise, seed_threshold=20.0, grow_min=5.0, tolerance=0.0)
    table = run(spot(), params, baseline=baseline(2.0))
    assert table.threshold_unit == unit
    assert run(spot(), parameters()).threshold_unit == "counts"
    assert (table["threshold"] == (5.0 if noise == "local" else 10.0)).all()


def test_a_run_in_sigma_without_noise_is_refused():
    with pytest.raises(InputError, match=r"segment\.unit"):
        run(spot(), parameters(unit="sigma"))
    with pytest.raises(InputError, match=r"segment\.unit"):
        run(spot(), parameters(unit="sigma"), baseline=baseline(0.0))
    with pytest.raises(InputError, match=r"segment\.noise"):
        run(spot(), parameters(unit="sigma", noise="local"))


def test_the_beam_is_excluded_unless_told_otherwise():
    beam = Box(2, 1, 6, 5)
    free = {"min_size": (0, 0, 0), "seed_min_voxels": 1, "max_bright_fraction": 1.0}
    assert len(run(spot(), SegmentParams(**free), baseline=baseline(beam=beam))) == 0
    assert len(run(spot(), SegmentParams(**free))) == 1
    assert len(run(spot(), SegmentParams(**free, exclude="none"), baseline=baseline(beam=beam))) == 1
    none = np.zeros((6, 8), bool)
    assert len(run(spot(), SegmentParams(**free), baseline=baseline(beam=beam), exclude=none)) == 1


def test_boxes_and_the_beam_can_be_excluded_together():
    params = parameters(exclude=["beam", [0, 0, 2, 1]])
    area = excluded_area(params, 6, 8, Box(5, 4, 8, 6))
    assert np.argwhere(area).tolist() == [[0, 0], [0, 1], *[[r, c] for r in (4, 5) for c in (5, 6, 7)]]
    assert parameters(exclude=[0, 0, 2, 1]).exclude == ((0, 0, 2, 1),)
    with pytest.raises(InputError, match=r"segment.exclude: boxes .* got \[6, 0, 9, 2\]"):
        excluded_area(parameters(exclude=[[6, 0, 9, 2]]), 6, 8, None)


@pytest.mark.parametrize("exclude", ["bad.tif", ["beam", [0, 0, 2, 1], "bad.tif"]])
def test_images_say_where_not_to_look_too(exclude):
    params, image = parameters(exclude=exclude), np.eye(6, 8, dtype=bool)
    assert params.excluded_images == ("bad.tif",)
    area = excluded_area(params, 6, 8, Box(5, 4, 8, 6), image)
    rest = "none" if exclude == "bad.tif" else exclude[:2]
    np.testing.assert_array_equal(area, image | excluded_area(parameters(exclude=rest), 6, 8, Box(5, 4, 8, 6)))
    with pytest.raises(InputError, match=r"segment.exclude: the image is missing, got bad.tif"):
        excluded_area(params, 6, 8, None)


@pytest.mark.parametrize("exclude", ["", ["beam", ""], ["beam", "none"], 7, [1.5, 2, 3, 4]])
def test_exclude_is_checked(exclude):
    with pytest.raises(RecipeError, match=r"exclude"):
        SegmentParams.build({"exclude": exclude}, "segment")


def test_masks_of_another_shape_are_refused():
    with pytest.raises(InputError, match="mask"):
        run(spot(), parameters(), mask=np.zeros((5, 8), bool))


def test_thresholds_out_of_order_are_refused_or_warned_about():
    with pytest.raises(RecipeError, match=r"segment.grow_max: must not be below grow_min = 9, got 8"):
        SegmentParams.build({"grow_min": 9, "grow_max": 8}, "segment")
    with pytest.raises(
        RecipeError, match=r"segment.max_size: must not be below min_size = \[1, 9, 1\], got \[9, 8, 9\]"
    ):
        SegmentParams.build({"min_size": [1, 9, 1], "max_size": [9, 8, 9]}, "segment")
    with pytest.warns(FriedelWarning, match="grow_min = 60 is above seed_threshold = 50"):
        SegmentParams(grow_min=60.0)
    with pytest.raises(RecipeError, match=r"segment\.tolerance"):
        SegmentParams.build({"tolerance": 1.5}, "segment")


def test_defaults_are_those_of_the_recipe():
    params = SegmentParams()
    assert (params.seed_threshold, params.tolerance, params.grow_min, params.grow_max) == (50.0, 0.1, 7.0, np.inf)
    assert (params.min_size, params.max_size, params.seed_min_voxels) == ((5, 5, 1), (300, 300, 40), 10)
    assert (params.connectivity, params.exclude, params.overlap, params.wrap) == (26, "beam", "claim", "auto")
    assert params.wraps(True)
    assert not params.wraps(False)
    assert SegmentParams(wrap=True).wraps(True)
    assert not SegmentParams(wrap=False).wraps(True)


def test_wrapping_a_scan_that_is_no_full_turn_is_warned_of():
    with pytest.warns(FriedelWarning, match=r"segment\.wrap.*no full turn"):
        assert SegmentParams(wrap=True).wraps(False)


def test_solving_again_equals_a_run_with_the_new_parameters():
    rng = np.random.default_rng(3)
    volume = rng.normal(10, 12, (7, 12, 20)).astype(np.float32)
    saturated = rng.random(volume.shape) < 0.05
    mask = rng.random((12, 20)) < 0.05
    low = parameters(seed_threshold=15.0, grow_min=5.0, tolerance=0.0)
    bright = bright_voxels(frames_in_blocks(volume, saturated=saturated), volume.shape, low, mask=mask)
    for changes in ({}, {"seed_threshold": 30.0}, {"tolerance": 0.8}, {"connectivity": 6}, {"seed_min_voxels": 4},
                    {"overlap": "watershed"}, {"growth": "literal"}, {"min_size": (3, 3, 2)}):  # fmt: skip
        params = low.replaced(**changes)
        for wrap in (False, True):
            expected = run(volume, params, mask=mask, saturated=saturated, wrap=wrap)
            for seed_threshold in (None, params.seed_threshold):
                components = components_of(bright, params.connectivity, wrap=wrap, seed_threshold=seed_threshold)
                runs = solve(components, params, omega_start_deg=3.0, omega_step_deg=-0.5)
                assert same_bytes(runs.table(), expected)


def test_components_are_for_one_connectivity_and_not_below_their_floor():
    bright = bright_voxels(frames_in_blocks(spot()), (5, 6, 8), parameters(), floor=8.0)
    components = components_of(bright, 26, wrap=False)
    assert len(components) == len(bright)
    for params, says in ((parameters(tolerance=0.1), "8, the floor"), (parameters(connectivity=6), "must be 26")):
        with pytest.raises(InputError, match=says):
            solve(components, params, omega_start_deg=0.0, omega_step_deg=1.0)


def test_voxels_beyond_two_to_the_31_keep_their_place():
    shape = (10_000, 2000, 2000)
    whole = np.array([9999, 9999], np.int32), np.array([1998, 1999], np.int32), np.array([1990, 1997], np.int32)
    length, offset = np.array([3, 3], np.int32), np.array([0, 3])
    level = np.array([10, 50, 10, 70, 80, 90], np.float32)
    runs = Runs(*whole, length, np.array([50, 90], np.float32), offset)
    flat = (9999 * 2000 + 1999) * 2000 + np.arange(1997, 2000)
    none = np.empty(0, np.int64)
    mask, replaced = np.zeros(shape[1:], bool), np.zeros(shape[0], bool)
    bright = BrightVoxels(shape, 0, shape[0], 5.0, runs, level, level, flat, none, none > 0, replaced, mask)
    components = components_of(bright, 26, wrap=True)
    table = solve(components, parameters(), omega_start_deg=0.0, omega_step_deg=0.036).table()
    assert table["n_saturated"].tolist() == [0, 3]
    assert table.voxels.frame.tolist() == [9999] * 4
    assert table["Max_f"].tolist() == [1991, 1999]


def test_progress_counts_frames():
    seen = []
    run(spot(), parameters(), cuts=[2, 3], on_progress=seen.append)
    assert seen == [2, 3, 5]


def test_an_empty_scan_of_blocks_is_refused():
    with pytest.raises(Exception, match="must hold all 5 frames"):
        segment([], (5, 6, 8), parameters(), baseline=None, exclude=None, mask=None, omega_start_deg=0.0,
                omega_step_deg=1.0, wrap=False)  # fmt: skip


# --- frames that were not recorded


@pytest.mark.parametrize("wrap", [False, True])
def test_a_blob_beside_missing_frames_is_cut_there_and_says_so(wrap):
    volume = spot((12, 6, 8), at=(2, 2, 3), size=(4, 2, 2)) + spot((12, 6, 8), at=(8, 2, 3), size=(3, 2, 2))
    whole, gaps = run(volume, parameters(), wrap=wrap), ((6, 8),)
    table = run(volume, parameters(), wrap=wrap, gaps=gaps, cuts=range(12))
    assert table.gaps == gaps
    assert not (whole["flags"] & Flag.SCAN_END).any()
    assert ((table["flags"] & Flag.SCAN_END) > 0).tolist() == [True, True]
    assert not (run(volume, parameters(), wrap=wrap, gaps=((7, 8),))["flags"][0] & Flag.SCAN_END)
    for name in ("frame", "omega", "sum_intensity", "onfirst", "onlast"):
        np.testing.assert_array_equal(table[name], whole[name])


def test_a_blob_over_the_ends_of_a_full_turn_knows_the_gap_at_either_side():
    volume = spot((12, 6, 8), at=(0, 2, 3), size=(2, 2, 2)) + spot((12, 6, 8), at=(11, 2, 3), size=(1, 2, 2))
    for gaps, cut in ((((2, 4),), True), (((9, 11),), True), (((3, 10),), False)):
        table = run(volume, parameters(), wrap=True, gaps=gaps)
        assert len(table) == 1
        assert bool(table["flags"][0] & Flag.SCAN_END) == cut
