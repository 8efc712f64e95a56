"""Grains from their spots: simulated ones, whose shape is known."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from friedel.errors import FriedelError
from friedel.kernels import bragg
from friedel.model.blobs import BlobTable, Flag, Voxels
from friedel.model.setup import Detector, SampleShape, Setup
from friedel.model.shapes import GrainShape, Grid, SampleMask
from friedel.reconstruct import ReconstructParams, reconstruct
from friedel.reconstruct.projections import (
    BlobsByFrame,
    extents,
    ideal_slopes,
    make_voxel_box,
    project_blobs,
    to_detector,
)
from friedel.reconstruct.rays import DiffractionModel
from friedel.reconstruct.sirt import SirtSolver, spans_of, visual_hull
from friedel.simulator import SpecimenParams, simulate, small
from tests.oracles_projectors import image_of_blob, place_on_detector
from tests.true_grains import with_hkl


def simulated(**changes):
    params = small(1).model_copy(
        update={
            "grains": 6,
            "sample": SpecimenParams(radius_um=91.0, height_um=112.0, mosaicity_deg=0.06),
            **changes,
        }
    )
    return simulate(params)


@pytest.fixture(scope="module")
def plain():
    return simulated()


@pytest.fixture(scope="module")
def tilted():
    return simulated(tilt_deg=(1.0, 3.0, -4.0))


def shapes_of(simulation, params=None, *, blobs=None, grains=None, executor=None, mask=None):
    truth = simulation.truth
    return reconstruct(
        truth.blobs if blobs is None else blobs,
        with_hkl(truth) if grains is None else grains,
        simulation.setup,
        simulation.phases,
        params or ReconstructParams(),
        executor=executor,
        mask=mask,
    )


def dice(shape, volume):
    """Of a shape and the true grain, both put on the volume's grid."""
    true = volume.grain_id == shape.grain + 1
    start = np.rint((shape.origin_um - volume.origin_um) / volume.voxel_um).astype(int)[::-1]
    index = np.argwhere(shape.inside) + start
    on = ((index >= 0) & (index < true.shape)).all(axis=1)
    both = np.count_nonzero(true[tuple(index[on].T)])
    return 2 * both / (len(index) + np.count_nonzero(true))


@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (3.0, -6.0, 10.0)])
@pytest.mark.parametrize("flip", [(), ("cols",), ("rows",)])
def test_places_on_the_ideal_plane_are_where_their_beam_meets_the_detector(tilt, flip):
    detector = Detector.from_distance(3000.0, 3.5, (200.0, 210.0), tilt_deg=tilt, flip=flip)
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    rng = np.random.default_rng(0)
    g = rng.normal(size=(30, 3))
    g *= rng.uniform(0.2, 0.6, (30, 1)) / np.linalg.norm(g, axis=1, keepdims=True)
    centre, voxel = np.array([30.0, -20.0, 10.0]), np.array([41.0, -32.0, 25.0])
    found = bragg.predict(g, centre, 0.31, plane)

    class Rays:
        omega, k = found.omega, found.k

    away = np.einsum("nij,j->ni", ideal_slopes(Rays), (voxel - centre)[:2])
    away[:, 1] += (voxel - centre)[2]
    moved = np.einsum("nij,nj->ni", to_detector(Rays, plane), away)
    for n in range(len(found.omega)):
        row, col = place_on_detector(voxel, found.omega[n], found.k[n], detector)
        assert (found.row[n] + moved[n, 0], found.col[n] + moved[n, 1]) == pytest.approx((row, col), abs=1e-8)


def test_spots_are_predicted_where_they_are(plain):
    truth = plain.truth
    diffraction = DiffractionModel(plain.setup, plain.phases, truth.blobs.shape)
    for grain in range(len(truth.grains)):
        rays = diffraction.rays(with_hkl(truth), grain, truth.blobs)
        whole = truth.blobs["flags"][rays.blob] == 0
        assert len(rays.blob) == np.count_nonzero(truth.blobs["grain"] == grain)
        assert np.abs(rays.row - truth.blobs["s_raw"][rays.blob])[whole].max() < 1.0
        assert np.abs(rays.col - truth.blobs["f_raw"][rays.blob])[whole].max() < 1.0
        assert (rays.strength > 0).all()


