"""Simulated scans: the same bytes always, and a truth that is true."""

from itertools import pairwise

import numpy as np
import pytest

from friedel.errors import RecipeError, SetupError
from friedel.kernels import bragg
from friedel.model.blobs import COLUMNS, TRUTH_COLUMNS, Flag
from friedel.model.crystal import Phase
from friedel.model.scan import FrameSource
from friedel.runner.executors import Threads
from friedel.simulator import SimulationParams, simulate, small
from tests.oracles_physics import near_by_hand

TINY = {
    "grains": 5,
    "frames": 240,
    "rows": 96,
    "cols": 100,
    "pixel_um": 18.7,
    "sample": {"radius_um": 170.0, "height_um": 170.0, "mosaicity_deg": 0.3, "gradient_deg": 0.3},
    "light": {"spot_counts": 40.0, "beam_margin_px": 6.0},
}


def tiny(**changes):
    merged = {**TINY, **changes}
    for part in ("sample", "light"):
        merged[part] = {**TINY[part], **changes.get(part, {})}
    return SimulationParams.build(merged)


@pytest.fixture(scope="module")
def simulation():
    return simulate(tiny())


def joined(simulation, executor=None):
    return np.concatenate([block for _, block in simulation.blocks(executor)])


def same_table(a, b):
    for column in (*COLUMNS, *TRUTH_COLUMNS):
        np.testing.assert_array_equal(a[column.name], b[column.name])
    for name in ("pointer", "frame", "row", "col", "intensity"):
        np.testing.assert_array_equal(getattr(a.voxels, name), getattr(b.voxels, name))


def test_bytes_do_not_depend_on_threads_or_cuts(simulation, monkeypatch):
    whole = joined(simulation)
    assert whole.shape == simulation.scan_shape == (240, 96, 100)
    assert whole.dtype == np.uint16
    monkeypatch.setattr("friedel.simulator.simulation.PIECE_BYTES", 7 * 4 * 96 * 100)
    with Threads(2) as threads:
        again = simulate(tiny(), executor=threads)
        np.testing.assert_array_equal(joined(again, threads), whole)
    np.testing.assert_array_equal(again.dark, simulation.dark)
    same_table(again.truth.blobs, simulation.truth.blobs)
    for start, stop in pairwise([0, 1, 2, 30, 31, 100, 239, 240]):
        np.testing.assert_array_equal(simulation.frames(start, stop), whole[start:stop])


def test_another_seed_is_another_scan(simulation):
    other = simulate(tiny(seed=1))
    assert not np.array_equal(other.dark, simulation.dark)
    assert not np.array_equal(other.frames(0, 2), simulation.frames(0, 2))
    assert not np.allclose(other.truth.grains.U, simulation.truth.grains.U)


def test_truth_voxels_are_those_above_the_rule_and_nothing_else(simulation):
    blobs, voxels = simulation.truth.blobs, simulation.truth.blobs.voxels
    sigma, hidden = simulation.camera.noise_sigma(), simulation.camera.hidden()
    found = 0
    looked_at = range(0, len(simulation.diffraction.spots), 6)
    for i in looked_at:
        alone = only(simulation, i).spots_alone(0, 240)
        peak = np.where(hidden, 0, alone).max()
        expected = np.argwhere((alone >= np.maximum(0.1 * peak, 2 * sigma)) & ~hidden & (alone > 0))
        hkl, grain = simulation.diffraction.hkl[i], simulation.diffraction.grain[i]
        same = (blobs["grain"] == grain) & (np.column_stack([blobs[name] for name in "hkl"]) == hkl).all(axis=1)
        rows = [row for row in np.flatnonzero(same) if np.array_equal(stacked(voxels, row), expected)]
        assert len(rows) == (1 if len(expected) else 0)
        if rows:
            found += 1
            np.testing.assert_allclose(voxels.intensity[voxels.of(rows[0])], alone[tuple(expected.T)], rtol=1e-6)
            assert blobs["snr"][rows[0]] == pytest.approx((alone / sigma)[alone == peak].max(), rel=1e-5)
    assert len(blobs) > 300
    assert found > 0.8 * len(looked_at)


