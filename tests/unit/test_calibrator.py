"""Calibration from pairs, from grains and from assigned spots."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.calibrator import CalibrationRequest, choose_setup, same_geometry
from friedel.calibrator.decision import STAYS, is_clear_gain, is_shown
from friedel.calibrator.from_pairs import CalibrateParams, fit_to_pairs
from friedel.calibrator.from_spots import fit_to_spots
from friedel.calibrator.geometry import detector_parameters, moved
from friedel.calibrator.sense import choose_sense
from friedel.errors import FriedelWarning
from friedel.model.clusters import cluster_sums, left_out_variance
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from friedel.simulator import simulate, small
from tests.oracles_match import spot_table
from tests.watchers import Heard

AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
SAMPLE = SampleShape("cylinder", (315.0, 315.0, 252.0))
SETUP = Setup(Beam(40.0), Detector.from_distance(3094.0, 3.5, (255.5, 255.5)), Axis(1), SAMPLE)


def wrong(setup, *step):
    """The setup with its detector moved: across (um), distance (um), three tilts (deg)."""
    return replace(setup, detector=moved(setup.detector, np.array(step, dtype=float)))


def request_for(setup, calibrate="auto", **others):
    return CalibrationRequest(setup, (AL,), calibrate, **others)


@pytest.fixture(scope="module")
def blobs():
    return spot_table(SETUP, [AL], 40, noise_px=0.3, noise_deg=0.03, dropped=0.1, false=0.1)


@pytest.mark.parametrize(
    "step", [(21, 0, 0, 0, 0), (-21, 0, 0, 0, 0), (0, 124, 0, 0, 0), (0, -124, 0, 0, 0), (-21, 124, 0, 0, 0)]
)
def test_six_pixels_and_four_percent_come_back_and_tilts_stay(blobs, step):
    found = fit_to_pairs(blobs, wrong(SETUP, *step), [AL], CalibrateParams())
    found_at = detector_parameters(found.setup.detector)
    assert is_clear_gain(found)
    assert found_at.centre_px == pytest.approx(255.5, abs=0.1)
    assert found_at.distance_um == pytest.approx(3094.0, abs=3.0)
    np.testing.assert_allclose(found_at.tilt_deg, 0.0, atol=1e-9)
    assert found.pairs_after > 2 * found.pairs_before
    assert found.null_after < 0.2 * found.pairs_after
    assert any("centre column" in line for line in found.remarks)


TRUTH = {"centre column": 255.5, "distance": 3094.0}


@pytest.mark.parametrize(
    "step", [(14, 60, 0, 0, 0), (-9, -90, 0, 0, 0), (-14, 60, 0.2, 0.2, 0.2), (9, 40, -0.2, 0, -0.2)]
)
def test_pairs_say_how_sure_they_are_whatever_the_tilts(blobs, step):
    found = fit_to_pairs(blobs, wrong(SETUP, *step), [AL], CalibrateParams())
    assert [change.name for change in found.changes] == [*TRUTH]
    for change in found.changes:
        assert abs(change.after - TRUTH[change.name]) < 3 * change.uncertainty
    centre, distance = found.changes
    assert 0.01 < centre.uncertainty < 0.3
    assert 0.1 < distance.uncertainty < 3.0


@pytest.mark.parametrize("clusters", [6, 30])
def test_what_errs_together_counts_as_one(clusters):
    """A line through points of which each cluster is off as a whole: the claim is as wide as the truth."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(clusters), 50)
    found, claimed = [], []
    for _ in range(300):
        J = np.column_stack([np.ones(len(labels)), rng.normal(size=clusters)[labels]])
        off = 0.3 * rng.normal(size=clusters)[labels] + 0.1 * rng.normal(size=len(labels))
        found.append(np.linalg.solve(J.T @ J, J.T @ off))
        fit, curvature = found[-1], J[:, :, None] * J[:, None, :]
        score = cluster_sums(J * (off - J @ fit)[:, None], labels)
        claimed.append(np.sqrt(np.diag(left_out_variance(score, cluster_sums(curvature, labels)))))
    pulls = np.sqrt(np.median((np.array(found) / np.array(claimed)) ** 2, axis=0) / 0.455)
    assert np.all((pulls > 0.75) & (pulls < 1.25))


