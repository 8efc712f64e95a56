"""Spots as images, against exact twins."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import convolve1d
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.kernels.simulate.spot_images import SPOT, ProjectionModel, add_spots, blur, draw, extents, spot_image
from friedel.kernels.simulate.visible_voxels import near_others
from friedel.model.crystal import Phase
from friedel.model.setup import Beam, Detector
from friedel.simulator.detector import point_spread
from friedel.simulator.diffract import rotation_rates
from tests.oracles_physics import image_by_hand, near_by_hand

WAVELENGTH = Beam(40.0).wavelength
DETECTOR = Detector.from_distance(3094.0, 7.0, (127.5, 127.5), tilt_deg=(0.5, 1.0, -1.0))
PLANE = bragg.detector_frame(DETECTOR.origin_um, DETECTOR.u_um, DETECTOR.v_um)
AL = Phase.from_lattice("Al", [4.0495] * 3 + [90] * 3, "F m -3 m")
STEP = 0.25
NO_BLUR = np.ones(1, np.float32)


def grain(edge=5, seed=4):
    """A cube of voxels off the axis; how each is turned, in no direction alike; g-vectors of its orientation."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), -1).reshape(-1, 3)
    position = 7.0 * (grid - edge / 2) + np.array([60.0, -40.0, 30.0])
    rotation = np.radians(0.15) * (grid / (edge - 1) - 0.5) @ rng.normal(size=(3, 3))
    g = AL.reflections(1.1).hkl @ (Rotation.random(random_state=seed).as_matrix() @ AL.B).T
    return position, rotation, g


def records(position, g, mosaicity_deg):
    found = bragg.predict(g, position.mean(axis=0), WAVELENGTH, PLANE).only(0.1)
    spots = np.zeros(len(found.omega), SPOT)
    omega_rate, k_rate = rotation_rates(found, WAVELENGTH)
    spots["stop"] = len(position)
    spots["omega"], spots["omega_rate"] = found.omega, omega_rate
    spots["frame"], spots["frame_rate"] = np.degrees(found.omega) / STEP, np.degrees(omega_rate) / STEP
    spots["spread"] = mosaicity_deg / np.abs(np.sin(found.eta)) / STEP
    spots["counts"] = 3.0
    spots["k"], spots["k_rate"] = found.k, k_rate
    return spots, found


def model(position, rotation, taps=NO_BLUR):
    return ProjectionModel(position.astype(np.float32), rotation.astype(np.float32), PLANE, taps)


def test_a_spot_is_its_voxels_each_by_its_own_braggs_law():
    position, rotation, g = grain()
    spots, found = records(position, g, 0.1)
    world = model(position, rotation)
    boxes = np.zeros((len(spots), 6), np.int64)
    extents(spots, world, False, boxes)
    for i in range(0, len(spots), 7):
        box = boxes[i]
        shape = (box[1] - box[0] + 2, box[3] - box[2], box[5] - box[4])
        image = np.zeros(shape, np.float32)
        draw(spots[i], world, False, np.array([box[0], box[2], box[4]]), image)
        turned = Rotation.from_rotvec(rotation).apply(g[found.reflection[i]])
        moved = Detector(
            DETECTOR.origin_um + box[4] * DETECTOR.u_um + box[2] * DETECTOR.v_um, DETECTOR.u_um, DETECTOR.v_um
        )
        expected = image_by_hand(
            position,
            turned,
            found.omega[i],
            3.0,
            spots["spread"][i],
            lambda omega, first=box[0]: np.degrees(omega) / STEP - first,
            WAVELENGTH,
            moved,
            shape,
        )
        assert image.sum() == pytest.approx(3.0 * len(position), rel=1e-5)
        assert np.abs(image - expected).sum() < 0.02 * expected.sum()


def test_no_intensity_is_lost():
    position, rotation, g = grain()
    taps = point_spread(0.8)
    world = model(position, rotation, taps)
    for mosaicity in (0.0, 0.02, 0.4):
        spots, _ = records(position, g, mosaicity)
        boxes = np.zeros((len(spots), 6), np.int64)
        extents(spots, world, False, boxes)
        for spot, box in zip(spots, boxes, strict=True):
            image = spot_image(spot, box, world, False)
            assert image.sum() == pytest.approx(3.0 * len(position), rel=1e-5)
            assert image.min() >= 0


def test_the_point_spread_is_a_convolution():
    rng = np.random.default_rng(0)
    taps = point_spread(0.9)
    reach = len(taps) // 2
    image = np.zeros((2, 20, 24), np.float32)
    image[:, reach:-reach, reach:-reach] = rng.random((2, 20 - 2 * reach, 24 - 2 * reach))
    expected = convolve1d(
        convolve1d(image.astype(float), taps, axis=1, mode="constant"), taps, axis=2, mode="constant"
    )
    blur(image, taps)
    np.testing.assert_allclose(image, expected, atol=1e-6)
    assert taps.sum() == pytest.approx(1.0)
    assert point_spread(0.0).tolist() == [1.0]