def only(simulation, i):
    """The simulation with a single one of its spots."""
    from dataclasses import replace

    d = simulation.diffraction
    part = slice(i, i + 1)
    one = replace(d, spots=d.spots[part], boxes=d.boxes[part], shadows=d.shadows[part])
    return replace(simulation, diffraction=one)


def stacked(voxels, row):
    part = voxels.of(row)
    return np.column_stack([voxels.frame[part], voxels.row[part], voxels.col[part]])


def test_columns_follow_from_the_voxels(simulation):
    blobs, voxels = simulation.truth.blobs, simulation.truth.blobs.voxels
    frames = simulation.scan_shape[0]
    assert blobs.wrapped
    assert (blobs["frame_start"] < 0).any() or (blobs["frame_stop"] > frames).any()
    for i in range(len(blobs)):
        part = voxels.of(i)
        weight = voxels.intensity[part].astype(float)
        frame = voxels.frame[part].astype(int)
        top = int(np.argmax(weight))
        frame = frame[top] + (frame - frame[top] + frames // 2) % frames - frames // 2
        at = np.column_stack([frame, voxels.row[part], voxels.col[part]])
        centre = np.average(at, axis=0, weights=weight)
        cov = np.cov(at.T, aweights=weight, ddof=0)
        got = [blobs[name][i] for name in ("frame", "s_raw", "f_raw")]
        np.testing.assert_allclose(got, centre, rtol=1e-9, atol=1e-7)
        sigmas = [blobs[name][i] for name in ("sigo", "sigs", "sigf")]
        np.testing.assert_allclose(sigmas, np.sqrt(np.diag(cov)) * [1.5, 1, 1], atol=1e-6)
        if cov[1, 1] * cov[2, 2] > 1e-6:
            assert blobs["covsf"][i] == pytest.approx(cov[1, 2] / np.sqrt(cov[1, 1] * cov[2, 2]), abs=1e-6)
        ranges = [blobs[f"{axis}_{end}"][i] for axis in ("frame", "row", "col") for end in ("start", "stop")]
        assert ranges == np.column_stack([at.min(axis=0), at.max(axis=0) + 1]).ravel().tolist()
        assert blobs["sum_intensity"][i] == pytest.approx(weight.sum())
        assert blobs["IMax_int"][i] == weight.max()
        assert blobs["Number_of_pixels"][i] == len(weight)
        assert blobs["omega"][i] == pytest.approx((centre[0] + 0.5) * 1.5)
        assert (blobs["onfirst"][i], blobs["onlast"][i]) == (0 in frame % frames, frames - 1 in frame % frames)


def test_the_table_is_sorted_by_first_voxel_and_voxels_by_place(simulation):
    voxels = simulation.truth.blobs.voxels
    _, rows, cols = simulation.scan_shape
    place = (voxels.frame.astype(np.int64) * rows + voxels.row) * cols + voxels.col
    assert (np.diff(place[voxels.pointer[:-1]]) >= 0).all()
    for i in range(len(simulation.truth.blobs)):
        assert (np.diff(place[voxels.of(i)]) > 0).all()


def test_isolated_spots_have_no_neighbour_within_two_voxels(simulation):
    blobs = simulation.truth.blobs
    shown = [stacked(blobs.voxels, i).astype(np.int64) for i in range(len(blobs))]
    rng = np.random.default_rng(0)
    for i in rng.choice(len(blobs), 40, replace=False):
        box = np.array([shown[i].min(axis=0), shown[i].max(axis=0)])
        if box[0, 0] < 4 or box[1, 0] > 235:
            continue
        close = [s for j, s in enumerate(shown) if j != i and touches(box, s)]
        near = near_by_hand([shown[i], *close], 240, 2)[0] if close else False
        assert blobs["isolated"][i] == (not near)


def touches(box, spot):
    return bool(((spot.min(axis=0) <= box[1] + 3) & (spot.max(axis=0) >= box[0] - 3)).all())


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"rotation": "-z", "flip": ["cols"], "tilt_deg": [1.0, -2.0, 3.0]},
        {"turn_deg": -360.0, "omega_start_deg": 35.0, "flip": ["rows"], "centre_px": [52.0, 45.0]},
    ],
    ids=["plain", "clockwise, flipped, tilted", "backward, off centre"],
)
def test_spots_lie_where_their_grain_is_predicted(geometry):
    simulation = simulate(
        tiny(
            sample={"mosaicity_deg": 0.8, "gradient_deg": 0.0}, light={"spot_counts": 4000.0}, grains=30, **geometry
        )
    )
    blobs, setup = simulation.truth.blobs, simulation.setup
    table, phase = simulation.truth.grains, simulation.phases[0]
    plane = bragg.detector_frame(setup.detector.origin_um, setup.detector.u_um, setup.detector.v_um)
    off = []
    for i in np.flatnonzero((blobs["flags"] & (Flag.EDGE | Flag.EXCLUDED)) == 0):
        hkl = np.array([blobs[name][i] for name in "hkl"])
        g = table.U[blobs["grain"][i]] @ phase.B @ hkl
        found = bragg.predict(g[None], table.position_um[blobs["grain"][i]], setup.beam.wavelength, plane)
        apart = np.degrees(found.omega - setup.lab_omega_rad(blobs["omega"][i]))
        apart = (apart + 180) % 360 - 180
        near = int(np.argmin(np.abs(apart)))
        away = [found.row[near] - blobs["s_raw"][i], found.col[near] - blobs["f_raw"][i]]
        off.append([*away, apart[near] * np.sin(found.eta[near])])
    off = np.abs(off)
    assert len(off) > 2500
    assert np.percentile(np.hypot(off[:, 0], off[:, 1]), 95) < 0.1
    assert np.percentile(off[:, 2], 95) < 0.1 * 1.5


