"""Single clean frames are those of the pass, whatever the arithmetic, the raw type and the oddities of the scan."""

import numpy as np
import pytest

from friedel.model.scan import Box
from friedel.model.stream import Serial
from friedel.preprocess import PreprocessParams, clean_blocks, measure_baseline
from friedel.preprocess.frame_cleaner import FrameCleaner
from friedel.preprocess.probe_frames import median_background
from friedel.runner.executors import Threads
from tests.unit.test_preprocess import SMALL, Broken, Notes, beam_scan, cleaned, scan_of

TILES = (Box(0, 0, 40, 48), Box(40, 0, 80, 48))


def odd_scan(kind, tiles=(), frames=Broken, count=60):
    raw = beam_scan(count).astype(kind)
    raw[5, 20:24, 30:40] = 65535
    raw[31] = raw[31, 0, 0]  # constant: its neighbour stands in
    raw[40, 5, 5] = 50000
    if kind == np.float32:
        raw[3, 4:6, 7] = np.nan
        raw[:, 40, 70] = np.nan
    mask = np.zeros(raw.shape[1:], bool)
    mask[1, 2], mask[30:33, 60] = True, True
    dark = 100.0
    return scan_of(raw, dark=dark, mask=mask, tiles=tiles, frames=frames, saturation=65535.0)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tiles", [(), TILES], ids=["one", "two"])
@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.int32])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"arithmetic": "float32"},
        {"background": "none"},
        {"background": "none", "arithmetic": "float32", "despeckle": 1},
        {"despeckle": 5, "normalise": "none"},
        {"wrap": True, "normalise": "beam"},
        {"average": 5},
    ],
    ids=str,
)
def test_every_frame_equals_the_pass(settings, kind, tiles, threads):
    scan = odd_scan(kind, tiles)
    params = PreprocessParams(half_window=10, half_step=3, beam=(20, 10, 60, 34), margin=5).replaced(**settings)
    baseline = measure_baseline(scan, params)
    notes = Notes()
    notes.gains = lambda start, gains: None
    expected = [
        (b.start, b.frames.copy(), b.saturated, b.replaced, b.invalid)
        for b in clean_blocks(scan, params, baseline, windows_per_block=2, observer=notes)
    ]
    images = {index: image for index, _, image in notes.backgrounds}
    cleaner = FrameCleaner.of(scan, params, baseline, images.get)
    with Threads(2) as executor:
        for start, frames, saturated, replaced, invalid in expected:
            block = cleaner.block(start, start + len(frames), executor if threads > 1 else None)
            np.testing.assert_array_equal(block.frames, frames)
            np.testing.assert_array_equal(block.saturated, saturated)
            np.testing.assert_array_equal(block.replaced, replaced)
            np.testing.assert_array_equal(block.invalid, invalid)
    np.testing.assert_array_equal(cleaner.clean(17), np.concatenate([f for _, f, *_ in expected])[17])


def test_blocks_cover_what_was_asked_for():
    scan = odd_scan(np.uint16)
    params = PreprocessParams(background="none")
    blocks = list(FrameCleaner.of(scan, params, measure_baseline(scan, params)).blocks(3, 50))
    assert [block.start for block in blocks] == [3, 19, 35]
    assert blocks[-1].stop == 50


@pytest.mark.parametrize("arithmetic", ["fixed", "float32"])
@pytest.mark.parametrize("tiles", [(), TILES], ids=["one", "two"])
@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.uint32])
def test_normalised_frames_equal_the_pass_without_background(arithmetic, tiles, kind):
    raw = beam_scan(20).astype(kind)
    if kind == np.float32:
        raw[3, 4:6, 7] = np.nan
    if kind == np.uint32:
        raw[:, 40, 3] = 2**32 - 1
    mask = np.zeros(raw.shape[1:], bool)
    mask[1, 2] = True
    scan = scan_of(raw, mask=mask, tiles=tiles)
    params = SMALL.replaced(background="none", despeckle=1, arithmetic=arithmetic)
    baseline = measure_baseline(scan, params)
    cleaner = FrameCleaner.of(scan, params.replaced(despeckle=3), baseline)
    expected = np.nan_to_num(cleaned(scan, params, baseline)[0])
    np.testing.assert_array_equal([cleaner.normalised(k) for k in range(20)], expected)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_a_part_of_a_frame_has_the_values_of_the_whole(kind):
    scan = odd_scan(kind, TILES)
    params = PreprocessParams(half_window=10, half_step=3, beam=(20, 10, 60, 34), margin=5)
    cleaner = FrameCleaner.of(scan, params, measure_baseline(scan, params))
    cleaner = cleaner.subtracting(cleaner.normalised(8))
    rows, cols = slice(2, 30), slice(5, 61)
    inner = slice(1, -1), slice(1, -1)
    for raw in cleaner.read(0, 60):
        crop = cleaner.clean(raw, (rows, cols))
        np.testing.assert_array_equal(crop[inner], cleaner.clean(raw)[rows, cols][inner])
        coarse = slice(None, None, 5), slice(None, None, 5)
        np.testing.assert_array_equal(cleaner.normalised(raw, coarse), cleaner.normalised(raw)[coarse])


def test_the_median_of_some_frames_is_that_of_their_normalised_values():
    scan = odd_scan(np.uint16, TILES)
    params = PreprocessParams(beam=(20, 10, 60, 34), margin=5)
    for arithmetic in ("fixed", "float32"):
        changed = params.replaced(arithmetic=arithmetic)
        cleaner = FrameCleaner.of(scan, changed, measure_baseline(scan, changed))
        frames = list(cleaner.read(0, 24))
        expected = np.median([cleaner.normalised(frame) for frame in frames], axis=0)
        np.testing.assert_array_equal(median_background(cleaner, frames, Serial()), expected)


def test_an_image_that_was_read_elsewhere_is_not_replaced():
    scan = odd_scan(np.uint16)
    params = PreprocessParams(half_window=10, half_step=3, beam=(20, 10, 60, 34), margin=5)
    cleaner = FrameCleaner.of(scan, params, measure_baseline(scan, params))
    constant = scan.frames.array[31]
    assert cleaner.raw(31).replaced
    np.testing.assert_array_equal(cleaner.raw(31).image, scan.frames.array[30])
    np.testing.assert_array_equal(cleaner.stored(constant, 31).image, constant)
