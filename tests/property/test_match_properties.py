"""Properties of matching that hold for any scan."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from friedel.match import MatchParams, match
from friedel.model.crystal import Phase
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from tests.oracles_match import is_true, spot_table
from tests.strategies import FLIPS, SENSES, triples

AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
SAMPLE = SampleShape("cylinder", (315.0, 315.0, 252.0))


def setups():
    return st.builds(
        lambda tilt, flip, sign: Setup(
            Beam(40.0),
            Detector.from_distance(3094.0, 3.5, (255.5, 255.5), tilt_deg=tilt, flip=flip),
            Axis(sign),
            SAMPLE,
        ),
        triples(5),
        FLIPS,
        SENSES,
    )


@given(setups(), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_pairs_are_right_for_any_plane_and_sense(setup, seed):
    blobs = spot_table(setup, [AL], 4, seed=seed)
    pairs = match(blobs, setup, [AL], MatchParams(null_repeats=1))
    assert is_true(blobs, pairs).mean() > 0.97
    used = np.concatenate([pairs["blob_a"], pairs["blob_b"]])
    assert len(np.unique(used)) == len(used)


@given(st.floats(-720, 720), st.integers(0, 50))
@settings(max_examples=10, deadline=None)
def test_where_the_scan_starts_does_not_matter(start, seed):
    setup = Setup(Beam(40.0), Detector.from_distance(3094.0, 3.5, (255.5, 255.5)), Axis(1), SAMPLE)
    blobs = spot_table(setup, [AL], 3, seed=seed)
    later = replace(blobs, columns={**blobs.columns, "omega": blobs["omega"] + start}, omega_start_deg=start)
    one, two = (match(table, setup, [AL], MatchParams(null_repeats=1)) for table in (blobs, later))
    assert set(zip(one["blob_a"].tolist(), one["blob_b"].tolist(), strict=True)) == set(
        zip(two["blob_a"].tolist(), two["blob_b"].tolist(), strict=True)
    )
