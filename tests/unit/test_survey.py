"""One look at a scan: what is found, what is guessed, how fast it is."""

from pathlib import Path

import numpy as np
import pytest

from friedel.errors import ScanError
from friedel.io.scan_params import ScanParams
from friedel.model.scan import ArrayFrames, Box, Scan
from friedel.model.stream import Serial
from friedel.preprocess import PreprocessParams, measure_baseline
from friedel.recipe import build_recipe
from friedel.survey import guess, inspect_scan, measure_content, measure_speed
from friedel.survey.spots import measure_spots, spots_last

SHAPE = (80, 64, 72)


def frames(spot: float = 900.0) -> np.ndarray:
    """Noise of 5 counts over 200, a direct beam that the sample shadows, and a few spots of 5 × 6 pixels."""
    random = np.random.default_rng(3)
    values = random.normal(200, 5, SHAPE)
    values[:, 24:40, 20:52] += 8000
    values[:, 24:40, 27:45] -= 2000
    for k in range(0, SHAPE[0], 4):
        row, col = random.integers(2, 14), random.integers(2, 60)
        values[k : k + 2, row : row + 5, col : col + 6] += spot
    return values.round().astype(np.uint16)


def scan_of(values: np.ndarray) -> Scan:
    rows, cols = values.shape[1:]
    return Scan(ArrayFrames(values), 0.0, 1.0, np.full((rows, cols), 100, np.float32), np.zeros((rows, cols), bool))


@pytest.fixture
def saved(tmp_path: Path):
    def save(values: np.ndarray) -> str:
        np.save(tmp_path / "scan.npy", values)
        return str(tmp_path / "scan.npy")

    return save


def values_for(path: str, **segment: object) -> dict[str, object]:
    scan = {"frames": path, "dark": 100.0, "omega": {"step_deg": 1.0}}
    return {"scan": scan, "preprocess": {"half_window": 20, "half_step": 4}, "segment": segment}


def test_inspection_describes_a_good_scan_without_problems(saved):
    facts = inspect_scan(ScanParams.build(values_for(saved(frames()))["scan"]))
    assert facts["frames"] == 80
    assert facts["frame"] == "64 rows × 72 cols, uint16"
    assert facts["omega"] == "0° to 80° in steps of 1°"
    assert facts["problems"] == []


def test_inspection_lists_what_is_missing_and_what_is_odd(saved):
    values = frames()
    values[-1] = 7
    problems = inspect_scan(ScanParams(frames=saved(values)))["problems"]
    assert any("dark" in text for text in problems)
    assert any("omega" in text for text in problems)
    assert any("one value everywhere (7)" in text for text in problems)


@pytest.mark.parametrize(
    "given", [{}, {"dark": 100.0}, {"omega": {"step_deg": 1.0}}, {"omega": {"start_deg": 5.0}}]
)
def test_what_a_path_contains_is_no_reason(tmp_path, given):
    folder = tmp_path / "darkroom_omega_angles"
    folder.mkdir()
    np.save(folder / "dark_scan.npy", frames())
    facts = inspect_scan(ScanParams.build({"frames": str(folder / "dark_scan.npy"), **given}))
    missing = [] if "dark" in given else ["has no dark"]
    missing += [] if "step_deg" in given.get("omega", {}) else ["tells no angles"]
    assert len(facts["problems"]) == len(missing)
    assert all(any(text in problem for problem in facts["problems"]) for text in missing)
    assert ("dark" in facts, "omega" in facts) == ("has no dark" not in missing, "tells no angles" not in missing)
    with pytest.raises(ScanError, match="no such file"):
        inspect_scan(ScanParams.build({"frames": str(folder / "gone.npy"), **given}))


def test_what_the_user_says_wrongly_gets_no_stand_in(saved):
    for given in ({"dark": "gone.edf"}, {"omega": {"path": "gone.npy"}}):
        with pytest.raises(ScanError, match="gone"):
            inspect_scan(ScanParams.build({"frames": saved(frames()), **given}))


def test_inspection_finds_values_that_are_no_numbers_and_saturated_ones(saved):
    values = frames().astype(np.float32)
    values[0, 3, 3] = np.nan
    values[79, :10] = 65535
    params = ScanParams.build({**values_for(saved(values))["scan"], "saturation": 65535.0})
    problems = inspect_scan(params)["problems"]
    assert any("not numbers" in text for text in problems)
    assert any("saturated" in text for text in problems)


def test_inspection_raises_what_no_stand_in_can_help():
    with pytest.raises(ScanError, match="no such file"):
        inspect_scan(ScanParams(frames="/nowhere/scan.h5"))


def test_the_guessed_beam_and_margins_are_where_they_were_put(saved):
    recipe, notes = guess(values_for(saved(frames())), Serial())
    beam = Box(*recipe.preprocess.beam)
    assert np.abs(np.subtract(beam, (20, 24, 52, 40))).max() <= 1
    for margin in recipe.preprocess.margin:
        assert margin[2] <= 28 or margin[0] >= 44
    assert "Measured on 32 frames" in notes["preprocess.beam"]


def test_bright_spots_raise_the_seed_threshold_and_faint_ones_lower_it_to_the_limit(saved):
    seeds = [
        guess(values_for(saved(frames(spot))), Serial())[0].segment.seed_threshold for spot in (120, 330, 900, 9000)
    ]
    assert seeds[0] == 8.0
    assert seeds[0] < seeds[1] < seeds[2] == 26.0 < seeds[3]


def test_the_brightest_spots_do_not_grow_into_their_tails(saved):
    recipe, notes = guess(values_for(saved(frames(9000)), unit="counts"), Serial())
    assert recipe.segment.seed_threshold == pytest.approx(450, rel=0.1)  # half of a tenth
    assert "half of 0.1 of a typical" in notes["segment.seed_threshold"]