def test_without_miller_indices_the_nearest_reflection_is_taken(plain):
    truth = plain.truth
    diffraction = DiffractionModel(plain.setup, plain.phases, truth.blobs.shape)
    known, guessed = (diffraction.rays(grains, 2, truth.blobs) for grains in (with_hkl(truth), truth.grains))
    np.testing.assert_array_equal(known.hkl, guessed.hkl)
    np.testing.assert_array_equal(known.omega, guessed.omega)


def test_on_a_straight_detector_projections_are_the_blobs_pixels(plain):
    truth = plain.truth
    diffraction = DiffractionModel(plain.setup, plain.phases, truth.blobs.shape)
    rays = diffraction.rays(with_hkl(truth), 0, truth.blobs)
    rays = rays.take(np.flatnonzero(truth.blobs["flags"][rays.blob] == 0)[:8])
    grid = Grid.of(plain.setup)
    centre = truth.grains.position_um[0]
    reach = extents(rays, truth.blobs, diffraction.plane).max(axis=0)
    spots = project_blobs(
        rays, BlobsByFrame(truth.blobs), diffraction.plane, centre, make_voxel_box(centre, reach, grid), grid
    )
    for n, blob in enumerate(rays.blob):
        r0, c0 = (int(truth.blobs[name][blob]) - 1 for name in ("row_start", "col_start"))
        image = image_of_blob(truth.blobs, blob, (r0, c0), (60, 60))
        # rows run down, v runs up
        found = np.sort(spots.image[n][spots.image[n] > 0])
        hidden = np.count_nonzero(image) - len(found)
        assert hidden <= np.count_nonzero(spots.known[n] == 0)
        nearest = np.abs(found[:, None] - image.ravel()).min(axis=1)
        assert (nearest < 1e-5 * image.max()).all()


def test_grains_come_out_as_they_are(plain):
    shapes = shapes_of(plain)
    assert [shape.grain for shape in shapes] == list(range(6))
    for shape in shapes:
        assert dice(shape, plain.truth.volume) > 0.95
        assert 0.4 < shape.threshold < 0.7
        assert shape.residual < 0.15
        assert 20 <= shape.projections_used <= 60
        inside = shape.density[shape.inside]
        assert inside.mean() == pytest.approx(1.0, abs=0.1)
        assert len(shape.blobs) == len(shape.blob_weight) == len(shape.blob_residual)


def test_a_tilted_detector_gives_the_same_grains(tilted):
    for shape in shapes_of(tilted):
        assert dice(shape, tilted.truth.volume) > 0.94


@pytest.mark.parametrize("changes", [{"flip": ("cols",)}, {"rotation": "-z"}, {"turn_deg": -360.0}])
def test_flips_and_senses_give_the_same_grains(changes):
    simulation = simulated(**changes)
    assert min(dice(shape, simulation.truth.volume) for shape in shapes_of(simulation)) > 0.95


def test_threads_do_not_change_a_bit(plain):
    class Two:
        threads = 2

        def map(self, work, items):
            with ThreadPoolExecutor(2) as pool:
                return iter(list(pool.map(work, items)))

    for one, two in zip(shapes_of(plain), shapes_of(plain, executor=Two()), strict=True):
        assert one.density.tobytes() == two.density.tobytes()
        assert (one.threshold, one.residual) == (two.threshold, two.residual)


