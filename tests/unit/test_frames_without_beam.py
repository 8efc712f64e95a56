"""Frames without beam: a few are bridged, more in a row are a gap, and medians beside it stay good."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.errors import ScanError
from friedel.model.blobs import Flag
from friedel.model.scan import unbridged
from friedel.preprocess import clean_blocks, measure_baseline
from friedel.preprocess.frame_cleaner import FrameCleaner
from friedel.segment import SegmentParams
from friedel.segment.double_threshold import segment
from tests.unit.test_preprocess import SMALL, Notes, beam_scan, cleaned, scan_of

FIRST, STOP = 30, 45


def dark_scan(first=FIRST, stop=STOP, count=80):
    raw = beam_scan(count)
    raw[first:stop] = np.random.default_rng(1).poisson(100, raw[first:stop].shape)
    return raw


@pytest.mark.parametrize(("first", "stop"), [(30, 45), (0, 12), (70, 80), (17, 21)])
def test_they_are_empty_and_the_others_as_if_mirrored_frames_stood_there(first, stop):
    raw = dark_scan(first, stop)
    mirrored = raw.copy()
    for k in range(first, stop):
        mirrored[k] = raw[2 * first - 1 - k] if first else raw[stop]
    baseline, notes = measure_baseline(scan_of(mirrored), SMALL), Notes()
    frames, saturated, replaced = cleaned(scan_of(raw), SMALL, baseline, observer=notes)
    expected = cleaned(scan_of(mirrored), SMALL, baseline)[0]
    expected[first:stop] = 0
    np.testing.assert_array_equal(frames, expected)
    assert np.flatnonzero(replaced).tolist() == list(range(first, stop)) == list(notes.bad)
    assert not len(saturated)
    assert unbridged(replaced) == ((first, stop),)


def test_single_frames_equal_the_pass():
    scan = scan_of(dark_scan())
    baseline, notes = measure_baseline(scan, SMALL), Notes()
    expected = cleaned(scan, SMALL, baseline, observer=notes)[0]
    images = {index: image for index, _, image in notes.backgrounds}
    cleaner = FrameCleaner.of(scan, SMALL, baseline, images.get)
    block = cleaner.block(25, 50)
    np.testing.assert_array_equal(block.frames, expected[25:50])
    assert np.flatnonzero(block.replaced).tolist() == list(range(5, 20))
    np.testing.assert_array_equal(cleaner.clean(40), 0.0)


@pytest.mark.parametrize("windows_per_block", [1, 7, 40])
def test_a_spot_that_the_beam_left_is_cut_and_says_so(windows_per_block):
    raw = dark_scan()
    for begin, end, col in ((27, 33, 5), (42, 48, 12), (10, 14, 70)):
        lit = [k for k in range(begin, end) if not FIRST <= k < STOP]
        raw[lit, 2:6, col : col + 4] += 3000
    scan = scan_of(raw)
    baseline = measure_baseline(scan, SMALL)
    params = SegmentParams(seed_threshold=500.0, grow_min=300.0, seed_min_voxels=4, min_size=(2, 2, 1))
    table = segment(
        clean_blocks(scan, SMALL, baseline, windows_per_block=windows_per_block), scan.shape, params,
        baseline=baseline, exclude=None, mask=None, omega_start_deg=0.0, omega_step_deg=1.0, wrap=False,
    )  # fmt: skip
    assert table.gaps == ((FIRST, STOP),)
    assert table["frame_start"].tolist() == [10, 27, 45]
    assert table["frame_stop"].tolist() == [14, 30, 48]
    assert ((table["flags"] & Flag.SCAN_END) != 0).tolist() == [False, True, True]
    assert not (table["flags"] & Flag.REPLACED).any()


def test_three_in_a_row_are_bridged_as_ever():
    raw = dark_scan(30, 33)
    baseline = measure_baseline(scan_of(raw), SMALL)
    frames, _, replaced = cleaned(scan_of(raw), SMALL, baseline)
    assert np.flatnonzero(replaced).tolist() == [30, 31, 32]
    assert frames[30:33].any(axis=(1, 2)).all()
    assert unbridged(replaced) == ()


def test_more_than_half_without_beam_is_refused():
    raw = dark_scan(20, 65)
    baseline = replace(measure_baseline(scan_of(beam_scan(80)), SMALL))
    with pytest.raises(ScanError, match="at most 50% may be without beam"):
        cleaned(scan_of(raw), SMALL, baseline)
