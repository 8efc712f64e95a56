"""Matching of Friedel pairs on spot tables with truth."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.errors import FriedelError, SetupError
from friedel.match import MatchParams, match
from friedel.model.blobs import COLUMN, Reason
from friedel.model.crystal import Phase
from friedel.model.families import used_reflections, widest_ring_deg
from friedel.model.pairs import PAIR_COLUMNS, PairTable
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from friedel.simulator import simulate, small
from tests.oracles_match import is_true, spot_table, true_pairs

AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
TI = Phase.from_lattice("Ti", [2.9505, 2.9505, 4.6826, 90, 90, 120], "P 63/m m c")
CYLINDER = SampleShape("cylinder", (315.0, 315.0, 252.0))
SETUP = Setup(Beam(40.0), Detector.from_distance(3094.0, 3.5, (255.5, 255.5)), Axis(1), CYLINDER)


def scores(blobs, pairs):
    """Precision and recall."""
    right = is_true(blobs, pairs).sum()
    return right / max(len(pairs), 1), right / max(len(true_pairs(blobs)), 1)


def first_spots(blobs, rows):
    """The same table with some of its rows only."""
    voxels = replace(blobs.voxels, pointer=np.zeros(len(rows) + 1, np.int64))
    columns = {name: values[rows] for name, values in blobs.columns.items()} | {"spot3d_id": np.arange(len(rows))}
    extra = {name: values[rows] for name, values in blobs.extra.items()}
    return replace(blobs, columns=columns, extra=extra, reason=blobs.reason[rows], voxels=voxels)


@pytest.mark.parametrize(
    "setup",
    [
        SETUP,
        replace(SETUP, axis=Axis(-1)),
        replace(SETUP, sample=SampleShape()),
        replace(SETUP, sample=SampleShape("box", (315.0, 315.0, 252.0))),
        replace(
            SETUP, detector=Detector.from_distance(3094.0, 3.5, (250, 262), tilt_deg=(2, -4, 3), flip=("rows",))
        ),
    ],
    ids=["default", "clockwise", "unknown sample", "box", "tilted and flipped"],
)
def test_nearly_all_pairs_are_found_and_nearly_none_is_wrong(setup):
    blobs = spot_table(setup, [AL], 15)
    pairs = match(blobs, setup, [AL], MatchParams())
    precision, recall = scores(blobs, pairs)
    assert precision > 0.99
    assert recall > 0.97
    assert pairs.null_pairs < 0.1 * len(pairs)
    assert pairs.tolerances.tuned


def test_noise_that_fixed_tolerances_were_not_made_for_is_measured():
    blobs = spot_table(SETUP, [AL], 60, noise_px=1.0, noise_deg=0.1, dropped=0.4, false=0.5)
    precision, recall = scores(blobs, match(blobs, SETUP, [AL], MatchParams()))
    assert precision > 0.85
    assert recall > 0.93


def test_tolerances_follow_the_noise():
    quiet, loud = (
        match(spot_table(SETUP, [AL], 20, noise_px=n, noise_deg=n / 10), SETUP, [AL], MatchParams()).tolerances
        for n in (0.1, 0.8)
    )
    assert loud.omega_deg > 2 * quiet.omega_deg
    assert loud.two_theta_deg > 2 * quiet.two_theta_deg


def test_two_phases_keep_their_families_apart():
    blobs = spot_table(SETUP, [AL, TI], 16)
    pairs = match(blobs, SETUP, [AL, TI], MatchParams())
    right = is_true(blobs, pairs)
    assert right.mean() > 0.97
    owner = blobs["grain"][pairs["blob_a"]] % 2
    apart = np.mean(pairs["phase"][right] == owner[right])
    assert apart > 0.9  # rings of the two may nearly coincide
    for number, phase in enumerate((AL, TI)):
        mine = right & (pairs["phase"] == number) & (owner == number)
        listed = used_reflections(phase, SETUP, blobs.shape[1:])
        rows = {tuple(hkl): family for hkl, family in zip(listed.hkl.tolist(), listed.family, strict=True)}
        ids = pairs["blob_a"][mine]
        hkl = np.column_stack([blobs[name][ids] for name in "hkl"])
        truth = [rows[tuple(one)] for one in hkl.tolist()]
        np.testing.assert_array_equal(pairs["family"][mine], truth)


def test_lines_pass_their_grain_and_blobs_are_used_once():
    simulation = simulate(small(3))
    blobs, grains = simulation.truth.blobs, simulation.truth.grains
    pairs = match(blobs, simulation.setup, simulation.phases, MatchParams())
    used = np.concatenate([pairs["blob_a"], pairs["blob_b"]])
    assert len(np.unique(used)) == len(used)
    right = is_true(blobs, pairs)
    assert right.mean() > 0.98
    centre = grains.position_um[blobs["grain"][pairs["blob_a"][right]]]
    point = np.column_stack([pairs[f"line_{axis}"][right] for axis in "xyz"])
    direction = np.column_stack([pairs[f"direction_{axis}"][right] for axis in "xyz"])
    away = np.linalg.norm(np.cross(centre - point, direction), axis=1)
    assert np.median(away) < 0.5 * 7.0  # half a pixel


def test_the_first_blob_comes_first_in_the_scan_and_rows_are_in_order():
    blobs = spot_table(replace(SETUP, axis=Axis(-1)), [AL], 5)
    pairs = match(blobs, replace(SETUP, axis=Axis(-1)), [AL], MatchParams())
    a, b = pairs["blob_a"], pairs["blob_b"]
    assert (blobs["omega"][a] <= blobs["omega"][b]).all()
    assert (np.diff(a) > 0).all()
    apart = (blobs["omega"][b] - blobs["omega"][a]) % 360 - 180
    np.testing.assert_allclose(
        np.abs(np.sin(np.radians(pairs["eta"]))) * apart * -1, pairs["omega_residual"], atol=0.2
    )


def test_the_same_seed_gives_the_same_table():
    blobs = spot_table(SETUP, [AL], 10, false=0.3)
    one, two = (match(blobs, SETUP, [AL], MatchParams(), seed=4) for _ in range(2))
    assert one.null_pairs == two.null_pairs
    for name in one.columns:
        np.testing.assert_array_equal(one[name], two[name])


def test_scrambled_omega_gives_about_as_many_pairs_as_the_null_says():
    blobs = spot_table(SETUP, [AL], 40)
    pairs = match(blobs, SETUP, [AL], MatchParams(null_repeats=5))
    omega = np.random.default_rng(0).permutation(blobs["omega"])
    shuffled = replace(blobs, columns={**blobs.columns, "omega": omega})
    by_chance = match(shuffled, SETUP, [AL], MatchParams())
    assert pairs.null_pairs < 0.05 * len(pairs)
    assert not by_chance.tolerances.tuned
    assert by_chance.null_pairs == pytest.approx(len(by_chance), rel=0.3, abs=30)
    assert "hardly more than chance" in by_chance.doubt
    assert not pairs.doubt


def test_a_wrong_lattice_finds_little_more_than_chance():
    blobs = spot_table(SETUP, [AL], 30)
    wrong = Phase.from_lattice("Fe", [2.8665] * 3 + [90] * 3, "I m -3 m")
    right = match(blobs, SETUP, [AL], MatchParams())
    assert len(match(blobs, SETUP, [wrong], MatchParams())) < 0.5 * len(right)


def test_a_scan_of_less_than_a_turn_says_how_much_of_it_can_have_partners():
    blobs = spot_table(SETUP, [AL], 20, shape=(2700, 512, 512), turn_deg=270.0)
    pairs = match(blobs, SETUP, [AL], MatchParams())
    assert pairs.pairable == pytest.approx(2 / 3)
    assert "67 % of the scan" in pairs.message
    assert scores(blobs, pairs)[1] > 0.95


def test_a_scan_of_more_than_a_turn_pairs_either_recording():
    blobs = spot_table(SETUP, [AL], 5)
    twice = {name: np.concatenate([values, values]) for name, values in blobs.columns.items()}
    twice["omega"] = np.concatenate([blobs["omega"], blobs["omega"] + 360.0])
    twice["spot3d_id"] = np.arange(2 * len(blobs))
    long = replace(
        blobs,
        columns=twice,
        extra={name: np.tile(values, 2) for name, values in blobs.extra.items()},
        reason=np.tile(blobs.reason, 2),
        voxels=replace(blobs.voxels, pointer=np.zeros(2 * len(blobs) + 1, np.int64)),
        shape=(7200, 512, 512),
        wrapped=False,
    )
    once, both = (match(table, SETUP, [AL], MatchParams()) for table in (blobs, long))
    assert len(both) > 1.9 * len(once)
    assert is_true(long, both).mean() > 0.98


def test_discarded_blobs_are_not_matched():
    blobs = spot_table(SETUP, [AL], 5)
    reason = blobs.reason.copy()
    reason[-200:] = Reason.TOO_SMALL_X
    pairs = match(replace(blobs, reason=reason), SETUP, [AL], MatchParams())
    assert max(pairs["blob_a"].max(), pairs["blob_b"].max()) < len(blobs) - 200


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_few_blobs_are_no_trouble(count):
    blobs = first_spots(spot_table(SETUP, [AL], 1), np.arange(count))
    pairs = match(blobs, SETUP, [AL], MatchParams())
    assert len(pairs) <= count // 2
    assert set(pairs.columns) >= {column.name for column in PAIR_COLUMNS}
    assert str(len(pairs)) in pairs.message


def test_one_grain_has_its_pairs():
    blobs = spot_table(SETUP, [AL], 1)
    assert scores(blobs, match(blobs, SETUP, [AL], MatchParams()))[1] > 0.9


def test_fixed_tolerances_hold_as_given():
    blobs = spot_table(SETUP, [AL], 10)
    params = MatchParams(tune=False, omega_tol_deg=0.01, two_theta_tol_deg=0.02)
    pairs = match(blobs, SETUP, [AL], params)
    assert len(pairs) > 10
    assert np.abs(pairs["omega_residual"]).max() <= 0.01
    assert np.abs(pairs["two_theta_residual"]).max() <= 0.02
    assert len(pairs) < len(match(blobs, SETUP, [AL], MatchParams()))


def test_families_are_the_strongest_within_the_inscribed_circle():
    assert widest_ring_deg(SETUP.detector, (512, 512)) == pytest.approx(16.15, abs=0.02)
    listed = used_reflections(AL, SETUP, (512, 512))
    assert listed.representative.tolist() == [[1, 1, 1], [2, 0, 0], [2, 2, 0], [3, 1, 1], [2, 2, 2]]
    assert len(used_reflections(TI, SETUP, (512, 512)).representative) == 8
    chosen = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m", families=[(2, 0, 0), (3, 3, 1)])
    assert used_reflections(chosen, SETUP, (512, 512)).representative.tolist() == [[2, 0, 0], [3, 3, 1]]


def test_no_ring_on_the_detector_is_said():
    near = replace(SETUP, detector=Detector.from_distance(90_000.0, 3.5, (255.5, 255.5)))
    with pytest.raises(SetupError, match="ring"):
        used_reflections(AL, near, (512, 512))


def test_columns_are_those_of_the_model():
    assert COLUMN["spot3d_id"].dtype == "i8"
    with pytest.raises(FriedelError, match="PAIR_COLUMNS"):
        PairTable({"blob_a": np.zeros(1)})
