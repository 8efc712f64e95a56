"""How far what a threshold cuts off moves centroids."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from friedel.kernels.blob_rims import centroids_with_rims
from friedel.model import uncertainty
from friedel.model.blobs import Voxels
from friedel.model.uncertainty import shift_of_rim, shift_of_threshold
from friedel.simulator import simulate, small
from tests.oracles_segment import rim_by_hand


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


def test_a_rim_is_what_goes_on_from_the_voxels_beside_it(blobs):
    moved = shift_of_rim(blobs) / [blobs.omega_step_deg, 1, 1]
    for row in range(0, len(blobs), 5):
        part = slice(*blobs.voxels.pointer[[row, row + 1]])
        frame, rows, cols = (getattr(blobs.voxels, name)[part].tolist() for name in ("frame", "row", "col"))
        near = blobs["frame"][row]
        frame = [f - 720 * round((f - near) / 720) for f in frame]
        counts = dict(zip(zip(frame, rows, cols, strict=True), blobs.voxels.intensity[part].tolist(), strict=True))
        np.testing.assert_allclose(moved[row], rim_by_hand(counts), atol=1e-5)
    assert 0.01 < np.sqrt(np.mean(moved[:, 1:] ** 2)) < 0.5


def test_a_rim_brings_the_centroid_of_what_a_threshold_leaves_back_towards_that_of_the_whole():
    rng, off, left = np.random.default_rng(4), [], []
    for _ in range(20):
        y, x = np.mgrid[:40, :40].astype(float)
        corners = 20 + rng.uniform(-14, 14, (3, 2))
        sides = [corners[(i + 1) % 3] - corners[i] for i in range(3)]
        across = [(x - c[0]) * s[1] - (y - c[1]) * s[0] for c, s in zip(corners, sides, strict=True)]
        solid = (np.array(across) >= 0).all(axis=0) | (np.array(across) <= 0).all(axis=0)
        depth = ndimage.distance_transform_edt(np.pad(solid, 1))[1:-1, 1:-1]
        image = ndimage.gaussian_filter(depth, 0.8)
        lit = np.argwhere(image >= 0.1 * image.max())
        values = image[tuple(lit.T)]
        whole = np.array(ndimage.center_of_mass(image))
        out, box = np.zeros((1, 3)), np.array([[0, 1, 0, 40, 0, 40]])
        none, ends = np.zeros(len(lit), np.int32), np.array([0, len(lit)])
        centroids_with_rims(ends, none, *lit.T.astype(np.int32), values.astype(np.float32), box, 0, 10**6, out)
        off.append(values @ lit / values.sum() - whole)
        left.append(off[-1] + out[0, 1:])
    assert np.sqrt(np.mean(np.square(left))) < 0.85 * np.sqrt(np.mean(np.square(off)))


def test_a_blob_that_is_too_large_and_one_without_voxels_have_no_rim(blobs, monkeypatch):
    monkeypatch.setattr(uncertainty, "LARGEST", 0)
    assert not shift_of_rim(blobs).any()
