"""Blobs looked at closely: the table, one blob's neighbours and frames, its partner and grain."""

import numpy as np
import pytest

from friedel.errors import InputError
from friedel.explorer.blob_details import film, neighbours, relations, row_of_spot, table_of
from friedel.explorer.solving import Solver
from friedel.model.blobs import COLUMN
from friedel.model.stream import Serial
from tests.explorer_source import MemorySource, spotty
from tests.oracles_segment import parameters

PARAMS = parameters(seed_threshold=12.0, grow_min=4.0, min_size=(3, 3, 3))


@pytest.fixture(scope="module", params=[False, True])
def source(request):
    return MemorySource(spotty((14, 30, 40), spots=60, seed=3), PARAMS, floor=2.0, full_turn=request.param)


@pytest.fixture(scope="module")
def solution(source):
    return Solver(source, Serial()).solve(PARAMS, "whole")


def voxels(table, row):
    part = table.voxels.of(row)
    return np.column_stack([table.voxels.frame[part], table.voxels.row[part], table.voxels.col[part]]).astype(int)


def test_the_table_has_every_column_or_those_that_are_asked_for(solution):
    values, names = table_of(solution.blobs)
    assert names == [*COLUMN, "reason"]
    assert values.dtype == np.float32
    assert values.shape == (len(names), len(solution.blobs.reason))
    np.testing.assert_array_equal(values[-1], solution.blobs.reason)
    few, names = table_of(solution.blobs, ["reason", "IMax_int"])
    np.testing.assert_array_equal(few[1], solution.blobs.columns["IMax_int"].astype(np.float32))
    with pytest.raises(InputError, match="columns"):
        table_of(solution.blobs, ["password"])


def test_a_maximum_is_also_told_as_thresholds_see_it(solution):
    noise = np.random.default_rng(0).uniform(1, 3, solution.blobs.shape[1:]).astype(np.float32)
    columns = solution.blobs.columns
    level = columns["IMax_int"] / [noise[y, x] for y, x in zip(columns["IMax_s"], columns["IMax_f"], strict=True)]
    np.testing.assert_allclose(table_of(solution.blobs, ["peak_level"], noise)[0][0], level, rtol=1e-6)
    np.testing.assert_allclose(table_of(solution.blobs, ["peak_level"])[0][0], columns["IMax_int"], rtol=1e-6)


def test_neighbours_are_those_that_a_look_at_every_voxel_finds(solution):
    table, turn = solution.table, 14 if solution.table.wrapped else 0
    mine = [voxels(table, row) for row in range(len(table.reason))]
    for row in range(0, len(mine), 5):
        wanted = {}
        for other in range(len(mine)):
            steps = np.abs(mine[row][:, None, :] - mine[other][None, :, :])
            if turn:
                steps[..., 0] = np.minimum(steps[..., 0], turn - steps[..., 0])
            gap = max(int(steps.max(axis=-1).min()) - 1, 0)
            if other != row and gap <= 3 and near_boxes(table, row, other, turn):
                wanted[other] = gap
        found = neighbours(solution.runs, row)
        assert {one["id"]: one["gap_px"] for one in found} == wanted
        assert all(one["touches"] == (one["gap_px"] == 0) for one in found)
        assert [one["gap_px"] for one in found] == sorted(one["gap_px"] for one in found)


def near_boxes(table, row, other, turn):
    """Frames at most one apart, pixels at most three."""
    for axis, reach in (("row", 3), ("col", 3), ("frame", 1)):
        start, stop = table.columns[f"{axis}_start"], table.columns[f"{axis}_stop"]
        shifts = (-turn, 0, turn) if axis == "frame" else (0,)
        if not any(start[other] + s < stop[row] + reach and stop[other] + s > start[row] - reach for s in shifts):
            return False
    return True


def test_a_film_shows_the_blob_with_a_frame_before_and_after(solution, source):
    table = solution.table
    for row in range(0, len(table.reason), 7):
        made = film(solution, row, lambda a, b: source.volume[a:b])
        inside = {(f, y, x + k) for f, y, x, n in made.runs for k in range(n)}
        assert inside == set(map(tuple, voxels(table, row).tolist()))
        for k, still in enumerate(made.frames):
            frame = (made.start + k * made.step) % 14
            rows, cols = still.shape
            np.testing.assert_array_equal(
                still, source.volume[frame, made.row0 : made.row0 + rows, made.col0 : made.col0 + cols]
            )
        length = int(table.columns["frame_stop"][row] - table.columns["frame_start"][row])
        assert length <= len(made.frames) <= length + 2


def test_a_long_blob_is_shown_in_steps_and_a_large_one_around_its_peak(monkeypatch):
    monkeypatch.setattr("friedel.explorer.blob_details.MOST_CROP", 20)
    volume = np.zeros((100, 8, 60), np.float32)
    volume[10:90, 2:5, 5:50] = 20.0
    volume[50, 3, 40] = 30.0
    source = MemorySource(volume, PARAMS)
    solution = Solver(source, Serial()).solve(PARAMS, "whole")
    made = film(solution, 0, lambda a, b: source.volume[a:b])
    assert made.frames.shape == (21, 8, 20)
    assert (made.start, made.step) == (9, 4)
    assert made.col0 <= 40 < made.col0 + 20


def test_partner_and_grain_are_those_of_the_runs_blob_with_the_same_peak(solution, source):
    other = Solver(source, Serial()).solve(PARAMS.replaced(tolerance=0.8, min_size=(1, 1, 1)), "whole")
    table = other.table
    paired = 2 * (len(table) // 2)
    pairs = {"blob_a": np.arange(0, paired, 2), "blob_b": np.arange(1, paired, 2)}

    class Grains:
        blob_pointer = np.array([0, 1, 3])
        blobs = np.array([5, 0, 2])

    peaks = {peak_of(table, row): row for row in range(len(table))}
    seen = 0
    for row in range(len(solution.table)):
        there = peaks.get(peak_of(solution.table, row))
        said = relations(solution, row, table, pairs, Grains)
        assert said["spot"] == there
        assert there is None or row_of_spot(solution, table, there) == row
        if there is None or there >= paired:
            assert said["partner"] is None
            continue
        wanted = [r for r in range(len(solution.table)) if peak_of(solution.table, r) == peak_of(table, there ^ 1)]
        assert said["partner"] == (wanted[0] if wanted else None)
        assert said["grain"] == {0: 1, 2: 1, 5: 0}.get(there)
        assert said["grains"] == ([] if said["grain"] is None else [said["grain"]])
        seen += 1
    assert seen >= 2
    nothing = {"spot": None, "partner": None, "grain": None, "grains": []}
    assert relations(solution, 0, None, None, None) == nothing
    assert relations(solution, len(solution.table), table, pairs, Grains) == nothing
    assert row_of_spot(solution, None, 0) is row_of_spot(solution, table, len(table)) is None


def peak_of(table, row):
    return tuple(float(table.columns[name][row]) for name in ("IMax_o", "IMax_s", "IMax_f"))
