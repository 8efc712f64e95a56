"""From raw frames to clean ones, in blocks, with all that can be odd about a scan."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from friedel.errors import FriedelWarning, RecipeError, ScanError
from friedel.model.scan import ArrayFrames, Box, Scan
from friedel.preprocess import PreprocessParams, buffer_bytes, clean_blocks, measure_baseline
from friedel.preprocess.schedule import Schedule
from tests import oracles_preprocess as oracles
from tests.scan_files import with_gaps

BEAM = Box(20, 10, 60, 34)


class Notes:
    """An observer that remembers."""

    def __init__(self):
        self.backgrounds, self.gain_rows, self.bad, self.clips = [], [], {}, 0

    def background(self, index, centre, image):
        self.backgrounds.append((index, centre, image))

    def gains(self, start, gains):
        assert start == sum(len(rows) for rows in self.gain_rows)
        self.gain_rows.append(gains)

    def corrupt(self, frame, why):
        self.bad[frame] = why

    def clipped(self, voxels):
        self.clips += voxels


class Broken(ArrayFrames):
    """Frames of which some cannot be read."""

    unreadable: tuple[int, ...] = (7,)

    def read(self, start, stop):
        for k in self.unreadable:
            if start <= k < stop:
                raise ScanError(f"frame {k}", rule="cannot be decompressed")
        return self.array[start:stop]


def scan_of(raw, *, dark=100.0, mask=None, frames=ArrayFrames, **rest):
    shape = raw.shape[1:]
    mask = np.zeros(shape, bool) if mask is None else mask
    return Scan(frames(raw), 0.0, 1.0, np.full(shape, dark, np.float32), mask, **rest)


def beam_scan(count=80, rows=48, cols=80, *, sample=True, seed=0):
    """A rectangular beam, a sample in its middle that turns, glow around it, and a source that flickers."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:rows, :cols]
    glow = 300 * np.exp(-np.hypot(row - rows / 2, col - cols / 2) / 15)
    raw = np.empty((count, rows, cols), np.uint16)
    for k in range(count):
        light = glow.copy()
        light[BEAM.slices] = 20000
        if sample:
            wide = 8 + 3 * np.cos(k / 5)
            light[14:30, :] *= np.where(abs(np.arange(cols) - 40) < wide, 0.6, 1.0)
        raw[k] = 100 + rng.poisson(light * (1 + 0.1 * np.sin(k)))
    return raw


def cleaned(scan, params, baseline=None, windows_per_block=2, observer=None):
    baseline = measure_baseline(scan, params) if baseline is None else baseline
    blocks = clean_blocks(scan, params, baseline, windows_per_block=windows_per_block, observer=observer)
    parts = [(block.start, block.frames.copy(), block.saturated, block.replaced) for block in blocks]
    frames = np.concatenate([part for _, part, _, _ in parts])
    assert [start for start, *_ in parts] == list(np.cumsum([0, *(len(p) for _, p, _, _ in parts)])[:-1])
    pixels = frames[0].size
    saturated = np.concatenate([flat + start * pixels for start, _, flat, _ in parts])
    return frames, saturated, np.concatenate([replaced for *_, replaced in parts])


SMALL = PreprocessParams(half_window=10, half_step=2)
PLAIN = SMALL.replaced(normalise="none")


@pytest.mark.parametrize("arithmetic", ["fixed", "float32"])
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("normalise", ["margin", "beam", "none"])
@pytest.mark.parametrize("despeckle", [1, 3, 5])
def test_clean_frames_equal_the_oracle(arithmetic, wrap, normalise, despeckle):
    mask = np.zeros((48, 80), bool)
    mask[5, 7] = mask[20, 30] = mask[0, 79] = True
    scan = scan_of(beam_scan(53), mask=mask)
    params = SMALL.replaced(arithmetic=arithmetic, wrap=wrap, normalise=normalise, despeckle=despeckle)
    baseline = measure_baseline(scan, params)
    frames, _, replaced = cleaned(scan, params, baseline)
    np.testing.assert_array_equal(frames, oracles.clean(scan.frames.array, params, scan, baseline))
    assert not replaced.any()
    assert not frames[:, mask].any()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64, ">u2"])