@pytest.mark.parametrize("voxel_um", [5.0, 10.5])
def test_the_voxel_may_differ_from_the_pixel(plain, voxel_um):
    volume = plain.truth.volume
    for shape in shapes_of(plain, ReconstructParams(voxel_um=voxel_um)):
        assert shape.voxel_um == voxel_um
        true = np.count_nonzero(volume.grain_id == shape.grain + 1) * volume.voxel_um**3
        # reading between pixels widens a grain of 10 px by a few tenths of a pixel
        assert shape.volume_um3 == pytest.approx(true, rel=0.2)


def test_few_projections_still_give_a_shape(plain):
    shapes = shapes_of(plain, ReconstructParams(projections=8))
    assert min(dice(shape, plain.truth.volume) for shape in shapes) > 0.8


def test_a_grain_without_spots_gets_no_shape(plain):
    grains = with_hkl(plain.truth)
    start = int(grains.blob_pointer[1])
    lost = replace(
        grains,
        blob_pointer=np.concatenate([[0, 0], grains.blob_pointer[2:] - start]),
        blobs=grains.blobs[start:],
        hkl=grains.hkl[start:],
        shared=grains.shared[start:],
    )
    lost = replace(lost, blob_pointer=np.concatenate([[0, 0], grains.blob_pointer[2:] - start]))
    shapes = shapes_of(plain, grains=lost)
    assert shapes[0].density.size == 0
    assert shapes[0].projections_used == 0
    assert shapes[0].volume_um3 == 0
    assert shapes[1].density.size > 0


def damaged(blobs, rows, flag, change):
    """A copy of a table in which the voxels of some blobs are changed and a flag is set."""
    value = blobs.voxels.intensity.copy()
    for row in rows:
        part = blobs.voxels.of(row)
        value[part] = change(value[part])
    columns = dict(blobs.columns)
    columns["flags"] = columns["flags"].copy()
    columns["flags"][rows] |= flag
    voxels = replace(blobs.voxels, intensity=value)
    return replace(blobs, columns=columns, voxels=voxels)


def test_saturated_spots_do_not_spoil_a_grain(plain):
    blobs = plain.truth.blobs
    rows = np.arange(0, len(blobs), 3)
    flat = damaged(blobs, rows, Flag.SATURATED, lambda v: np.minimum(v, 0.2 * v.max()))
    shapes = shapes_of(plain, blobs=flat)
    assert min(dice(shape, plain.truth.volume) for shape in shapes) > 0.94
    assert not np.isin(np.concatenate([shape.blobs for shape in shapes]), rows).any()


def test_merged_spots_lose_their_weight_and_do_not_spoil_a_grain(plain):
    """A fifth of the blobs swallow a neighbour: a copy of themselves, 12 pixels to the side, twice as bright."""
    blobs = plain.truth.blobs
    merged = np.arange(2, len(blobs), 5)
    pieces = {name: [] for name in ("frame", "row", "col", "intensity")}
    sizes = []
    for row in range(len(blobs)):
        part = blobs.voxels.of(row)
        own = {name: getattr(blobs.voxels, name)[part] for name in pieces}
        if row in merged:
            other = {**own, "col": own["col"] + 12, "intensity": 2 * own["intensity"]}
            own = {name: np.concatenate([own[name], other[name]]) for name in pieces}
        for name, values in own.items():
            pieces[name].append(values)
        sizes.append(len(own["row"]))
    voxels = Voxels(np.concatenate([[0], np.cumsum(sizes)]), *(np.concatenate(pieces[name]) for name in pieces))
    columns = dict(blobs.columns)
    columns["col_stop"] = columns["col_stop"] + 12 * np.isin(np.arange(len(blobs)), merged)
    spoiled: BlobTable = replace(blobs, columns=columns, voxels=voxels)
    shapes = shapes_of(plain, blobs=spoiled)
    assert min(dice(shape, plain.truth.volume) for shape in shapes) > 0.93
    weight = np.concatenate([shape.blob_weight for shape in shapes])
    bad = np.isin(np.concatenate([shape.blobs for shape in shapes]), merged)
    assert np.median(weight[bad]) < 0.3 < np.median(weight[~bad])


