"""Frames lie where their angles say: in radians or degrees, some missing, or stored in another order."""

import h5py
import numpy as np
import pytest

from friedel.errors import RecipeError, ScanError
from friedel.io import ScanParams, open_scan
from friedel.io.angles import Angles, in_degrees
from friedel.io.angular_grid import angular_grid
from friedel.model.scan import as_ranges
from tests.scan_files import stack

ANGLES = np.arange(160) * 0.25


def grid(values, **rest):
    return angular_grid(Angles(np.asarray(values, float), "here", **rest), len(values))


def params(**values):
    return ScanParams.build({"dark": 0, **values}, "scan")


def missing(scan):
    return [frame for start, stop in scan.gaps for frame in range(start, stop)]


# --- frames that are missing


@pytest.mark.parametrize("lost", [[80, 81, 82], [1], [157], [5, 6, 90], list(range(20, 120)), [*range(10, 150, 7)]])
@pytest.mark.parametrize(("start", "step"), [(0, 0.25), (-30, 0.25), (90, -0.1), (350, 1.0)])
@pytest.mark.parametrize("modulo", [False, True])
def test_frames_that_are_missing_leave_their_places_empty(lost, start, step, modulo):
    values = start + np.arange(160) * step
    jitter = np.random.default_rng(0).uniform(-0.03, 0.03, 160) * step
    keep = np.setdiff1d(np.arange(160), lost)
    found = grid(((values + jitter) % 360 if modulo else values + jitter)[keep])
    np.testing.assert_array_equal(found.slot, keep)
    np.testing.assert_array_equal(np.flatnonzero(found.index < 0), lost)
    assert found.steps.step_deg == pytest.approx(step, rel=1e-3)
    assert (found.steps.start_deg - start + 180) % 360 - 180 == pytest.approx(0, abs=0.1 * abs(step))


def test_a_place_off_the_grid_behind_a_gap_is_named_and_start_and_step_are_not_proposed():
    values = np.concatenate([ANGLES[:80], ANGLES[83:] + 0.11])
    with pytest.raises(ScanError, match=r"angle of frame \d+ .*scan\.skip.*scan\.last.*scan\.first") as caught:
        grid(values)
    assert "step_deg" not in str(caught.value)


@pytest.mark.parametrize("frame", [0, 3, 9])
def test_only_where_angles_jitter_start_and_step_are_proposed(frame):
    values = np.arange(10) * 1.0
    values[frame] += 0.3
    with pytest.raises(
        ScanError, match=rf"frame {frame} .*scan\.skip = \[{frame}\].*start_deg = \S+, step_deg = 1 "
    ):
        grid(values)


# --- frames in another order


@pytest.mark.parametrize(
    "order",
    [
        np.r_[0:160:2, 1:160:2],
        np.r_[0:160:4, 2:160:4, 1:160:4, 3:160:4],
        np.r_[80:160, 0:80],
        (np.arange(160) * 61) % 160,
        np.random.default_rng(3).permutation(160),
    ],
)
@pytest.mark.parametrize("lost", [0, 3])
def test_frames_are_taken_in_the_order_of_their_angles(order, lost):
    order = order[~np.isin(order, np.arange(40, 40 + lost))]
    found = grid(10 + ANGLES[order])
    np.testing.assert_array_equal(found.slot, order)
    assert found.steps == (10.0, 0.25)
    assert "taken by their angles" in found.note


def test_an_interlaced_scan_that_runs_backwards_keeps_its_sense():
    order = np.r_[0:160:2, 1:160:2]
    found = grid(-ANGLES[order])
    np.testing.assert_array_equal(found.slot, order)
    assert found.steps == (0.0, -0.25)


def test_frames_spread_over_turns_in_large_steps_become_one_turn():
    values = np.arange(160) * 137.25
    found = grid(values)
    angle = found.steps.start_deg + found.slot * found.steps.step_deg
    assert abs(found.steps.step_deg) < 3
    np.testing.assert_allclose((angle - values + 180) % 360 - 180, 0, atol=1e-6)


