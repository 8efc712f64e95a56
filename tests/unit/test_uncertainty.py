"""How far what a threshold cuts off moves centroids."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.model import uncertainty
from friedel.model.blobs import Voxels
from friedel.model.uncertainty import shift_of_threshold
from friedel.simulator import simulate, small


@pytest.fixture(scope="module")
def blobs():
    params = small(seed=2)
    return simulate(params.model_copy(update={"grains": 4, "frames": 720})).truth.blobs


def by_hand(blobs, row, times):
    """Centroids (frame, row, col) of one blob's voxels, before and after its threshold is raised."""
    part = slice(*blobs.voxels.pointer[[row, row + 1]])
    values = blobs.voxels.intensity[part].astype(float)
    frame = blobs.voxels.frame[part].astype(float)
    near = min((frame + turn for turn in (-720, 0, 720)), key=lambda f: abs(f[0] - blobs["frame"][row]))
    if frame.max() - frame.min() > 360:  # across the scan's ends: each voxel by itself
        near = frame - 720 * np.rint((frame - blobs["frame"][row]) / 720)
    place = np.array([near, blobs.voxels.row[part], blobs.voxels.col[part]], float)
    bright = values >= times * values.min()
    return place @ values / values.sum(), place[:, bright] @ values[bright] / values[bright].sum()


@pytest.mark.parametrize("piece", [1, 5000, 10**9])
def test_the_shift_is_that_of_the_voxels_that_are_left(blobs, piece, monkeypatch):
    monkeypatch.setattr(uncertainty, "PIECE", piece)
    shift = shift_of_threshold(blobs) / [blobs.omega_step_deg, 1, 1]
    brightest = np.maximum.reduceat(blobs.voxels.intensity, blobs.voxels.pointer[: len(blobs)])
    dimmest = np.minimum.reduceat(blobs.voxels.intensity, blobs.voxels.pointer[: len(blobs)])
    assert not shift[brightest < 2 * dimmest].any()
    for row in np.flatnonzero(brightest >= 2 * dimmest)[::9]:
        before, after = by_hand(blobs, row, 2.0)
        np.testing.assert_allclose(shift[row], after - before, atol=1e-6)
    assert 0.01 < np.sqrt(np.mean(shift[:, 1:] ** 2)) < 1.0


def test_blobs_without_voxels_and_flat_ones_do_not_move(blobs):
    none = np.zeros(0, np.int32)
    bare = replace(
        blobs, voxels=Voxels(np.zeros(len(blobs) + 1, np.int64), none, none, none, np.zeros(0, np.float32))
    )
    assert not shift_of_threshold(bare).any()
    flat = replace(blobs, voxels=replace(blobs.voxels, intensity=np.ones_like(blobs.voxels.intensity)))
    assert not shift_of_threshold(flat).any()
