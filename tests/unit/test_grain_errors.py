"""Standard deviations of grains: pulls of unit width, whatever makes spots err."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.index import IndexParams, grain_table, index
from friedel.index.grain_errors import errors_of_grains
from friedel.match import MatchParams, match
from friedel.simulator import SimulationParams, SpecimenParams, simulate


@cache
def simulation(**values):
    sample = SpecimenParams(radius_um=85.0, height_um=140.0, voxel_um=7.0)
    return simulate(SimulationParams(seed=3, grains=24, sample=sample, **values))


def noisy(blobs, px, deg, labels, seed=0):
    """Noise on row, col and omega |sin eta| that is the same for all blobs with one label (n)."""
    rng = np.random.default_rng(seed)
    _, own = np.unique(labels, axis=0, return_inverse=True)
    noise = rng.normal(size=(int(own.max()) + 1, 3))[own.reshape(-1)] * [px, px, deg]
    columns = {name: blobs.columns[name].copy() for name in ("sc", "fc", "omega")}
    for axis, name in enumerate(columns):
        columns[name] += noise[:, axis]
    return replace(blobs, columns={**blobs.columns, **columns})


def pulls(scan, blobs, **params):
    """Of position and orientation (n,3) each."""
    pairs = match(blobs, scan.setup, scan.phases, MatchParams())
    grains, truth = index(blobs, pairs, scan.setup, scan.phases, IndexParams(**params)), scan.truth.grains
    away = grains.position_um[:, None] - truth.position_um
    nearest = np.linalg.norm(away, axis=2).argmin(axis=1)
    off = away[np.arange(len(grains)), nearest]
    turns = []
    for U, true in zip(grains.U, truth.U[nearest], strict=True):
        ways = Rotation.from_matrix(U @ np.swapaxes(true @ scan.phases[0].symmetry, 1, 2)).as_rotvec(degrees=True)
        turns.append(ways[np.linalg.norm(ways, axis=1).argmin()])
    return off / grains.position_error_xyz_um, np.array(turns) / grains.orientation_error_xyz_deg, grains


def width(values):
    return np.sqrt(np.mean(np.square(values)))


def test_pulls_are_of_unit_width_where_every_spot_errs_by_itself():
    scan = simulation()
    blobs = scan.truth.blobs
    position, orientation, grains = pulls(scan, noisy(blobs, 0.2, 0.03, np.arange(len(blobs))))
    assert len(grains) == 24
    assert 0.8 < width(position) < 1.25
    assert 0.8 < width(orientation) < 1.25


def test_pulls_are_of_unit_width_where_the_spots_of_a_plane_err_together():
    scan = simulation()
    blobs = scan.truth.blobs
    hkl = np.column_stack([blobs[name] for name in "hkl"])
    plane = hkl * np.sign(hkl @ [10000, 100, 1])[:, None]
    labels = np.column_stack([blobs["grain"], plane])
    position, orientation, grains = pulls(scan, noisy(blobs, 0.2, 0.03, labels))
    assert len(grains) == 24
    assert 0.8 < width(position) < 1.3
    assert 0.8 < width(orientation) < 1.3


def test_what_a_threshold_moves_in_every_view_alike_is_in_the_claim():
    scan = simulation()
    blobs, voxels = scan.truth.blobs, scan.truth.blobs.voxels
    start = voxels.pointer[: len(blobs)]
    own = np.repeat(np.arange(len(blobs)), np.diff(voxels.pointer[: len(blobs) + 1]))
    dimmest = np.minimum.reduceat(voxels.intensity, start)[own]
    upper = voxels.row < blobs["s_raw"][own]
    # the upper half of every spot is so dim that half of it would not pass a threshold twice as high
    dim = np.where(upper, 1.5 * dimmest, 4 * dimmest)
    _, _, plain = pulls(scan, blobs)
    _, _, cut = pulls(scan, replace(blobs, voxels=replace(voxels, intensity=dim.astype(np.float32))))
    assert (cut.position_error_xyz_um[:, 2] > 3 * plain.position_error_xyz_um[:, 2]).all()


def test_the_whole_is_the_root_of_the_sum_of_squares_and_strain_has_errors_where_it_is_fitted():
    scan = simulation()
    _, _, grains = pulls(scan, scan.truth.blobs, strain=True)
    np.testing.assert_allclose(np.linalg.norm(grains.position_error_xyz_um, axis=1), grains.position_error_um)
    np.testing.assert_allclose(
        np.linalg.norm(grains.orientation_error_xyz_deg, axis=1), grains.orientation_error_deg
    )
    assert 0.5 < width(grains.strain / grains.strain_error) < 1.5
    columns = grains.flat_columns()
    np.testing.assert_array_equal(columns["position_error_um_z"], grains.position_error_xyz_um[:, 2])
    assert "strain_error_xy" in columns
    _, _, unstrained = pulls(scan, scan.truth.blobs)
    assert unstrained.strain_error.shape == (0, 6)


def test_covariances_have_the_squares_of_the_standard_deviations_on_their_diagonals_and_know_directions():
    scan = simulation()
    blobs = scan.truth.blobs
    _, _, grains = pulls(scan, noisy(blobs, 0.2, 0.03, np.arange(len(blobs))))
    for covariance, sure in (
        (grains.position_covariance_um2, grains.position_error_xyz_um),
        (grains.orientation_covariance_deg2, grains.orientation_error_xyz_deg),
    ):
        np.testing.assert_allclose(np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)), sure)
        np.testing.assert_allclose(covariance, np.swapaxes(covariance, 1, 2), rtol=1e-9)
        assert (np.linalg.eigvalsh(covariance) > 0).all()
    away = grains.position_um[:, None] - scan.truth.grains.position_um
    off = np.take_along_axis(away, np.linalg.norm(away, axis=2).argmin(axis=1)[:, None, None], axis=1)[:, 0]
    square = np.einsum("ni,nij,nj->n", off, np.linalg.inv(grains.position_covariance_um2), off)
    assert 0.6 < square.mean() / 3 < 1.6
    columns = grains.flat_columns()
    np.testing.assert_array_equal(columns["position_covariance_um2_yz"], grains.position_covariance_um2[:, 1, 2])


def test_a_grain_that_shares_all_its_blobs_is_not_without_a_standard_deviation():
    scan = simulation()
    pairs = match(scan.truth.blobs, scan.setup, scan.phases, MatchParams())
    found = {}

    def spy(observations, grains, **more):
        first = grains.grain == 0
        hidden = replace(grains, overlapped=grains.overlapped | first, shared=grains.shared | first)
        found["errors"] = errors_of_grains(observations, hidden, **more)
        return found["errors"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grain_table, "errors_of_grains", spy)
        grains = index(scan.truth.blobs, pairs, scan.setup, scan.phases, IndexParams())
    assert np.isfinite(grains.position_error_um).all()
    assert np.isfinite(grains.orientation_error_deg).all()
    assert grains.position_error_um[0] > 2 * np.median(grains.position_error_um)