def test_one_cluster_says_nothing_about_how_sure_a_fit_is():
    assert np.isinf(left_out_variance(np.zeros((1, 2)), np.eye(2)[None])).all()


@pytest.mark.parametrize("seed", [21, 67, 96, 110])
def test_numbers_that_stand_for_each_other_are_not_sure_but_no_reason_to_end(seed):
    # the third number is the sum of the others; rounding leaves matrices just regular, which LU does not solve
    rng = np.random.default_rng(seed)
    rng.integers(-3, 4, (3, 2))
    rows = rng.integers(-3, 4, (6, 2)) @ np.array([[1, 0, 1], [0, 1, 1]])
    curvature = np.array([np.outer(row, row) for row in rows], float)
    errors = np.sqrt(np.diag(left_out_variance(rng.normal(size=(6, 3)), curvature)))
    assert (errors > 1e3).all()


def test_a_right_geometry_stays_bit_by_bit(blobs):
    assert not is_clear_gain(fit_to_pairs(blobs, SETUP, [AL], CalibrateParams()))
    decision = choose_setup(blobs, request_for(SETUP, "off", asked=True))
    assert decision.setup is SETUP
    assert not decision.records[0]["changed"]
    assert decision.lines[0].startswith("geometry stays: calibration is no clear gain: ")


def test_a_clockwise_stage_and_a_flipped_detector_make_no_difference():
    setup = replace(
        SETUP, axis=Axis(-1), detector=Detector.from_distance(3094.0, 3.5, (255.5, 255.5), flip=("cols",))
    )
    table = spot_table(setup, [AL], 25)
    found = fit_to_pairs(table, wrong(setup, 18, -90, 0, 0, 0), [AL], CalibrateParams())
    assert is_clear_gain(found)
    found_at = detector_parameters(found.setup.detector)
    assert found_at.centre_px == pytest.approx(255.5, abs=0.1)
    assert found_at.distance_um == pytest.approx(3094.0, abs=3.0)
    assert found.setup.axis.sign == -1


def test_the_height_of_the_centre_is_left_alone_and_said(blobs):
    found = fit_to_pairs(blobs, wrong(SETUP, 21, 0, 0, 0, 0), [AL], CalibrateParams())
    assert found.setup.detector.origin_um[2] == pytest.approx(SETUP.detector.origin_um[2])
    assert "height of the centre" in found.remarks[-1]
    assert "tilts (grains do)" in found.remarks[-1]
    assert "sense" in found.remarks[-1]


def test_scrambled_omega_changes_nothing(blobs):
    omega = np.random.default_rng(1).permutation(blobs["omega"])
    shuffled = replace(blobs, columns={**blobs.columns, "omega": omega})
    found = fit_to_pairs(shuffled, wrong(SETUP, 10, 0, 0, 0, 0), [AL], CalibrateParams())
    assert not is_clear_gain(found)


@pytest.mark.parametrize("dropped", [0.97, 1.0])
def test_too_few_blobs_or_none_leave_the_geometry(dropped):
    table = spot_table(SETUP, [AL], 1, dropped=dropped)
    found = fit_to_pairs(table, SETUP, [AL], CalibrateParams())
    assert found.setup is SETUP
    assert not found.changes
    assert "too few" in found.summary
    for how in ("auto", "on"):
        decision = choose_setup(table, request_for(SETUP, how))
        assert decision.setup is SETUP
        assert decision.lines[0] == "geometry stays: too few pairs to calibrate with"


@pytest.mark.parametrize(("plus", "minus", "sign"), [(40, 0, 1), (0, 40, -1), (0, 2, 1), (20, 30, 1), (0, 0, 1)])
def test_the_sense_changes_only_for_clearly_more_grains(plus, minus, sign):
    found = choose_sense(SETUP, lambda setup: plus if setup.axis.sign == 1 else minus)
    assert found.setup.axis.sign == sign
    assert found.changed == (sign == -1)
    assert str(plus) in found.line
    assert str(minus) in found.line


