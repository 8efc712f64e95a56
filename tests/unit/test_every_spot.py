"""Merged blobs are divided between the grains whose spots they are."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest

from friedel.errors import FriedelError
from friedel.evaluator.blobs import recall_with_parts
from friedel.io.shape_store import read_shapes, write_shapes
from friedel.model.shares import SpotShares
from friedel.reconstruct import ReconstructParams, reconstruct
from friedel.simulator import SpecimenParams, simulate, small
from tests.merged_blobs import merged
from tests.true_grains import with_hkl


@pytest.fixture(scope="module")
def dense():
    """The truth of a dense scan, its spots merged where they meet, and the grains with these blobs."""
    sample = SpecimenParams(radius_um=91.0, height_um=112.0, mosaicity_deg=0.06)
    simulation = simulate(small(2).model_copy(update={"grains": 20, "frames": 240, "sample": sample}))
    grains = with_hkl(simulation.truth)
    blobs, blob = merged(simulation.truth.blobs)
    of_grain = blob[grains.blobs]
    grains = replace(grains, blobs=of_grain, shared=np.bincount(blob)[of_grain] > 1)
    return simulation, blobs, blob, grains


class Two:
    threads = 2

    def map(self, work, items):
        with ThreadPoolExecutor(2) as pool:
            return iter(list(pool.map(work, items)))


def shapes_of(dense, executor=None):
    simulation, blobs, _, grains = dense
    return reconstruct(blobs, grains, simulation.setup, simulation.phases, ReconstructParams(), executor=executor)


@pytest.fixture(scope="module")
def shapes(dense):
    return shapes_of(dense)


@pytest.fixture(scope="module")
def shares(shapes):
    return SpotShares.together([shape.shares for shape in shapes])


def test_parts_of_merged_blobs_hold_the_counts_of_their_spots(dense, shares):
    spots, blob = dense[0].truth.blobs, dense[2]
    columns = [spots["grain"], spots["h"], spots["k"], spots["l"], blob]
    name = {tuple(one): i for i, one in enumerate(np.column_stack(columns).tolist())}
    alone = np.bincount(blob)[shares.blob] == 1
    assert np.count_nonzero(~alone) > 50
    keys = map(tuple, np.column_stack([shares.grain, shares.hkl, shares.blob]).tolist())
    rows = np.array([name.get(key, -1) for key in keys])
    real = (rows >= 0) & ~alone & (shares.coverage > 0.8)
    off = np.log(shares.counts[real] / spots["sum_intensity"][rows[real]])
    assert np.median(np.abs(off)) < 0.1
    assert np.quantile(np.abs(off), 0.9) < 0.4
    away = np.hypot(shares.row[real] - spots["s_raw"][rows[real]], shares.col[real] - spots["f_raw"][rows[real]])
    assert np.median(away) < 0.5


def test_no_voxel_is_given_away_twice(dense, shares):
    given = np.bincount(shares.voxel, shares.voxel_counts, len(dense[1].voxels))
    assert (given <= dense[1].voxels.intensity * (1 + 1e-5)).all()


def test_spots_in_merged_blobs_are_found_by_their_parts(dense, shares):
    truth, blobs = dense[0].truth.blobs, dense[1]
    before, after = (recall_with_parts(blobs, truth, table)["0.5"] for table in (SpotShares.none(), shares))
    assert 1.0 - after < 0.2 * (1.0 - before)


def test_threads_do_not_change_a_part(dense, shapes):
    for one, two in zip(shapes, shapes_of(dense, Two()), strict=True):
        assert one.density.tobytes() == two.density.tobytes()
        for field in fields(SpotShares):
            assert getattr(one.shares, field.name).tobytes() == getattr(two.shares, field.name).tobytes()


def test_parts_read_back_equal(shapes, tmp_path):
    write_shapes(tmp_path / "shapes.h5", shapes)
    for one, two in zip(shapes, read_shapes(tmp_path / "shapes.h5"), strict=True):
        for field in fields(SpotShares):
            np.testing.assert_array_equal(getattr(one.shares, field.name), getattr(two.shares, field.name))


def test_parts_must_be_of_one_length():
    none = SpotShares.none()
    with pytest.raises(FriedelError, match="one length"):
        replace(none, counts=np.zeros(2))
    with pytest.raises(FriedelError, match="pointer"):
        replace(none, voxel=np.zeros(2, np.int64))