@pytest.mark.parametrize("passes", [2, 3, 4, 8])
@pytest.mark.parametrize("modulo", [False, True])
@pytest.mark.parametrize("sense", [1, -1])
def test_a_full_turn_interlaced_in_several_passes_is_one_turn(passes, modulo, sense):
    order = np.concatenate([np.arange(first, 240, passes) for first in range(passes)])
    values = sense * (1.5 * order + 360.0 * np.repeat(np.arange(passes), 240 // passes))
    found = grid(values % 360 if modulo else values)
    assert (found.size, found.steps.step_deg) == (240, sense * 1.5)
    angle = found.steps.start_deg + found.slot * found.steps.step_deg
    np.testing.assert_allclose((angle - values + 180) % 360 - 180, 0, atol=1e-6)


def test_turns_that_follow_each_other_stay_as_they_are():
    for step in (1.0, 0.7, -0.5):
        assert grid(np.arange(1500) * step).steps.step_deg == step
        np.testing.assert_array_equal(grid(np.arange(1500) * step).slot, np.arange(1500))


def test_a_scan_interlaced_over_two_turns_becomes_one_turn():
    values = np.r_[np.arange(0, 360, 2), np.arange(361, 721, 2)]
    found = grid(values)
    np.testing.assert_array_equal(found.slot, np.r_[0:360:2, 1:360:2])
    assert found.steps == (0.0, 1.0)


@pytest.mark.parametrize("modulo", [180, 360, 1e9])
def test_angles_of_a_golden_angle_scan_are_refused_for_what_they_are(modulo):
    with pytest.raises(ScanError, match=r"steps of \S+° to \S+°.*golden-angle") as caught:
        grid(np.arange(300) * 137.50776 % modulo)
    assert "step_deg" not in str(caught.value)


def test_two_frames_at_the_same_angle_are_refused_by_their_numbers():
    with pytest.raises(ScanError, match=r'frames 0 and 160 at 0°, 160 so .*scan\.skip = \["160-319"\]'):
        grid(np.r_[ANGLES, ANGLES])
    with pytest.raises(ScanError, match=r"frames 49 and 50 at 12\.25°, 1 so .*scan\.skip = \[50\]"):
        grid(np.r_[ANGLES[:50], ANGLES[49:]])


def test_a_stage_that_turned_both_ways_is_told_of():
    found = grid(np.r_[np.arange(0.0, 90), np.arange(179.0, 89, -1)])
    assert found.size == 180
    assert "turned both ways" in found.doubt
    assert not grid(ANGLES[np.r_[0:160:2, 1:160:2]]).doubt


# --- units


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        ("rad", np.pi / 180),
        ("Radian", np.pi / 180),
        ("RADIANS", np.pi / 180),
        ("mrad", np.pi / 0.18),
        ("deg", 1),
        ("degrees", 1),
        ("°", 1),
        ("turns", 1 / 360),
        ("", 1),
    ],
)
def test_angles_are_read_in_the_unit_that_their_file_says(unit, size):
    found = in_degrees(Angles(ANGLES * size, "here", unit=unit))
    np.testing.assert_allclose(found.angles.values, ANGLES, rtol=1e-12)
    assert not found.doubt


@pytest.mark.parametrize("frames", [90, 721, 1800])
@pytest.mark.parametrize("turn", [np.pi, 2 * np.pi])
@pytest.mark.parametrize("endpoint", [False, True])
def test_angles_that_span_pi_or_two_are_radians_and_said_to_be(frames, turn, endpoint):
    values = np.linspace(0, turn, frames, endpoint=endpoint).astype(np.float32)
    found = in_degrees(Angles(values, "here"))
    np.testing.assert_allclose(found.angles.values, np.degrees(values), rtol=1e-6)
    assert "radians" in found.doubt
    assert in_degrees(Angles(values, "here"), "deg").angles.values is values


