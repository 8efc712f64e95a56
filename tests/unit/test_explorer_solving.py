"""Solving again: what it shows is what a run finds, however the parameters were reached."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from friedel.errors import NoiseError
from friedel.explorer.collected import NotCollected
from friedel.explorer.solution import NotReady, Overtaken
from friedel.explorer.solving import Solver
from friedel.kernels.segment.bright_runs import Runs
from friedel.model.blobs import Flag
from friedel.model.stream import Serial
from tests.explorer_source import MemorySource, same_blobs_within, spotty
from tests.oracles_segment import parameters, same_bytes

COUNTS = parameters(seed_threshold=12.0, grow_min=4.0)
SIGMA = COUNTS.replaced(unit="sigma", seed_threshold=9.0, grow_min=3.0)
LOCAL = SIGMA.replaced(noise="local")


def same_voxels(one, other):
    """Whether two sets of bright voxels are the same to the bit."""
    for name in Runs._fields:
        np.testing.assert_array_equal(getattr(one.runs, name), getattr(other.runs, name), err_msg=name)
    for name in ("level", "intensity", "saturated", "left_out", "replaced"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.shape, one.start, one.stop, one.floor) == (other.shape, other.start, other.stop, other.floor)


@pytest.mark.parametrize("full_turn", [False, True])
@pytest.mark.parametrize("collected_with", [COUNTS, SIGMA, LOCAL])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed_threshold": 30.0, "tolerance": 0.2},
        {"grow_min": 9.0},
        {"unit": "counts", "noise": "scan", "seed_threshold": 20.0, "grow_min": 6.0},
        {"unit": "sigma", "noise": "scan", "grow_min": 4.0},
        {"unit": "sigma", "noise": "local", "grow_min": 4.0},
        {"connectivity": 6, "growth": "literal", "grow_max": 40.0},
        {"overlap": "watershed", "saddle": 0.8},
        {"min_size": (3, 3, 2), "max_size": (9, 9, 5), "reject_edge": True, "seed_min_voxels": 3},
        {"exclude": [[3, 2, 9, 8]], "reject_touching_excluded": True},
        {"exclude": ["beam", [20, 10, 25, 18]]},
    ],
)
def test_the_whole_scan_is_solved_as_a_run_finds_it(collected_with, changes, full_turn):
    source = MemorySource(spotty(), collected_with, floor=1.0, full_turn=full_turn, beam=(12, 5, 18, 12))
    params = collected_with.replaced(**changes)
    found = Solver(source, Serial()).solve(params, "whole")
    assert same_bytes(found.table, source.run(params))
    bright = source.bright(params)
    assert found.bright_fraction == pytest.approx(len(bright) / (12 * (~bright.left_out).sum()))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_filtered_voxels_are_those_that_would_have_been_collected(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    volume = rng.normal(0, 3, (3, 5, data.draw(st.sampled_from([1, 7, 64, 70])))).astype(np.float32)
    mask = rng.random(volume.shape[1:]) < 0.2
    before = data.draw(st.sampled_from([COUNTS, LOCAL])).replaced(exclude="none")
    source = MemorySource(volume, before, floor=0.1, mask=mask)
    after = data.draw(st.sampled_from([COUNTS, LOCAL])).replaced(grow_min=data.draw(st.sampled_from([0.5, 2.0])))
    frame_threshold = Solver(source, Serial()).resegmenter(after, "whole").frame_threshold
    if frame_threshold.floor < source.collected.floor_in(frame_threshold.noise, frame_threshold.left_out):
        with pytest.raises(NotCollected):
            source.collected.filtered(frame_threshold)
    else:
        same_voxels(source.collected.filtered(frame_threshold), source.bright(after))


def test_one_parameter_after_the_other_gives_what_each_gives_alone():
    source = MemorySource(spotty(seed=2), LOCAL, floor=1.0, full_turn=True)
    solver = Solver(source, Serial())
    for changes in (
        {"seed_threshold": 12.0},
        {"min_size": (4, 4, 1)},
        {"min_size": (2, 2, 2), "reject_edge": True},
        {"seed_threshold": 9.0},
        {"tolerance": 0.3, "min_size": (2, 2, 2)},
        {},
    ):
        params = LOCAL.replaced(**changes)
        assert same_bytes(solver.solve(params, "whole").table, source.run(params))


def test_what_was_solved_before_has_the_same_name_and_is_kept():
    solver = Solver(MemorySource(spotty(), COUNTS, floor=1.0), Serial())
    first = solver.solve(COUNTS, "whole")
    other = solver.solve(COUNTS.replaced(tolerance=0.2), "whole")
    again = solver.solve(COUNTS, "whole")
    assert first.id == again.id != other.id
    assert again.runs is first.runs
    for k in range(8):
        solver.solve(COUNTS.replaced(tolerance=0.3 + k / 100), "whole")
    with pytest.raises(NotReady, match="not kept any more"):
        solver.solutions.get(first.id)


def test_thresholds_below_what_was_collected_are_refused_and_collected_in_the_background():
    source = MemorySource(spotty(), COUNTS, floor=3.0)
    low = COUNTS.replaced(grow_min=2.0, tolerance=0.0)
    with pytest.raises(NotCollected, match=r"below 3.*got 2.*collected again"):
        Solver(source, Serial()).solve(low, "whole")
    assert source.collected_for == [(low, 2.0)]


def test_pixels_that_were_left_out_are_not_looked_at_without_collecting_them():
    source = MemorySource(spotty(), COUNTS.replaced(exclude=[[0, 0, 5, 5]]), floor=3.0)
    with pytest.raises(NotCollected, match="fewer pixels are left out"):
        Solver(source, Serial()).solve(COUNTS, "whole")
    assert len(source.collected_for) == 1


def test_a_frame_too_full_of_bright_voxels_is_refused_as_a_run_does():
    source = MemorySource(spotty(), COUNTS, floor=1.0)
    params = COUNTS.replaced(max_bright_fraction=0.03, grow_min=1.5, tolerance=0.0)
    with pytest.raises(NoiseError) as from_run:
        source.run(params)
    with pytest.raises(NoiseError) as solved_again:
        Solver(source, Serial()).solve(params, "whole")
    assert (solved_again.value.what, solved_again.value.rule) == (from_run.value.what, from_run.value.rule)
    assert str(solved_again.value.got).startswith(str(from_run.value.got))  # and how many more there are


@pytest.mark.parametrize("params", [COUNTS, LOCAL])
@pytest.mark.parametrize("around", [20, (9, 33), (0, 15), (27, 40)])
def test_a_few_frames_hold_the_blobs_that_lie_within_them_to_the_byte(around, params):
    volume = spotty((40, 20, 30), spots=60)
    source = MemorySource(volume, params)
    found = Solver(source, Serial()).solve(params, "sub", around=around)
    start, stop = (14, 26) if around == 20 else around
    assert (found.start, found.stop, found.cut) == (start, stop, True)
    same_blobs_within(found.table, source.run(params), start, stop)
    voxels = found.table.voxels
    np.testing.assert_array_equal(volume[voxels.frame, voxels.row, voxels.col], voxels.intensity)
    ends = (found.table.columns["frame_start"] == start) | (found.table.columns["frame_stop"] == stop)
    assert ((found.table.columns["flags"] & Flag.SCAN_END) != 0).tolist() == ends.tolist()


def test_a_frame_that_is_too_full_is_named_by_its_number_in_the_scan():
    volume = spotty((40, 20, 30))
    volume[30] = 50.0
    solver = Solver(MemorySource(volume, COUNTS), Serial())
    with pytest.raises(NoiseError, match="frame 30"):
        solver.solve(COUNTS.replaced(max_bright_fraction=0.5), "sub", around=(20, 38))


def test_a_sub_volume_that_is_the_whole_scan_is_solved_as_a_run_finds_it():
    source = MemorySource(spotty(), LOCAL, full_turn=True)
    found = Solver(source, Serial()).solve(LOCAL, "sub", around=3)
    assert not found.cut
    assert same_bytes(found.table, source.run(LOCAL))


def test_a_sub_volume_is_collected_again_for_thresholds_below_its_floor():
    source = MemorySource(spotty(), COUNTS, full_turn=True)
    solver = Solver(source, Serial())
    solver.solve(COUNTS, "sub")
    for params in (
        COUNTS.replaced(grow_min=1.0, tolerance=0.0),
        LOCAL,
        COUNTS.replaced(exclude=[[0, 0, 9, 9]]),
        COUNTS,
    ):
        assert same_bytes(solver.solve(params, "sub").table, source.run(params))
    assert not source.collected_for


def test_a_request_that_a_newer_one_has_overtaken_is_not_begun():
    source = MemorySource(spotty(), COUNTS, floor=1.0)
    solver = Solver(source, Serial())
    solver.solve(COUNTS, "whole", channel="page", number=5)
    with pytest.raises(Overtaken):
        solver.solve(COUNTS, "whole", channel="page", number=4)
    solver.solve(COUNTS, "whole", channel="other page", number=1)


def test_requests_of_several_threads_are_answered_one_at_a_time():
    source = MemorySource(spotty(), COUNTS, floor=1.0)
    solver, wrong = Solver(source, Serial()), []

    def ask(k):
        params = COUNTS.replaced(tolerance=k / 10)
        found = solver.solve(params, "whole", channel=str(k), number=1)
        if len(found.table) != len(source.run(params)):
            wrong.append(k)

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_before_the_frames_are_looked_at_there_is_nothing_to_solve():
    source = MemorySource(spotty(), COUNTS)
    source.collected = None
    with pytest.raises(NotReady, match="still being looked through"):
        Solver(source, Serial()).solve(COUNTS, "whole")
    source.baseline = None
    with pytest.raises(NotReady, match="before the frames are"):
        Solver(source, Serial()).solve(COUNTS, "sub")


def test_what_a_run_would_warn_of_is_handed_on():
    source = MemorySource(spotty(), COUNTS, floor=1.0)
    params = COUNTS.replaced(growth="literal", grow_max=4.5, grow_min=4.0)
    found = Solver(source, Serial()).solve(params, "whole")
    assert any("no range to grow in" in text for text in found.warnings)


@pytest.mark.parametrize("params", [COUNTS, LOCAL])
def test_pairs_are_looked_for_among_the_blobs_that_a_run_writes_voxels_and_all(params):
    source = MemorySource(spotty(), params, floor=1.0, full_turn=True)
    solver = Solver(source, Serial())
    assert same_bytes(solver.whole_scan_table(params), source.run(params))
    solver.solve(params, "whole")
    assert same_bytes(solver.whole_scan_table(params), source.run(params))


def test_what_pairs_are_looked_for_in_is_collected_where_it_is_missing():
    source = MemorySource(spotty(), COUNTS, floor=3.0)
    low = COUNTS.replaced(grow_min=2.0, tolerance=0.0)
    with pytest.raises(NotCollected):
        Solver(source, Serial()).whole_scan_table(low)
    assert source.collected_for == [(low, 2.0)]