@pytest.mark.parametrize("shape", [(3, 1, 5), (40, 1, 130), (41, 33, 17)])
@pytest.mark.parametrize("arithmetic", ["fixed", "float32"])
def test_every_type_and_shape_equals_the_oracle(kind, shape, arithmetic):
    raw = np.random.default_rng(1).poisson(60, shape).astype(kind)
    scan = scan_of(raw, dark=20.5)
    params = PLAIN.replaced(half_window=1, half_step=1, arithmetic=arithmetic)
    baseline = measure_baseline(scan, params)
    frames, *_ = cleaned(scan, params, baseline)
    np.testing.assert_array_equal(frames, oracles.clean(raw, params, scan, baseline))


@pytest.mark.parametrize("half_window", [0, 1, 7, 40])
@pytest.mark.parametrize("count", [3, 16, 17, 30])
@pytest.mark.parametrize("wrap", [False, True])
def test_any_window_in_any_scan_equals_the_oracle(half_window, count, wrap):
    raw = np.random.default_rng(2).poisson(200, (count, 5, 30)).astype(np.uint16)
    scan = scan_of(raw)
    params = PLAIN.replaced(half_window=half_window, half_step=min(half_window, 3), wrap=wrap)
    baseline = measure_baseline(scan, params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FriedelWarning)
        frames, *_ = cleaned(scan, params, baseline)
    np.testing.assert_array_equal(frames, oracles.clean(raw, params, scan, baseline))


@pytest.mark.parametrize("gaps", [((3, 4),), ((1, 2), (20, 23), (50, 52)), ((10, 45),)])
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("background", ["moving_median", "none"])
def test_missing_frames_count_in_no_window_and_are_empty(gaps, wrap, background):
    raw = beam_scan(53)
    scan = with_gaps(scan_of(raw), gaps)
    params = SMALL.replaced(wrap=wrap, background=background)
    baseline = measure_baseline(scan, params)
    frames, _, replaced = cleaned(scan, params, baseline)
    np.testing.assert_array_equal(frames, oracles.clean(raw, params, scan, baseline))
    assert not replaced.any()


def test_gains_and_corrupt_frames_are_told_by_their_place_in_the_scan():
    raw = beam_scan(60)
    raw[40] = 7
    scan, told = with_gaps(scan_of(raw), ((20, 25),)), {}
    notes = Notes()
    notes.gains = lambda start, gains: told.update(dict(enumerate(gains, start)))
    cleaned(scan, SMALL, observer=notes)
    assert sorted(told) == [*range(20), *range(25, 60)]
    assert notes.bad == {40: "every pixel is 7"}


def test_a_window_longer_than_the_scan_warns_once():
    scan = scan_of(beam_scan(12))
    params = PreprocessParams(normalise="none")
    baseline = measure_baseline(scan, params)
    with pytest.warns(FriedelWarning, match="501 frames.*12 frames") as caught:
        cleaned(scan, params, baseline)
    assert len(caught) == 1


def test_without_background_and_normalisation_counts_above_the_dark_remain():
    raw = np.random.default_rng(3).poisson(30, (20, 9, 11)).astype(np.uint16)
    params = PreprocessParams(normalise="none", background="none", despeckle=1)
    frames, *_ = cleaned(scan_of(raw, dark=12.0), params)
    np.testing.assert_array_equal(frames, raw.astype(np.float32) - 12)


