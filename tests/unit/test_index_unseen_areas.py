"""Areas of the detector where spots are expected and none is seen."""

import numpy as np
import pytest

from friedel.index import IndexParams
from tests.oracles_index import pick, worth
from tests.unit.test_index import grains_of, indexed


@pytest.fixture(scope="module")
def quadrant_lost():
    scan, whole = indexed()
    blobs = scan.truth.blobs
    rows, cols = blobs.shape[1:]
    kept = np.flatnonzero((blobs["sc"] > rows / 2) | (blobs["fc"] < cols / 2))
    return scan, whole, pick(blobs, kept)


def test_a_dead_quadrant_is_said_and_its_spots_are_not_missed(quadrant_lost):
    scan, whole, blobs = quadrant_lost
    grains = grains_of(blobs, scan.setup, scan.phases)
    found = worth(grains, scan.truth.grains, scan.phases)
    assert (found["found"], found["false"]) == (found["of"], 0)
    (note,) = grains.notes
    assert "dead or shadowed area" in note
    assert np.median(grains.completeness) > 0.95
    assert grains.expected.sum() < 0.82 * whole.expected.sum()


def test_nothing_is_said_of_a_whole_detector(quadrant_lost):
    _, whole, _ = quadrant_lost
    assert whole.notes == ()


def test_who_says_what_is_covered_is_not_asked(quadrant_lost):
    scan, _, blobs = quadrant_lost
    rows, cols = blobs.shape[1:]
    params = IndexParams(exclude=((cols // 2, 0, cols, rows // 2),))
    grains = grains_of(blobs, scan.setup, scan.phases, params)
    assert grains.notes == ()
    assert np.median(grains.completeness) > 0.97
