"""The pairable fraction, and the search for the thresholds with the most pairs."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from friedel.errors import FriedelError, NoiseError
from friedel.explorer.pairable import (
    TOLERANCES,
    PairCount,
    PairCounter,
    Proposer,
    ThresholdSearch,
    TriedThresholds,
    best_of,
)
from friedel.recipe import Recipe, build_recipe
from tests.oracles_segment import parameters

START = parameters(seed_threshold=30.0, tolerance=0.1, grow_min=7.0, max_bright_fraction=0.05)


def tried(seed, excess):
    return TriedThresholds(START.replaced(seed_threshold=seed, grow_min=3.0), PairCount(int(excess), 0.0, 1000))


class Blobs(list):
    """As many blobs as pairs are looked for among."""


class Bench:
    """Segments again and counts pairs: most at a certain seed threshold, tolerance and grow_min."""

    floor = 3.0

    def __init__(self, seed=20.0, grow=4.0, refused=0.0):
        self.at, self.grow, self.refused, self.asked = seed, grow, refused, []

    def unit(self, params):
        return 1.0

    def table(self, params):
        assert min(params.seed_threshold, params.grow_min) >= self.floor
        assert params.grow_min <= params.seed_threshold
        if params.seed_threshold < self.refused:
            raise NoiseError("frame 0")
        self.asked.append(params)
        off = abs(np.log(params.seed_threshold / self.at)) + abs(np.log(params.grow_min / self.grow))
        return Blobs(range(int(1000 - 300 * off + 100 * params.tolerance)))

    def calibrated_by(self, blobs):
        return self

    def count(self, blobs):
        return PairCount(len(blobs), 10.0, len(blobs))


def searched(bench, start=START):
    search = ThresholdSearch(bench, start, bench)
    return search, list(search.steps())[-1]


def test_a_fraction_is_what_chance_does_not_explain():
    assert PairCount(50, 10.0, 100).fraction == pytest.approx(0.8)
    assert PairCount(5, 10.0, 100).fraction == 0.0
    assert PairCount(0, 0.0, 0).fraction == 0.0


def test_of_settings_that_are_equally_good_the_one_with_the_weakest_spots_is_best():
    settings = [tried(5, 900), tried(10, 985), tried(20, 1000), tried(40, 990)]
    assert best_of(settings).params.seed_threshold == 10
    assert best_of([*settings, tried(60, 1200)]).params.seed_threshold == 60
    assert best_of([tried(5, 0)]) is None
    assert best_of([]) is None


@pytest.mark.parametrize("seed", [3.5, 20.0, 90.0])
@pytest.mark.parametrize("start", [3.0, 30.0, 500.0])
def test_the_search_finds_the_most_pairs_wherever_it_begins(seed, start):
    bench = Bench(seed)
    search, best = searched(bench, START.replaced(seed_threshold=start, grow_min=3.0))
    assert search.done == search.total
    assert best.params.seed_threshold == pytest.approx(seed, rel=0.3)
    assert best.params.grow_min == pytest.approx(min(4.0, seed), rel=0.3)
    assert best.params.tolerance <= TOLERANCES[-1]
    assert best.params.replaced(seed_threshold=1.0, grow_min=1.0, tolerance=1.0) == START.replaced(
        seed_threshold=1.0, grow_min=1.0, tolerance=1.0
    )


def test_the_same_voxels_give_the_same_proposal():
    assert searched(Bench())[1] == searched(Bench())[1]
    assert [one.params for one in searched(Bench())[0].tried] == [one.params for one in searched(Bench())[0].tried]


def test_settings_that_a_run_would_refuse_are_passed_over():
    _, best = searched(Bench(seed=4.0, refused=9.0))
    assert 9.0 <= best.params.seed_threshold < 15.0


def test_pairs_need_a_geometry_and_a_crystal():
    with pytest.raises(FriedelError, match=r"need \[setup\] and \[\[phase\]\]"):
        PairCounter.of(Recipe())


def test_the_geometry_that_a_run_has_found_is_taken_as_it_is():
    recipe = build_recipe(
        {
            "setup": {
                "energy_keV": 40.0,
                "detector": {"distance_um": 3000.0, "pixel_um": 7.0, "centre_px": [63.5, 63.5]},
            },
            "phase": [{"name": "Al", "lattice": [4.05, 4.05, 4.05, 90, 90, 90], "spacegroup": "F m -3 m"}],
            "run": {"seed": 4},
        }
    )
    given = PairCounter.of(recipe)
    assert (given.calibrate, given.seed, len(given.phases)) == ("auto", 4, 1)
    found = recipe.setup.setup()
    taken = PairCounter.of(recipe, found)
    assert taken.setup is found
    assert taken.calibrated_by([1, 2]) is taken


def test_a_proposal_is_worked_out_in_a_thread_that_tells_how_far_it_is():
    proposer = Proposer()
    proposer.start(lambda: ThresholdSearch(Bench(), START, Bench()))
    proposer.wait(20)
    state = proposer.state
    assert (state["state"], state["done"]) == ("done", ThresholdSearch.total)
    assert set(state["best"]) == {"segment", "pairs", "null", "blobs", "fraction"}
    assert set(state["best"]["segment"]) == {"seed_threshold", "tolerance", "grow_min"}


def test_a_proposal_can_be_stopped_and_only_one_is_worked_out_at_a_time():
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        bench = Bench()
        solved = bench.table

        def wait(params):
            begun.set()
            assert go_on.wait(20)
            return solved(params)

        bench.table = wait
        return ThresholdSearch(bench, START, bench)

    proposer = Proposer()
    proposer.start(slow)
    assert begun.wait(20)
    with pytest.raises(FriedelError, match="being worked out already"):
        proposer.start(slow)
    proposer.stop()
    go_on.set()
    proposer.wait(20)
    assert proposer.state["state"] == "stopped"
    assert proposer.state["done"] < ThresholdSearch.total


def test_what_goes_wrong_is_said():
    def broken():
        raise FriedelError("Friedel pairs", rule="need more")

    proposer = Proposer()
    proposer.start(broken)
    proposer.wait(20)
    assert (proposer.state["state"], proposer.state["text"]) == ("failed", "Friedel pairs: need more")


def test_without_any_pairs_beyond_chance_nothing_is_proposed():
    bench = Bench()
    bench.count = lambda blobs: PairCount(3, 4.0, len(blobs))
    proposer = Proposer()
    proposer.start(lambda: ThresholdSearch(bench, START, SimpleNamespace(calibrated_by=lambda blobs: bench)))
    proposer.wait(20)
    assert proposer.state["best"] is None
    assert "check the geometry" in proposer.state["text"]