def test_tiles_have_gains_of_their_own_and_one_without_margin_takes_the_common_gain():
    raw = beam_scan(30, sample=False)
    raw[:, :, 40:] = 100 + (raw[:, :, 40:] - 100.0) * 1.5
    tiles = (Box(0, 0, 40, 24), Box(40, 0, 80, 24), Box(0, 24, 40, 48), Box(40, 24, 80, 48))
    scan = scan_of(raw, tiles=tiles)
    params = SMALL.replaced(margin=((24, 12, 30, 20), (50, 12, 56, 20)), beam=tuple(BEAM))
    baseline = measure_baseline(scan, params)
    notes = Notes()
    frames, *_ = cleaned(scan, params, baseline, observer=notes)
    np.testing.assert_array_equal(frames, oracles.clean(raw, params, scan, baseline))
    gains = np.concatenate(notes.gain_rows)
    assert gains.shape == (30, 4)
    np.testing.assert_allclose(gains[:, 0] / gains[:, 1], 1.5, rtol=0.02)
    np.testing.assert_array_equal(gains[:, 2], gains[:, 3])


def test_the_observer_sees_backgrounds_in_counts_and_their_centres():
    scan = scan_of(beam_scan(23))
    notes = Notes()
    baseline = measure_baseline(scan, PLAIN)
    cleaned(scan, PLAIN, baseline, observer=notes)
    assert [(index, centre) for index, centre, _ in notes.backgrounds] == [(n, 2 + 5 * n) for n in range(5)]
    want = np.median(scan.frames.array[0:13].astype(np.float32) - 100, axis=0)
    np.testing.assert_allclose(notes.backgrounds[0][2], want, atol=0.5 / baseline.scale)


def test_saturated_voxels_are_told_and_masked_ones_are_not():
    raw = beam_scan(40)
    raw[11, 3, 4] = raw[11, 3, 5] = raw[39, 47, 79] = raw[0, 0, 0] = 65535
    mask = np.zeros(raw.shape[1:], bool)
    mask[3, 5] = True
    _, saturated, _ = cleaned(scan_of(raw, mask=mask), SMALL)
    want = np.flatnonzero((raw == 65535) & ~mask)
    np.testing.assert_array_equal(saturated, want)


def test_values_beyond_fixed_point_are_counted():
    raw = beam_scan(40)
    params = SMALL.replaced(normalise="none")
    fine = replace(measure_baseline(scan_of(raw), params), scale=2.0)
    raw[5, 40:43, 2] = 65000
    notes = Notes()
    cleaned(scan_of(raw), params, fine, observer=notes)
    assert notes.clips == 3


@pytest.mark.parametrize("arithmetic", ["fixed", "float32"])
def test_missing_numbers_are_missing_in_their_frame_only(arithmetic):
    raw = beam_scan(40).astype(np.float32)
    raw[8, 4:6, 4:7] = np.nan
    raw[9, 40, 40] = np.inf
    missing = ~np.isfinite(raw)
    scan, params = scan_of(raw), SMALL.replaced(arithmetic=arithmetic)
    baseline = measure_baseline(scan, params)
    frames, *_ = cleaned(scan, params, baseline)
    np.testing.assert_array_equal(np.isnan(frames), missing)
    np.testing.assert_array_equal(frames, oracles.clean(raw, params, scan, baseline))
    invalid = [
        block.invalid + block.start * raw[0].size
        for block in clean_blocks(scan, params, baseline, windows_per_block=2)
    ]
    np.testing.assert_array_equal(np.concatenate(invalid), np.flatnonzero(missing))


@pytest.mark.parametrize("share", [0.2, 0.4, 0.8, 1.0])
def test_missing_numbers_do_not_pull_the_background_down(share):
    rng = np.random.default_rng(11)
    raw = rng.normal(300, 5, (200, 24, 40)).astype(np.float32)
    raw[rng.random(200) < share, 10:14, 20:24] = np.nan
    scan = scan_of(raw)
    params = PLAIN.replaced(half_window=50, half_step=5)
    baseline = measure_baseline(scan, params)
    frames, *_ = cleaned(scan, params, baseline)
    assert np.nanmax(np.abs(frames)) < 15  # 200 where they counted as 0
    assert (baseline.dead is not None) == (share > 0.5)
    assert any("16 pixels are no numbers" in text for text in baseline.warnings) == (share > 0.5)


