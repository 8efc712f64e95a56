"""Samples that move: found from the spots of their grains, said, and taken back."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from friedel.calibrator import CalibrationRequest, choose_motion, same_geometry
from friedel.calibrator.moving_sample import fit_motion
from friedel.errors import FriedelWarning, SetupError
from friedel.index import IndexParams, index
from friedel.io.setup_record import setup_record, setup_with
from friedel.match import match
from friedel.model.blobs import Flag
from friedel.model.crystal import Phase
from friedel.model.families import used_reflections
from friedel.model.motion import TERMS, Motion
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from friedel.model.still_sample import of_still_sample
from friedel.reconstruct import ReconstructParams, reconstruct
from friedel.simulator import MotionParams, simulate, small
from tests.oracles_motion import moved_spots
from tests.true_grains import with_hkl

AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
SAMPLE = SampleShape("cylinder", (315.0, 315.0, 252.0))
SETUP = Setup(Beam(40.0), Detector.from_distance(3094.0, 3.5, (255.5, 255.5)), Axis(1), SAMPLE)
CLOCKWISE = replace(SETUP, axis=Axis(-1))
PIXEL = 3.5
SHAPE = (1440, 512, 512)
HKL = used_reflections(AL, SETUP, SHAPE[1:]).hkl


def still(over, w):
    return 0.0, 0.0, 0.0


def drift(over, w):
    return 3.5 * over, 9.0 * over, -6.0 * over


def jump(over, w):
    return (0.0, 5.0, 5.0) if over >= 0.5 else (0.0, 0.0, 0.0)


def drift_and_jump(over, w):
    return 0.0, 7.0 * over - 7.0 * (over >= 0.3), 3.0 * over


def slip(over, w):
    """Of a sample on its holder: with the stage."""
    a, b = 6.0 * over, -4.0 * (over >= 0.7)
    return np.cos(w) * a - np.sin(w) * b, np.sin(w) * a + np.cos(w) * b, 0.0


def wobble(over, w):
    return 2.0 * np.cos(w), -2.0 * np.sin(w), 1.5 * np.sin(w)


def curve(over, w):
    """A drift that comes to rest."""
    return 0.0, 8.0 * (1 - np.exp(-3 * over)), 0.0


MOVING = {one.__name__: one for one in (drift, jump, drift_and_jump, slip, wobble)}


def course(displacement, frames=SHAPE[0], sign=1):
    over = (np.arange(frames) + 0.5) / frames
    return over, np.radians(sign * 360.0 * over), np.array(
        [displacement(a, b) for a, b in zip(over, np.radians(sign * 360.0 * over), strict=True)]
    )  # fmt: skip


def off_um(motion, displacement, sign=1):
    """How far a motion is off, across the beam and along it; when it jumps, spots tell to a frame or two."""
    over, omega, true = course(displacement, sign=sign)
    away = motion.displacement_um(over * SHAPE[0] - 0.5, omega) - true
    return np.quantile(np.abs(away[:, 1:]).max(axis=1), 0.995), np.quantile(np.abs(away[:, 0]), 0.995)


@pytest.mark.parametrize("setup", [SETUP, CLOCKWISE], ids=["+z", "-z"])
@pytest.mark.parametrize("name", MOVING)
def test_a_motion_is_found_within_a_tenth_of_a_pixel(name, setup):
    blobs, grains, _ = moved_spots(setup, AL, HKL, MOVING[name])
    found = fit_motion(blobs, grains, setup, (AL,))
    across, along = off_um(found.setup.motion, MOVING[name], setup.axis.sign)
    assert across < 0.1 * PIXEL
    assert along < 0.4 * PIXEL
    for change in found.changes:
        assert change.name.startswith("offset") or abs(change.after) > 5 * change.uncertainty


def test_a_drift_that_comes_to_rest_is_followed_by_its_curve():
    blobs, grains, _ = moved_spots(SETUP, AL, HKL, curve)
    found = fit_motion(blobs, grains, SETUP, (AL,))
    assert {"drift y", "curve y"} <= {change.name for change in found.changes}
    assert off_um(found.setup.motion, curve)[0] < 0.2 * PIXEL


@pytest.mark.parametrize("seed", range(1, 6))
def test_no_motion_is_invented_where_there_is_none(seed):
    blobs, grains, _ = moved_spots(SETUP, AL, HKL, still, seed=seed, noise_px=0.3)
    found = fit_motion(blobs, grains, SETUP, (AL,))
    assert found.setup.motion is None
    assert not found.changes
    assert "did not move" in found.summary


@pytest.mark.parametrize("seed", [1, 2])
def test_no_motion_is_invented_for_a_detector_that_is_off(seed):
    """Centre, distance and tilts are the detector's, whatever the recipe says of them."""
    blobs, grains, _ = moved_spots(SETUP, AL, HKL, still, seed=seed)
    off = Detector.from_distance(3100.0, 3.5, (256.2, 255.5), tilt_deg=(0.2, 0.3, -0.2))
    assert fit_motion(blobs, grains, replace(SETUP, detector=off), (AL,)).setup.motion is None


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_a_stray_spot_that_comes_before_all_others_makes_no_jump(seed):
    blobs, grains, _ = moved_spots(SETUP, AL, HKL, drift, seed=seed)
    early = np.flatnonzero(blobs["frame"] < 0.05 * SHAPE[0])
    stray = early[blobs["frame"][early] > 0.025 * SHAPE[0]][0]
    columns = {name: blobs.columns[name].copy() for name in ("sc", "fc", "flags")}
    columns["flags"][np.setdiff1d(early, stray)] |= int(Flag.SCAN_END)
    for name in ("sc", "fc"):
        columns[name][stray] += 8.0
    found = fit_motion(replace(blobs, columns={**blobs.columns, **columns}), grains, SETUP, (AL,))
    assert found.setup.motion is not None
    assert not any(name.startswith("jump") for name in found.setup.motion.terms)
    assert off_um(found.setup.motion, drift)[0] < 0.1 * PIXEL


