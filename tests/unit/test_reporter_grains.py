"""The report's panels about pairs, grains and their map, and the picture of the volume."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.describe import describe
from friedel.io.store import read_blobs, write_grains, write_pairs, write_volume
from friedel.kernels.report.ray_casting import cast_rays, smooth, vote
from friedel.model.colours import by_number, by_orientation
from friedel.model.grains import GrainVolume
from friedel.model.ipf_key import in_sector, unfolded
from friedel.model.orientation import ipf_colours
from friedel.model.pairs import PAIR_COLUMNS, RESIDUAL_COLUMNS, PairTable, PairTolerances
from friedel.model.traceability import grain_of_blob
from friedel.reporter import write_report
from friedel.reporter.boundaries import random_misorientations_deg
from friedel.reporter.grains import brightest_blob, eta_omega_deg, standing_panel, trust_panel
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.map_rendering import halved, render_map
from friedel.reporter.volume import _strokes, coverage
from tests.grain_maps import AL, TI, grains_of, volume_of
from tests.report_folder import make_folder
from tests.unit.test_reporter_page import read

SECTIONS = ["Match", "Index", "Map"]
PANELS = [
    "The map of grains", "Two-theta of the pairs", "Against chance", "How well the halves",
    "Every spot of the scan", "Spots by grain", "How complete they are", "Eta and omega",
    "What prediction and spots", "Orientations of the", "The grains to trust least", "Slices through the middle",
    "What is known, voxel by voxel", "How large the grains", "Across the boundaries", "Which grains slip first",
]  # fmt: skip
CRYSTALS = """
[setup]
energy_keV = 40.0
detector = {{ distance_um = 300.0, pixel_um = 3.5, centre_px = [23.5, 23.5] }}
sample = {{ shape = "cylinder", radius_um = 20, height_um = 20 }}

