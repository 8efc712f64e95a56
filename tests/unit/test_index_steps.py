"""Steps of indexing by themselves: claims, shared blobs, the limit of chance, pseudo-twins, sub-grains."""

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import comb

from friedel.index import IndexParams
from friedel.index.assignment import (
    Assignment,
    PredictedSpots,
    RefinedGrains,
    claim,
    measure,
    predict,
    share_overlapped,
    share_parallel,
)
from friedel.index.candidates import Candidate, pseudo_twins
from friedel.index.null import ChanceLevel, Null
from friedel.index.observations import make_observations
from friedel.index.sub_grains import group_sub_grains
from friedel.index.tolerances import IndexTolerances
from friedel.kernels.index.blob_lookup import EXPECTED
from friedel.simulator import SimulationParams, SpecimenParams, simulate

TOLERANCES = IndexTolerances(np.array([0.001, 0.5, 0.5]), 5.0, np.radians(0.3), 0.001, 0.0)
PARAMS = IndexParams()


@cache
def scan():
    sample = SpecimenParams(radius_um=85.0, height_um=140.0, voxel_um=7.0)
    return simulate(SimulationParams(grains=6, sample=sample))


@cache
def observations():
    made = scan()
    return make_observations(made.truth.blobs, made.setup, made.phases, PARAMS)


def true_grains():
    truth = scan().truth.grains
    n = len(truth)
    return RefinedGrains.without_blobs(np.zeros(n, np.int64), np.arange(n), truth.U, truth.position_um)


def test_a_blob_is_claimed_by_one_spot_and_it_is_that_of_its_grain():
    seen, grains = observations(), true_grains()
    spots = predict(seen, grains)
    result = claim(seen, grains, spots, PARAMS)
    has = np.flatnonzero(result.blob_of_spot >= 0)
    np.testing.assert_array_equal(result.spot_of_blob[result.blob_of_spot[has]], has)
    assert np.count_nonzero(result.spot_of_blob >= 0) == len(has) > 0.95 * np.count_nonzero(spots.state == EXPECTED)
    assert (spots.grain[has] == seen.blobs["grain"][result.blob_of_spot[has]]).all()
    assert (result.first_choice[has] == -1).all()


def test_measured_grains_know_what_they_miss_and_how_far_off_it_is():
    seen, grains = observations(), true_grains()
    spots = predict(seen, grains)
    found = measure(seen, grains, spots, claim(seen, grains, spots, PARAMS))
    np.testing.assert_array_equal(found.expected, np.bincount(spots.grain[spots.state == EXPECTED]))
    assert (found.found >= 0.95 * found.expected).all()
    assert (np.diff(found.grain) >= 0).all()
    assert np.median(np.abs(found.residual), axis=0).max() < 0.1
    ratio = np.exp(found.log_volume) / scan().truth.grains.volume_um3
    np.testing.assert_allclose(ratio / np.median(ratio), 1.0, atol=0.3)


def three_spots(g, place=None):
    """One spot each of three grains."""
    grain, zero = np.arange(3), np.zeros(3, dtype=np.int64)
    place = np.ones((3, 4)) if place is None else place
    return PredictedSpots(
        grain,
        zero,
        zero,
        place,
        np.full(3, EXPECTED),
        np.ones(3, bool),
        np.array(g, float),
        np.ones(3),
        np.zeros((3, 2)),
    )


def three_grains(parent):
    zero = np.zeros(3, dtype=np.int64)
    return RefinedGrains.without_blobs(zero, np.array(parent), np.tile(np.eye(3), (3, 1, 1)), np.zeros((3, 3)))


ONE_OWNER = Assignment(
    np.array([5, -1, -1]), np.array([-1] * 5 + [0]), np.array([-1, 5, 5]), np.zeros(3, bool), np.zeros(3, bool)
)
"""The first spot has blob 5, and it is the first choice of the others."""


@pytest.mark.parametrize(("parent", "owner_shares"), [([0, 1, 2], True), ([0, 0, 2], False)])
def test_a_spot_shares_its_first_choice_with_parallel_planes_of_another_grain(parent, owner_shares):
    spots = three_spots([[0, 0, 1], [0, 1e-4, 1], [0, 1, 0]])
    result = share_parallel(three_grains(parent), spots, ONE_OWNER, TOLERANCES)
    assert result.blob_of_spot.tolist() == ([5, 5, -1] if owner_shares else [5, -1, -1])
    assert result.shared.tolist() == [owner_shares, owner_shares, False]
    assert ONE_OWNER.blob_of_spot.tolist() == [5, -1, -1]