def test_the_beams_path_through_a_box_is_its_chord():
    simulation = simulate(tiny(sample={"shape": "box", "size_um": [240.0, 120.0, 150.0]}))
    setup, box = simulation.setup, simulation.beam
    rows, cols = np.mgrid[box.row0 : box.row1, box.col0 : box.col1]
    position = setup.detector.position_um(rows, cols)
    along = np.arange(-200.0, 200.0, 0.5)
    for frame in (0, 17, 60, 133):
        omega = setup.lab_omega_rad((frame + 0.5) * 1.5)
        c, s = np.cos(omega), np.sin(omega)
        y, z = position[..., 1, None], position[..., 2, None]
        inside = (np.abs(c * along + s * y) <= 120) & (np.abs(-s * along + c * y) <= 60) & (np.abs(z) <= 75)
        np.testing.assert_allclose(simulation.camera.path_um(frame), 0.5 * inside.sum(axis=-1), atol=1.1)


def test_the_recipe_names_atoms_only_where_the_name_does_not_tell_them():
    assert "atoms" not in simulate(tiny()).recipe()["phase"][0]
    ordered = {"name": "Ni3Al", "lattice": [3.57] * 3 + [90.0] * 3, "spacegroup": "P m -3 m"}
    atoms = [["Al", 0.0, 0.0, 0.0], ["Ni", 0.0, 0.5, 0.5]]
    simulation = simulate(tiny(phase=[{**ordered, "atoms": atoms}]))
    assert simulation.recipe()["phase"][0]["atoms"] == atoms
    assert len(simulation.phases[0].reflections(3.5)) == 6


def test_a_clockwise_stage_and_a_backward_scan_mirror_the_angles():
    forward = simulate(tiny()).truth.blobs
    clockwise = simulate(tiny(rotation="-z")).truth.blobs
    backward = simulate(tiny(turn_deg=-360.0)).truth.blobs
    for mirrored in (clockwise, backward):
        assert len(mirrored) == pytest.approx(len(forward), abs=3)
        assert mirrored["sum_intensity"].sum() == pytest.approx(forward["sum_intensity"].sum(), rel=1e-3)
    assert np.sort(clockwise["frame"] % 240)[50] == pytest.approx(np.sort(backward["frame"] % 240)[50], abs=1e-3)
    np.testing.assert_allclose(
        np.sort((-1 - forward["frame"]) % 240)[20:200], np.sort(clockwise["frame"] % 240)[20:200], atol=0.5
    )
    assert (backward["Min_o"] <= backward["Max_o"]).all()


