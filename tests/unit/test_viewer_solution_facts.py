"""What the page says about a solution: its blobs in short, and one of them at length."""

import numpy as np
import pytest

from friedel.errors import InputError
from friedel.explorer.solving import Solver
from friedel.model.blobs import Reason
from friedel.model.stream import Serial
from friedel.viewer.solution_facts import blob_facts, summary
from tests.explorer_source import MemorySource, spotty
from tests.oracles_segment import parameters

PARAMS = parameters(seed_threshold=12.0, grow_min=4.0, min_size=(3, 3, 3))


@pytest.fixture(scope="module")
def solution():
    source = MemorySource(spotty((14, 30, 40), spots=60, seed=3), PARAMS, floor=2.0)
    return Solver(source, Serial()).solve(PARAMS, "whole")


def test_the_summary_counts_what_is_in_the_table(solution):
    said, table = summary(solution), solution.table
    assert said["kept"] == len(table)
    assert sum(said["rejected"].values()) == len(table.reason) - len(table) > 0
    assert said["volume_px"] == int(np.diff(table.voxels.pointer)[: len(table)].sum())
    assert sum(said["sizes"]["counts"]) == sum(said["intensities"]["counts"]) == len(table)
    assert said["window"] == [0, 14]
    assert 0 < said["bright_fraction"] < 1


def test_a_blob_is_told_with_its_reason_and_flags_in_words(solution):
    table = solution.table
    for row in (0, len(table), len(table.reason) - 1):
        facts = blob_facts(solution, row)
        assert facts["id"] == row
        assert facts["reason"] == Reason(int(table.reason[row])).text
        assert facts["IMax_int"] == table.columns["IMax_int"][row]
        assert all(isinstance(flag, str) for flag in facts["flags"])
    with pytest.raises(InputError, match="must lie in"):
        blob_facts(solution, len(table.reason))
