"""Wide spots that run together: what their blobs may stand for, and grains of which few pairs are left."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.index import IndexParams, index
from friedel.index.observations import ACROSS_ERROR, BESIDE_ERROR, CUT_ERROR, make_observations
from friedel.match import MatchParams, match
from friedel.model.blobs import Flag
from tests.oracles_match import is_true, spot_table
from tests.unit.test_match import AL, SETUP, TI

PARAMS = IndexParams()


def widened(blobs, row, **columns):
    changed = {name: values.copy() for name, values in blobs.columns.items()}
    for name, value in columns.items():
        changed[name][row] = value
    return replace(blobs, columns=changed)


def test_a_blob_errs_most_along_the_axis_where_it_is_cut():
    blobs = spot_table(SETUP, [AL], 4, seed=1)
    width = {"sigo": 0.05, "sigs": 4.0, "sigf": 5.0}
    blobs = widened(blobs, slice(None), **width, row_start=100, row_stop=120, col_start=100, col_stop=120, flags=0)
    blobs = widened(blobs, 3, flags=int(Flag.EDGE), row_start=0)
    blobs = widened(blobs, 4, flags=int(Flag.TOUCHES))
    blobs = widened(blobs, 5, flags=int(Flag.SCAN_END))
    seen = make_observations(blobs, SETUP, [AL], PARAMS)
    extra = seen.lookup.extra_error
    np.testing.assert_allclose(extra[3, 1:], [CUT_ERROR * 4.0, ACROSS_ERROR * 5.0])
    np.testing.assert_allclose(extra[4, 1:], [BESIDE_ERROR * 4.0, BESIDE_ERROR * 5.0])
    np.testing.assert_allclose(extra[5, 1:], [ACROSS_ERROR * 4.0, ACROSS_ERROR * 5.0])
    assert 0 < extra[5, 0] <= CUT_ERROR * np.radians(0.05)
    assert not extra[6].any()
    assert [bool(one) for one in seen.whole[3:7]] == [False, True, False, True]


def test_spots_that_ran_together_at_an_edge_stand_for_no_more_than_one_spot():
    blobs = spot_table(SETUP, [AL], 4, seed=1)
    blobs = widened(blobs, slice(None), sigo=0.05, sigs=4.0, sigf=5.0, flags=0)
    blobs = widened(blobs, 3, flags=int(Flag.EDGE), row_start=0, sigo=20.0, sigs=60.0, sigf=60.0)
    extra = make_observations(blobs, SETUP, [AL], PARAMS).lookup.extra_error[3]
    assert extra[0] <= CUT_ERROR * np.radians(0.05)
    assert (extra[1:] <= CUT_ERROR * 5.0).all()


@pytest.mark.parametrize("phase", [AL, TI], ids=["Al", "Ti"])
def test_one_pair_half_a_turn_apart_is_enough_for_a_grain(phase):
    blobs = spot_table(SETUP, [phase], 5, seed=3)
    pairs = match(blobs, SETUP, [phase], MatchParams())
    grain = blobs["grain"][pairs["blob_a"]]
    true = np.flatnonzero(is_true(blobs, pairs))
    first = [int(true[grain[true] == one][0]) for one in range(5)]
    pairs = replace(pairs, columns={name: values[first] for name, values in pairs.columns.items()})
    grains = index(blobs, pairs, SETUP, [phase], PARAMS)
    owners = [
        np.unique(blobs["grain"][grains.blobs[a:b]])
        for a, b in zip(grains.blob_pointer, grains.blob_pointer[1:], strict=False)
    ]
    assert sorted(int(owner[0]) for owner in owners) == list(range(5))