@pytest.mark.parametrize(
    "values", [np.arange(63) * 0.05, np.arange(314) * 0.01, np.arange(60) * 0.1, np.arange(4.0)]
)
def test_a_narrow_scan_in_degrees_stays_one(values):
    assert in_degrees(Angles(values, "here")).angles.values is values


def test_an_unknown_unit_is_said():
    assert 'unit "steps"' in in_degrees(Angles(ANGLES, "here", unit="steps")).doubt


UNITS = [b"rad", "radian", np.array(["radians"], dtype="S10"), np.array(["rad"], dtype=h5py.string_dtype())]


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("kind", ["exchange", "nxtomo", "bliss", "recipe", "text"])
def test_every_format_reads_angles_in_radians(tmp_path, units, kind):
    path = tmp_path / "s.h5"
    at = {"exchange": "exchange/theta", "nxtomo": "entry/sample/rotation_angle", "bliss": "1.1/measurement/rot"}
    where = {"exchange": "exchange/data", "nxtomo": "entry/data/data", "bliss": "1.1/measurement/cam"}
    with h5py.File(path, "w") as file:
        file[where.get(kind, "frames")] = stack()
        if kind == "nxtomo":
            file["entry/data/image_key"] = np.zeros(7, int)
        file[at.get(kind, "w")] = np.radians(5 + 2 * np.arange(7))
        file[at.get(kind, "w")].attrs["units"] = units
    np.savetxt(tmp_path / "w.txt", np.radians(5 + 2 * np.arange(7)), header="angle (rad)")
    omega = {"recipe": {"path": "s.h5::/w"}, "text": {"path": "w.txt"}}.get(kind)
    scan = open_scan(path, params(omega=omega), tmp_path)
    assert (scan.omega_start_deg, scan.omega_step_deg) == pytest.approx((5, 2))
    assert any("as their file says" in note for note in scan.notes)


def test_the_recipe_can_say_the_unit(tmp_path):
    np.save(tmp_path / "a.npy", stack())
    np.save(tmp_path / "w.npy", np.radians(2 * np.arange(7)))
    scan = open_scan("a.npy", params(omega={"path": "w.npy", "unit": "rad"}), tmp_path)
    assert scan.omega_step_deg == pytest.approx(2)


# --- whole scans


def bliss(path, frames, angles):
    with h5py.File(path, "w") as file:
        file["1.1/measurement/cam"], file["1.1/measurement/rot"] = frames, angles
    return path


def test_a_scan_knows_which_frames_are_missing_and_reads_the_others(tmp_path):
    frames, keep = stack(20), np.setdiff1d(np.arange(20), [7, 8, 9, 15])
    scan = open_scan(bliss(tmp_path / "s.h5", frames[keep], 0.5 * keep), params())
    assert scan.shape == (20, 12, 10)
    assert (scan.omega_start_deg, scan.omega_step_deg, scan.gaps) == (0.0, 0.5, ((7, 10), (15, 16)))
    assert "3 frames missing after frame 6" in scan.warnings
    assert "1 frame missing after frame 14" in scan.warnings
    np.testing.assert_array_equal(scan.frames.read(10, 15), frames[10:15])
    with pytest.raises(ScanError, match=r"frame 8 .*was not recorded"):
        scan.frames.read(8, 11)


@pytest.mark.parametrize("order", [np.r_[0:20:2, 1:20:2], (np.arange(20) * 13) % 20])
def test_a_scan_in_another_order_reads_like_one_in_order(tmp_path, order):
    frames = stack(20)
    scan = open_scan(bliss(tmp_path / "s.h5", frames[order], 0.5 * order), params())
    assert not scan.gaps
    np.testing.assert_array_equal(scan.frames.read(0, 20), frames)
    np.testing.assert_array_equal(scan.frames.read(3, 8), frames[3:8])


