"""Grains into one map, the sample they fill, and the way from a voxel to its frames."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from friedel.assemble import AssembleParams, absorption_mask, assemble, beam_attenuation
from friedel.assemble.sample import convex_hull_mask, shape_mask
from friedel.errors import FriedelError, FriedelWarning, InputError
from friedel.model import traceability
from friedel.model.grains import GrainTable, Status
from friedel.model.pairs import PAIR_COLUMNS, PairTable
from friedel.model.scan import Box
from friedel.model.setup import SampleShape
from friedel.model.shapes import GrainShape, SampleMask
from friedel.model.traceability import VoxelTrace
from friedel.reconstruct import ReconstructParams, reconstruct
from friedel.simulator import SpecimenParams, simulate, small
from tests.true_grains import with_hkl
from tests.watchers import Heard

ANYWHERE = SampleShape()


def grain_table(count):
    none, eye = np.zeros(0), np.tile(np.eye(3), (count, 1, 1))
    per_grain, entries = np.zeros(count), np.zeros(0, int)
    return GrainTable(
        eye, eye, np.zeros((count, 3)), per_grain, np.zeros(count, int), np.zeros(count + 1, int), entries,
        none.astype(bool), per_grain, per_grain, per_grain,
    )  # fmt: skip


def shape_of(grain, density, origin=(0.0, 0.0, 0.0), threshold=0.5, voxel_um=1.0):
    none = np.zeros(0)
    return GrainShape(
        grain,
        np.asarray(density, np.float32),
        np.array(origin, float),
        voxel_um,
        threshold,
        0.1,
        9,
        none,
        none,
        none,
    )


def line(*values):
    """A density along x."""
    return np.array(values, np.float32)[None, None, :]


def together(*shapes, sample=ANYWHERE, mask=None, **params):
    count = 1 + max((shape.grain for shape in shapes), default=0)
    return assemble(list(shapes), grain_table(count), AssembleParams(**params), sample=sample, mask=mask)


def test_a_voxel_of_one_grain_is_measured_and_its_neighbours_are_empty():
    volume = together(shape_of(3, line(0.1, 0.6, 0.9, 0.2)), fill="none")
    assert volume.grain_id.tolist() == [[[0, 4, 4, 0]]]
    assert volume.status.tolist() == [[[Status.EMPTY, Status.MEASURED, Status.MEASURED, Status.EMPTY]]]
    np.testing.assert_allclose(volume.density, line(0, 0.6, 0.9, 0))


def test_a_sample_of_which_little_is_measured_is_not_filled_unless_asked():
    shape = shape_of(0, line(0.9, 0.9, 0.9))
    for width, filled in ((5, 5), (8, 3)):
        mask = SampleMask(np.ones((1, 1, width), bool), np.zeros(3), 1.0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            volume = together(shape, mask=mask)
        assert np.count_nonzero(volume.grain_id) == filled
        assert [("38 %" in str(one.message)) for one in caught] == ([] if filled == 5 else [True])
        assert np.count_nonzero(together(shape, mask=mask, fill="mask").grain_id) == width
        assert np.count_nonzero(together(shape, mask=mask, fill="none").grain_id) == 3


def test_where_grains_overlap_the_denser_wins_and_it_is_contested():
    volume = together(
        shape_of(0, line(0.9, 0.9, 0.8, 0.3)), shape_of(1, line(0.3, 0.7, 0.9), origin=(1, 0, 0)), fill="none"
    )
    assert volume.grain_id.tolist() == [[[1, 1, 1, 2]]]
    assert volume.status.tolist() == [[[1, 1, 2, 1]]]


def test_density_counts_over_each_grains_own_threshold():
    volume = together(shape_of(0, line(0.6), threshold=0.6), shape_of(1, line(0.5), threshold=0.4), fill="none")
    assert volume.grain_id.item() == 2
    assert volume.density.item() == np.float32(0.5)


def test_ties_go_to_the_smaller_number_whatever_the_order():
    one, two = shape_of(0, line(0.7, 0.7)), shape_of(1, line(0.7, 0.7))
    for shapes in ((one, two), (two, one)):
        assert together(*shapes).grain_id.tolist() == [[[1, 1]]]


def test_gaps_go_to_the_likeliest_grain_then_to_the_nearest():
    mask = SampleMask(np.ones((1, 1, 9), bool), np.zeros(3), 1.0)
    volume = together(
        shape_of(0, line(0.9, 0.3, 0.0)),
        shape_of(1, line(0.4, 0.1, 0.0, 0.0, 0.9), origin=(2, 0, 0)),
        mask=mask,
        fill="mask",
    )
    #                                  likeliest: 1, 2; nearest: 2's neighbours, and out to the end of the mask
    assert volume.grain_id.tolist() == [[[1, 1, 2, 1, 2, 2, 2, 2, 2]]] or volume.grain_id[0, 0, 2] == 2
    assert volume.grain_id[0, 0, 1] == 1
    assert volume.grain_id[0, 0, 5:].tolist() == [2, 2, 2, 2]
    assert volume.status[0, 0].tolist() == [1, 3, 3, 3, 3, 3, 1, 3, 3]
    assert volume.grain_id.shape == (1, 1, 9)


def test_gaps_are_filled_no_farther_than_asked():
    mask = SampleMask(np.ones((1, 1, 9), bool), np.zeros(3), 1.0)
    volume = together(shape_of(0, line(0.9)), mask=mask, fill_um=3.0)
    assert volume.grain_id.tolist() == [[[1, 1, 1, 1, 0, 0, 0, 0, 0]]]


@pytest.mark.parametrize(("low", "side"), [(0.0, "above"), (-10.0, "below"), (-5.0, "")])
def test_a_sample_that_ends_where_grains_go_on_is_said_and_where(low, side):
    tower = shape_of(0, np.full((10, 2, 2), 0.9), origin=(-1.0, -1.0, low))
    sample = SampleShape("cylinder", (10.0, 10.0, 12.0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        together(tower, sample=sample, fill="none")
    told = [str(one.message) for one in caught]
    assert len(told) == bool(side)
    assert all(f"most of it {side}" in one and "40 %" in one and "centre_px" in one for one in told)


def test_nothing_lies_outside_the_mask_or_the_recipes_sample():
    density = np.ones((4, 6, 6), np.float32)
    mask = SampleMask(np.ones((4, 6, 6), bool), np.array([-3.0, -3.0, -2.0]), 1.0)
    mask.inside[:, :, :3] = False
    volume = together(shape_of(0, density, origin=(-3, -3, -2)), mask=mask)
    assert (volume.grain_id[:, :, :3] == 0).all()
    assert (volume.grain_id[:, :, 3:] == 1).all()
    cylinder = SampleShape("cylinder", (4.0, 4.0, 2.0))
    with pytest.warns(FriedelWarning, match="beside, and is cut off"):
        volume = together(shape_of(0, density, origin=(-3, -3, -2)), sample=cylinder)
    assert volume.grain_id.shape == (2, 4, 4)
    np.testing.assert_allclose(volume.origin_um, [-2, -2, -1])
    assert np.count_nonzero(volume.grain_id) == 24


def test_without_a_mask_the_hull_of_the_grains_is_filled():
    shell = np.ones((9, 9, 9), np.float32)
    shell[3:6, 3:6, 3:6] = 0
    shell[4:6, 4:6, 6:] = 0
    volume = together(shape_of(0, shell))
    assert (volume.grain_id == 1).all()
    assert np.count_nonzero(volume.status == Status.DILATED) == np.count_nonzero(shell == 0)


def test_no_grains_and_grains_without_shape_make_an_empty_map():
    empty = np.zeros((0, 0, 0), np.float32)
    for volume in (
        together(),
        together(shape_of(0, empty)),
        assemble([], grain_table(0), AssembleParams(), sample=ANYWHERE),
    ):
        assert not volume.grain_id.any()
        assert not volume.status.any()
    volume = together(shape_of(0, empty), shape_of(1, line(1.0, 1.0)))
    assert volume.grain_id.tolist() == [[[2, 2]]]


def test_shapes_must_be_of_the_table():
    with pytest.raises(FriedelError, match="grain table"):
        assemble([shape_of(2, line(1.0))], grain_table(2), AssembleParams(), sample=ANYWHERE)


def test_the_hull_of_a_ball_is_the_ball_and_spurs_do_not_widen_it():
    ball = np.linalg.norm(np.indices((21, 21, 21)) - 10, axis=0) < 8.3
    spur = ball.copy()
    spur[10, 10, :] = True
    hollow = ball & (np.linalg.norm(np.indices((21, 21, 21)) - 10, axis=0) > 4)
    for start in (ball, hollow):
        assert np.count_nonzero(convex_hull_mask(start) != ball) < 0.05 * ball.sum()
    assert np.count_nonzero(convex_hull_mask(spur) != spur) < 0.05 * ball.sum()
    assert not convex_hull_mask(np.zeros((3, 3, 3), bool)).any()


def test_boxes_and_cylinders_of_the_recipe():
    box = shape_mask(SampleShape("box", (4.0, 2.0, 6.0)), np.array([-3.0, -3, -3]), (6, 6, 6), 1.0)
    assert box.sum() == 48
    assert box[0, 2, 1]
    assert shape_mask(ANYWHERE, np.zeros(3), (2, 2, 2), 1.0).all()


def test_a_mask_is_read_on_another_grid():
    mask = SampleMask(np.arange(8).reshape(2, 2, 2) % 2 == 1, np.array([-2.0, -2.0, -2.0]), 2.0)
    fine = mask.on(np.array([-3.0, -2.0, -2.0]), (4, 4, 6), 1.0)
    np.testing.assert_array_equal(fine[0, 0], [False, False, False, True, True, False])
    with pytest.raises(FriedelError, match="sample mask"):
        SampleMask(np.zeros((2, 2)), np.zeros(3), 1.0)


@pytest.fixture(scope="module", params=["cylinder", "box"])
def lit(request):
    """A simulated scan of a strongly absorbing sample, tilted detector."""
    sample = SpecimenParams(
        shape=request.param, radius_um=91.0, size_um=(140.0, 112.0, 112.0), height_um=112.0, absorption_per_um=0.003
    )
    return simulate(small(2).model_copy(update={"grains": 5, "sample": sample, "tilt_deg": (1.0, 2.0, -1.0)}))


def test_the_sample_is_found_by_what_it_takes_from_the_beam(lit):
    box, margins = lit.beam, lit.camera.margins
    frames = np.arange(0, 1440, 12)
    dark = np.median(lit.dark, axis=0)
    counts = np.stack([(lit.frames(f, f + 1)[0] - dark)[box.slices] for f in frames]).astype(np.float32)
    left, right = (slice(m.col0 - box.col0, m.col1 - box.col0) for m in margins)
    attenuation = beam_attenuation(counts, left, right)
    omega = lit.omega_start_deg + (frames + 0.5) * lit.omega_step_deg
    mask = absorption_mask(attenuation, omega, box, lit.setup)
    assert mask.source == "absorption"
    true = lit.truth.volume
    found = mask.on(true.origin_um, true.grain_id.shape, true.voxel_um)
    inside = true.grain_id > 0
    assert 2 * (found & inside).sum() / (mask.inside.sum() + inside.sum()) > 0.95


def test_a_beam_without_light_or_sample_is_refused(lit):
    frames = np.zeros((4, 10, 20), np.float32)
    with pytest.raises(InputError, match="lit"):
        beam_attenuation(frames, slice(0, 3), slice(17, 20))
    flat = beam_attenuation(frames + 100, slice(0, 3), slice(17, 20))
    assert not flat.any()
    box = Box(100, 110, 120, 120)
    with pytest.raises(InputError, match="absorbed"):
        absorption_mask(flat, np.linspace(0, 180, 4), box, lit.setup)


@pytest.fixture(scope="module")
def mapped():
    simulation = simulate(
        small(3).model_copy(update={"grains": 8, "sample": SpecimenParams(radius_um=91.0, height_um=112.0)})
    )
    grains = with_hkl(simulation.truth)
    work = (simulation.truth.blobs, grains, simulation.setup, simulation.phases, ReconstructParams())
    heard = Heard()
    shapes = reconstruct(*work, watcher=heard)
    volume = assemble(shapes, grains, AssembleParams(), sample=simulation.setup.sample, watcher=heard)
    assert heard.whole == ["point spread", "shapes", "all spots", "map"]  # whoever waits is told of every grain
    return simulation, grains, volume


def test_the_map_of_a_simulated_sample_is_right(mapped):
    simulation, _, volume = mapped
    true = simulation.truth.volume
    assert volume.grain_id.shape == true.grain_id.shape
    np.testing.assert_allclose(volume.origin_um, true.origin_um)
    right = (volume.grain_id == true.grain_id) & (true.grain_id > 0)
    assert right.sum() / ((volume.grain_id > 0) | (true.grain_id > 0)).sum() > 0.96
    for grain in range(1, 9):
        one, other = volume.grain_id == grain, true.grain_id == grain
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.9


def test_a_voxel_is_traced_to_its_frames_and_back(mapped):
    simulation, grains, volume = mapped
    blobs = simulation.truth.blobs
    mine = traceability.blobs_of_grain(grains, 4)
    columns = {column.name: np.zeros(3, int) for column in PAIR_COLUMNS}
    columns["blob_a"] = np.array([mine[0], mine[1], mine[2]])
    columns["blob_b"] = np.array([mine[5], grains.blobs[0], mine[7]])
    places = traceability.voxels_of_grain(volume, 4)
    assert (traceability.grain_at(volume, places) == 4).all()
    found = traceability.trace_voxel(places[len(places) // 2], volume, grains, blobs, PairTable(columns))
    assert found.grain == 4
    assert found.status in (Status.MEASURED, Status.CONTESTED, Status.DILATED)
    np.testing.assert_array_equal(found.blobs, mine)
    np.testing.assert_array_equal(found.pairs, [0, 2])
    assert (found.frames[:, 1] > found.frames[:, 0]).all()
    for blob in mine[:5]:
        frame = int(blobs["frame_start"][blob]) % blobs.shape[0]
        assert blob in traceability.blobs_on_frame(blobs, frame)
        assert traceability.grains_of_blob(grains, blob).tolist() == [4]
    assert blobs.wrapped
    np.testing.assert_array_equal(
        traceability.blobs_on_frame(replace(blobs, wrapped=False), 700),
        np.flatnonzero((blobs["frame_start"] <= 700) & (blobs["frame_stop"] > 700)),
    )


def test_a_place_outside_the_map_traces_to_nothing(mapped):
    simulation, grains, volume = mapped
    for place in ([1e4, 0, 0], [-90.9, -90.9, 0.0]):
        found = traceability.trace_voxel(np.array(place), volume, grains, simulation.truth.blobs)
        assert isinstance(found, VoxelTrace)
        assert (found.grain, found.status, len(found.blobs)) == (-1, Status.EMPTY, 0)


def test_a_finer_map_has_boundaries_between_voxels_where_densities_cross():
    densities = (
        np.clip(0.5 + 0.25 * (4.75 - np.arange(10)), 0, 1),
        np.clip(0.5 + 0.25 * (np.arange(10) - 4.75), 0, 1),
    )
    shapes = [shape_of(grain, line(*one).repeat(2, 0).repeat(2, 1)) for grain, one in enumerate(densities)]
    whole, fine = together(*shapes), together(*shapes, finer=4)
    assert fine.voxel_um == whole.voxel_um / 4
    np.testing.assert_array_equal(fine.origin_um, whole.origin_um)
    assert fine.grain_id.shape == tuple(4 * n for n in whole.grain_id.shape)
    assert np.count_nonzero(whole.grain_id[0, 0] == 1) == 5
    assert np.count_nonzero(fine.grain_id[4, 4] == 1) == 21  # densities are equal at 4.75 + 0.5


def test_a_finer_map_keeps_the_sample_and_how_lattices_turn():
    turn = np.broadcast_to(np.arange(6, dtype=np.float32)[:, None], (2, 2, 6, 3))
    shape = replace(shape_of(0, np.ones((2, 2, 6)), (-3.0, -1.0, -1.0)), rotation_deg=turn)
    found = together(shape, finer=2, sample=SampleShape("box", (10.0, 2.0, 4.0)), fill="none")
    assert found.grain_id.shape == (8, 4, 20)
    inside = found.rotation_deg[4, 2, 4:16, 0]
    np.testing.assert_allclose(inside, [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.25, 4.75, 5])
    assert np.isnan(found.rotation_deg[0]).all()
