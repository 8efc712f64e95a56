"""Connected components of runs, within a block and across the cuts."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.kernels.segment.components import link_rows, sort_by_label, unite_runs
from friedel.segment import bright_voxels, open_components
from friedel.segment.open_components import OpenComponents
from tests.oracles_segment import Volume, blobs_of, frames_in_blocks, parameters, run, same_bytes


def components(volume, connectivity, wrap=False):
    """Components of v >= 1 by the kernels, as a set of sets of voxels."""
    params = parameters(seed_threshold=1.0, grow_min=0.0, tolerance=1.0)
    runs = bright_voxels(frames_in_blocks(volume), volume.shape, params).runs
    parent = np.arange(len(runs.row))
    rows = link_rows(runs, np.array([0, len(parent)]), len(volume) if wrap else 0)
    unite_runs(runs, rows, connectivity, parent.copy(), parent)
    found = {}
    for root, frame, row, col, length in zip(parent, *runs[:4], strict=True):
        found.setdefault(root, set()).update((frame, row, col + i) for i in range(length))
    return {frozenset((int(f), int(r), int(c)) for f, r, c in voxels) for voxels in found.values()}


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("shape", [(1, 5, 9), (2, 4, 6), (3, 1, 8), (4, 7, 1), (5, 5, 5), (6, 2, 70)])
def test_components_equal_those_of_a_breadth_first_search(shape, connectivity, wrap):
    rng = np.random.default_rng(sum(shape))
    for density in (0.1, 0.3, 0.6, 1.0):
        volume = (rng.random(shape) < density).astype(np.float32)
        slow = Volume(volume, None, connectivity, wrap).components(1.0)
        assert components(volume, connectivity, wrap) == {frozenset(voxels) for voxels in slow}


@pytest.mark.parametrize(
    ("offset", "smallest"),
    [((0, 0, 1), 6), ((0, 1, 0), 6), ((1, 0, 0), 6), ((0, 1, 1), 18), ((1, 1, 0), 18), ((1, 0, 1), 18),
     ((1, 1, 1), 26), ((1, -1, 1), 26), ((1, 1, -1), 26), ((1, 0, -1), 18), ((0, 1, -1), 18), ((1, -1, 0), 18)],
)  # fmt: skip
def test_diagonal_contact_counts_as_the_connectivity_says(offset, smallest):
    volume = np.zeros((4, 4, 4), np.float32)
    volume[1, 1, 1] = volume[tuple(1 + x for x in offset)] = 1.0
    for connectivity in (6, 18, 26):
        assert len(components(volume, connectivity)) == (1 if connectivity >= smallest else 2)


def test_rows_of_different_sections_are_no_neighbours():
    params = parameters(seed_threshold=1.0, grow_min=0.0, tolerance=1.0)
    runs = bright_voxels(frames_in_blocks(np.ones((1, 4, 3))), (1, 4, 3), params).runs
    parent = np.arange(4)
    unite_runs(runs, link_rows(runs, np.array([0, 2, 2, 4]), 0), 26, parent.copy(), parent)
    assert parent.tolist() == [0, 0, 2, 2]


def test_sorting_by_label_is_stable_and_leaves_out_what_has_none():
    order, pointer = sort_by_label(np.array([1, -1, 0, 1, 2, -1, 0]), 4)
    assert order.tolist() == [2, 6, 0, 3, 4]
    assert pointer.tolist() == [0, 2, 4, 5, 5]


def streaks(frames=600):
    """A streak in all frames, another that joins it late, and short spots that come and go beside them."""
    volume = np.zeros((frames, 12, 30), np.float32)
    volume[1:-1, 2, 3] = 50.0
    volume[5:, 2, 8] = 60.0
    volume[-20, 2, 3:9] = 40.0
    for k in range(0, frames - 4, 4):
        volume[k : k + 3, 5 + k % 5, 12 + k % 15] = 30.0 + k % 7
    return volume


@pytest.mark.parametrize("wrap", [False, True])
def test_a_component_that_stays_open_for_long_costs_its_runs_only_a_few_times(monkeypatch, wrap):
    volume = streaks()
    whole = run(volume, parameters(), cuts=[], wrap=wrap)
    copied = []
    original = open_components._RunStore._copied

    def counted(self, lists):
        copied.append(int(lists[:, 2].sum()))
        return original(self, lists)

    monkeypatch.setattr(open_components, "_SPARE", 64)
    monkeypatch.setattr(open_components._RunStore, "_copied", counted)
    cut = run(volume, parameters(), cuts=range(len(volume)), wrap=wrap)
    assert same_bytes(whole, cut)
    assert len(copied) > 10
    assert sum(copied) < 4 * np.count_nonzero(volume)


def test_what_waits_is_only_what_may_go_on():
    volume = np.zeros((8, 6, 6), np.float32)
    volume[0, 0, 0] = volume[2:5, 3, 3] = 50.0
    volume[4, 0, 5] = 12.0
    bright = {}
    for wrap in (False, True):
        waiting = OpenComponents(volume.shape, 20.0, 26, wrap=wrap)
        bright[wrap] = []
        for block in frames_in_blocks(volume, range(8)):
            part = bright_voxels([_as_scan(block)], (1, 6, 6), parameters())
            part = _moved(part, block.start, volume.shape)
            waiting.push(part)
            bright[wrap].append(waiting.waiting)
    assert bright[False] == [1, 0, 1, 2, 4, 0, 0, 0]
    assert bright[True] == [1, 1, 2, 3, 5, 1, 1, 0]


def _as_scan(block):
    return type(block)(0, block.frames, block.saturated, block.replaced)


def _moved(part, start, shape):
    runs = part.runs._replace(frame=part.runs.frame + np.int32(start))
    return replace(part, runs=runs, start=start, stop=start + 1, shape=shape)


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("wrap", [False, True])
def test_components_that_meet_only_in_a_later_block_become_one(connectivity, wrap):
    volume = np.zeros((9, 5, 9), np.float32)
    volume[1:8, 2, 1] = volume[1:8, 2, 7] = 30.0  # two legs
    volume[7, 2, 1:8] = 25.0  # and the bridge
    volume[0, 4, 4] = volume[8, 4, 4] = 40.0
    cut = run(volume, parameters(connectivity=connectivity), cuts=range(9), wrap=wrap)
    assert len(cut) == (2 if wrap else 3)
    assert blobs_of(cut) == blobs_of(run(volume, parameters(connectivity=connectivity), cuts=[], wrap=wrap))
