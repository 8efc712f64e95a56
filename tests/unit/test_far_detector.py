"""A detector far away, whose pixels are large beside the sample: places are known badly along the beam."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.calibrator import CalibrationRequest, choose_setup
from friedel.index import IndexParams, index
from friedel.match import MatchParams, match
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from tests.oracles_match import is_true, spot_table
from tests.unit.test_match import AL

DISTANCE = 800_000.0
SHAPE = (900, 1200, 1200)
FAR = Setup(
    Beam(71.7),
    Detector.from_distance(DISTANCE, 200.0, (599.5, 599.5)),
    Axis(1),
    SampleShape("cylinder", (315.0, 315.0, 252.0)),
)


@pytest.fixture(scope="module")
def half_a_turn():
    return spot_table(FAR, [AL], 16, turn_deg=180.0, shape=SHAPE, noise_px=0.3, noise_deg=0.06)


@pytest.fixture(scope="module")
def grains(half_a_turn):
    return index(half_a_turn, match(half_a_turn, FAR, [AL], MatchParams()), FAR, [AL], IndexParams())


def test_pairs_are_found_though_nobody_knows_how_far_along_the_beam_their_grain_is(half_a_turn):
    pairs = match(half_a_turn, FAR, [AL], MatchParams())
    other = match(half_a_turn, replace(FAR, axis=Axis(-1)), [AL], MatchParams())
    assert 2 * len(pairs.across) > 0.7 * len(half_a_turn)
    assert is_true(half_a_turn, pairs.across).mean() > 0.8
    assert len(other.across) < 0.3 * len(pairs.across)
    assert np.median(pairs.across["point_error"]) > 200.0


def test_grains_are_found_and_say_how_badly_their_places_are_known(half_a_turn, grains):
    owners = [
        half_a_turn["grain"][grains.blobs[a:b]]
        for a, b in zip(grains.blob_pointer, grains.blob_pointer[1:], strict=False)
    ]
    assert all((owner == owner[0]).mean() > 0.9 for owner in owners)
    assert len({int(owner[0]) for owner in owners}) == len(grains) >= 15
    assert 5.0 < np.median(grains.position_error_um) < 40.0
    assert np.abs(grains.position_um).max() < 250.0


def test_with_the_other_sense_there_are_none(half_a_turn):
    wrong = replace(FAR, axis=Axis(-1))
    assert not len(index(half_a_turn, match(half_a_turn, wrong, [AL], MatchParams()), wrong, [AL], IndexParams()))


@pytest.mark.parametrize("off", [0.01, -0.004])
def test_the_distance_is_found_by_where_along_the_beam_rays_meet(half_a_turn, off):
    wrong = replace(FAR, detector=Detector.from_distance(DISTANCE * (1 + off), 200.0, (599.5, 599.5)))
    decision = choose_setup(half_a_turn, CalibrationRequest(wrong, (AL,)))
    assert "geometry calibrated" in decision.lines[0]
    assert decision.setup.detector.origin_um[0] == pytest.approx(DISTANCE, rel=5e-4)
