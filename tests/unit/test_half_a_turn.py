"""Where a scan is too short for Friedel pairs: one limit for scans, blobs and whoever asks."""

import numpy as np
import pytest

from friedel.model.crystal import Phase
from friedel.model.scan import ArrayFrames, Scan, at_most_half_a_turn
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from tests.oracles_match import spot_table

AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
SAMPLE = SampleShape("cylinder", (315.0, 315.0, 252.0))
SETUP = Setup(Beam(40.0), Detector.from_distance(3094.0, 3.5, (255.5, 255.5)), Axis(1), SAMPLE)


def scan_of(frames, step):
    values = np.zeros((frames, 2, 2), np.uint16)
    return Scan(ArrayFrames(values), 0.0, step, np.zeros((2, 2), np.float32), np.zeros((2, 2), bool))


@pytest.mark.parametrize("step", [0.1, -0.1, 0.05, 0.2, 0.3, 1.0, -1.0])
def test_half_a_turn_and_two_frames_are_too_short_and_a_third_is_enough_however_the_product_is_rounded(step):
    frames = round(180.0 / abs(step))
    assert at_most_half_a_turn(frames + 2, step)
    assert scan_of(frames + 2, step).at_most_half_a_turn
    assert not at_most_half_a_turn(frames + 3, step)
    assert not scan_of(frames + 3, step).at_most_half_a_turn


def test_the_step_of_a_tenth_is_one_whose_product_is_rounded_up():
    assert 1802 * 0.1 > 180.0 + 2 * 0.1
    assert at_most_half_a_turn(1802, 0.1)


@pytest.mark.parametrize(("frames", "short"), [(1800, True), (1802, True), (1803, False)])
def test_blobs_have_the_limit_of_their_scan(frames, short):
    blobs = spot_table(SETUP, [AL], 1, shape=(frames, 512, 512), turn_deg=frames * 0.1)
    assert blobs.at_most_half_a_turn == short
    assert scan_of(frames, 0.1).at_most_half_a_turn == short
