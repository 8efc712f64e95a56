"""Spots that no blob shows are looked for where grains predict them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from friedel.errors import FriedelError
from friedel.evaluator.faint import evaluate_faint
from friedel.evaluator.grains import match_grains
from friedel.io.shape_store import read_shapes, write_shapes
from friedel.kernels.reconstruct.faint_spots import add_windows, matched_sums, read_windows, take_light
from friedel.model.blobs import Voxels
from friedel.model.spots import Came, SpotTable
from friedel.model.stream import CleanBlock
from friedel.reconstruct import ReconstructParams, reconstruct
from friedel.reconstruct.faint_spots import FALSE_FINDS, chance_among_finds
from friedel.simulator import SpecimenParams, simulate, small
from tests.oracles_footprints import window_of
from tests.true_grains import with_hkl

NOISE = 40.0


@dataclass
class Frames:
    """Clean frames: noise, and the light of true spots, each frame at the place that `order` says."""

    noise: np.ndarray
    count: int
    voxels: Voxels
    order: np.ndarray
    asked: int = 0

    def blocks(self, wanted):
        shape = self.noise.shape
        for start in np.flatnonzero(wanted):
            frame = int(self.order[start])
            image = np.random.default_rng(frame).normal(0, NOISE, shape).astype(np.float32)
            mine = self.voxels.frame == frame
            np.add.at(image, (self.voxels.row[mine], self.voxels.col[mine]), self.voxels.intensity[mine])
            self.asked += 1
            yield CleanBlock(int(start), image[None], np.zeros(0, np.int64), np.zeros(1, bool))


class Two:
    threads = 2

    def map(self, work, items):
        with ThreadPoolExecutor(2) as pool:
            return iter(list(pool.map(work, items)))


@pytest.fixture(scope="module")
def scan():
    """A simulation, its grains with the bright two thirds of their spots as blobs, and which spots are no blobs."""
    sample = SpecimenParams(radius_um=91.0, height_um=112.0, mosaicity_deg=0.06)
    simulation = simulate(small(2).model_copy(update={"grains": 8, "frames": 240, "sample": sample}))
    truth, grains = simulation.truth.blobs, with_hkl(simulation.truth)
    seen = truth["IMax_int"] > np.quantile(truth["IMax_int"], 0.35)
    new = np.cumsum(seen) - 1
    pointer = np.concatenate([[0], np.cumsum(np.diff(truth.voxels.pointer)[seen])])
    lit = np.repeat(seen, np.diff(truth.voxels.pointer))
    voxels = Voxels(pointer, *(getattr(truth.voxels, name)[lit] for name in ("frame", "row", "col", "intensity")))
    columns = {name: values[seen] for name, values in truth.columns.items()} | {"spot3d_id": np.arange(seen.sum())}
    blobs = replace(truth, columns=columns, reason=truth.reason[seen], voxels=voxels, extra={})
    mine = seen[grains.blobs]
    owner = np.repeat(np.arange(len(grains)), np.diff(grains.blob_pointer))[mine]
    of_blobs = {"blobs": new[grains.blobs[mine]], "shared": grains.shared[mine], "hkl": grains.hkl[mine]}
    pointer = np.searchsorted(owner, np.arange(len(grains) + 1))
    grains = replace(grains, **of_blobs, blob_pointer=pointer, residuals=np.zeros((0, 3)))
    return simulation, blobs, grains, ~seen


def frames_of(scan, order=None):
    truth = scan[0].truth.blobs
    count, *shape = truth.shape
    order = np.arange(count) if order is None else order
    return Frames(np.full(shape, NOISE, np.float32), count, truth.voxels, order)


def shapes_of(scan, frames=None, executor=None, **params):
    simulation, blobs, grains, _ = scan
    params = ReconstructParams(bent="off", projections=20, **params)
    return reconstruct(blobs, grains, simulation.setup, simulation.phases, params, frames=frames, executor=executor)


@pytest.fixture(scope="module")
def found(scan):
    return shapes_of(scan, frames_of(scan))


def spots_in(shapes):
    return SpotTable.together([shape.spots for shape in shapes])


def test_faint_spots_are_found_where_they_are_and_as_bright_as_they_are(scan, found):
    spots, truth, missing = spots_in(found), scan[0].truth, scan[3]
    scores = evaluate_faint(spots, truth.blobs, match_grains(scan[2], truth.grains), len(scan[2]))
    assert scores["found"] > 0.5 * missing.sum()
    assert scores["precision"] > 0.95
    names = np.column_stack([truth.blobs[name] for name in ("grain", "h", "k", "l")])
    counts = dict(zip(map(tuple, names[missing].tolist()), truth.blobs["sum_intensity"][missing], strict=True))
    faint = spots.take(spots.came == Came.FAINT)
    true = np.array([counts.get((g, *hkl), np.nan) for g, hkl in zip(faint.grain, faint.hkl.tolist(), strict=True)])
    assert np.nanmedian(np.abs(faint.counts / true - 1)) < 0.25


def test_frames_in_another_order_show_no_faint_spot(scan):
    order = np.random.default_rng(3).permutation(scan[1].shape[0])
    spots = spots_in(shapes_of(scan, frames_of(scan, order)))
    assert np.count_nonzero(spots.came == Came.FAINT) <= 1
    assert np.count_nonzero(np.isfinite(spots.significance)) > 100


def test_threads_change_no_faint_spot(scan, found):
    for one, two in zip(found, shapes_of(scan, frames_of(scan), Two()), strict=True):
        assert one.density.tobytes() == two.density.tobytes()
        for field in fields(SpotTable):
            assert getattr(one.spots, field.name).tobytes() == getattr(two.spots, field.name).tobytes()


def test_only_frames_around_missing_spots_are_read(scan):
    frames = frames_of(scan)
    spots = spots_in(shapes_of(scan, frames))
    asked = spots.take(np.isfinite(spots.significance))
    assert 0 < frames.asked <= frames.count
    assert len(asked) < len(spots)


def test_who_does_not_ask_reads_no_frame_and_has_the_same_shapes(scan, found):
    frames = frames_of(scan)
    plain = shapes_of(scan, frames, faint=False)
    assert frames.asked == 0
    assert not (spots_in(plain).came == Came.FAINT).any()
    apart = [np.abs(one.inside.sum() - two.inside.sum()) for one, two in zip(plain, found, strict=True)]
    assert max(apart) < 0.05 * max(one.inside.sum() for one in plain)


def test_spots_read_back_equal(found, tmp_path):
    write_shapes(tmp_path / "shapes.h5", found)
    for one, two in zip(found, read_shapes(tmp_path / "shapes.h5"), strict=True):
        for field in fields(SpotTable):
            np.testing.assert_array_equal(getattr(one.spots, field.name), getattr(two.spots, field.name))


def test_spots_must_be_of_one_length():
    none = SpotTable.none()
    with pytest.raises(FriedelError, match="one length"):
        replace(none, counts=np.zeros(2))
    with pytest.raises(FriedelError, match="pointer"):
        replace(none, voxel=np.zeros((2, 3), np.int32))


def test_chance_among_finds_is_what_moved_filters_make_of_them():
    rng = np.random.default_rng(5)
    null, there = rng.normal(0, 1, 40_000), rng.random(4000) < 0.3
    significance = np.where(there, rng.normal(5, 1.5, 4000), rng.normal(0, 1, 4000))
    taken = chance_among_finds(significance, null) <= FALSE_FINDS
    assert np.count_nonzero(taken & ~there) < 2.5 * FALSE_FINDS * np.count_nonzero(taken)
    assert np.count_nonzero(taken & there) > 0.85 * np.count_nonzero(there)
    assert not (chance_among_finds(rng.normal(0, 1, 4000), null) <= FALSE_FINDS).any()
    assert (chance_among_finds(significance, null[:20]) == 1).all()


def some_windows():
    rng = np.random.default_rng(0)
    size = np.array([(5, 7), (6, 4)])
    images = [rng.uniform(0, 1, tuple(one)).astype(np.float32) for one in size]
    inverse = np.zeros((2, 2, 3))
    inverse[:, 0, 1], inverse[:, 1, 0] = 1.0, -1.0
    inverse[:, :, 2] = [(-2.2, 7.6), (0.3, 5.1)]
    box = np.array([(1, 9, 2, 7), (0, 6, 0, 6)])
    pointer = np.concatenate([[0], np.cumsum((box[:, 1] - box[:, 0]) * (box[:, 3] - box[:, 2]))])
    out = np.full(pointer[-1], np.nan, np.float32)
    flat = np.concatenate([image.ravel() for image in images])
    read_windows(flat, np.concatenate([[0], np.cumsum(size.prod(axis=1))]), size, inverse, box, pointer, out)
    return images, inverse, box, pointer, out


def test_a_window_holds_the_footprint_of_each_of_its_pixels():
    images, inverse, box, pointer, out = some_windows()
    for s in range(2):
        wanted = window_of(images[s], inverse[s], box[s])
        np.testing.assert_allclose(out[pointer[s] : pointer[s + 1]], wanted.ravel(), atol=1e-6)
        assert wanted.sum() > 1


def placed(box, pointer, footprint, s, shape):
    """A footprint on the whole frame."""
    whole = np.zeros(shape)
    top, bottom, left, right = box[s]
    whole[top:bottom, left:right] = footprint[pointer[s] : pointer[s + 1]].reshape(bottom - top, right - left)
    return whole


def test_sums_over_footprints_are_those_of_whole_frames():
    _, _, box, pointer, footprint = some_windows()
    rng = np.random.default_rng(1)
    frame = rng.normal(0, 1, (10, 9)).astype(np.float32)
    weight = (rng.uniform(0, 1, (10, 9)) * (rng.random((10, 9)) > 0.3)).astype(np.float32)
    spots, tables = np.array([1, 0, 1]), (box, pointer, footprint)
    wholes = [placed(*tables, s, frame.shape) for s in spots]
    sums = np.zeros((3, 2))
    matched_sums(spots, *tables, frame, weight, sums)
    np.testing.assert_allclose(sums[:, 0], [(one * weight * frame).sum() for one in wholes], rtol=1e-5)
    np.testing.assert_allclose(sums[:, 1], [(one**2 * weight).sum() for one in wholes], rtol=1e-5)
    left, light = frame.copy(), np.array([3.0, 2.0, 0.5])
    take_light(spots, light, *tables, left)
    np.testing.assert_allclose(left, frame - np.tensordot(light, wholes, 1), atol=1e-5)


def test_windows_of_frames_are_added_where_they_are_known():
    _, _, box, pointer, footprint = some_windows()
    rng = np.random.default_rng(2)
    frames = rng.normal(0, 1, (3, 10, 9)).astype(np.float32)
    weights = (rng.random((3, 10, 9)) > 0.3).astype(np.float32)
    size = pointer[2] - pointer[1]
    light, seen = np.zeros(size + 5, np.float32), np.zeros(size + 5, np.float32)
    for frame, weight, part in zip(frames, weights, (0.2, 0.5, 0.3), strict=True):
        add_windows(
            np.array([1]), np.array([4.0 * part]), np.array([part]), box, pointer, footprint, frame, weight,
            np.array([5]), light, seen,
        )  # fmt: skip
    parts = np.array([0.2, 0.5, 0.3])[:, None, None]
    own = placed(box, pointer, footprint, 1, (10, 9))
    top, bottom, left, right = box[1]
    wanted = ((frames + 4.0 * parts * own) * weights).sum(axis=0)[top:bottom, left:right]
    np.testing.assert_allclose(light[5:], wanted.ravel(), atol=1e-5)
    np.testing.assert_allclose(seen[5:], (weights * parts).sum(axis=0)[top:bottom, left:right].ravel(), atol=1e-6)
    assert not light[:5].any()
