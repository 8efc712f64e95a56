"""Wavelength over lattice: found from the spots apart from the distance, and said both ways."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from friedel.calibrator import CalibrationRequest, choose_scale, fit_scale, same_geometry
from friedel.errors import FriedelWarning
from friedel.io.setup_record import setup_record, setup_with
from friedel.model.crystal import Phase
from friedel.model.setup import Beam
from tests.unit.test_leaning_axis import scan, turned


@pytest.fixture(scope="module")
def made():
    return scan(0.0)


def farther(setup, part):
    """A detector that stands farther away by a part of its distance."""
    detector = setup.detector
    return replace(setup, detector=replace(detector, origin_um=detector.origin_um * [1 + part, 1.0, 1.0]))


def off_by(made, energy=1.0, lattice=1.0):
    """What somebody has whose energy or lattice is off: pairs have put the detector where rings fit."""
    simulation, blobs, grains = made
    scale = 1.0 / energy / lattice
    setup = farther(replace(simulation.setup, beam=Beam(40.0 * energy)), 1.0 / scale - 1.0)
    phases = tuple(
        Phase.from_lattice(phase.name, np.array(phase.lattice) * [*[lattice] * 3, 1, 1, 1], "F m -3 m")
        for phase in simulation.phases
    )
    return setup, phases, blobs, replace(turned(grains, 0.03), UBI=grains.UBI * lattice)


@pytest.mark.parametrize("wrong", [{"energy": 0.98}, {"energy": 1.02}, {"lattice": 1.03}, {"lattice": 0.99}])
def test_the_ratio_is_found_and_the_distance_with_it(made, wrong):
    setup, phases, blobs, grains = off_by(made, **wrong)
    found = fit_scale(blobs, grains, setup, phases)
    energy, distance = (
        next(change for change in found.changes if change.name == name) for name in ("energy", "distance")
    )
    assert energy.after == pytest.approx(40.0 / wrong.get("lattice", 1.0), rel=1e-3)
    assert energy.uncertainty < 0.02
    assert distance.after == pytest.approx(made[0].setup.detector.origin_um[0], rel=2e-3)
    assert found.setup.beam.energy_keV == energy.after


def test_a_ratio_that_is_right_stays_to_the_last_bit(made):
    setup, phases, blobs, grains = off_by(made)
    found = fit_scale(blobs, grains, setup, phases)
    assert found.setup is setup
    assert not found.changes
    assert "is the recipe's" in found.summary


@pytest.mark.parametrize("calibrate", ["auto", "off"])
def test_both_ways_to_be_wrong_are_said_and_one_is_corrected_unless_it_may_not(made, calibrate):
    setup, phases, blobs, grains = off_by(made, lattice=1.03)
    request = CalibrationRequest(setup, phases, calibrate)
    with pytest.warns(FriedelWarning, match=r"38\.8\d+ \+- 0\.0\d+ keV .* not 40; or a lattice 2\.9\d % smaller"):
        decision = choose_scale(blobs, request, setup, lambda _: grains)
    assert (decision.setup is setup) == (calibrate == "off")
    assert ("not corrected" in decision.lines[0]) == (calibrate == "off")
    assert decision.records[0]["by"] == "scale"


def test_what_gives_fewer_grains_is_not_taken(made):
    setup, phases, blobs, grains = off_by(made, energy=0.98)

    def index(one):
        return grains if one is setup else ()

    request = CalibrationRequest(setup, phases, "auto")
    with pytest.warns(FriedelWarning, match="fewer grains"):
        decision = choose_scale(blobs, request, setup, index)
    assert decision.setup is setup


def test_nothing_is_said_where_nothing_is_wrong(made):
    setup, phases, blobs, grains = off_by(made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decision = choose_scale(blobs, CalibrationRequest(setup, phases, "auto"), setup, lambda _: grains)
    assert decision.setup is setup
    assert not decision.records


def test_later_stages_go_on_with_the_energy_that_was_found(made):
    setup, phases, blobs, grains = off_by(made, lattice=1.03)
    found = fit_scale(blobs, grains, setup, phases).setup
    back = setup_with(setup_record(found), setup, "grains.h5")
    assert back.beam == found.beam
    assert back.beam != setup.beam
    assert same_geometry(back, found)