@pytest.mark.parametrize("tilt", [(0, 0, 0), (1.5, -2.0, 3.0)])
@pytest.mark.parametrize("flip", [(), ("rows",), ("cols",)])
def test_detector_parameters_are_those_of_the_recipe(tilt, flip):
    detector = Detector.from_distance(3000.0, 3.5, (250.0, 261.0), tilt_deg=tilt, flip=flip)
    found_at = detector_parameters(detector)
    assert found_at.centre_px == pytest.approx(250.0)
    assert found_at.distance_um == pytest.approx(3000.0)
    np.testing.assert_allclose(found_at.tilt_deg, tilt, atol=1e-9)


def assigned(truth):
    """The grains of a truth with all their blobs."""
    grains, blobs = truth.grains, truth.blobs
    order = np.argsort(blobs["grain"], kind="stable")
    hkl = np.column_stack([blobs[name] for name in "hkl"])[order]
    pointer = np.searchsorted(blobs["grain"][order], np.arange(len(grains) + 1))
    shared = np.zeros(len(order), dtype=bool)
    return replace(grains, blobs=order, blob_pointer=pointer, shared=shared, hkl=hkl)


@pytest.mark.parametrize("step", [(3.0, -10.0, 0.3, 0.3, -0.3), (0.0, 0.0, 0.0, 0.5, 0.0)])
def test_all_assigned_spots_bring_the_whole_detector_back(step):
    simulation = simulate(small(1))
    grains: GrainTable = assigned(simulation.truth)
    found = fit_to_spots(simulation.truth.blobs, grains, wrong(simulation.setup, *step), simulation.phases)
    truth, found_at = detector_parameters(simulation.setup.detector), detector_parameters(found.setup.detector)
    true = {truth.centre_name: truth.centre_px, "distance": truth.distance_um}
    for change in found.changes:
        assert abs(change.after - true.get(change.name, 0.0)) < 3.5 * change.uncertainty
    assert is_shown(found)
    assert found_at.centre_px == pytest.approx(truth.centre_px, abs=0.02)
    assert found_at.distance_um == pytest.approx(truth.distance_um, abs=1.0)
    np.testing.assert_allclose(found_at.tilt_deg, truth.tilt_deg, atol=0.05)


def test_no_grains_leave_the_geometry():
    simulation = simulate(small(1))
    grains = assigned(simulation.truth)
    none = replace(
        grains,
        blobs=grains.blobs[:0],
        shared=grains.shared[:0],
        hkl=grains.hkl[:0],
        blob_pointer=np.zeros(len(grains) + 1, int),
    )
    found = fit_to_spots(simulation.truth.blobs, none, simulation.setup, simulation.phases)
    assert found.setup is simulation.setup
    assert not is_shown(found)
    assert "too few" in found.summary


def test_a_request_to_leave_the_geometry_alone_is_kept(blobs):
    decision = choose_setup(blobs, request_for(SETUP, "off"))
    assert decision.setup is SETUP
    assert (decision.records, decision.lines) == ((), ())


def test_pairs_change_the_setup_only_for_clearly_more_of_them(blobs):
    off = wrong(SETUP, 14, 60, 0, 0, 0)
    (record,) = (decision := choose_setup(blobs, request_for(off))).records
    assert (record["by"], record["changed"]) == ("pairs", True)
    assert detector_parameters(decision.setup.detector).centre_px == pytest.approx(255.5, abs=0.1)
    assert decision.lines[0].startswith("geometry calibrated")
    heard = Heard()
    (record,) = (decision := choose_setup(blobs, request_for(SETUP, watcher=heard))).records
    assert heard.whole == ["calibration", "pairs of either geometry"]
    assert (record["by"], record["changed"]) == ("pairs", False)
    assert decision.setup is SETUP