@pytest.mark.parametrize("bad", [7, 0, 79])
@pytest.mark.parametrize("kind", ["constant", "nan", "dark", "unreadable"])
def test_a_corrupt_frame_is_replaced_by_its_neighbour(bad, kind):
    raw = beam_scan(80)
    raw = raw.astype(np.float32) if kind == "nan" else raw
    stand_in = raw.copy()
    stand_in[bad] = raw[bad - 1] if bad else raw[1]
    frames = ArrayFrames
    if kind == "unreadable":
        frames = type("Unreadable", (Broken,), {"unreadable": (bad,), "__slots__": ()})
    elif kind == "dark":
        raw[bad] = np.random.default_rng(0).poisson(100, raw.shape[1:])
    else:
        raw[bad] = np.nan if kind == "nan" else 77
    baseline = measure_baseline(scan_of(stand_in), SMALL)
    notes = Notes()
    got, _, replaced = cleaned(scan_of(raw, frames=frames), SMALL, baseline, observer=notes)
    want, *_ = cleaned(scan_of(stand_in), SMALL, baseline)
    np.testing.assert_array_equal(got, want)
    assert np.flatnonzero(replaced).tolist() == [bad] == list(notes.bad)


def test_neighbouring_corrupt_frames_share_the_last_good_one():
    raw = beam_scan(80)
    stand_in = raw.copy()
    stand_in[15:18] = raw[14]
    raw[15:18] = 5
    baseline = measure_baseline(scan_of(stand_in), SMALL)
    got, _, replaced = cleaned(scan_of(raw), SMALL, baseline)
    np.testing.assert_array_equal(got, cleaned(scan_of(stand_in), SMALL, baseline)[0])
    assert np.flatnonzero(replaced).tolist() == [15, 16, 17]


def test_too_many_corrupt_frames_are_refused():
    raw = beam_scan(80)
    raw[20:24] = 0
    scan = scan_of(raw)
    baseline = measure_baseline(scan, SMALL)
    with pytest.raises(ScanError, match=r'at most 3 may be corrupt.*scan\.skip .*\["20-23"\]'):
        cleaned(scan, SMALL, baseline)


def test_a_scan_of_nothing_is_refused():
    with pytest.raises(ScanError, match="unreadable or constant"):
        measure_baseline(scan_of(np.zeros((5, 4, 4), np.uint16)), SMALL)


def test_memory_does_not_grow_with_the_scan():
    params = PreprocessParams()
    sizes = [buffer_bytes(params, (frames, 512, 512), 4) for frames in (1500, 4000, 10000)]
    assert sizes[0] == sizes[1] == sizes[2]
    assert buffer_bytes(params, (4000, 512, 512), 1) < sizes[0] < buffer_bytes(params, (4000, 512, 512), 10)


def test_every_frame_lies_in_the_window_of_its_background():
    for wrap in (False, True):
        schedule = Schedule.whole(SMALL.replaced(wrap=wrap), 57)
        for k in range(57):
            start, stop = schedule.window(k // 5)
            assert start <= k + schedule.lead < stop


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"half_window": 3, "half_step": 4}, "half_step"),
        ({"half_window": -1}, "half_window"),
        ({"despeckle": 2}, "despeckle"),
        ({"arithmetic": "double"}, "arithmetic"),
        ({"margin": 0}, "margin"),
        ({"halfwindow": 3}, "half_window"),
    ],
)
def test_wrong_parameters_are_refused_by_name(values, name):
    with pytest.raises(RecipeError, match=name):
        PreprocessParams.build(values, "preprocess")