def test_neighbours_are_parted_by_their_own_saddle_unless_the_user_says_otherwise(saved):
    path = saved(frames())
    segment = guess(values_for(path), Serial())[0].segment
    assert (segment.overlap, segment.saddle) == ("watershed", 0.6)
    assert guess(values_for(path, overlap="claim"), Serial())[0].segment.overlap == "claim"


def test_thresholds_follow_the_noise_in_counts_too(saved):
    recipe, _ = guess(values_for(saved(frames()), unit="counts"), Serial())
    scan = scan_of(frames())
    sigma = measure_baseline(scan, recipe.preprocess, Serial()).sigma
    assert recipe.segment.grow_min == pytest.approx(5 * sigma, rel=0.05)
    assert recipe.segment.unit == "counts"


def test_without_a_median_filter_the_multiples_are_those_of_raw_noise(saved):
    values = values_for(saved(frames(120)))
    values["preprocess"] = {**values["preprocess"], "despeckle": 1}
    recipe, _ = guess(values, Serial())
    assert recipe.segment.grow_min == pytest.approx(2.05, abs=0.1)
    assert recipe.segment.seed_threshold >= 6.0


def test_a_scan_without_a_beam_is_not_normalised(saved):
    values = np.random.default_rng(1).normal(200, 5, SHAPE).round().astype(np.uint16)
    recipe, notes = guess(values_for(saved(values)), Serial())
    assert (recipe.preprocess.beam, recipe.preprocess.normalise) == ("none", "none")
    assert "no direct beam" in notes["preprocess.beam"]


def test_spots_are_seen_with_their_maxima_and_the_beam_is_not():
    scan = scan_of(frames())
    params = PreprocessParams(half_window=20, half_step=4)
    baseline = measure_baseline(scan, params, Serial())
    spots = measure_spots(scan, params, baseline, 5 * baseline.sigma, Serial())
    assert 5 <= len(spots.maxima) <= 40
    assert 880 < np.median(spots.maxima) < 930
    assert 0 < spots.bright_fraction.max() < 0.03


def lasting(sigma: float) -> np.ndarray:
    """The same noise and beam; spots whose pixels rise and fall over frames with a standard deviation `sigma`."""
    random = np.random.default_rng(4)
    values = frames(0.0).astype(np.float64)
    number = np.arange(SHAPE[0])
    for _ in range(24):
        row, col, middle = random.integers(2, 14), random.integers(2, 60), random.uniform(0, SHAPE[0])
        profile = np.exp(-0.5 * ((number - middle) / sigma) ** 2)
        values[:, row : row + 5, col : col + 6] += 900 * profile[:, None, None]
    return values.round().astype(np.uint16)


@pytest.mark.parametrize("sigma", [0.5, 2.5])
def test_how_long_spots_last_is_seen(sigma):
    scan, params = scan_of(lasting(sigma)), PreprocessParams(half_window=20, half_step=4)
    found = spots_last(scan, params, measure_baseline(scan, params, Serial()), Serial())
    assert found == pytest.approx(sigma, rel=0.4)


def test_frames_are_averaged_where_spots_last_and_only_there(saved):
    recipe, notes = guess(values_for(saved(lasting(2.5))), Serial())
    assert (recipe.preprocess.average, recipe.segment.saddle) == (3, 0.85)
    assert "less noise" in notes["preprocess.average"]
    recipe, notes = guess(values_for(saved(frames())), Serial())
    assert (recipe.preprocess.average, recipe.segment.saddle) == (1, 0.6)
    assert "preprocess.average" not in notes


def test_the_speed_is_that_of_the_whole_frame():
    scan = scan_of(frames())
    recipe = build_recipe({"preprocess": {"half_window": 20, "half_step": 4}})
    speed = measure_speed(scan, recipe, Serial())
    assert speed.read_s > 0
    assert speed.work_s > 0


def test_corrupt_frames_of_the_sample_are_left_out(saved):
    values = frames()
    values[0] = 5
    guess(values_for(saved(values)), Serial())


def test_inspection_counts_pixels_that_a_run_will_mask(saved):
    raw = frames()
    raw[:, :, 30:32] = 65535
    facts = inspect_scan(ScanParams.build(values_for(saved(raw))["scan"]))
    assert facts["dead"].startswith("128 more pixels")


@pytest.mark.parametrize("every", [4, 8])
def test_a_few_bursts_of_frames_tell_how_many_blobs_there_are(every):
    random = np.random.default_rng(4)
    values = random.normal(200, 5, (400, 64, 72))
    for k in range(0, 400, every):
        row, col = random.integers(2, 54), random.integers(2, 60)
        values[k : k + 2, row : row + 5, col : col + 6] += 900
    scan = scan_of(values.round().astype(np.uint16))
    segment = {"seed_threshold": 60.0, "grow_min": 30.0, "min_size": [2, 2, 1]}
    plain = {"half_window": 20, "half_step": 4, "beam": "none", "normalise": "none"}
    recipe = build_recipe({"preprocess": plain, "segment": segment})
    baseline = measure_baseline(scan, recipe.preprocess)
    content = measure_content(scan, recipe, baseline, Serial())
    assert content.blobs == pytest.approx(400 / every, rel=0.35)
    assert content.edge_px == pytest.approx(5.5, abs=1.0)
    assert content.voxels == pytest.approx(60 * 400 / every, rel=0.4)
    none = scan_of(random.normal(200, 5, (400, 64, 72)).round().astype(np.uint16))
    assert measure_content(none, recipe, measure_baseline(none, recipe.preprocess), Serial()).blobs == 0