@pytest.mark.parametrize(("parent", "overlap"), [([0, 1, 2], True), ([0, 0, 2], False)])
def test_spots_of_parallel_planes_that_lie_within_a_blob_overlap_in_it(parent, overlap):
    seen = observations()
    blob = int(np.argmax(seen.blobs["sigs"]))
    place = np.append(seen.lookup.centroid[blob], 1.0)
    width = seen.blobs["sigs"][blob]
    places = place + np.array([[0, width, 0, 0], [0, -width, 0, 0], [0, 40, 0, 0]])
    spots = three_spots([[0, 0, 1], [0, 1e-4, 1], [0, 0, 1]], places)
    none, free = np.full(3, -1), np.full(len(seen.blobs), -1)
    start = Assignment(none, free, none, np.zeros(3, bool), np.zeros(3, bool))
    result = share_overlapped(seen, three_grains(parent), spots, start, TOLERANCES)
    assert result.blob_of_spot[:2].tolist() == [blob if overlap else -1] * 2
    assert result.overlapped[:2].tolist() == result.shared[:2].tolist() == [overlap] * 2


@pytest.mark.parametrize(("expected", "risk"), [(20, 1e-3), (90, 1e-6)])
def test_chance_does_not_reach_the_least_spots_of_a_grain(expected, risk):
    null = Null((ChanceLevel(0.05, 0.2, 0.1, 0.1),), risk)
    k = np.arange(expected + 1)
    part = comb(expected, k) * 0.2**k * 0.8 ** (expected - k)
    least = null.least_spots(0, expected)
    assert part[least:].sum() < risk <= part[least - 1 :].sum()


def candidate(U, position=(0.0, 0.0, 0.0), rows=(), phase=0):
    """A crystal that has the blob of its first spot of some reflections."""
    n = 2 * len(observations().reflections[0].hkl)
    blob = np.full(n, -1, dtype=np.int64)
    blob[2 * np.array(rows, dtype=int)] = np.arange(len(rows))
    return Candidate(phase, U, np.array(position), blob, np.zeros(n), np.full(n, EXPECTED))


def test_pseudo_twins_have_two_planes_in_common_with_the_crystal():
    reflections = observations().reflections[0]
    phase, U = reflections.phase, Rotation.random(rng=np.random.default_rng(2)).as_matrix()
    rows = [int(np.flatnonzero((reflections.hkl == hkl).all(axis=1))[0]) for hkl in ([1, 1, 1], [3, 1, -1])]
    found = pseudo_twins(observations(), candidate(U, rows=rows), TOLERANCES)
    assert len(found) >= 1
    for other in found:
        assert phase.misorientation_deg(U, other) > 1.0
        for row in rows:
            like = np.isclose(reflections.g_length, reflections.g_length[row])
            cosines = (other @ reflections.normal[like].T).T @ (U @ reflections.normal[row])
            assert cosines.max() == pytest.approx(1.0, abs=1e-3)


def test_crystals_of_one_orientation_side_by_side_are_sub_grains_of_one_parent():
    phase, U = scan().phases[0], Rotation.random(rng=np.random.default_rng(4)).as_matrix()
    turned = Rotation.from_rotvec([0, 0, np.radians(0.05)]).as_matrix() @ U @ phase.symmetry[7]
    blobs = range(12)
    radius = np.sqrt(5 * np.median(observations().blobs["sigs"][:12] * observations().blobs["sigf"][:12])) * 3.5
    parent, Us = group_sub_grains(
        observations(),
        [
            candidate(U, rows=blobs),
            candidate(Rotation.from_rotvec([0, 0, 0.2]).as_matrix() @ U, rows=blobs),
            candidate(turned, (radius, 0.0, 0.0), blobs),
            candidate(U, (20 * radius, 0.0, 0.0), blobs),
        ],
    )
    assert parent[0] == parent[2]
    assert len(set(parent.tolist())) == 3
    assert np.abs(Us[2] - U).max() < 0.01
    assert phase.misorientation_deg(Us[2], turned) < 1e-6