def test_what_hardly_gives_more_pairs_is_taken_where_it_is_wanted_and_told_where_it_is_asked():
    blobs = spot_table(SETUP, [AL], 40, noise_px=0.05, noise_deg=0.01)
    near = wrong(SETUP, 0, 1.5, 0, 0, 0)
    auto = choose_setup(blobs, request_for(near))
    assert auto.setup is near
    assert auto.lines == (STAYS,)
    assert auto.records[0]["lines"][0] == STAYS
    assert any(line.startswith("distance") for line in auto.records[0]["lines"])
    for taken in (
        choose_setup(blobs, request_for(near, "on")),
        choose_setup(blobs, request_for(near, "off", asked=True)),
    ):
        assert detector_parameters(taken.setup.detector).distance_um == pytest.approx(3094.0, abs=1.0)
        assert taken.lines[0].startswith("geometry calibrated")
        assert taken.records[0]["changed"]


@pytest.fixture(scope="module")
def crystals():
    """Grains of a simulation with all their blobs."""
    simulation = simulate(small(1))
    return simulation.truth.blobs, assigned(simulation.truth), simulation


def test_spots_refine_a_setup_that_is_no_longer_the_recipes_and_any_where_it_is_wanted(crystals):
    blobs, grains, simulation = crystals
    off, phases = wrong(simulation.setup, 3.0, -10.0, 0.3, 0.3, -0.3), simulation.phases
    for given, how, asked, changes in (
        (off, "auto", False, False),
        (simulation.setup, "auto", False, True),
        (off, "on", False, True),
        (off, "off", True, True),
        (simulation.setup, "off", False, False),
    ):
        request = CalibrationRequest(given, phases, how, asked=asked)
        decision = choose_setup(blobs, request, setup=off, grains=grains)
        assert [record["by"] for record in decision.records] == ["spots"] * changes
        assert same_geometry(decision.setup, off) != changes


@pytest.mark.parametrize(("tilt", "more", "taken"), [(0.5, 0, True), (0.5, -1, False), (0.0, 0, False)])
def test_grains_decide_about_tilts_of_which_pairs_tell_nothing(crystals, tilt, more, taken):
    blobs, grains, simulation = crystals
    given = wrong(simulation.setup, 0.0, 0.0, tilt, 0.0, 0.0)
    fewer = replace(
        grains,
        **{name: getattr(grains, name)[:-1] for name in ("U", "UBI", "position_um")},
        blob_pointer=grains.blob_pointer[:-1],
        blobs=grains.blobs[: grains.blob_pointer[-2]],
        shared=grains.shared[: grains.blob_pointer[-2]],
        hkl=grains.hkl[: grains.blob_pointer[-2]],
    )
    tried = []

    def index(setup):
        tried.append(setup)
        return fewer if more < 0 else grains

    request = CalibrationRequest(given, simulation.phases)
    decision = choose_setup(blobs, request, grains=grains, index=index)
    assert [record["by"] for record in decision.records] == ["spots"] * taken
    assert same_geometry(decision.setup, given) != taken
    assert len(tried) == (tilt > 0)
    if taken:
        assert abs(detector_parameters(decision.setup.detector).tilt_deg[0]) < 0.01


def test_the_other_sense_is_tried_where_there_are_hardly_any_grains(crystals):
    blobs, grains, simulation = crystals
    first = {name: getattr(grains, name)[:0] for name in ("U", "UBI", "position_um", "blobs", "hkl")}
    none = replace(grains, **first, blob_pointer=np.zeros(1, int))
    right, turned = simulation.setup, replace(simulation.setup, axis=Axis(-1))
    tried = []

    def index(setup):
        tried.append(setup)
        return grains if setup.axis.sign == 1 else none

    request = CalibrationRequest(turned, simulation.phases)
    with pytest.warns(FriedelWarning, match=r"setup\.rotation changed to \+z: -z gives 0 grains"):
        decision = choose_setup(blobs, request, setup=turned, grains=none, index=index)
    assert [record["by"] for record in decision.records] == ["grains", "spots"]
    assert decision.setup.axis.sign == 1
    assert len(tried) == 1
    kept = choose_setup(blobs, CalibrationRequest(right, simulation.phases), grains=grains, index=index)
    assert kept.setup is right
    assert len(tried) == 1