def test_how_sure_a_motion_is_holds():
    pulls = []
    for seed in range(3):
        blobs, grains, _ = moved_spots(SETUP, AL, HKL, drift, seed=seed, noise_px=0.3)
        for change in fit_motion(blobs, grains, SETUP, (AL,)).changes:
            true = {"drift x": 3.5, "drift y": 9.0, "drift z": -6.0}.get(change.name, 0.0)
            pulls.append((change.after - true) / change.uncertainty)
    assert 0.6 < np.median(np.abs(pulls)) / 0.6745 < 1.6


@pytest.mark.parametrize("name", [*MOVING, "curve"])
def test_blobs_of_a_still_sample_are_where_they_would_be(name):
    blobs, _, places = moved_spots(SETUP, AL, HKL, {**MOVING, "curve": curve}[name])
    terms = {
        "drift": {"drift x": 3.5, "drift y": 9.0, "drift z": -6.0},
        "jump": {"jump y": 5.0, "jump z": 5.0},
        "drift_and_jump": {"drift y": 7.0, "drift z": 3.0, "jump y": -7.0},
        "slip": {"drift stage x": 6.0, "jump stage y": -4.0},
        "wobble": {"wobble xy cos": 2.0, "wobble z sin": 1.5},
    }
    if name not in terms:
        with pytest.raises(KeyError):
            Motion.of({"bounce z": 1.0}, 10)
        return
    at = {"jump": 720.0, "drift_and_jump": 432.0, "slip": 1008.0}.get(name, 0.0)
    motion = Motion.of(terms[name], SHAPE[0], at)
    back = of_still_sample(blobs, replace(SETUP, motion=motion))
    clear = np.abs(blobs["frame"] + 0.5 - at) > 3  # omega has noise
    before, after = (
        np.abs(np.column_stack([table["sc"], table["fc"]]) - places)[clear].max() for table in (blobs, back)
    )
    assert after < 0.06 * before
    np.testing.assert_array_equal(back["s_raw"], blobs["s_raw"])
    assert of_still_sample(blobs, SETUP) is blobs


def indexed(blobs):
    def grains_with(setup):
        moved_back = of_still_sample(blobs, setup)
        pairs = match(moved_back, setup, (AL,), REQUEST.match)
        return index(moved_back, pairs, setup, (AL,), IndexParams())

    return grains_with


REQUEST = CalibrationRequest(SETUP, (AL,))


