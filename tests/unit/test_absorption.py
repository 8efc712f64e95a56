"""Light on its way through a sample: lengths, what is left, and what that does to spots and grains."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.index import IndexParams, index
from friedel.index.transmission import diffracted, moments_of, moved_centres, to_pixels
from friedel.kernels import bragg
from friedel.kernels.absorption import ways_ahead
from friedel.kernels.simulate.spot_images import SPOT, ProjectionModel, draw
from friedel.match import MatchParams, match
from friedel.model.absorption import Absorption, body_of
from friedel.model.setup import Detector, SampleShape
from friedel.model.shapes import Grid, SampleMask
from friedel.reconstruct import absorption_of_spots
from friedel.reconstruct.projections import lay_out, make_voxel_box
from friedel.reconstruct.rays import Rays
from friedel.reconstruct.sirt import SirtSolver
from friedel.reconstruct.transmission import transmission
from friedel.simulator import SimulationParams, SpecimenParams, simulate
from tests.oracles_physics import rotation_about_z, way_by_steps

CYLINDER, BOX = SampleShape("cylinder", (200.0, 200.0, 120.0)), SampleShape("box", (150.0, 90.0, 120.0))
DETECTOR = Detector.from_distance(3094.0, 7.0, (127.5, 127.5), tilt_deg=(0.5, 1.0, -1.0))
PLANE = bragg.detector_frame(DETECTOR.origin_um, DETECTOR.u_um, DETECTOR.v_um)


def in_shape(shape):
    half = 0.5 * np.array(shape.size_um)

    def inside(points):
        across = np.abs(points[:, :2]) < half[:2]
        if shape.kind == "cylinder":
            return (np.hypot(points[:, 0], points[:, 1]) < half[0]) & (np.abs(points[:, 2]) < half[2])
        return across.all(axis=1) & (np.abs(points[:, 2]) < half[2])

    return inside


def rays(count, reach=110.0):
    """Places, some outside, and directions, some along an axis."""
    rng = np.random.default_rng(8)
    place, direction = rng.uniform(-reach, reach, (count, 3)), rng.normal(size=(count, 3))
    direction[:6] = np.concatenate([np.eye(3), -np.eye(3)])
    return place, direction / np.linalg.norm(direction, axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [CYLINDER, BOX], ids=lambda one: one.kind)
def test_lengths_through_a_shape_are_those_of_small_steps(shape):
    place, direction = rays(60)
    out = np.empty(len(place))
    ways_ahead(place, direction, body_of(shape), out)
    wanted = [way_by_steps(in_shape(shape), p, d, 500.0) for p, d in zip(place, direction, strict=True)]
    np.testing.assert_allclose(out, wanted, atol=0.06)


def test_lengths_through_voxels_are_those_of_small_steps_and_of_the_shape_they_fill():
    voxel, corner = 5.0, np.array([-110.0, -105.0, -70.0])
    z, y, x = (np.stack(np.meshgrid(*[np.arange(n) for n in (28, 42, 44)], indexing="ij")) + 0.5) * voxel
    points = np.stack([x, y, z], axis=-1) + corner
    mask = SampleMask(in_shape(CYLINDER)(points.reshape(-1, 3)).reshape(z.shape), corner, voxel)

    def inside(points):
        at = np.floor((points - corner) / voxel).astype(int)
        on = ((at >= 0) & (at < mask.inside.shape[::-1])).all(axis=1)
        at = np.where(on[:, None], at, 0)
        return on & mask.inside[at[:, 2], at[:, 1], at[:, 0]]

    place, direction = rays(40)
    out, smooth = np.empty(40), np.empty(40)
    ways_ahead(place, direction, body_of(mask), out)
    ways_ahead(place, direction, body_of(CYLINDER), smooth)
    np.testing.assert_allclose(
        out, [way_by_steps(inside, p, d, 500.0) for p, d in zip(place, direction, strict=True)], atol=3 * voxel
    )
    assert abs(np.mean(out - smooth)) < 0.5 * voxel


def test_a_sample_of_unknown_shape_is_no_body():
    assert body_of(SampleShape("absorption")) is None


def test_what_is_left_is_told_by_the_way_in_and_the_way_out():
    absorption = Absorption(0.004, body_of(CYLINDER))
    angle = np.radians(20.0)
    k = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.cos(angle), 0.0, np.sin(angle)]])
    left = absorption.log_transmission(np.zeros(3), np.array([1.0, 2.0]), k)
    np.testing.assert_allclose(left, -0.004 * np.array([100 + 100, 100 + 100 / np.cos(angle)]))
    # what is at +x of the sample is the last that the beam meets at 0 deg, and stands beside it at 90 deg
    place, along = np.array([90.0, 0.0, 0.0]), np.array([[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(absorption.log_transmission(place, np.zeros(1), along), -0.004 * 200)
    chord = 2 * np.sqrt(100.0**2 - 90.0**2)
    np.testing.assert_allclose(absorption.log_transmission(place, np.array([np.pi / 2]), along), -0.004 * chord)
    turned = absorption.log_transmission(place, np.array([np.pi]), np.array([[np.cos(angle), 0, np.sin(angle)]]))
    np.testing.assert_allclose(turned, -0.004 * (10 + (60 / np.sin(angle) if 60 / np.tan(angle) < 190 else 190)))


def view_of(count):
    """Beams of some random planes: omega, k, and how their spots move with the place of their grain."""
    wavelength, g = 0.31, np.random.default_rng(count).normal(size=(count, 3))
    g *= 0.45 / np.linalg.norm(g, axis=1, keepdims=True)
    found = bragg.predict(g, np.zeros(3), wavelength, PLANE).only(0.2)
    k = diffracted(g[found.reflection], found.omega, wavelength)
    np.testing.assert_allclose(k, found.k, atol=1e-12)
    return found.omega, k, to_pixels(found.omega, k, PLANE), g[found.reflection], wavelength


def test_places_of_spots_change_with_the_place_of_the_grain():
    omega, _, view, g, wavelength = view_of(12)
    place, step = np.array([20.0, -30.0, 10.0]), np.array([0.7, 0.4, -0.9])
    for i in range(len(omega)):
        here, there = (bragg.predict(g[i : i + 1], one, wavelength, PLANE) for one in (place, place + step))
        same = np.argmin(np.abs(here.omega - omega[i]))
        moved = [there.row[same] - here.row[same], there.col[same] - here.col[same]]
        np.testing.assert_allclose(view[i] @ step, moved, atol=1e-6)


def test_a_grains_moments_follow_from_the_widths_of_its_spots():
    _, _, view, _, _ = view_of(30)
    turn = Rotation.random(random_state=2).as_matrix()
    true = turn @ np.diag([300.0, 500.0, 700.0]) @ turn.T
    widths = np.einsum("nij,jk,nlk->nil", view, true, view)
    found = moments_of(view, widths)
    ball = np.trace(true) / 3 * np.eye(3)
    assert np.linalg.norm(found - true) < 0.35 * np.linalg.norm(ball - true)
    merged = widths.copy()
    merged[3] *= 6.0
    np.testing.assert_allclose(moments_of(view, merged), found, rtol=0.1, atol=20.0)
    few = moments_of(view[:3], widths[:3])
    np.testing.assert_allclose(few, few[0, 0] * np.eye(3))


def test_a_centre_moves_as_that_of_the_voxels_weighted_with_what_is_left_of_their_light():
    omega, k, view, _, _ = view_of(20)
    absorption, centre = (
        Absorption(0.0021, body_of(SampleShape("cylinder", (400.0, 400.0, 300.0)))),
        [90.0, 40.0, 20.0],
    )
    grid = np.stack(np.meshgrid(*[np.arange(-60.0, 61.0, 5.0)] * 3, indexing="ij"), -1).reshape(-1, 3)
    grain = grid[((grid / [60.0, 45.0, 35.0]) ** 2).sum(axis=1) < 1]
    moments = np.cov(grain.T, bias=True)
    moved = moved_centres(absorption, moments, centre, (omega, k), view)
    for i in range(len(omega)):
        many = [np.repeat(one[i : i + 1], len(grain), axis=0) for one in (omega, k)]
        light = np.exp(absorption.log_transmission(grain + centre, *many))
        wanted = view[i] @ (light @ grain / light.sum())
        np.testing.assert_allclose(moved[i], wanted, atol=0.015)
    assert np.abs(moved).max() > 0.1


def test_a_projection_of_light_is_that_of_the_grain_times_what_is_left_of_it():
    omega, k, _, _, _ = view_of(12)
    body = body_of(SampleShape("cylinder", (400.0, 400.0, 300.0)))
    absorption, centre, grid = Absorption(0.0021, body), np.array([[90.0, 40.0, 20.0]]), Grid(5.0)
    n = len(omega)
    rays = Rays(*[np.zeros(n, np.int64)] * 2, np.zeros((n, 3)), omega, k, *[np.full(n, 50.0)] * 4)
    box = make_voxel_box(centre[0], np.array([55.0, 40.0]), grid)
    layout = lay_out(rays, PLANE, centre[0], box, grid)
    at = np.stack(np.meshgrid(*[np.arange(size) for size in box.size], indexing="ij"), -1) + 0.5
    place = grid.corner_um(box.start) + 5.0 * at
    grain = (((place - centre[0]) / [50.0, 40.0, 35.0]) ** 2).sum(axis=-1) < 1
    solver = SirtSolver(layout.slope, layout.offset, grain, (n, *layout.size))
    inputs = SimpleNamespace(
        diffraction=SimpleNamespace(absorption=absorption), grid=grid, grains=SimpleNamespace(position_um=centre)
    )
    where = (layout.slope, layout.offset), (box.start, box.radius), layout.size
    factor = transmission(inputs, 0, rays, *where)
    whole, off = solver.forward(grain.astype(np.float32)), []
    for i in range(n):
        many = [np.repeat(one[i : i + 1], np.count_nonzero(grain), axis=0) for one in (omega, k)]
        middle = absorption.log_transmission(centre[0], omega[i : i + 1], k[i : i + 1])
        light = np.zeros(grain.shape, np.float32)
        light[grain] = np.exp(absorption.log_transmission(place[grain], *many) - middle)
        seen = solver.forward(light)[i]
        some = whole[i] > 5.0
        left = seen[some] / whole[i][some]
        np.testing.assert_allclose(left, factor[i][some], atol=0.05)
        off.append([np.square(left - factor[i][some]).mean(), np.square(left - 1.0).mean()])
    assert np.sqrt(np.divide(*np.mean(off, axis=0))) < 0.3
    inputs.diffraction.absorption = None
    assert (transmission(inputs, 0, rays, *where) == 1).all()


def test_every_voxel_of_a_simulated_spot_is_absorbed_on_its_own_ways():
    omega, k, _, _, _ = view_of(6)
    place = np.random.default_rng(9).uniform(-40.0, 40.0, (9, 3)).astype(np.float32)
    spot = np.zeros(1, SPOT)[0]
    spot["stop"], spot["omega"], spot["k"], spot["counts"], spot["frame"] = len(place), omega[0], k[0], 5.0, 0.5
    body = body_of(BOX)
    world = ProjectionModel(
        place, np.zeros_like(place), PLANE, np.ones(1, np.float32), np.array([1.0, 0, 0]), 0.01, body
    )
    for direct in (False, True):
        image = np.zeros((1, 256, 256), np.float32)
        draw(spot, world, direct, np.zeros(3, np.int64), image)
        wanted = np.zeros_like(image)
        for voxel in range(len(place)):
            spot["first"], spot["stop"] = voxel, voxel + 1
            alone = np.zeros_like(image)
            draw(spot, world._replace(per_um=0.0), direct, np.zeros(3, np.int64), alone)
            back = rotation_about_z(-omega[0])
            out = back @ (np.array([1.0, 0, 0]) if direct else k[0])
            ways = [way_by_steps(in_shape(BOX), place[voxel], one, 300.0) for one in (back @ [-1.0, 0, 0], out)]
            wanted += alone * np.float32(np.exp(-0.01 * sum(ways)))
        spot["first"], spot["stop"] = 0, len(place)
        assert 0 < image.sum() < 0.8 * 5.0 * len(place)
        np.testing.assert_allclose(image, wanted, rtol=2e-3, atol=1e-3)


@cache
def simulation(absorb):
    sample = SpecimenParams(
        radius_um=85.0, height_um=140.0, voxel_um=7.0, absorption_per_um=0.006, absorb_spots=absorb
    )
    return simulate(SimulationParams(seed=3, grains=24, sample=sample))


@cache
def indexed(corrected):
    scan = simulation(True)
    absorption = Absorption(0.006, body_of(scan.setup.sample)) if corrected else None
    pairs = match(scan.truth.blobs, scan.setup, scan.phases, MatchParams())
    return index(scan.truth.blobs, pairs, scan.setup, scan.phases, IndexParams(), absorption=absorption)


def outwards(grains, truth):
    """How far grains lie off the axis too far, um, the mean; and how far off along z, away from the middle."""
    away = np.linalg.norm(grains.position_um[:, None] - truth.position_um, axis=2)
    true = truth.position_um[away.argmin(axis=1)]
    off = grains.position_um - true
    radius = np.hypot(true[:, 0], true[:, 1])
    return float(((off[:, :2] * true[:, :2]).sum(axis=1) / radius).mean())


def test_absorption_pulls_positions_outwards_and_its_correction_takes_that_back():
    truth = simulation(True).truth.grains
    assert len(indexed(True)) == len(indexed(False)) == 24
    assert outwards(indexed(False), truth) > 0.4
    assert abs(outwards(indexed(True), truth)) < 0.1


def test_volumes_know_how_much_light_is_lost():
    truth = simulation(True).truth.grains

    def spread(grains):
        away = np.linalg.norm(grains.position_um[:, None] - truth.position_um, axis=2)
        return float(np.std(np.log(grains.volume_um3 / truth.volume_um3[away.argmin(axis=1)])))

    assert spread(indexed(True)) < 0.6 * spread(indexed(False))


@pytest.mark.parametrize(("absorb", "true"), [(True, 0.006), (False, 0.0)])
def test_the_counts_of_spots_show_how_much_is_absorbed(absorb, true):
    scan = simulation(absorb)
    absorption = Absorption(0.006, body_of(scan.setup.sample))
    grains = indexed(True) if absorb else scan.truth.grains
    shown, error = absorption_of_spots(scan.truth.blobs, grains, scan.setup, scan.phases, absorption)
    # grains are brighter than their centres, being dark on one side, and thresholds cut off more of dim spots
    assert abs(shown - true) < 0.2 * true + 4 * error + 1e-4
    assert 0 < error < 2e-4
