"""Single clean frames are those of the pass, whatever the arithmetic, the raw type and the oddities of the scan."""

import numpy as np
import pytest

from friedel.model.scan import Box
from friedel.preprocess import PreprocessParams, clean_blocks, measure
from friedel.preprocess.one_frame import OneFrame
from friedel.runner.executors import Threads
from tests.unit.test_preprocess import Broken, Notes, beam_scan, scan_of

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
    ],
    ids=str,
)
def test_every_frame_equals_the_pass(settings, kind, tiles, threads):
    scan = odd_scan(kind, tiles)
    params = PreprocessParams(half_window=10, half_step=3, beam=(20, 10, 60, 34), margin=5).replaced(**settings)
    baseline = measure(scan, params)
    notes = Notes()
    notes.gains = lambda start, gains: None
    expected = [
        (b.start, b.frames.copy(), b.saturated, b.replaced, b.invalid)
        for b in clean_blocks(scan, params, baseline, windows_per_block=2, observer=notes)
    ]
    images = {index: image for index, _, image in notes.backgrounds}
    one = OneFrame.of(scan, params, baseline)
    with Threads(2) as executor:
        for start, frames, saturated, replaced, invalid in expected:
            block = one.block(start, start + len(frames), images.get, executor if threads > 1 else None)
            np.testing.assert_array_equal(block.frames, frames)
            np.testing.assert_array_equal(block.saturated, saturated)
            np.testing.assert_array_equal(block.replaced, replaced)
            np.testing.assert_array_equal(block.invalid, invalid)
        banded = one.clean(17, images.get(one.background_of(17)), executor)
    np.testing.assert_array_equal(banded.frames[0], np.concatenate([f for _, f, *_ in expected])[17])


def test_blocks_cover_what_was_asked_for():
    scan = odd_scan(np.uint16)
    params = PreprocessParams(background="none")
    one = OneFrame.of(scan, params, measure(scan, params))
    blocks = list(one.blocks(3, 50, lambda _: None))
    assert [block.start for block in blocks] == [3, 19, 35]
    assert blocks[-1].stop == 50
