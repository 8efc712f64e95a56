"""The report's panels about the instrument, the crystals and what calibration made of the geometry."""

import json

import numpy as np
import pytest

from friedel.calibrator.decision import calibration_record, sense_record
from friedel.calibrator.evidence import Change, Evidence
from friedel.model.setup import Detector, Setup
from friedel.reporter import write_report
from friedel.reporter.calibration import calibration_panels, gain_of
from friedel.reporter.facts import text
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.instrument import instrument_panels, name_of
from tests.grain_maps import AL, TI
from tests.report_folder import make_folder
from tests.unit.test_reporter_grains import add_map
from tests.unit.test_reporter_page import read

CENTRE = Change("centre column", 130.5, 127.5017, 0.0011, "px")
DISTANCE = Change("distance", 3218.0, 3094.35, 0.03, "um")
BLIND = "left alone, since pairs do not tell: flips"


def looked(*, changed=True, pairs=(59, 583), null=(11.0, 8.0), fitted=(CENTRE, DISTANCE), by="pairs"):
    """A record as a run leaves it."""
    setup = Setup(None, Detector.from_distance(3094.0, 7.0, (127.5, 127.5)))
    first = "geometry calibrated" if changed else "the geometry of the recipe stays"
    remarks = (*(change.line for change in fitted), "tilt x stays: the pairs show 0.003 +- 0.007 deg", BLIND)
    counts = dict(zip(("pairs_before", "pairs_after", "null_before", "null_after"), (*pairs, *null), strict=True))
    found = Evidence(setup, "", remarks, fitted, **counts)
    return json.loads(json.dumps(calibration_record(by, found, (first, *remarks), changed=changed)))


def run_with(tmp_path, *looks, stage="match"):
    stages = {stage: {"measured": {"calibration": list(looks)}}}
    (tmp_path / "run.json").write_text(json.dumps({"versions": {}, "input": {}, "stages": stages}))
    return ReportInputs(tmp_path)


def recipe_with(tmp_path, text):
    (tmp_path / "recipe.toml").write_text(text)
    return ReportInputs(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = make_folder(tmp_path_factory.mktemp("geometry") / "out")
    recipe = (out / "recipe.toml").read_text()
    (out / "recipe.toml").write_text(recipe[recipe.index("[preprocess]") :])  # no pictures of frames are needed
    return add_map(out)


def test_what_calibration_changed_stands_with_before_after_and_uncertainty(tmp_path):
    geometry, gain = calibration_panels(run_with(tmp_path, looked()), "match")
    assert geometry.table.rows == (
        ("centre column / px", "130.5000", "127.5017", "0.0011", "2726"),
        ("distance / µm", "3218.00", "3094.35", "0.03", "4122"),
    )
    assert geometry.verdict == "watch"
    assert geometry.caption.startswith("Geometry calibrated.")
    assert "Tilt x stays: the pairs show 0.003 ± 0.007°." in geometry.caption
    assert "Left alone, since pairs do not tell: flips." in geometry.caption
    assert "+527" in gain.caption
    assert "583" in gain.picture.svg
    assert "by chance 11" in gain.picture.svg


def test_a_geometry_that_stays_shows_what_the_fit_would_have_changed(tmp_path):
    near = Change("distance", 3094.0, 3094.02, 0.03, "um")
    geometry, _ = calibration_panels(run_with(tmp_path, looked(changed=False, fitted=(near,))), "match")
    assert geometry.verdict == "good"
    assert geometry.caption.startswith("The geometry of the recipe stays.")
    assert geometry.table.rows == (("distance / µm", "3094.00", "3094.02", "0.03", "0.667"),)
    assert geometry.table.shares == pytest.approx((0.667 / 20,), rel=1e-3)


def test_without_a_fit_there_is_the_reason_and_no_table(tmp_path):
    few = {
        **looked(fitted=(), pairs=(0, 0), null=(0.0, 0.0), changed=False),
        "lines": ["geometry stays: too few pairs"],
    }
    (panel,) = calibration_panels(run_with(tmp_path, few), "match")
    assert panel.table is None
    assert panel.caption == "Geometry stays: too few pairs."


def test_spots_of_grains_have_no_pairs_to_count(tmp_path):
    look = looked(by="spots", pairs=(0, 0), null=(0.0, 0.0))
    (panel,) = calibration_panels(run_with(tmp_path, look, stage="index"), "index")
    assert panel.title == "Geometry, from all spots of the grains"
    assert "Pairs were matched again with it" in panel.caption
    assert list(calibration_panels(run_with(tmp_path, look, stage="index"), "match")) == []


def test_a_sense_that_grains_told_is_to_be_looked_at(tmp_path):
    record = sense_record("rotation changed to +z: -z gives 0 grains, +z 6")
    (panel,) = calibration_panels(run_with(tmp_path, record, stage="index"), "index")
    assert panel.title == "Sense of the rotation"
    assert panel.verdict == "watch"
    assert "-z gives 0 grains, +z 6" in panel.caption
    assert "Pairs were matched again with it" in panel.caption


def test_runs_without_calibration_have_no_such_panel(tmp_path, folder):
    assert list(calibration_panels(ReportInputs(tmp_path), "match")) == []
    page, _ = read(write_report(folder))
    assert not any("Geometry" in heading for heading in page.headings)


@pytest.mark.parametrize("null", [(0.0, 0.0), (11.0, 8.0)])
def test_the_gain_is_counted_beyond_chance(null):
    gain, noise = gain_of(looked(null=null))
    assert gain == 583 - null[1] - 59 + null[0]
    assert noise == pytest.approx(np.sqrt(583 + 59 + sum(null)))


def test_the_page_holds_instrument_crystal_families_and_calibration(folder, tmp_path):
    record = json.loads((folder / "run.json").read_text())
    record["stages"]["match"] = {"measured": {"calibration": [looked()]}}
    copy = tmp_path / "out"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "run.json").write_text(json.dumps(record))
    page, html = read(write_report(copy))
    for heading in (
        "[setup]",
        "[[phase]]",
        "Families of planes in use",
        "Geometry, from the pairs",
        "Is it worth it?",
    ):
        assert any(heading in one for one in page.headings), heading
    assert "Not in this report" not in html