def test_half_a_turn_does_not_wrap():
    simulation = simulate(tiny(turn_deg=180.0, omega_start_deg=-30.0))
    blobs = simulation.truth.blobs
    assert not blobs.wrapped
    assert blobs["frame_start"].min() == 0
    assert blobs["frame_stop"].max() == 240
    ends = (blobs["frame_start"] == 0) | (blobs["frame_stop"] == 240)
    np.testing.assert_array_equal((blobs["flags"] & Flag.SCAN_END) > 0, ends)
    assert ((blobs["omega"] > -30) & (blobs["omega"] < 150)).all()


def test_the_beams_box_hides_and_is_marked(simulation):
    voxels, box = simulation.truth.blobs.voxels, simulation.beam
    inside = (voxels.row >= box.row0) & (voxels.row < box.row1) & (voxels.col >= box.col0) & (voxels.col < box.col1)
    assert not inside.any()
    assert box.inside(96, 100)
    assert len(simulation.camera.margins) == 2
    mean = simulation.frames(0, 20).mean(axis=0) - np.median(simulation.dark, axis=0)
    for margin in simulation.camera.margins:
        assert margin.area > 20
        assert np.median(mean[margin.slices]) == pytest.approx(
            20000 * simulation.camera.light[:20].mean(), rel=0.05
        )
    assert mean[(box.row0 + box.row1) // 2, (box.col0 + box.col1) // 2] < 0.9 * 20000


def test_light_that_goes_into_spots_is_missing_from_the_beam():
    with_extinction = simulate(tiny(light={"extinction": 1.0, "spot_counts": 400.0}))
    without = simulate(tiny(light={"extinction": 0.0, "spot_counts": 400.0}))
    box = with_extinction.beam
    expected = [s.camera for s in (with_extinction, without)]
    assert expected[0].beam_box == expected[1].beam_box
    a, b = (s.frames(0, 60).astype(float)[(slice(None), *box.slices)].sum() for s in (with_extinction, without))
    taken = sum(with_extinction.diffraction.spots["counts"] * np.diff(with_extinction.specimen.pointer).mean())
    assert 0.3 < (b - a) / (taken * 60 / 240) < 2.0


def test_noise_of_a_quiet_pixel_is_what_the_truth_assumes():
    simulation = simulate(
        tiny(light={"spot_counts": 0.0, "oscillation": 0.0, "drift": 0.0, "flicker": 0.0}, camera={"zingers": 0.0})
    )
    raw = simulation.frames(0, 240).astype(float)
    free = ~simulation.camera.hidden()
    free.flat[simulation.camera.hot] = False
    ratio = raw.std(axis=0)[free] / simulation.camera.noise_sigma()[free]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.02)
    assert len(simulation.truth.blobs) == 0
    np.testing.assert_allclose(simulation.camera.light, 1.0)


def test_grains_are_what_the_volume_says(simulation):
    table, volume = simulation.truth.grains, simulation.truth.volume
    for i in range(len(table)):
        z, y, x = np.nonzero(volume.grain_id == i + 1)
        centre = volume.origin_um + (np.column_stack([x, y, z]).mean(axis=0) + 0.5) * volume.voxel_um
        np.testing.assert_allclose(table.position_um[i], centre, atol=1e-3)
        assert table.volume_um3[i] == pytest.approx(len(x) * volume.voxel_um**3)
        np.testing.assert_allclose(table.UBI[i] @ table.U[i] @ simulation.phases[0].B, np.eye(3), atol=1e-9)
        mine = table.blobs[table.blob_pointer[i] : table.blob_pointer[i + 1]]
        assert (simulation.truth.blobs["grain"][mine] == i).all()
    assert table.blob_pointer[-1] == len(simulation.truth.blobs)
    assert set(np.unique(volume.grain_id)) == set(range(len(table) + 1))


def test_a_scan_reads_frames_without_a_file(simulation):
    scan = simulation.scan()
    assert isinstance(scan.frames, FrameSource)
    assert scan.full_turn
    assert scan.shape == simulation.scan_shape
    np.testing.assert_array_equal(scan.frames.read(5, 9), simulation.frames(5, 9))
    assert np.abs(scan.dark - 100).mean() < 5


