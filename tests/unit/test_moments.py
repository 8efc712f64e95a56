"""Centroids, spreads and boxes of blobs."""

import numpy as np
import pytest

from friedel.kernels.segment.moments import unwrap
from friedel.model.blobs import COLUMNS, Flag
from tests.oracles_segment import Volume, columns, double_threshold, parameters, run


def gaussian(shape=(14, 20, 30), centre=(6.3, 9.6, 14.2), width=(1.5, 2.0, 3.0), peak=1000.0, tilt=0.4):
    f, r, c = np.ogrid[tuple(map(slice, shape))]
    f, r, c = f - centre[0], r - centre[1], c - centre[2]
    c = c - tilt * r - tilt * f
    return (
        peak * np.exp(-(f**2) / 2 / width[0] ** 2 - r**2 / 2 / width[1] ** 2 - c**2 / 2 / width[2] ** 2)
    ).astype(np.float32)


@pytest.mark.parametrize(
    ("frames", "peak", "turn", "expected"),
    [
        ([3, 3, 4], 3, 0, (2, 3, 4, 0, 0)),  # not a full turn
        ([3, 4, 5], 4, 8, (3, 3, 5, 0, 0)),  # away from the ends
        ([0, 0, 1, 6, 7], 0, 8, (4, 0, 7, 6, -1)),  # across the ends, peak after
        ([0, 1, 6, 6, 7], 7, 8, (4, 0, 7, 6, 1)),  # peak before
        ([0, 1, 2, 3], 0, 4, (4, 0, 3, 2, -1)),  # every frame: cut opposite the peak
        ([0, 1, 2, 3], 2, 4, (4, 0, 3, 0, 0)),
        ([0, 1, 2, 3], 3, 4, (4, 0, 3, 1, 1)),
        ([0, 1, 2], 0, 3, (3, 0, 2, 2, -1)),
        ([0, 1], 0, 2, (2, 0, 1, 1, -1)),
        ([0, 1], 1, 2, (2, 0, 1, 0, 0)),
        ([0], 0, 1, (1, 0, 0, 0, 0)),
    ],
)
def test_a_blob_of_a_full_turn_is_cut_open_away_from_its_peak(frames, peak, turn, expected):
    frame = np.array(frames, np.int32)
    n, first, last, cut, shift = unwrap(frame, 0, len(frame), peak, turn)
    moved = frame + (turn * (frame < cut) if shift > 0 else -turn * (frame >= cut) if shift < 0 else 0)
    assert (n, first, last) == expected[:3]
    assert shift == expected[4]
    if shift:
        assert cut == expected[3]
    assert moved.max() - moved.min() + 1 == n
    assert moved[list(frame).index(peak)] == peak


@pytest.mark.parametrize("step", [0.05, -0.5])
@pytest.mark.parametrize("wrap", [False, True])
def test_all_columns_equal_those_of_plain_numpy(step, wrap):
    volume = np.roll(gaussian(), 9 if wrap else 0, axis=0)
    params = parameters(tolerance=0.1, grow_min=7.0)
    table = run(volume, params, wrap=wrap, omega_start_deg=10.0, omega_step_deg=step)
    (row,) = double_threshold(Volume(volume, None, 26, wrap), 20.0, 0.1, 7.0, np.inf)
    for name, value in columns(row.voxels, row.peak, volume, 10.0, step, wrap).items():
        assert table[name][0] == pytest.approx(value, rel=1e-12, abs=1e-12), name
    assert table["seed_voxels"][0] == row.seed_voxels
    assert table["threshold"][0] == row.threshold
    assert {c.name: table[c.name].dtype for c in COLUMNS} == {c.name: np.dtype(c.dtype) for c in COLUMNS}


def test_moments_stay_exact_far_from_the_origin():
    volume = np.zeros((3, 2, 4000), np.float32)
    volume[1, 1, 3990:3993] = [1e6, 2e6, 1e6]
    table = run(volume, parameters(tolerance=0.1))
    assert table["f_raw"][0] == 3991.0
    assert table["sigf"][0] == np.sqrt(0.5)
    assert table["sigs"][0] == table["sigo"][0] == table["covsf"][0] == table["covso"][0] == 0.0


def test_correlations_have_the_sign_of_the_tilt_and_of_the_rotation():
    for step in (0.1, -0.1):
        table = run(gaussian(), parameters(tolerance=0.1), omega_step_deg=step)
        assert table["covsf"][0] > 0.2
        assert np.sign(table["covfo"][0]) == np.sign(step)
        assert (np.abs([table["covsf"], table["covso"], table["covfo"]]) <= 1).all()


def test_omega_is_that_of_the_middle_of_a_frame():
    volume = np.zeros((4, 3, 3), np.float32)
    volume[2, 1, 1] = 50.0
    table = run(volume, parameters(), omega_start_deg=10.0, omega_step_deg=0.2)
    assert table["omega"][0] == table["IMax_o"][0] == table["Min_o"][0] == table["Max_o"][0] == 10.5


def test_the_brightest_of_equals_is_the_first_one():
    volume = np.zeros((3, 3, 4), np.float32)
    volume[1, 1, 1:3] = volume[2, 0, 1] = 50.0
    table = run(volume, parameters())
    assert (table["IMax_s"][0], table["IMax_f"][0], table["IMax_o"][0]) == (1, 1, 3.0 - 0.5 * 1.5)


def test_saturated_voxels_are_counted_in_the_blobs_that_hold_them():
    volume, saturated = np.zeros((2, 5, 6, 9), np.float32)
    volume[1:3, 1:3, 1:4] = volume[3, 4, 7] = 60.0
    saturated[1, 1, 1:3] = saturated[2, 2, 3] = saturated[0, 0, 0] = saturated[4, 5, 8] = 1
    for cuts in ([], range(5)):
        table = run(volume, parameters(), cuts=cuts, saturated=saturated.astype(bool))
        assert table["n_saturated"].tolist() == [3, 0]
        assert ((table["flags"] & Flag.SATURATED) > 0).tolist() == [True, False]


def test_blobs_on_frames_that_stand_in_say_so():
    volume = np.zeros((6, 3, 5), np.float32)
    volume[1:3, 1, 1] = volume[4, 1, 3] = 60.0
    for cuts in ([], range(6)):
        table = run(volume, parameters(), cuts=cuts, replaced=np.arange(6) == 2)
        assert ((table["flags"] & Flag.REPLACED) > 0).tolist() == [True, False]
