"""What holds for every scan: the oracle, any cut, any thread count, symmetries, gains, limits."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from friedel.errors import FriedelWarning
from friedel.kernels.segment.watershed import split_regions
from friedel.model.blobs import Flag, Reason
from friedel.segment import bright, components, regions
from tests.oracles_segment import (
    Volume,
    blobs_of,
    columns,
    double_threshold,
    frames_in_blocks,
    parameters,
    run,
    same_bytes,
    solved,
)
from tests.strategies import SEEDS

RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@st.composite
def volumes(draw):
    """Small scans [frame, row, col] of half counts: noise, soft blobs, plateaus, hot voxels, NaN."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 7), st.sampled_from([1, 4, 9, 13, 66])))
    rng = np.random.default_rng(draw(SEEDS))
    volume = rng.normal(0, draw(st.sampled_from([2.0, 10.0])), shape)
    f, r, c = np.ogrid[tuple(map(slice, shape))]
    for _ in range(draw(st.integers(0, 8))):
        centre, width = rng.uniform(0, 1, 3) * shape, rng.uniform(0.7, 3, 3)
        distance = sum(((x - a) / w) ** 2 for x, a, w in zip((f, r, c), centre, width, strict=True))
        volume += rng.uniform(10, 200) * np.exp(-distance)
    volume = np.round(2 * volume) / 2
    if draw(st.booleans()):
        volume = np.minimum(volume, 60)
    volume[rng.random(shape) < draw(st.sampled_from([0.0, 0.05]))] = 200
    volume[rng.random(shape) < draw(st.sampled_from([0.0, 0.0, 0.05]))] = np.nan
    return volume.astype(np.float32)


@st.composite
def rules(draw):
    """Parameters of the double threshold, without limits."""
    low = float(draw(st.integers(2, 15)))
    return parameters(
        seed_threshold=float(draw(st.integers(15, 32))),
        tolerance=draw(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 1.0])),
        grow_min=low,
        grow_max=draw(st.sampled_from([np.inf, low, low + 5, low + 30])),
        seed_min_voxels=draw(st.sampled_from([1, 1, 3])),
        connectivity=draw(st.sampled_from([6, 18, 26])),
        growth=draw(st.sampled_from(["clipped", "clipped", "literal"])),
        overlap=draw(st.sampled_from(["claim", "claim", "watershed"])),
        saddle=draw(st.sampled_from([0.0, 0.6, 0.9, 1.0])),
    )


