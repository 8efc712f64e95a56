"""The recipe that `friedel init` writes works unedited, on bright and on dim scans, quiet and noisy ones."""

import json
from pathlib import Path

import pytest

import friedel
from friedel.recipe import load_recipe

SCAN = (
    "frames=600",
    "turn_deg=60",
    "rows=256",
    "cols=256",
    "grains=50",
    "sample.radius_um=90",
    "sample.height_um=140",
)


@pytest.mark.parametrize(
    "setting",
    ["light.spot_counts=250", "light.spot_counts=80", "light.glow_counts=1000", "camera.read_noise=8"],
)
def test_blobs_of_the_unedited_recipe_are_the_true_ones(tmp_path: Path, setting: str):
    files = friedel.simulate(tmp_path / "s.h5", seed=21, settings=[*SCAN, setting])
    recipe = friedel.init(str(files.scan), tmp_path / "r.toml")
    out = friedel.run(recipe, tmp_path / "out", to_stage="segment")
    blobs = friedel.evaluate(out, files.truth, json_file=tmp_path / "m.json")["blobs"]
    assert blobs == json.loads((tmp_path / "m.json").read_text())["blobs"]
    assert blobs["truth"] > 100
    assert blobs["f1"]["0.5"] >= 0.85
    assert blobs["precision"]["0.5"] >= 0.9
    assert blobs["recall_isolated_above_5_sigma"] >= 0.95


def test_the_centre_is_the_middle_of_the_measured_beam(tmp_path: Path):
    small = (
        "frames=60",
        "turn_deg=30",
        "rows=96",
        "cols=128",
        "grains=3",
        "sample.radius_um=60",
        "sample.height_um=70",
    )
    files = friedel.simulate(tmp_path / "s.h5", preset="small", seed=2, settings=small)
    where = {"setup.energy_keV": 40, "setup.detector.distance_um": 3000, "setup.detector.pixel_um": 3.5}
    recipe = load_recipe(friedel.init(files.scan, tmp_path / "r.toml", settings=where))
    assert recipe.setup is not None
    col0, row0, col1, row1 = recipe.preprocess.beam
    assert recipe.setup.detector.centre_px == ((col0 + col1 - 1) / 2, (row0 + row1 - 1) / 2)
    true = load_recipe(files.recipe).setup.detector.centre_px
    assert recipe.setup.detector.centre_px == pytest.approx(true, abs=3)
    assert "the middle of the beam" in (tmp_path / "r.toml").read_text()
    bare = friedel.init(files.scan, tmp_path / "bare.toml").read_text()
    assert f"centre_px = [{(col0 + col1 - 1) / 2:g}, {(row0 + row1 - 1) / 2:g}]" in bare
    named = {**where, "setup.detector.centre_px": [60, 40]}
    assert load_recipe(friedel.init(files.scan, tmp_path / "n.toml", settings=named)).setup.detector.centre_px == (
        60,
        40,
    )
