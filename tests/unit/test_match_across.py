"""Pairs across the beam: in half a turn, in a wedge, beside a gap."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.calibrator import CalibrationRequest, choose_setup
from friedel.index import IndexParams, index
from friedel.io.store import read_pairs, write_pairs
from friedel.kernels.match import eta_pairs
from friedel.match import UNTUNED, MatchParams, match, measured_spots, pairable_fraction
from friedel.model.families import phase_rings
from friedel.model.setup import Axis, Detector, SampleShape
from tests.oracles_match import eta_pair_by_search, is_true, spot_table, true_pairs_across
from tests.unit.test_match import AL, SETUP, TI


def found_of(blobs, pairs):
    return set(zip(pairs.across["blob_a"].tolist(), pairs.across["blob_b"].tolist(), strict=True))


def test_the_angle_between_both_is_the_published_one():
    theta, eta = np.radians(4.0), np.radians(np.linspace(12, 90, 40))
    published = 2 * np.arcsin(np.sin(theta) / np.sqrt(1 - np.cos(theta) ** 2 * np.cos(eta) ** 2))
    assert np.allclose(np.sin(eta), np.tan(theta) / np.tan(published / 2))


@pytest.mark.parametrize(
    "setup",
    [
        SETUP,
        replace(SETUP, axis=Axis(-1)),
        replace(SETUP, sample=SampleShape("box", (315.0, 315.0, 252.0))),
        replace(
            SETUP, detector=Detector.from_distance(3094.0, 3.5, (250, 262), tilt_deg=(2, -4, 3), flip=("rows",))
        ),
    ],
    ids=["default", "clockwise", "box", "tilted and flipped"],
)
def test_half_a_turn_gives_nearly_all_pairs_and_nearly_none_that_is_wrong(setup):
    blobs = spot_table(setup, [AL], 15, turn_deg=180.0)
    pairs = match(blobs, setup, [AL], MatchParams())
    true, found = true_pairs_across(blobs, setup.axis.sign), found_of(blobs, pairs)
    assert len(pairs) == 0
    assert len(found & true) > 0.98 * len(found)
    assert len(found & true) > 0.9 * len(true)
    assert pairs.across.null_pairs < 0.1 * len(found)
    assert pairs.across.tolerances.tuned
    assert f"{len(found)} pairs across the beam" in pairs.message
    assert is_true(blobs, pairs.across).mean() > 0.98


def test_the_other_sense_gives_no_more_than_chance():
    blobs = spot_table(SETUP, [AL], 30, turn_deg=180.0)
    right = match(blobs, SETUP, [AL], MatchParams())
    wrong = match(blobs, replace(SETUP, axis=Axis(-1)), [AL], MatchParams())
    assert len(wrong.across) < 0.1 * len(right.across)
    assert len(wrong.across) < wrong.across.null_pairs + 4 * np.sqrt(wrong.across.null_pairs + 1)
    assert "hardly more than chance" in wrong.doubt
    assert not right.doubt


def test_where_the_rays_meet_is_where_the_grain_is():
    blobs = spot_table(SETUP, [AL], 1, turn_deg=180.0, noise_px=0.0, noise_deg=0.0)
    across = match(blobs, SETUP, [AL], MatchParams()).across
    points = np.column_stack([across[f"point_{axis}"] for axis in "xyz"])
    assert len(points) > 10
    assert np.abs(points - np.median(points, axis=0)).max() < 0.05
    off = np.sin(np.radians(across["eta"])) - np.tan(np.radians(across["two_theta"] / 2)) / np.tan(
        np.radians(across["after"] / 2)
    )
    assert np.abs(off).max() < 1e-3


def test_residual_and_eta_are_those_of_a_search_over_all_eta():
    blobs = spot_table(SETUP, [AL], 2, turn_deg=180.0, noise_px=0.4, noise_deg=0.04, seed=3)
    rings = phase_rings([AL], SETUP, blobs.shape[1:])[0]
    measured = measured_spots(blobs, SETUP, rings, MatchParams())
    spots = measured.scaled(UNTUNED)
    rows, residuals = eta_pairs.find_eta_candidates(spots, rings, measured.limits._replace(factor=4.0))
    assert len(rows) > 20
    for (a, b, ring), found in list(zip(rows, residuals, strict=True))[:12]:
        after = (spots.omega[b] - spots.omega[a]) % (2 * np.pi)
        eta, misfit = eta_pair_by_search(
            spots.position[a], spots.position[b], after, rings[ring], spots.spread[a], spots.spread[b]
        )
        assert abs(found[0]) == pytest.approx(misfit, abs=0.02)
        assert found[eta_pairs.ETA] == pytest.approx(eta, abs=2e-3)


def test_the_quick_look_loses_no_pair():
    blobs = spot_table(SETUP, [AL, TI], 4, turn_deg=180.0, noise_px=0.4, noise_deg=0.04)
    rings = phase_rings([AL, TI], SETUP, blobs.shape[1:])[0]
    measured = measured_spots(blobs, SETUP, rings, MatchParams())
    spots, limits = measured.scaled(UNTUNED), measured.limits._replace(factor=3.0)
    found = {tuple(row) for row in eta_pairs.find_eta_candidates(spots, rings, limits)[0].tolist()}
    slow, out, arrays = set(), np.empty(eta_pairs.COLUMNS), (spots.omega, spots.position, spots.spread)
    for a in range(len(blobs)):
        for b in range(len(blobs)):
            after = (spots.omega[b] - spots.omega[a]) % (2 * np.pi)
            for ring, two_theta in enumerate(rings):
                sine = np.tan(two_theta / 2) / np.tan(after / 2) if 0 < after < np.pi else 0.0
                if a != b and sine >= eta_pairs.LEAST_SIN_ETA and eta_pairs.eta_pair_residuals(
                    a, b, after, two_theta, *arrays, spots.features, limits.flat, out
                ):  # fmt: skip
                    slow.add((a, b, ring))
    assert found <= slow
    assert len(slow - found) <= 0.01 * len(slow)


def test_a_full_turn_needs_none_and_a_gap_does():
    blobs = spot_table(SETUP, [AL], 12)
    assert pairable_fraction(blobs) == 1.0
    assert not len(match(blobs, SETUP, [AL], MatchParams()).across)
    gap = replace(blobs, gaps=((800, 1200),))
    assert pairable_fraction(gap) == pytest.approx(1 - 400 / 3200)
    kept = np.flatnonzero((blobs["frame"] < 799) | (blobs["frame"] > 1200))
    pointer = np.zeros(len(kept) + 1, np.int64)
    gap = replace(
        gap,
        columns={name: values[kept] for name, values in blobs.columns.items()}
        | {"spot3d_id": np.arange(len(kept))},
        extra={name: values[kept] for name, values in blobs.extra.items()},
        reason=blobs.reason[kept],
        voxels=replace(blobs.voxels, pointer=pointer),
    )
    pairs = match(gap, SETUP, [AL], MatchParams())
    lonely = ~np.isin(np.arange(len(gap)), np.concatenate([pairs["blob_a"], pairs["blob_b"]]))
    a, b = pairs.across["blob_a"], pairs.across["blob_b"]
    assert len(pairs.across) > 20
    assert (lonely[a] | lonely[b]).all()
    assert is_true(gap, pairs.across).mean() > 0.95


def test_pairs_across_are_stored_with_their_null(tmp_path):
    blobs = spot_table(SETUP, [AL], 5, turn_deg=180.0)
    pairs = match(blobs, SETUP, [AL], MatchParams())
    write_pairs(tmp_path / "pairs.h5", pairs)
    back = read_pairs(tmp_path / "pairs.h5").across
    assert (back.null_pairs, back.tolerances, back.candidates) == (
        pairs.across.null_pairs, pairs.across.tolerances, pairs.across.candidates,
    )  # fmt: skip
    for name, values in pairs.across.columns.items():
        np.testing.assert_array_equal(back[name], values)


@pytest.mark.parametrize(("turn", "least"), [(180.0, 20), (120.0, 20), (90.0, 20), (60.0, 17)])
def test_grains_of_short_scans_are_found_and_none_is_false(turn, least):
    blobs = spot_table(SETUP, [AL], 20, turn_deg=turn, seed=1)
    grains = index(blobs, match(blobs, SETUP, [AL], MatchParams()), SETUP, [AL], IndexParams())
    owners = [
        blobs["grain"][grains.blobs[a:b]]
        for a, b in zip(grains.blob_pointer, grains.blob_pointer[1:], strict=False)
    ]
    assert all((owner == owner[0]).mean() > 0.95 for owner in owners)
    assert len({int(owner[0]) for owner in owners}) == len(grains) >= least


def test_a_scan_turned_the_other_way_has_no_grains_and_too_short_a_wedge_says_so():
    blobs = spot_table(SETUP, [AL], 8, turn_deg=180.0)
    wrong = replace(SETUP, axis=Axis(-1))
    assert not len(index(blobs, match(blobs, wrong, [AL], MatchParams()), wrong, [AL], IndexParams()))
    wedge = spot_table(SETUP, [AL], 8, turn_deg=20.0)
    none = index(wedge, match(wedge, SETUP, [AL], MatchParams()), SETUP, [AL], IndexParams())
    assert len(none) == 0
    assert none.notes[0].startswith("no ")


@pytest.mark.parametrize(("off_px", "off"), [(4.0, 0.02), (-3.0, -0.03)])
def test_centre_and_distance_of_half_a_turn_are_calibrated(off_px, off):
    blobs = spot_table(SETUP, [AL], 25, turn_deg=180.0)
    wrong = replace(SETUP, detector=Detector.from_distance(3094.0 * (1 + off), 3.5, (255.5 + off_px, 255.5)))
    decision = choose_setup(blobs, CalibrationRequest(wrong, (AL,)))
    assert "geometry calibrated" in decision.lines[0]
    found = decision.setup.detector
    assert found.origin_um[0] == pytest.approx(3094.0, abs=2.0)
    assert found.origin_um[1] == pytest.approx(SETUP.detector.origin_um[1], abs=0.3 * 3.5)
    stays = choose_setup(blobs, CalibrationRequest(SETUP, (AL,)))
    assert stays.setup is SETUP


def test_few_blobs_of_half_a_turn_leave_the_geometry():
    blobs = spot_table(SETUP, [AL], 1, turn_deg=180.0, dropped=0.9)
    decision = choose_setup(blobs, CalibrationRequest(SETUP, (AL,)))
    assert decision.setup is SETUP
    assert "too few" in decision.lines[0]
