"""The recipe that `friedel init` writes works unedited, on bright and on dim scans, quiet and noisy ones."""

import json
from pathlib import Path

import pytest

import friedel

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
