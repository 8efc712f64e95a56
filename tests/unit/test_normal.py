"""Normalised values for looking at a few frames are those of the pass."""

import numpy as np
import pytest

from friedel.model.scan import Box
from friedel.preprocess import measure
from friedel.preprocess.normal import WholeFrames
from tests.unit.test_preprocess import SMALL, beam_scan, cleaned, scan_of


@pytest.mark.parametrize("arithmetic", ["fixed", "float32"])
@pytest.mark.parametrize("tiles", [(), (Box(0, 0, 40, 48), Box(40, 0, 80, 48))], ids=["one", "two"])
@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.uint32])
def test_whole_frames_equal_the_pass_without_background(arithmetic, tiles, kind):
    raw = beam_scan(20).astype(kind)
    if kind == np.float32:
        raw[3, 4:6, 7] = np.nan
    if kind == np.uint32:
        raw[:, 40, 3] = 2**32 - 1
    mask = np.zeros(raw.shape[1:], bool)
    mask[1, 2] = True
    scan = scan_of(raw, mask=mask, tiles=tiles)
    params = SMALL.replaced(background="none", despeckle=1, arithmetic=arithmetic)
    baseline = measure(scan, params)
    whole = WholeFrames.of(scan, params, baseline)
    expected = np.nan_to_num(cleaned(scan, params, baseline)[0])
    np.testing.assert_array_equal([whole.read(k) for k in range(20)], expected)


def test_a_part_of_a_frame_has_the_values_of_the_whole():
    scan = scan_of(beam_scan(20), tiles=(Box(0, 0, 40, 48), Box(40, 0, 80, 48)))
    whole = WholeFrames.of(scan, SMALL, measure(scan, SMALL))
    rows, cols = slice(5, 30), slice(30, 61)
    part = whole.normal.values(scan.frames.array[7][rows, cols], np.array([1.5, 0.5]), rows, cols)
    full = whole.normal.values(scan.frames.array[7], np.array([1.5, 0.5]))
    np.testing.assert_array_equal(part, full[rows, cols])