def test_angles_of_all_images_are_those_of_the_frames_also_when_the_recipe_names_them(tmp_path):
    keys = np.array([2, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1])
    angles = np.where(keys == 0, np.cumsum(keys == 0) - 1, 0.0)
    with h5py.File(tmp_path / "s.nxs", "w") as file:
        file["entry/data/data"], file["entry/data/image_key"] = stack(12), keys
        file["entry/data/rotation_angle"] = angles
    for omega in (None, {"path": "s.nxs::/entry/data/rotation_angle"}):
        scan = open_scan("s.nxs", params(omega=omega), tmp_path)
        assert (scan.shape[0], scan.omega_start_deg, scan.omega_step_deg) == (7, 0.0, 1.0)


@pytest.mark.parametrize("frames", ["s.nxs", "s.nxs::/entry1/tomo_entry/data/data"])
@pytest.mark.parametrize("omega", [None, {"path": "s.nxs::/entry1/tomo_entry/data/rotation_angle"}])
def test_the_subentries_of_diamond_are_read_with_their_image_keys(tmp_path, frames, omega):
    keys = np.array([2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    with h5py.File(tmp_path / "s.nxs", "w") as file:
        entry = file.create_group("entry1/tomo_entry")
        entry["instrument/detector/data"], entry["instrument/detector/image_key"] = stack(11), keys
        entry["data/data"] = h5py.SoftLink("/entry1/tomo_entry/instrument/detector/data")
        entry["data/rotation_angle"] = np.where(keys == 0, 20.0 * (np.cumsum(keys == 0) - 1), 0.0)
    scan = open_scan(frames, ScanParams.build({"omega": omega}, "scan"), tmp_path)
    assert (scan.shape[0], scan.omega_start_deg, scan.omega_step_deg) == (7, 0.0, 20.0)
    np.testing.assert_array_equal(scan.frames.read(0, 7), stack(11)[3:10])
    np.testing.assert_array_equal(scan.dark, np.median(stack(11)[:2], axis=0).astype(np.float32))


def test_a_turn_that_is_none_is_warned_of(tmp_path):
    np.save(tmp_path / "a.npy", stack(370, 3, 3))
    usual = (180 / 370, 360 / 369, 360 / 371, 720 / 370, 80 / 370, 15 / 370)
    for step, odd in ((1.0, True), (0.5, True), (0.25, True), *((one, False) for one in usual)):
        scan = open_scan("a.npy", params(omega={"step_deg": step}), tmp_path)
        assert any("no usual scan" in text for text in scan.warnings) == odd


def test_steps_in_the_recipe_that_contradict_the_angles_of_the_file_are_warned_of(tmp_path):
    keep = np.setdiff1d(np.arange(20), [7, 8, 9])
    path = bliss(tmp_path / "s.h5", stack(17), 0.5 * keep)
    scan = open_scan(path, params(omega={"start_deg": 3.0, "step_deg": 0.5}))
    assert (scan.shape[0], scan.gaps) == (17, ())
    assert any("from frame 7 on" in text and "3 frames missing after frame 6" in text for text in scan.warnings)
    assert not any("scan.omega gives" in text for text in open_scan(path, params()).warnings)


# --- frames left out by the recipe


def test_frames_are_left_out_by_first_last_and_skip(tmp_path):
    frames = stack(20)
    np.save(tmp_path / "a.npy", frames)
    np.save(tmp_path / "w.npy", 10 + 0.5 * np.arange(20))
    chosen = {"first": 2, "last": 17, "skip": [5, "8-10", 17]}
    for omega in ({"start_deg": 10, "step_deg": 0.5}, {"path": "w.npy"}):
        scan = open_scan("a.npy", params(omega=omega, **chosen), tmp_path)
        assert (scan.shape[0], scan.omega_start_deg, scan.omega_step_deg) == (15, 11.0, 0.5)
        assert missing(scan) == [3, 6, 7, 8]
        np.testing.assert_array_equal(scan.frames.read(9, 15), frames[11:17])
        assert [scan.stored_frame(k) for k in (0, 3, 4)] == [2, -1, 6]
        assert any("9 of 20 stored frames are left out" in note for note in scan.notes)
        assert not any("missing" in text for text in scan.warnings)


def test_a_frame_whose_angle_is_wrong_can_be_left_out_as_the_error_says(tmp_path):
    np.save(tmp_path / "a.npy", stack(20))
    angles = 0.5 * np.arange(20)
    angles[6], angles[12] = np.nan, 50.0
    np.save(tmp_path / "w.npy", angles)
    with pytest.raises(ScanError, match=r"angle of frame 6 .*scan\.skip = \[6\]"):
        open_scan("a.npy", params(omega={"path": "w.npy"}), tmp_path)
    with pytest.raises(ScanError, match=r"angle of frame 12 .*scan\.skip = \[12\]"):
        open_scan("a.npy", params(omega={"path": "w.npy"}, skip=[6]), tmp_path)
    assert missing(open_scan("a.npy", params(omega={"path": "w.npy"}, skip=[6, 12]), tmp_path)) == [6, 12]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"first": 5, "last": 4}, "last must not be before first"),
        ({"skip": ["9-7"]}, "ranges"),
        ({"skip": ["a-b"]}, "skip"),
        ({"skip": [-1]}, "skip"),
        ({"first": -1}, "first"),
    ],
)
def test_frames_to_leave_out_are_checked(values, words):
    with pytest.raises(RecipeError, match=words):
        params(**values)