[[phase]]
name = "{name}"
lattice = {lattice}
spacegroup = "{group}"
atoms = [["Al", 0.0, 0.0, 0.0]]
"""


def tiny_map(blobs, phase=AL, n=4):
    """Grains in slabs of a small cylinder, which own all blobs in turn, with what the map says of them."""
    rng = np.random.default_rng(3)
    grains = grains_of(Rotation.random(n, rng=rng).as_matrix(), phases=(phase,))
    entries = np.arange(blobs)
    pointer = np.linspace(0, blobs, n + 1).astype(np.int64)
    grains = replace(
        grains,
        blob_pointer=pointer,
        blobs=entries,
        shared=np.zeros(blobs, bool),
        hkl=np.tile([1, 1, 1], (blobs, 1)),
        residuals=rng.normal(0, 0.1, (blobs, 3)),
        completeness=np.linspace(0.95, 0.5, n),
        null_completeness=np.full(n, 0.02),
        null_limit=np.full(n, 0.1),
    )
    z, y, x = np.mgrid[:8, -6:6, -6:6]
    label = np.where(np.hypot(y + 0.5, x + 0.5) < 5.5, 1 + (x + 6) * n // 12, 0)
    volume = volume_of(label, 3.5, (-21.0, -21.0, -14.0))
    volume.status[z == 3] *= 2
    return grains, volume, describe(grains, volume, [phase])


def some_pairs(blobs):
    half = blobs // 2
    columns = {c.name: np.zeros(half, c.dtype) for c in (*PAIR_COLUMNS, *RESIDUAL_COLUMNS)}
    columns["blob_a"], columns["blob_b"] = np.arange(half), half + np.arange(half)
    columns["two_theta"] = np.linspace(7.6, 15.2, half)
    return PairTable(columns, 1.5, half, PairTolerances(0.1, 0.05, 4.0, True), 1.0, blobs)


def add_map(out, phase=AL):
    blobs = len(read_blobs(out / "blobs.h5"))
    grains, volume, description = tiny_map(blobs, phase)
    write_pairs(out / "pairs.h5", some_pairs(blobs))
    write_grains(out / "grains.h5", grains, description=description)
    write_volume(out / "volume.h5", volume)
    text = CRYSTALS.format(name=phase.name, lattice=list(phase.lattice), group=phase.spacegroup)
    (out / "recipe.toml").write_text((out / "recipe.toml").read_text() + text)
    return out


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    out = make_folder(tmp_path_factory.mktemp("grains") / "out")
    recipe = (out / "recipe.toml").read_text()
    (out / "recipe.toml").write_text(
        recipe[recipe.index("[preprocess]") :]
    )  # pictures of frames are tested elsewhere
    return out


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr("friedel.reporter.map_rendering.SIZE", 200)


@pytest.fixture
def out(plain, tmp_path):
    copy = tmp_path / "out"
    copy.mkdir()
    for file in plain.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


@pytest.mark.parametrize("phase", [AL, TI])
def test_the_page_of_a_map_holds_every_section_and_picture(out, phase):
    page, text = read(write_report(add_map(out, phase)))
    assert [title for title in page.headings if title in SECTIONS] == SECTIONS
    for panel in PANELS:
        assert any(panel in heading for heading in page.headings), panel
    assert "Not in this report" not in text
    assert "grains found" in text
    assert "From a raw scan to a map of grains" in text
    assert not re.search(r"#0[0-9]0[0-9]0[0-9]\b", text)
    assert len(text) < 8_000_000


def test_a_lattice_without_a_key_gets_colours_by_number(out):
    low = type(AL).from_lattice("Low", [3, 4, 5, 90, 100, 90], "P 1 2/m 1", atoms=[["Al", 0, 0, 0]])
    grains = grains_of(np.stack([np.eye(3)] * 3), phases=(low,))
    assert np.array_equal(by_orientation(grains, [low]), by_number(3))
    page, text = read(write_report(add_map(out, low)))
    assert "Each grain has a colour of its own" in text
    assert any("Orientations of the" in heading for heading in page.headings)


@pytest.mark.parametrize(("name", "content"), [("pairs.h5", None), ("grains.h5", b"garbage")])
def test_a_part_of_the_map_that_is_missing_is_left_out_and_named(out, name, content):
    path = add_map(out) / name
    path.unlink()
    if content:
        path.write_bytes(content)
    _, text = read(write_report(out))
    assert f"Not in this report: {name}" in text
    assert "How large the blobs are" in text


def test_without_a_volume_the_spots_are_at_the_top(out):
    (add_map(out) / "volume.h5").unlink()
    page, text = read(write_report(out))
    assert "The map of grains" not in " ".join(page.headings)
    assert text.count("Every spot of the scan") == 1
    assert "From a raw scan to grains" in text


def test_a_run_without_crystals_misses_nothing(out):
    page, text = read(write_report(out))
    assert not set(SECTIONS) & set(page.headings)
    assert "Not in this report" not in text


def test_no_grains_and_an_empty_map_are_said_plainly(out):
    add_map(out)
    nothing = volume_of(np.zeros((3, 3, 3), int))
    write_grains(out / "grains.h5", grains_of(np.zeros((0, 3, 3))))
    write_volume(out / "volume.h5", nothing)
    page, text = read(write_report(out))
    assert re.search(r">0</div>\s*<div class=\"label\">grains found", text)
    assert "Map" not in page.headings


def test_grains_of_other_blobs_are_not_shown(out):
    add_map(out)
    grains, _, _ = tiny_map(5000)
    write_grains(out / "grains.h5", grains)
    _, text = read(write_report(out))
    assert "grains.h5 is of other blobs" in text


def test_truth_is_shown_for_each_part_that_was_judged_and_fits(out):
    add_map(out)
    judged = {
        "pairs": {"truth": 9, "result": len(ReportInputs.open(out).pairs), "precision": 0.99, "recall": 0.9},
        "grains": {"truth": 4, "result": 4, "found": 4, "false": 0, "duplicate": 0,
                   "misorientation_deg": {"median": 0.001, "p95": 0.002}},
        "volume": {"voxel_accuracy": 0.97, "voxel_agreement": 0.96, "dice": {"median": 0.98, "min": 0.9}},
    }  # fmt: skip
    (out / "evaluation.json").write_text(json.dumps(judged))
    page, text = read(write_report(out))
    assert {"Pairs", "Grains"} <= set(page.headings)
    assert "Dice, worst grain" in text
    judged["grains"]["result"] = 5
    (out / "evaluation.json").write_text(json.dumps(judged))
    page, text = read(write_report(out))
    assert "Grains" not in page.headings
    assert "grains of evaluation.json are of another result" in text


def test_the_least_trusted_come_first(out):
    inputs = ReportInputs.open(add_map(out))
    table = trust_panel(inputs, inputs.grains).table
    assert table.rows[0][0] == "4"
    assert list(table.shares) == sorted(table.shares, reverse=True)
    assert all(0 <= share <= 1 for share in table.shares)


def test_how_sure_it_is_how_grains_stand_is_shown_where_that_is_a_question():
    grains = tiny_map(40)[0]
    odds = np.array([50.0, 3.0, 80.0, np.nan])
    doubtful = replace(
        grains,
        alternative_log_odds=odds,
        ambiguous=np.array([False, True, False, False]),
        twin_fraction=np.array([0.0, 0.5, 0.1, np.nan]),
        twin_fraction_error=np.full(4, 0.05),
    )
    panel = standing_panel(doubtful)
    assert "1 of 3 grains are ambiguous" in panel.caption
    assert "10 % seem to stand the other way" in panel.caption
    assert panel.verdict == "watch"


def test_every_pixel_shows_its_brightest_blob(out):
    blobs = read_blobs(out / "blobs.h5")
    brightest, blob = brightest_blob(blobs)
    stack = np.zeros((len(blobs), *blobs.shape[1:]), np.float32)
    voxels = blobs.voxels
    for b in range(len(blobs)):
        part = slice(voxels.pointer[b], voxels.pointer[b + 1])
        np.maximum.at(stack[b], (voxels.row[part], voxels.col[part]), voxels.intensity[part])
    assert np.array_equal(brightest, stack.max(axis=0))
    seen = brightest > 0
    assert np.array_equal(blob[seen], stack.argmax(axis=0)[seen])
    assert (blob[~seen] == -1).all()


def test_blobs_know_their_grain():
    grains = replace(
        grains_of([np.eye(3)] * 2),
        blob_pointer=np.array([0, 2, 3]),
        blobs=np.array([4, 1, 0]),
        shared=np.zeros(3, bool),
    )
    assert grain_of_blob(grains, 6).tolist() == [1, 0, -1, -1, 0, -1]


def test_eta_of_a_spot_is_that_of_its_diffracted_beam(out):
    inputs = ReportInputs.open(add_map(out))
    eta, omega = eta_omega_deg(inputs, inputs.grains)
    assert np.array_equal(omega, inputs.blobs["omega"][inputs.grains.blobs])
    grains, entry = inputs.grains, 1
    g = np.linalg.inv(grains.UBI[0]) @ grains.hkl[entry]
    turned = Rotation.from_euler("z", omega[entry], degrees=True).apply(g)
    assert eta[entry] == pytest.approx(np.degrees(np.arctan2(-turned[1], turned[2])))


@pytest.mark.parametrize("phase", [AL, TI])
def test_directions_keep_their_colour_in_the_sector_of_the_key(phase):
    directions = np.random.default_rng(0).normal(size=(200, 3))
    moved = in_sector(directions, phase.crystal_system)
    frames = np.zeros((2, 200, 3, 3))
    frames[0, :, 2], frames[1, :, 2] = directions, unfolded(moved, phase.crystal_system)
    assert np.abs(np.diff([ipf_colours(U, phase).astype(int) for U in frames], axis=0)).max() <= 1
    assert np.allclose(np.linalg.norm(moved, axis=1), 1)
    assert (moved[:, 1] >= -1e-12).all()
    assert (moved[:, 0] >= moved[:, 1] - 1e-12).all()


def test_random_misorientations_of_cubic_crystals_follow_mackenzie():
    angles = random_misorientations_deg(AL)
    assert angles.max() < 62.81
    assert np.mean(angles) == pytest.approx(40.736, abs=0.3)


def test_the_picture_shows_the_grains_that_face_the_viewer():
    z, y, x = np.mgrid[:24, :24, :24]
    label = np.where(z < 12, np.where(x + y < 24, 1, 2), 3)
    colours = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    picture, pixel_um = render_map(volume_of(label), colours)
    rows, cols = picture.shape[:2]
    assert max(rows, cols) == pytest.approx(100, abs=2)
    assert 0.3 < pixel_um < 1.5
    assert picture[0, 0, 3] == 0
    assert picture[rows // 2, cols // 2, 3] == 1
    assert picture.min() >= 0
    assert picture.max() <= 1
    top = picture[rows // 6, cols // 2]
    assert top[2] > 3 * max(top[0], top[1])
    assert picture[..., 0].max() > 0.3
    assert picture[..., 1].max() > 0.3


def test_a_quarter_of_the_upper_half_is_cut_away():
    inside = np.full((20, 20, 20), 1)
    inside[5:15, 5:15, 5:15] = 2
    colours = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    picture, _ = render_map(volume_of(inside), colours)
    assert (picture[..., 1] > 2 * picture[..., 0]).sum() > 50


def test_rays_meet_a_ball_where_it_is():
    z, y, x = np.mgrid[:21, :21, :21] - 10
    radius = np.sqrt(z**2 + y**2 + x**2)
    solid = np.clip(6.5 - radius, 0, 1).astype(np.float32)
    distance = np.maximum(radius - 6, 0).astype(np.float32)
    out = np.zeros((1, 1, 5))
    step = np.zeros(3)
    arguments = (np.array([10.0, 10.0, -15.0]), step, step, np.array([0.0, 0.0, 1.0]), np.full(3, 1e9))
    cast_rays((radius < 6.5).astype(np.int32), solid, distance, *arguments, out)
    assert out[0, 0, 0] == 1
    assert out[0, 0, 1] == pytest.approx(15 + 10 - 6, abs=0.02)
    assert out[0, 0, 2:] == pytest.approx([0, 0, -1], abs=1e-6)
    cast_rays((radius < 6.5).astype(np.int32), solid, distance, np.array([0.0, 0.0, -15.0]), *arguments[1:], out)
    assert out[0, 0, 1] == np.inf


def test_values_between_voxels_are_linear():
    values = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)
    ramp = np.add.outer(np.add.outer(np.arange(4.0), 2 * np.arange(5.0)), 3 * np.arange(6.0))
    assert smooth(values, np.array([1.0, 2.0, 3.0])) == pytest.approx(values[1, 2, 3])
    assert smooth(ramp, np.array([1.25, 2.5, 3.75])) == pytest.approx(1.25 + 5.0 + 11.25)
    assert smooth(values, np.array([-0.1, 2.0, 3.0])) == 0


def test_labels_win_by_weight_and_nothing_has_no_vote():
    label = np.ones((12, 12, 12), np.int32)
    label[:, :, 6:] = 2
    work, names = np.empty((4, 8)), np.empty(8, np.int64)
    assert vote(label, np.array([5.0, 5.0, 5.4]), work, names) == 1
    assert vote(label, np.array([5.0, 5.0, 5.6]), work, names) == 2
    label[:, :, :6] = 0
    assert vote(label, np.array([5.0, 5.0, 3.0]), work, names) == 2


def test_halving_keeps_the_colour_of_what_is_covered():
    fine = np.zeros((2, 2, 4))
    fine[0, 0] = [1, 0.5, 0.25, 1]
    assert halved(fine)[0, 0] == pytest.approx([1, 0.5, 0.25, 0.25])


def test_lines_between_grains_leave_out_the_surface():
    label = np.array([[1, 1, 1, 0], [2, 2, 1, 1]])
    assert _strokes(label) == [((0, 2), (1, 1))]
    assert _strokes(label.T) == [((1, 2), (2, 2))]


def test_coverage_counts_only_the_map():
    status = np.array([[[0, 1, 1, 2, 3]]], np.uint8)
    volume = GrainVolume(
        (status > 0).astype(np.int32), status, np.zeros(status.shape, np.float32), np.zeros(3), 1.0
    )
    assert [round(share, 2) for share in coverage(volume).values()] == [0.5, 0.25, 0.25]