def test_shared_spots_are_left_out_where_others_do(plain):
    grains = with_hkl(plain.truth)
    shared = np.zeros(len(grains.blobs), bool)
    shared[::4] = True
    shapes = shapes_of(plain, grains=replace(grains, shared=shared))
    assert not np.isin(np.concatenate([shape.blobs for shape in shapes]), grains.blobs[::4]).any()


def test_blobs_that_belong_elsewhere_are_left_out(plain):
    grains = with_hkl(plain.truth)
    wrong = grains.blobs.copy()
    wrong[::5] = np.random.default_rng(0).permutation(len(wrong))[: len(wrong[::5])]
    shapes = shapes_of(plain, grains=replace(grains, blobs=wrong))
    assert min(dice(shape, plain.truth.volume) for shape in shapes) > 0.94


def test_nothing_grows_outside_the_mask(plain):
    volume = plain.truth.volume
    half = volume.grain_id > 0
    half[:, :, : half.shape[2] // 2] = False
    shapes = shapes_of(plain, mask=SampleMask(half, volume.origin_um, volume.voxel_um))
    for shape in shapes:
        if shape.density.size:
            middle = shape.origin_um[0] + shape.voxel_um * shape.density.shape[2]
            assert middle > 0
            assert shape.origin_um[0] >= -1e-6


def test_a_grain_that_reaches_past_the_detector_uses_the_pixels_there_are(plain):
    moved = simulated(centre_px=(60.0, 127.5))
    shapes = shapes_of(moved, ReconstructParams(projections=200))
    cut = np.flatnonzero(moved.truth.blobs["flags"] & Flag.EDGE)
    assert len(cut)
    assert min(dice(shape, moved.truth.volume) for shape in shapes) > 0.9
    assert plain.truth.volume.grain_id.shape == moved.truth.volume.grain_id.shape


def test_the_grid_is_centred_on_a_sample_of_known_size(plain):
    setup = plain.setup
    assert Grid.of(setup).voxel_um == 7.0
    odd = Setup(setup.beam, setup.detector, setup.axis, SampleShape("box", (49.0, 56.0, 49.0)))
    assert Grid.of(odd).phase == (0.5, 0.0, 0.5)
    np.testing.assert_allclose(Grid.of(odd).corner_um(np.array([-4, -4, -4])), [-24.5, -28.0, -24.5])
    np.testing.assert_array_equal(Grid.of(odd).index(np.array([-24.5, -28.0, -24.5])), [-4, -4, -4])
    with pytest.raises(FriedelError, match="voxel_um"):
        Grid(-1.0)


def test_spans_and_hull_of_a_ball():
    ball = np.linalg.norm(np.indices((9, 9, 9)) - 4, axis=0) < 3.6
    spans = spans_of(ball)
    k = np.arange(9)
    np.testing.assert_array_equal((k >= spans[..., :1]) & (k < spans[..., 1:]), ball)
    angle = np.linspace(0, np.pi, 12, endpoint=False)
    slope = np.zeros((12, 2, 2))
    slope[:, 0] = np.column_stack([np.sin(angle), np.cos(angle)])
    offset = np.column_stack([10 - slope[:, 0].sum(axis=1) * 4, np.full(12, 3.0)])
    solver = SirtSolver(slope, offset, np.ones((9, 9, 9), bool), (12, 21, 16))
    lit = (solver.forward(ball.astype(np.float32)) > 0).astype(np.float32)
    lit[3] = 0  # one that is wrong does no harm
    found = visual_hull(solver, lit, np.ones_like(lit), 0.8)
    assert found[ball].all()
    assert found.sum() < 1.8 * ball.sum()


def test_a_shape_must_be_a_volume():
    with pytest.raises(FriedelError, match=r"\[z,y,x\]"):
        GrainShape(0, np.zeros(3), np.zeros(3), 1.0, 0.5, 0.0, 0, np.zeros(0), np.zeros(0), np.zeros(0))
