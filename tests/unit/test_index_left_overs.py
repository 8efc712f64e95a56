"""What grains leave unexplained is searched again."""

from dataclasses import fields, replace

import numpy as np
import pytest

from friedel.index import IndexParams, index
from friedel.index.assignment import RefinedGrains
from friedel.index.left_overs import Found, as_candidates, explained_blobs, search_left_overs, worth_searching
from friedel.index.null import ChanceLevel, Null, Searched
from friedel.index.observations import make_lines, make_observations
from friedel.index.refinement import Rounds, assign_and_refine
from friedel.index.tolerances import measure_tolerances
from friedel.kernels.index import blob_lookup
from friedel.match import MatchParams, match
from friedel.model.stream import Serial
from tests.oracles_match import spot_table
from tests.unit.test_match import AL, SETUP

PARAMS = IndexParams()


def start(known, seed=3, scrambled=False):
    """Observations, lines, and a first search that found the `known` of six grains (`None`: no limit by chance)."""
    blobs = spot_table(SETUP, [AL], 6, turn_deg=360.0, seed=seed)
    pairs = match(blobs, SETUP, [AL], MatchParams())
    observations = make_observations(blobs, SETUP, [AL], PARAMS)
    lines = make_lines(observations, pairs)
    tolerances = measure_tolerances(observations, lines, pairs.across.tolerances)
    observations = observations.with_errors(tolerances.error)
    everything = index(blobs, pairs, SETUP, [AL], PARAMS)
    some = RefinedGrains.without_blobs(
        everything.phase[:known].astype(np.int64), np.arange(known), everything.U[:known],
        everything.position_um[:known],
    )  # fmt: skip
    if scrambled:
        free = ~explained_blobs(observations, some, PARAMS.tolerance)
        omega = observations.lookup.centroid[:, 0].copy()
        omega[free] = np.random.default_rng(1).permutation(omega[free])
        observations = observations.with_omega(omega)
        turn = np.random.default_rng(2).uniform(0, 2 * np.pi, len(lines))
        lines = lines.turned(np.where(free[lines.blob].all(axis=1), turn, 0.0))
    rounds = Rounds(tolerances, PARAMS)
    grains, observations = assign_and_refine(observations, as_candidates(some), rounds)
    null = Null((ChanceLevel(0.05, 0.1, 0.1, 0.1),), 1e-6)
    first = Searched(null, np.ones(len(blobs), dtype=bool))
    return observations, lines, Found(grains, np.full(known, 10), [first]), rounds


@pytest.mark.parametrize("known", [3, 5])
def test_grains_that_one_search_missed_are_found_in_what_the_others_leave(known):
    observations, lines, found, rounds = start(known)
    grains, limits, searches = search_left_overs(observations, lines, found, rounds, Serial(), turned=False)
    assert grains.search.tolist() == [0] * known + [1] * (6 - known)
    assert len(limits) == len(grains) == 6
    assert searches[1].free.sum() < len(searches[0].free)
    assert (grains.found > 0.9 * grains.expected).all()


def test_nothing_is_found_in_left_overs_without_a_grain():
    observations, lines, found, rounds = start(4, scrambled=True)
    grains, _, _ = search_left_overs(observations, lines, found, rounds, Serial(), turned=True)
    assert len(grains) == 4


def test_where_all_is_explained_nothing_is_searched():
    observations, lines, found, rounds = start(6)
    after = search_left_overs(observations, lines, found, rounds, Serial(), turned=False)
    assert len(after.searches) == 1
    for field in fields(RefinedGrains):
        np.testing.assert_array_equal(getattr(after.grains, field.name), getattr(found.grains, field.name))


def test_pairs_are_searched_again_that_are_more_than_chance_makes():
    _, lines, _, _ = start(3)
    free = np.ones(int(lines.blob.max()) + 1, dtype=bool)
    assert worth_searching(lines.among(free), 4)
    assert not worth_searching(lines.among(free), 10_000)
    assert not worth_searching(lines.among(~free), 4)
    across = replace(lines, half_turn=~lines.half_turn)
    assert worth_searching(across, 4)
    assert not worth_searching(replace(across, across_by_chance=float(len(across))), 4)


def test_hidden_blobs_are_not_found():
    rng = np.random.default_rng(0)
    centroid = rng.uniform(0, (6.28, 100, 100), (200, 3))
    hidden = rng.random(200) < 0.5
    lookup = blob_lookup.make_blob_lookup(centroid, np.zeros((200, 3)), 100, 100, hidden=hidden)
    spots, state = np.column_stack([centroid, np.ones(200)]), np.full(200, blob_lookup.EXPECTED)
    blobs, squares = np.full((200, 1), -1), np.zeros((200, 1))
    blob_lookup.blob_choices(spots, state, tuple(lookup), np.full(3, 1e-3), 3.0, blobs, squares)
    np.testing.assert_array_equal(blobs[:, 0], np.where(hidden, -1, np.arange(200)))


def test_the_table_says_which_search_found_a_grain():
    blobs = spot_table(SETUP, [AL], 3, turn_deg=360.0, seed=1)
    grains = index(blobs, match(blobs, SETUP, [AL], MatchParams()), SETUP, [AL], PARAMS)
    assert grains.found_in.tolist() == [1, 1, 1]
