"""What the pictures are made from."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from friedel.model.blobs import Reason
from friedel.reporter.example_blob import choose_blob, crops, example_from, peak
from friedel.reporter.facts import duration
from friedel.reporter.frame_pictures import background_panel
from friedel.reporter.frames import run_frames
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.outline import border_segments, labels_at
from friedel.reporter.overview import maximum_projection, parts
from friedel.reporter.pictures import pooled
from friedel.reporter.preprocessing import _clean_values, histogram_panel, intensity_panel
from friedel.reporter.segmentation import busiest_frame, threshold_panel
from friedel.reporter.statistics import MEANINGS
from friedel.reporter.svg_figure import short
from tests.report_folder import make_folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return ReportInputs.open(make_folder(tmp_path_factory.mktemp("pictures") / "out"))


def test_the_outline_of_one_pixel_is_its_four_edges():
    labels = np.zeros((3, 4), int)
    labels[1, 2] = 1
    pieces = {tuple(map(tuple, piece)) for piece in border_segments(labels).tolist()}
    assert pieces == {
        ((1.5, 0.5), (2.5, 0.5)), ((1.5, 1.5), (2.5, 1.5)), ((1.5, 0.5), (1.5, 1.5)), ((2.5, 0.5), (2.5, 1.5)),
    }  # fmt: skip


def test_an_outline_runs_between_touching_blobs_and_along_the_edge():
    labels = np.array([[1, 1, 2, 2]])
    pieces = border_segments(labels, origin=(10, 20))
    assert len(pieces) == 2 + 3
    length = np.abs(pieces[:, 1] - pieces[:, 0]).sum()
    assert length == 4 + 4 + 3
    assert pieces.min(axis=(0, 1)).tolist() == [19.5, 9.5]


def test_planes_through_the_blobs_agree_with_each_other(inputs):
    blobs = inputs.blobs
    frame, row, col = peak(blobs, 3)
    planes = labels_at(blobs, frame=frame), labels_at(blobs, row=row), labels_at(blobs, col=col)
    assert planes[0][row, col] == planes[1][frame, col] == planes[2][frame, row] == 4
    np.testing.assert_array_equal(planes[0][row], planes[1][frame])
    np.testing.assert_array_equal(planes[0][:, col], planes[2][frame])


def test_the_projection_holds_the_brightest_voxel_and_its_frame(inputs):
    brightest, when = maximum_projection(inputs.blobs)
    for blob in range(len(inputs.blobs)):
        frame, row, col = peak(inputs.blobs, blob)
        assert brightest[row, col] >= inputs.blobs["IMax_int"][blob]
    top = np.argmax(inputs.blobs["IMax_int"])
    frame, row, col = peak(inputs.blobs, int(top))
    assert (brightest[row, col], when[row, col]) == (brightest.max(), frame)


def test_voxels_are_looked_at_some_at_a_time(inputs, monkeypatch):
    blobs = inputs.blobs
    expected, frame = maximum_projection(blobs), busiest_frame(blobs, 0, blobs.shape[0])
    monkeypatch.setattr("friedel.reporter.overview.VOXELS_AT_A_TIME", 7)
    assert max(here.stop - here.start for here in parts(blobs)) == 7
    np.testing.assert_array_equal(maximum_projection(blobs), expected)
    assert busiest_frame(blobs, 0, blobs.shape[0]) == frame


def test_clean_frames_of_the_report_are_those_that_were_segmented(inputs):
    frames_of_run, blobs = run_frames(inputs), inputs.blobs
    for blob in range(len(blobs)):
        here = blobs.voxels.of(blob)
        frame = int(blobs.voxels.frame[here.start])
        at = np.flatnonzero(blobs.voxels.frame[here] == frame) + here.start
        clean = frames_of_run.clean(frame)[blobs.voxels.row[at], blobs.voxels.col[at]]
        np.testing.assert_allclose(clean, blobs.voxels.intensity[at], atol=0.01)


def test_sections_courses_and_crops_agree_with_the_frames(inputs):
    frames_of_run = run_frames(inputs)
    example = example_from(inputs, frames_of_run)
    clean = frames_of_run.clean(example.frame)
    at = example.frame - example.section_start
    np.testing.assert_allclose(example.along_cols[at], clean[example.row], atol=1e-3)
    np.testing.assert_allclose(example.along_rows[at], clean[:, example.col], atol=1e-3)
    normal = frames_of_run.cleaner.normalised(example.frame)[example.row, example.col]
    assert example.course[example.frame - example.start] == pytest.approx(normal)
    numbers, images, (row, col) = crops(frames_of_run, inputs.blobs, example.blob)
    inside = images[numbers.index(example.frame)][2:-2, 2:-2]
    np.testing.assert_allclose(inside, clean[row + 2 :, col + 2 :][: inside.shape[0], : inside.shape[1]], atol=1e-3)


def test_normalisation_is_called_good_only_where_the_scatter_fell(inputs):
    frames_of_run = run_frames(inputs)
    example = example_from(inputs, frames_of_run)
    assert example.glow_pixels > 100
    assert intensity_panel(example, frames_of_run).verdict == "good"
    wave = 1 + 0.1 * np.sin(np.arange(len(example.glow_before)))
    level = np.full(len(wave), 200.0)
    for after, verdict in ((wave, ""), (0.7 * wave + 0.3, ""), (0.4 * wave + 0.6, "good"), (2 * wave, "")):
        changed = replace(example, glow_before=level * wave, glow_after=level * after)
        assert intensity_panel(changed, frames_of_run).verdict == verdict
    worse = replace(example, glow_before=level * wave, glow_after=level * (2 * wave - 1))
    assert intensity_panel(worse, frames_of_run).verdict == "watch"
    steady = level + 0.01 * wave
    assert intensity_panel(replace(example, glow_before=steady, glow_after=steady), frames_of_run).verdict == "good"


def test_what_is_masked_is_not_in_the_histogram_of_clean_values(tmp_path):
    folder = make_folder(tmp_path / "out")
    mask = np.zeros((48, 48), np.uint8)
    mask[:12] = 1
    np.save(tmp_path / "mask.npy", mask)
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(
        recipe.replace("[preprocess]", f'mask = "{tmp_path}/mask.npy"\n[preprocess]')
    )
    record = json.loads((folder / "run.json").read_text())
    del record["input"]["fingerprint"]  # which the mask is part of
    (folder / "run.json").write_text(json.dumps(record))
    masked = ReportInputs.open(folder)
    frames, values = _clean_values(masked, run_frames(masked), None)
    outside = mask == 0
    outside[masked.beam.slices] = False
    assert len(values) == frames * np.count_nonzero(outside)
    assert np.mean(np.abs(values) < 0.05) < 2 * 0.05 * np.mean(np.abs(values) < 1), "no spike at zero"


def test_backgrounds_are_named_by_frames_of_the_scan(inputs):
    frames_of_run = run_frames(inputs)
    named = re.findall(r"of frames (\d+)–(\d+)", background_panel(frames_of_run).picture.svg)
    assert inputs.backgrounds.centres[-1] == frames_of_run.scan.shape[0] == 40, "its window reaches past the end"
    assert [tuple(map(int, ends)) for ends in named] == [(0, 2), (21, 23)]
    assert "of frame 39" in background_panel(frames_of_run).picture.svg


def in_units_of_the_noise(folder, noise="local"):
    """The same folder as if its thresholds had been given in multiples of the noise, with an image of it."""
    values = {"unit": '"sigma"', "noise": f'"{noise}"', "seed_threshold": "10.0", "grow_min": "3.0"}
    lines = (folder / "recipe.toml").read_text().splitlines()
    kept = [line for line in lines if line.split(" = ")[0] not in values]
    (folder / "recipe.toml").write_text("\n".join([*kept, *(f"{key} = {value}" for key, value in values.items())]))
    return ReportInputs.open(folder)


def test_thresholds_in_local_noise_are_drawn_where_they_were_compared(tmp_path):
    inputs = in_units_of_the_noise(make_folder(tmp_path / "out"))
    noise = inputs.backgrounds.noise
    assert (noise.min(), noise.max()) == (4, 8)
    assert inputs.in_counts_at(10.0, 5, 0) == pytest.approx(40.0)
    assert inputs.in_counts_at(10.0, 5, np.array([0, 47])) == pytest.approx([40.0, 80.0])
    blob = 2
    assert inputs.grown_to(blob, 5, 47) == pytest.approx(8 * inputs.blobs["threshold"][blob])
    assert inputs.missing == []
    panel = histogram_panel(inputs, run_frames(inputs))
    assert "T stands 10.0 sigma above zero" in panel.caption
    example = example_from(inputs, run_frames(inputs))
    at_peak = short(10 * float(noise[example.row, example.col]))
    assert f"at or above T = {at_peak} are the seed" in threshold_panel(inputs, example, inputs.blobs).caption


def test_a_noise_image_that_has_gone_is_replaced_by_the_scans_noise_and_named(tmp_path):
    folder = make_folder(tmp_path / "out")
    inputs = in_units_of_the_noise(folder, noise=str(tmp_path / "gone.tif"))
    assert any("image of the noise" in text for text in inputs.missing)
    assert inputs.in_counts_at(10.0, 5, 0) == pytest.approx(10 * inputs.sigma)
    assert "T stands 10.0 sigma" in histogram_panel(inputs, run_frames(inputs)).caption


def test_frames_that_the_run_replaced_are_shown_as_it_took_them(tmp_path):
    folder = make_folder(tmp_path / "out")
    record = json.loads((folder / "run.json").read_text())
    measured = record["stages"]["preprocess"]["measured"]
    stored = ReportInputs(folder).scan.frames.read(0, 40)
    (left, top, right, bottom), _ = measured["margins"]
    levels = stored[:, top:bottom, left:right].mean(axis=(1, 2)) - 100
    measured["margins"], measured["reference_level"] = measured["margins"][:1], float(levels.min() * 20.2)
    (folder / "run.json").write_text(json.dumps(record))
    too_dark = levels < 0.05 * measured["reference_level"]
    assert 0 < too_dark.sum() < 40
    good = np.flatnonzero(~too_dark)
    for raw in run_frames(ReportInputs(folder)).cleaner.read(0, 40):
        meant = good[good <= raw.number][-1] if (good <= raw.number).any() else good[0]
        assert raw.replaced == too_dark[raw.number]
        np.testing.assert_array_equal(raw.image, stored[meant])


def test_the_source_oscillates_less_after_normalisation(inputs):
    example = example_from(inputs, run_frames(inputs))
    before, after = (np.std(v) / np.mean(v) for v in (example.glow_before, example.glow_after))
    assert after < 0.5 * before


def test_the_example_blob_is_plain_and_lasts_some_frames(inputs):
    blobs = inputs.blobs
    chosen = choose_blob(inputs, blobs)
    assert blobs["flags"][chosen] == 0
    assert 3 <= blobs["frame_stop"][chosen] - blobs["frame_start"][chosen] <= 12


def test_pooling_keeps_small_images_and_the_brightest_pixel_of_large_ones():
    small = np.ones((5, 7))
    assert pooled(small) is small
    large = np.zeros((761, 1600))
    large[333, 777] = 5
    assert pooled(large, "max").shape == (380, 533)
    assert pooled(large, "max").max() == 5


@pytest.mark.parametrize(
    ("value", "text"), [(950, "950"), (0.1234, "0.123"), (1234, "1234"), (36_000, "36k"), (4.2e6, "4.2M"), (0, "0")]
)
def test_numbers_are_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(3.14, "3.1 s"), (250, "4 min 10 s"), (3900, "1 h 5 min")])
def test_durations_read_like_speech(seconds, text):
    assert duration(seconds) == text


def test_every_reason_of_the_ledger_is_explained():
    assert set(MEANINGS) == set(Reason)