def test_setup_says_energy_wavelength_detector_sense_and_sample(folder):
    setup = dict(instrument_panels(ReportInputs.open(folder))[0].table.rows)
    assert setup["energy"] == "40 keV"
    assert setup["wavelength"] == "0.30996 Å"
    assert setup["distance"] == "300 µm"
    assert setup["pixel"] == "3.5 µm"
    assert setup["centre"] == "[23.5, 23.5] px (col, row)"
    assert setup["rotation"] == "+z: counter-clockwise from above"
    assert setup["sample"] == "cylinder, radius 20 µm, height 20 µm"
    assert setup["flip"] == "none"
    assert "absorption corrected" not in setup


def test_setup_says_which_absorption_was_corrected(folder, tmp_path):
    record = json.loads((folder / "run.json").read_text())
    told = {"per_mm": 2.0936, "source": "direct beam", "spots_per_mm": 2.4, "spots_error": 0.05}
    record["stages"]["index"] = {"measured": {"absorption": told}}
    (tmp_path / "recipe.toml").write_bytes((folder / "recipe.toml").read_bytes())
    (tmp_path / "run.json").write_text(json.dumps(record))
    setup = dict(instrument_panels(ReportInputs.open(tmp_path))[0].table.rows)
    assert setup["absorption corrected"] == "2.09 /mm, from the direct beam; spots show 2.40"


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ('shape = "box", size_um = [10.0, 20.0, 30.5]', "10 × 20 × 30.5 µm (x, y, z)"),
        ('mask = "absorption"', "where it absorbs the direct beam"),
        ('mask = "/data/sample.tif"', "mask /data/sample.tif"),
    ],
)
def test_vectors_and_other_samples_are_said_as_they_are_given(tmp_path, sample, said):
    detector = "origin_um = [3094.0, -10.5, 10.5], u_um = [0.0, 3.5, 0.0], v_um = [0.0, 0.0, -3.5]"
    text = f"[setup]\nenergy_keV = 40.0\ndetector = {{ {detector} }}\nsample = {{ {sample} }}\n"
    (panel,) = instrument_panels(recipe_with(tmp_path, text))
    setup = dict(panel.table.rows)
    assert setup["sample"] == said
    assert setup["pixel (0, 0) at"] == "[3094, -10.5, 10.5] µm (x, y, z)"
    assert "flip" not in setup


def test_crystals_stand_beside_each_other(tmp_path):
    text = "".join(
        f'[[phase]]\nname = "{one.name}"\nlattice = {list(one.lattice)}\nspacegroup = "{one.spacegroup}"\n'
        for one in (AL, TI)
    )
    (panel,) = instrument_panels(recipe_with(tmp_path, text))
    assert panel.table.head == ("", AL.name, TI.name)
    rows = {row[0]: row[1:] for row in panel.table.rows}
    assert rows["Laue class"] == ("m-3m", "6/mmm")
    assert rows["α, β, γ / °"] == ("90, 90, 90", "90, 90, 120")


def test_pairs_of_all_families_are_all_pairs(folder):
    inputs = ReportInputs.open(folder)
    families = instrument_panels(inputs)[-1]
    assert sum(int(row[-1].replace(",", "")) for row in families.table.rows) == len(inputs.pairs)
    angles = [float(row[2]) for row in families.table.rows]
    assert angles == sorted(angles)
    spacing = [float(row[1]) for row in families.table.rows]
    edge = [
        d * np.sqrt(sum(int(i) ** 2 for i in row[0])) for d, row in zip(spacing, families.table.rows, strict=True)
    ]
    assert edge == pytest.approx([4.0495] * len(edge), abs=2e-3)


def test_a_run_without_crystals_has_neither(tmp_path):
    assert instrument_panels(ReportInputs(tmp_path)) == ()


def test_miller_indices_have_bars_and_are_apart_where_they_must():
    assert name_of([1, -1, 0]) == "11\u03050"
    assert name_of([10, -1, 0]) == "10 1\u0305 0"


def test_truth_values_are_said_as_in_the_recipe():
    assert text(value=False) == "false"
    assert text([True, 2.0]) == "[true, 2]"