def test_grains_are_where_they_were_in_the_first_frame():
    blobs, true, _ = moved_spots(SETUP, AL, HKL, drift_and_jump, grains=6)
    look = indexed(blobs)
    with pytest.warns(FriedelWarning, match=r"moved: a drift of 2\.2 px .* a jump of 2\.0 px before frame 43"):
        decision = choose_motion(blobs, REQUEST, SETUP, look)
    found = look(decision.setup)
    assert len(found) == len(true)
    away = np.linalg.norm(found.position_um[:, None] - true.position_um, axis=-1).min(axis=0)
    assert np.median(away) < 0.2 * PIXEL
    assert off_um(decision.setup.motion, drift_and_jump)[0] < 0.1 * PIXEL
    (record,) = decision.records
    assert (record["by"], record["changed"]) == ("motion", True)
    assert {one["name"] for one in record["quantities"]} >= {"drift y", "drift z", "jump y"}


def test_off_says_so_and_leaves_the_set_up():
    blobs, true, _ = moved_spots(SETUP, AL, HKL, jump)
    with pytest.warns(FriedelWarning, match="not corrected, since setup.calibrate"):
        decision = choose_motion(blobs, replace(REQUEST, calibrate="off"), SETUP, lambda _: true)
    assert same_geometry(decision.setup, SETUP)
    assert not decision.records[0]["changed"]


def test_a_still_sample_is_said_to_be_one_and_costs_no_second_look():
    blobs, true, _ = moved_spots(SETUP, AL, HKL, still)
    looks = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decision = choose_motion(blobs, REQUEST, SETUP, lambda setup: looks.append(setup) or true)
    assert len(looks) == 1
    assert decision.setup.motion is None
    assert decision.lines[0].startswith("the sample did not move")


def test_a_set_up_keeps_its_motion_in_files():
    moved = replace(SETUP, motion=Motion.of({"drift y": 9.0, "jump z": -2.0}, 1440, 700))
    again = setup_with(setup_record(moved), SETUP, "file")
    assert again.motion.record() == moved.motion.record()
    assert same_geometry(again, moved)
    assert not same_geometry(again, SETUP)
    assert setup_with(setup_record(SETUP), SETUP, "file").motion is None
    for wrong in ({"terms_um": {"bounce": 1.0}, "frames": 10, "jump_frame": 0.0}, [], {"frames": 1}):
        with pytest.raises(SetupError.__mro__[1], match="a set-up that cannot be"):
            setup_with({**setup_record(SETUP), "motion": wrong}, SETUP, "file")
    with pytest.raises(SetupError, match="must be"):
        Motion(np.full(len(TERMS), np.nan), 10)


@pytest.fixture(scope="module")
def jumped():
    params = small(2).model_copy(update={"grains": 4, "frames": 720})
    return simulate(params), simulate(params.model_copy(update={"motion": MotionParams(jump_um=(0.0, 14.0, 14.0))}))


def test_a_simulated_jump_moves_spots_and_leaves_grains(jumped):
    before, after = (one.truth for one in jumped)
    np.testing.assert_array_equal(before.grains.position_um, after.grains.position_um)
    np.testing.assert_array_equal(before.volume.grain_id, after.volume.grain_id)

    def places(truth):
        columns = np.column_stack([truth.blobs[name] for name in ("grain", "h", "k", "l")])
        return {(*map(int, row), int(f) // 180): (s, c) for row, f, s, c in zip(
            columns, truth.blobs["frame"], truth.blobs["s_raw"], truth.blobs["f_raw"], strict=True)}  # fmt: skip

    one, other = places(before), places(after)
    moved = {key: np.subtract(other[key], one[key]) for key in one.keys() & other.keys()}
    late = np.array([away for key, away in moved.items() if key[-1] >= 2])
    early = np.array([away for key, away in moved.items() if key[-1] < 2])
    np.testing.assert_allclose(np.median(late, axis=0), (-2.0, 2.0), atol=0.05)
    np.testing.assert_allclose(np.median(early, axis=0), 0.0, atol=0.01)


def test_shapes_are_those_of_the_still_sample(jumped):
    still_one, moved_one = jumped

    def voxels(simulation, setup):
        """Of each grain, indices of its voxels (x, y, z)."""
        blobs = of_still_sample(simulation.truth.blobs, setup)
        for shape in reconstruct(blobs, with_hkl(simulation.truth), setup, simulation.phases, ReconstructParams()):
            inside = np.argwhere(shape.density >= shape.threshold)[:, ::-1]
            yield set(map(tuple, np.rint(inside + shape.origin_um / shape.voxel_um).astype(int)))

    pairs = zip(
        voxels(still_one, still_one.setup),
        voxels(moved_one, replace(moved_one.setup, motion=moved_one.params.moved)),
        strict=True,
    )
    for one, other in pairs:
        assert len(one & other) / len(one | other) > 0.93