def quiet(volume, params, **options):
    """`run` without the warning of empty literal ranges."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FriedelWarning)
        return run(volume, params, **options)


cuts = st.lists(st.integers(1, 9), max_size=6)


@RELAXED
@given(volumes(), rules(), cuts, st.booleans(), st.sampled_from([0.0, 0.1]))
def test_partition_ledger_and_columns_equal_the_oracle(volume, params, where, wrap, masked):
    mask = np.random.default_rng(0).random(volume.shape[1:]) < masked
    table = quiet(volume, params, cuts=[k for k in where if k < len(volume)], wrap=wrap, mask=mask)
    rows = double_threshold(
        Volume(volume, mask, params.connectivity, wrap), params.seed_threshold, params.tolerance, params.grow_min,
        params.grow_max, params.seed_min_voxels, params.growth, params.overlap,
        params.saddle,
    )  # fmt: skip
    rows.sort(key=lambda row: (row.reason != "kept", row.voxels[0]))
    assert [(Reason(int(code)).text) for code in table.reason] == [row.reason for row in rows]
    for i, row in enumerate(rows):
        s = table.voxels.of(i)
        where = zip(table.voxels.frame[s].tolist(), table.voxels.row[s].tolist(), table.voxels.col[s].tolist(),
                    strict=True)  # fmt: skip
        assert list(where) == row.voxels
        assert table.voxels.intensity[s].tolist() == [float(volume[v]) for v in row.voxels]
        expected = columns(row.voxels, row.peak, volume, 3.0, -0.5, wrap) | {
            "seed_voxels": row.seed_voxels, "threshold": row.threshold, "n_absorbed": row.n_absorbed,
        }  # fmt: skip
        for name, value in expected.items():
            np.testing.assert_allclose(table.columns[name][i], value, rtol=1e-9, atol=1e-7, err_msg=name)
        assert bool(table.columns["flags"][i] & Flag.TOUCHES) == row.touches


@RELAXED
@given(volumes(), rules(), st.booleans(), st.sampled_from([0, 60, 400]))
def test_the_watershed_is_the_same_in_boxes_of_any_size(volume, params, wrap, most_cells):
    params = params.replaced(overlap="watershed")
    expected = quiet(volume, params, wrap=wrap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regions, "split_regions", partial(split_regions, most_cells=most_cells))
        assert same_bytes(quiet(volume, params, wrap=wrap), expected)


class Threads:
    """Two threads, and work that ends in any order."""

    threads = 2

    def map(self, work, items):
        with ThreadPoolExecutor(2) as pool:
            yield from pool.map(work, items)


@RELAXED
@given(volumes(), rules(), cuts, st.booleans())
def test_any_cut_gives_identical_bytes(volume, params, where, wrap):
    whole = quiet(volume, params, cuts=[], wrap=wrap)
    inside = [k for k in where if k < len(volume)]
    assert same_bytes(whole, quiet(volume, params, cuts=inside, wrap=wrap))


@settings(RELAXED, max_examples=25)
@given(volumes(), rules(), cuts, st.booleans())
def test_any_thread_count_and_size_of_task_gives_identical_bytes(volume, params, where, wrap):
    one = quiet(volume, params, wrap=wrap)
    sizes = bright.TASK_VOXELS, components.TASK_VOXELS
    try:
        bright.TASK_VOXELS, components.TASK_VOXELS = 50, 20
        inside = [k for k in where if k < len(volume)]
        assert same_bytes(one, quiet(volume, params, cuts=inside, wrap=wrap, executor=Threads()))
    finally:
        bright.TASK_VOXELS, components.TASK_VOXELS = sizes


def moved(table, change):
    """The rows of a table with every voxel (frame, row, col) moved."""
    return {(reason, frozenset(change(v) for v in voxels)) for reason, voxels in blobs_of(table)}


@RELAXED
@given(volumes(), rules().filter(lambda p: p.growth == "clipped" and p.overlap == "claim"), st.booleans())
def test_transposed_and_flipped_frames_give_the_same_blobs(volume, params, wrap):
    # which of two equal maxima absorbs the other depends on their position, what they hold together does not
    table = quiet(volume, params, wrap=wrap)
    rows, cols = volume.shape[1:]
    kept = {b for b in blobs_of(table) if b[0] == "kept"}
    for other, change in (
        (volume.transpose(0, 2, 1), lambda v: (v[0], v[2], v[1])),
        (volume[:, ::-1], lambda v: (v[0], rows - 1 - v[1], v[2])),
        (volume[:, :, ::-1], lambda v: (v[0], v[1], cols - 1 - v[2])),
    ):
        back = quiet(other, params, wrap=wrap)
        assert {b for b in moved(back, change) if b[0] == "kept"} == kept
        for name in ("sum_intensity", "Number_of_pixels", "IMax_int"):
            assert sorted(back[name]) == sorted(table[name])


@RELAXED
@given(volumes(), rules(), st.integers(0, 8))
def test_a_full_turn_may_start_anywhere(volume, params, shift):
    clipped = params.replaced(growth="clipped", overlap="claim")
    frames = len(volume)
    table = quiet(volume, clipped, wrap=True)
    rolled = quiet(np.roll(volume, shift, axis=0), clipped, wrap=True)
    back = moved(rolled, lambda v: ((v[0] - shift) % frames, v[1], v[2]))
    assert {b for b in back if b[0] == "kept"} == {b for b in blobs_of(table) if b[0] == "kept"}
    sizes = [sorted((t["frame_stop"] - t["frame_start"]).tolist()) for t in (table, rolled)]
    assert sizes[0] == sizes[1]


@RELAXED
@given(volumes(), rules(), st.booleans())
def test_a_gain_on_values_and_thresholds_changes_no_blob(volume, params, wrap):
    doubled = params.replaced(
        seed_threshold=2 * params.seed_threshold, grow_min=2 * params.grow_min, grow_max=2 * params.grow_max
    )
    one, two = quiet(volume, params, wrap=wrap), quiet(2 * volume, doubled, wrap=wrap)
    assert one.voxels.pointer.tolist() == two.voxels.pointer.tolist()
    assert blobs_of(one) == blobs_of(two)
    assert (2 * one["sum_intensity"] == two["sum_intensity"]).all()
    for name in ("s_raw", "f_raw", "omega", "sigs", "covsf", "flags"):
        assert one[name].tolist() == two[name].tolist()


@RELAXED
@given(volumes(), rules(), st.booleans())
def test_an_offset_on_values_and_thresholds_changes_no_blob_where_the_tolerance_does_not_bind(volume, params, wrap):
    params = params.replaced(tolerance=0.0)
    shifted = params.replaced(
        seed_threshold=params.seed_threshold + 64, grow_min=params.grow_min + 64, grow_max=params.grow_max + 64
    )
    assert blobs_of(quiet(volume, params, wrap=wrap)) == blobs_of(quiet(volume + 64, shifted, wrap=wrap))


@RELAXED
@given(volumes(), rules(), st.tuples(*[st.integers(0, 4)] * 3), st.tuples(*[st.integers(4, 9)] * 3),
       st.booleans(), st.booleans(), st.booleans())  # fmt: skip
def test_limits_after_the_fact_equal_limits_in_the_run(volume, params, low, high, edge, touching, wrap):
    limited = params.replaced(min_size=low, max_size=high, reject_edge=edge, reject_touching_excluded=touching)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FriedelWarning)
        runs = solved(volume, params, wrap=wrap).limited(limited)
    assert same_bytes(runs.table(), quiet(volume, limited, wrap=wrap))
    assert same_bytes(runs.limited(params).table(), quiet(volume, params, wrap=wrap))


@RELAXED
@given(volumes(), rules(), st.booleans())
def test_every_voxel_above_the_seed_threshold_is_in_the_ledger_and_blobs_are_disjoint(volume, params, wrap):
    table = quiet(volume, params, wrap=wrap)
    rows = blobs_of(table)
    bright_voxels = set(map(tuple, np.argwhere(volume >= params.seed_threshold).tolist()))
    assert bright_voxels <= set().union(*(voxels for _, voxels in rows))
    kept = [voxels for reason, voxels in rows if reason == "kept"]
    assert sum(map(len, kept)) == len(set().union(*kept))


def test_blocks_of_the_oracle_are_what_they_say():
    starts = [(block.start, len(block.frames)) for block in frames_in_blocks(np.zeros((7, 1, 1)), [3, 5, 5])]
    assert starts == [(0, 3), (3, 2), (5, 2)]
