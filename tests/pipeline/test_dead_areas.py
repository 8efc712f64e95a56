"""Gaps of a detector: masked by the run itself, and shown wherever the mask is."""

import json

import numpy as np
import pytest

import friedel
from friedel.errors import FriedelWarning
from friedel.io import open_scan
from friedel.io.background_reader import Backgrounds
from friedel.io.scan_params import ScanParams
from friedel.io.store import read_blobs
from friedel.model.blobs import Flag
from friedel.preprocess import PreprocessParams, measure_baseline
from friedel.reporter.frames import run_frames
from friedel.reporter.inputs import ReportInputs
from friedel.survey.inspection import inspect_scan

RECIPE = """
[scan]
frames = "s.npy"
dark = 100
omega = { start_deg = 0.0, step_deg = 4.5 }
[preprocess]
beam = "none"
normalise = "none"
half_window = 10
half_step = 2
[segment]
seed_threshold = 60
grow_min = 20
min_size = [1, 1, 1]
"""
GAP = np.zeros((48, 64), bool)
GAP[:, 30:33] = GAP[20:22] = True


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gaps")
    frames = np.random.default_rng(1).normal(200, 3, (40, 48, 64)).round().astype("u2")
    frames[18:21, 5:10, 5:11] += 500
    frames[25:28, 30:36, 27:30] += 500
    frames[:, GAP] = 65535
    np.save(folder / "s.npy", frames)
    np.save(folder / "m.npy", GAP.astype("u1"))
    (folder / "r.toml").write_text(RECIPE)
    with pytest.warns(FriedelWarning, match="pixels outside the beam"):
        found = friedel.run(folder / "r.toml", folder / "found", report=False)
    masked = friedel.run(folder / "r.toml", folder / "masked", report=False, settings=f'scan.mask="{folder}/m.npy"')
    return found, masked


def test_blobs_are_those_of_a_run_whose_recipe_masks_the_gap(runs):
    found, masked = map(read_blobs, runs)
    assert len(found) == len(masked) == 2
    for name, values in found.columns.items():
        np.testing.assert_array_equal(values, masked.columns[name], err_msg=name)
    assert (found["flags"] & Flag.EXCLUDED > 0).tolist() == [False, True]


def test_what_was_masked_is_counted_and_kept(runs):
    found, masked = (json.loads((out / "run.json").read_text())["stages"]["preprocess"] for out in runs)
    assert found["measured"]["dead_pixels"] == GAP.sum()
    assert masked["measured"]["dead_pixels"] == 0
    assert any(f"{GAP.sum()} pixels outside the beam are saturated" in text for text in found["warnings"])
    np.testing.assert_array_equal(Backgrounds.open(runs[0] / "background.h5").dead, GAP)
    assert Backgrounds.open(runs[1] / "background.h5").dead is None


def test_the_report_masks_what_the_run_found(runs):
    frames = run_frames(ReportInputs(runs[0]))
    np.testing.assert_array_equal(frames.scan.mask, GAP)
    assert not frames.clean(26)[GAP].any()


NO_BEAM = PreprocessParams(beam="none", normalise="none", half_window=10, half_step=2)
QUADRANT = np.zeros((48, 64), bool)
QUADRANT[:24, :32] = True


def scan_with_dead_quadrant(folder, *, quiet=False):
    """Forty noisy frames of which a quarter is not read out: it has the dark's counts; or a quiet detector."""
    rng = np.random.default_rng(2)
    light = 200.0 * np.exp(-np.hypot(*np.meshgrid(np.arange(64) - 50, np.arange(48) - 34)) / (4 if quiet else 1e9))
    frames = (rng.poisson(light, (40, 48, 64)) + (0 if quiet else 100)).astype("u2")
    if not quiet:
        frames[:, QUADRANT] = 100
    np.save(folder / "q.npy", frames)
    return ScanParams(frames=str(folder / "q.npy"), dark=0 if quiet else 100, omega={"step_deg": 4.5})


def test_a_quadrant_that_is_not_read_out_is_dead(tmp_path):
    params = scan_with_dead_quadrant(tmp_path)
    assert f"{QUADRANT.sum()} more pixels tell nothing" in inspect_scan(params)["dead"]
    baseline = measure_baseline(open_scan(params.frames, params), NO_BEAM)
    assert f"{QUADRANT.sum()} pixels outside the beam" in baseline.warnings[0]
    np.testing.assert_array_equal(baseline.dead, QUADRANT)


def test_where_a_quiet_detector_counts_nothing_it_is_not_dead(tmp_path):
    assert "dead" not in inspect_scan(scan_with_dead_quadrant(tmp_path, quiet=True))