@pytest.mark.parametrize("values", [{"first": 20}, {"last": 20}, {"skip": [20]}, {"skip": ["3-900000000"]}])
def test_frames_to_leave_out_must_be_there(tmp_path, values):
    np.save(tmp_path / "a.npy", stack(20))
    with pytest.raises(ScanError, match=rf"scan\.{next(iter(values))}: must name one of the 20 frames"):
        open_scan("a.npy", params(omega={"step_deg": 1.0}, **values), tmp_path)


def test_numbers_are_told_as_a_recipe_takes_them():
    assert as_ranges([3, 7, 8, 9, 3]) == '[3, "7-9"]'
    assert as_ranges(range(0, 40, 2), most=2) == "[0, 2, ...]"


@pytest.mark.parametrize(("unit", "size"), [("degrees", np.pi / 180), ("rad", 1.0)])
@pytest.mark.parametrize("turn", [180.0, 360.0, 720.0])
def test_a_unit_that_cannot_be_is_refused_unless_the_recipe_says_it(unit, size, turn):
    angles = Angles(np.arange(720) * turn / 720 * size, "s.h5::/a", unit=unit)
    with pytest.raises(ScanError, match=r"must span what a scan turns by .*scan\.omega\.unit"):
        in_degrees(angles)
    found = in_degrees(angles, "rad" if unit == "degrees" else "deg")
    np.testing.assert_allclose(found.angles.values, np.arange(720) * turn / 720, atol=1e-9)


def test_radians_without_a_unit_and_with_frames_lost_at_an_end_are_doubted():
    whole = np.deg2rad(np.arange(720) * 0.5)
    assert "taken as radians" in in_degrees(Angles(2 * whole, "s.h5::/a")).doubt
    assert 'scan.omega.unit = "rad"' in in_degrees(Angles(whole[:-5], "s.h5::/a")).doubt
    assert not in_degrees(Angles(np.arange(720) * 0.5, "s.h5::/a")).doubt


@pytest.mark.parametrize("turn", [180.0, 360.0])
@pytest.mark.parametrize("frames", [400, 720, 1800])
def test_golden_angles_are_no_grid(frames, turn):
    values = np.arange(frames) * 180 * (5**0.5 - 1) % turn
    with pytest.raises(ScanError, match="golden-angle"):
        angular_grid(Angles(values, "here"), frames)
