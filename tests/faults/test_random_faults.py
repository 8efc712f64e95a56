"""Faults of every kind at random moments of a whole run, bounded; `make faults` tries hundreds."""

import pytest

from tests.faults.kinds import KINDS
from tests.faults.tiny_run import make_tiny
from tests.faults.trials import try_fault


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_leaves_what_is_right_and_the_next_run_makes_the_rest(tiny, kind):
    assert try_fault(tiny, kind, 1) == ""
