"""Some inputs of each kind, in a process of their own; `make fuzz` tries very many more."""

import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.damage import DAMAGES, damaged
from tests.fuzz.engine import fuzz, numbers_of, rng_of
from tests.fuzz.kinds import KINDS

INPUTS = 800
MOST_S = 20.0


@pytest.fixture(scope="module")
def tally(tmp_path_factory):
    """What came of them; on a busy machine of as many as there is time for."""
    return fuzz(numbers_of(INPUTS), tmp_path_factory.mktemp("fuzz"), workers=1, until=time.monotonic() + MOST_S)


def test_no_input_ends_in_a_traceback_a_crash_or_a_hang(tally):
    said = [f"python -m tests.fuzz --replay {kind}:{number}\n{said}" for kind, number, _, said in tally.failures]
    assert not said, "\n\n".join(said)
    assert tally.inputs > 100


def test_an_input_is_known_by_its_kind_and_number():
    one, other = (rng_of("recipe", 7).random() for _ in range(2))
    assert one == other != rng_of("recipe", 8).random()
    assert sum(map(len, numbers_of(1000).values())) >= 1000
    assert [*numbers_of(1000, ["cif"])] == ["cif"]


@pytest.mark.parametrize("name", ["recipe", "set", "cif", "par", "angles"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rng=st.randoms(use_true_random=False))
def test_texts_are_taken_or_refused_in_our_words(name, tmp_path, rng):
    KINDS[name].prepare(tmp_path)
    assert KINDS[name].one(rng).startswith(("taken", "refused", "exit"))


@given(data=st.binary(min_size=1, max_size=200), rng=st.randoms(use_true_random=False))
def test_damage_is_small(data, rng):
    for damage in DAMAGES.values():
        assert len(damage(data, rng)) <= 2 * len(data) + 16
    assert isinstance(damaged(data, rng), bytes)


def test_the_same_numbers_make_the_same_damage():
    data = bytes(range(256)) * 40
    assert damaged(data, random.Random(3)) == damaged(data, random.Random(3))