@pytest.mark.parametrize(("sigma", "tail"), [(0.8, 0.6), (0.8, 1.2), (0.0, 1.5), (0.3, 3.0)])
def test_a_tail_of_the_point_spread_is_an_exponential_to_one_side_and_keeps_the_mean(sigma, tail):
    taps = point_spread(sigma, tail).astype(float)
    place = np.arange(len(taps)) - len(taps) // 2
    assert taps.sum() == pytest.approx(1.0, abs=1e-6)
    assert taps @ place == pytest.approx(0.0, abs=0.01)
    third = taps @ place**3
    assert third == pytest.approx(2 * tail**3, rel=0.2)  # of an exponential; a Gaussian adds nothing
    far = taps[place > 3 * sigma + tail][:4]
    np.testing.assert_allclose(np.diff(np.log(far)), -1 / tail, rtol=0.1)


def test_without_a_tail_the_point_spread_is_the_gaussian_to_the_last_bit():
    gauss = np.exp(-0.5 * (np.arange(-3, 4) / 0.8) ** 2)
    np.testing.assert_array_equal(point_spread(0.8, 0.0), (gauss / gauss.sum()).astype(np.float32))


def test_frames_are_the_sum_of_their_spots():
    position, rotation, g = grain()
    spots, _ = records(position, g, 0.1)
    frames = round(360 / STEP)
    world = model(position, rotation, point_spread(0.8))
    boxes = np.zeros((len(spots), 6), np.int64)
    extents(spots, world, False, boxes)
    added = np.zeros((frames, 150, 150), np.float32)
    add_spots(spots, boxes, world, False, 0, frames, 1.0, added)
    expected = np.zeros(added.shape)
    for spot, box in zip(spots, boxes, strict=True):
        for (f, r, c), value in np.ndenumerate(spot_image(spot, box, world, False)):
            frame, row, col = f + box[0], r + box[2], c + box[4]
            if 0 <= row < 150 and 0 <= col < 150:
                expected[frame % frames, row, col] += value
    np.testing.assert_allclose(added, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("direct", [False, True])
def test_frames_are_the_same_however_they_are_cut(direct):
    position, rotation, g = grain()
    spots, _ = records(position, g, 0.1)
    frames = round(360 / STEP)
    spots["frame"] = (spots["frame"] + 700) % frames
    world = model(position, rotation, point_spread(0.8))
    boxes = np.zeros((len(spots), 6), np.int64)
    extents(spots, world, direct, boxes)
    whole = np.zeros((frames, 150, 150), np.float32)
    add_spots(spots, boxes, world, direct, 0, frames, 1.0, whole)
    assert whole.sum() > 0
    rng = np.random.default_rng(1)
    cuts = np.unique(np.concatenate([[0, frames], rng.integers(0, frames, 30)]))
    for start, stop in pairwise(cuts):
        piece = np.zeros((stop - start, 150, 150), np.float32)
        add_spots(spots, boxes, world, direct, start, frames, 1.0, piece)
        np.testing.assert_array_equal(piece, whole[start:stop])


def test_a_full_turn_repeats_and_a_part_of_one_does_not():
    position, rotation, g = grain()
    spots, _ = records(position, g, 0.3)
    spots = spots[:1].copy()
    spots["frame"] = 0.2
    world = model(position, rotation)
    boxes = np.zeros((1, 6), np.int64)
    extents(spots, world, False, boxes)
    assert boxes[0, 0] < 0
    total = 3.0 * len(position)
    for period, share in ((40, total), (0, None)):
        out = np.zeros((40, 256, 256), np.float32)
        add_spots(spots, boxes, world, False, 0, period, 1.0, out)
        if share is not None:
            assert out.sum() == pytest.approx(share, rel=1e-5)
            assert out[-1].sum() > 0
        else:
            assert 0.3 * total < out.sum() < 0.7 * total
            assert out[-1].sum() == 0


def test_a_spot_that_misses_the_plane_has_no_extent():
    position, rotation, g = grain()
    spots, _ = records(position, g, 0.1)
    spots = spots[:1].copy()
    spots["k"] = [-1.0, 0.0, 0.0]
    boxes = np.ones((1, 6), np.int64)
    extents(spots, model(position, rotation), False, boxes)
    assert (boxes == 0).all()


@pytest.mark.parametrize("period", [0, 40])
@pytest.mark.parametrize("seed", range(12))
def test_neighbours_are_found_as_by_comparing_all_voxels(period, seed):
    rng = np.random.default_rng(seed)
    spots = []
    for _ in range(15):
        corner = rng.integers([0, 0, 0], [40, 40, 40])
        size = rng.integers(1, 5, 3)
        block = np.argwhere(rng.random(size) < 0.7) + corner
        spots.append(block if len(block) else corner[None])
    pointer = np.concatenate([[0], np.cumsum([len(spot) for spot in spots])])
    ranges = np.array([np.column_stack([s.min(axis=0), s.max(axis=0) + 1]).ravel() for s in spots])
    near = np.zeros(len(spots), np.int64)
    voxels = np.concatenate(spots).astype(np.int32)
    near_others(np.argsort(ranges[:, 0], kind="stable"), pointer, voxels, ranges, period, 2, near)
    np.testing.assert_array_equal(near.astype(bool), near_by_hand(spots, period, 2))