def test_stored_images_can_hold_several_frames(simulation):
    grid = simulate(tiny(camera={"grid": [2, 3]}))
    stored = joined(grid)
    assert stored.shape == grid.stored_shape == (40, 192, 300)
    whole = joined(simulation)
    np.testing.assert_array_equal(stored[7, 96:, 100:200], whole[7 * 6 + 4])
    assert grid.recipe()["scan"] == {"saturation": 65535, "grid": [2, 3], "grid_kind": "frames"}


def test_quadrants_have_gains_and_offsets_of_their_own():
    simulation = simulate(tiny(camera={"grid": [2, 2], "grid_kind": "quadrants"}))
    scan = simulation.scan()
    assert len(scan.tiles) == 4
    offsets = [np.median(scan.dark[tile.slices]) for tile in scan.tiles]
    gains = {float(simulation.camera.gain[tile.slices].mean()) for tile in scan.tiles}
    assert np.ptp(offsets) > 1
    assert len(gains) == 4
    assert simulation.stored_shape == simulation.scan_shape


def test_several_phases_share_the_sample():
    phases = [
        {"name": "Al", "fraction": 1.0},
        {"name": "Ti", "lattice": [2.9505, 2.9505, 4.6826, 90, 90, 120], "spacegroup": "P63/mmc"},
    ]
    simulation = simulate(tiny(phase=phases, grains=12))
    table = simulation.truth.grains
    assert set(table.phase) == {0, 1}
    assert table.phases == ("Al", "Ti")
    for i in np.flatnonzero(table.phase == 1):
        np.testing.assert_allclose(table.UBI[i] @ table.U[i] @ simulation.phases[1].B, np.eye(3), atol=1e-9)
    assert [entry["name"] for entry in simulation.recipe()["phase"]] == ["Al", "Ti"]


def test_a_phase_from_a_file_is_given_as_a_phase():
    params = tiny(phase=[{"name": "copper", "cif": "cu.cif"}])
    with pytest.raises(SetupError, match="must be read before"):
        simulate(params)
    copper = Phase.from_lattice("Cu", [3.6149] * 3 + [90] * 3, "F m -3 m")
    assert simulate(params, phases=[copper]).truth.grains.phases == ("Cu",)
    with pytest.raises(SetupError, match="must be 1"):
        simulate(params, phases=[copper, copper])


def test_bright_spots_saturate_and_say_so():
    simulation = simulate(tiny(light={"spot_counts": 3000.0, "beam_counts": 0.0}, camera={"saturation": 4095}))
    blobs = simulation.truth.blobs
    assert simulation.beam is None
    assert simulation.frames(0, 30).max() == 4095
    assert (blobs["n_saturated"] > 0).any()
    np.testing.assert_array_equal((blobs["flags"] & Flag.SATURATED) > 0, blobs["n_saturated"] > 0)


def test_the_small_scan_is_realistic():
    simulation = simulate(small())
    blobs = simulation.truth.blobs
    assert simulation.scan_shape == (1440, 256, 256)
    assert len(simulation.truth.grains) == 15
    assert len(blobs) > 1500
    assert blobs["isolated"].mean() > 0.6
    assert (blobs["snr"] > 8).mean() > 0.9
    assert blobs["IMax_int"].max() > 1000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"turn_deg": 0.0}, "turn_deg"),
        ({"frames": 241, "camera": {"grid": [2, 2]}}, "multiple of the tiles"),
        ({"rows": 97, "camera": {"grid": [2, 2], "grid_kind": "quadrants"}}, "multiples of camera.grid"),
        ({"grainz": 3}, "grains"),
        ({"sample": {"size_um": [0.0, 1.0, 1.0]}}, "positive"),
    ],
)
def test_parameters_that_cannot_be_are_refused(changes, message):
    with pytest.raises(RecipeError, match=message):
        tiny(**changes)


def test_more_grains_than_voxels_are_refused():
    with pytest.raises(SetupError, match="must have room for 90000 grains"):
        simulate(tiny(grains=90000))
