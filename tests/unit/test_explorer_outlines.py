"""Outlines: each voxel of each row of the table, once, on every frame and section that it lies on."""

import numpy as np
import pytest

from friedel.explorer.outlines import Outlines
from friedel.segment import components_of, solve
from tests.explorer_source import MemorySource, spotty
from tests.oracles_segment import parameters


def found_in(volume, params, *, wrap=False):
    bright = MemorySource(volume, params).collected.bright
    components = components_of(bright, params.connectivity, wrap=wrap)
    return solve(components, params, omega_start_deg=0.0, omega_step_deg=1.0)


@pytest.fixture(scope="module", params=[{}, {"seed_min_voxels": 4, "tolerance": 0.9}, {"connectivity": 6}])
def blobs(request):
    volume = spotty((8, 20, 30), spots=40)
    return found_in(volume, parameters(seed_threshold=15.0, grow_min=3.0, **request.param), wrap=True)


def voxels_of(table):
    """Every (frame, row, col, row of the table)."""
    voxels = table.voxels
    owner = np.repeat(np.arange(len(table.reason)), np.diff(voxels.pointer))
    return set(zip(voxels.frame.tolist(), voxels.row.tolist(), voxels.col.tolist(), owner.tolist(), strict=True))


def spelled(runs):
    """Every (line, place, row of the table), checked to be there once."""
    found = [(line, start + k, row) for line, start, length, row in runs.tolist() for k in range(length)]
    assert len(set(found)) == len(found)
    return set(found)


def test_a_frame_has_its_voxels(blobs):
    outlines, voxels = Outlines(blobs), voxels_of(blobs.table())
    for frame in range(8):
        runs = outlines.frame(frame)
        assert runs.dtype == np.int32
        assert spelled(runs) == {(y, x, b) for f, y, x, b in voxels if f == frame}


def test_a_section_along_a_row_has_its_voxels(blobs):
    outlines, voxels = Outlines(blobs), voxels_of(blobs.table())
    for row in range(20):
        wanted = {(f, x, b) for f, y, x, b in voxels if y == row and 2 <= f < 7}
        assert spelled(outlines.row(row, 2, 7)) == wanted


def test_a_section_along_a_column_has_its_voxels_in_as_few_runs_as_can_be(blobs):
    outlines, voxels = Outlines(blobs), voxels_of(blobs.table())
    for col in range(30):
        runs = outlines.col(col, 1, 8)
        found = spelled(runs)
        assert found == {(f, y, b) for f, y, x, b in voxels if x == col and 1 <= f < 8}
        assert not any((line, start + length, row) in found for line, start, length, row in runs.tolist())


def test_places_outside_the_scan_have_no_outlines(blobs):
    outlines = Outlines(blobs)
    assert outlines.frame(8).shape == outlines.frame(-1).shape == (0, 4)
    assert outlines.row(20, 0, 8).shape == outlines.col(-3, 0, 8).shape == (0, 4)


def test_a_table_without_blobs_has_no_outlines():
    empty = found_in(np.zeros((4, 5, 6), np.float32), parameters())
    outlines = Outlines(empty)
    assert len(outlines.frame(0)) == len(outlines.row(0, 0, 4)) == len(outlines.col(0, 0, 4)) == 0
