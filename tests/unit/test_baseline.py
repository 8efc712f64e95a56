"""What one look at a scan tells: beam, margin, level, fixed point, noise."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.errors import InputError
from friedel.model.scan import Box
from friedel.preprocess import PreprocessParams, measure_baseline
from friedel.preprocess.direct_beam import find_beam
from friedel.preprocess.noise import local_sigma, robust_sigma
from tests.unit.test_preprocess import BEAM, SMALL, Notes, beam_scan, cleaned, scan_of


def test_the_direct_beam_is_found_behind_a_sample_and_in_its_glow():
    baseline = measure_baseline(scan_of(beam_scan()), SMALL)
    assert np.abs(np.subtract(baseline.beam, BEAM)).max() <= 1
    assert not baseline.warnings


@pytest.mark.parametrize("light", [0.0, 300.0])
def test_glow_without_a_beam_is_no_beam(light):
    raw = beam_scan()
    raw[:, BEAM.row0 - 2 : BEAM.row1 + 2, BEAM.col0 - 2 : BEAM.col1 + 2] = 100
    rng = np.random.default_rng(0)
    row, col = np.mgrid[:48, :80]
    raw[:] = 100 + rng.poisson(light * np.exp(-np.hypot(row - 24, col - 40) / 15) + 5, raw.shape)
    baseline = measure_baseline(scan_of(raw), SMALL)
    assert baseline.beam is None
    assert any("no direct beam" in text for text in baseline.warnings)
    assert baseline.reference_level == 0


def test_the_margin_lies_beside_the_sample():
    baseline = measure_baseline(scan_of(beam_scan()), SMALL)
    left, right = baseline.margins
    assert BEAM.col0 <= left.col0 < left.col1 <= 40 - 11
    assert 40 + 11 <= right.col0 < right.col1 <= BEAM.col1
    assert baseline.reference_level == pytest.approx(20000, rel=0.05)


def test_a_margin_that_the_sample_shadows_is_warned_of():
    raw = beam_scan(sample=False)
    for k in range(len(raw)):
        edge = BEAM.col0 + 12 + int(12 * np.sin(k / 7))
        part = raw[k, BEAM.row0 : BEAM.row1, BEAM.col0 : edge]
        part[:] = 100 + (part - 100.0) * 0.5
    for margin in ("auto", 5, ((22, 12, 26, 30), (50, 12, 55, 30))):
        baseline = measure_baseline(scan_of(raw), SMALL.replaced(margin=margin, beam=tuple(BEAM)))
        assert any("the sample shadows the margin" in text for text in baseline.warnings)


def test_a_width_gives_strips_inside_the_edges():
    baseline = measure_baseline(scan_of(beam_scan()), SMALL.replaced(margin=4, beam=tuple(BEAM)))
    assert baseline.margins == (Box(20, 10, 24, 34), Box(56, 10, 60, 34))


@pytest.mark.parametrize("box", [(0, 0, 81, 10), (-1, 0, 5, 5), (5, 5, 5, 9)])
def test_boxes_outside_the_image_are_refused_by_name(box):
    scan = scan_of(beam_scan(5))
    with pytest.raises(InputError, match=r"preprocess\.beam"):
        measure_baseline(scan, SMALL.replaced(beam=box))
    with pytest.raises(InputError, match=r"preprocess\.margin"):
        measure_baseline(scan, SMALL.replaced(margin=(box,)))


def test_strips_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="two strips must fit"):
        measure_baseline(scan_of(beam_scan(5)), SMALL.replaced(margin=30, beam=tuple(BEAM)))


def test_a_dark_brighter_than_the_frames_is_warned_of():
    baseline = measure_baseline(scan_of(beam_scan(), dark=3000.0), SMALL)
    assert any("dark is brighter" in text for text in baseline.warnings)


def test_windows_that_wrap_in_a_part_of_a_turn_are_warned_of():
    scan = scan_of(beam_scan(36))
    told = measure_baseline(scan, SMALL.replaced(wrap=True)).warnings
    assert len(told) == 1
    assert "turns by 36 degrees" in told[0]
    assert not measure_baseline(scan, SMALL.replaced(wrap=True, background="none")).warnings
    assert not measure_baseline(replace(scan, omega_step_deg=-10.0), SMALL.replaced(wrap=True)).warnings


def test_the_noise_is_that_of_clean_frames():
    rng = np.random.default_rng(4)
    raw = rng.normal(1000, 20, (200, 64, 64)).round().astype(np.uint16)
    params = PreprocessParams(normalise="none", half_window=60, half_step=5, despeckle=1)
    baseline = measure_baseline(scan_of(raw), params)
    assert baseline.sigma == pytest.approx(20, rel=0.03)
    np.testing.assert_allclose(baseline.sigma_image, 20, rtol=0.1)
    assert measure_baseline(scan_of(raw), params.replaced(despeckle=3)).sigma == pytest.approx(20 * 0.41, rel=0.05)


def test_fixed_point_holds_the_sample_and_its_noise():
    baseline = measure_baseline(scan_of(beam_scan()), SMALL)
    assert np.log2(baseline.scale) % 1 == 0
    assert 0 < baseline.scale <= 2
    assert 22000 * 1.1 * baseline.scale + baseline.offset < 65536
    assert baseline.offset > 0


def test_whole_counts_without_noise_keep_the_whole_range():
    raw = np.zeros((40, 20, 20), np.uint16)
    raw[np.arange(40), np.arange(40) // 2, 3] = 50
    raw[7, 8, 9] = 60000
    params = SMALL.replaced(normalise="none", despeckle=1)
    scan = scan_of(raw, dark=0.0)
    baseline = measure_baseline(scan, params)
    assert baseline.scale == 1
    assert cleaned(scan, params, baseline)[0].max() == 60000


def with_spot(kind, count=40):
    """Noise of some counts in whole numbers, and a spot of 5 × 5 × 3 at frames 9 to 11."""
    raw = np.random.default_rng(8).poisson(50, (count, 32, 32)).astype(kind)
    raw[9:12, 10:15, 20:25] += 400
    return raw


NO_BEAM = SMALL.replaced(beam="none", normalise="none")


@pytest.mark.parametrize("kind", [np.int32, np.uint32, np.int64])
def test_a_pixel_at_the_largest_number_of_its_type_is_masked(kind):
    raw = with_spot(kind)
    plain = measure_baseline(scan_of(raw, dark=0.0), NO_BEAM)
    raw[:, 5, 5] = np.iinfo(kind).max
    scan = scan_of(raw, dark=0.0)
    baseline = measure_baseline(scan, NO_BEAM)
    assert np.argwhere(baseline.dead).tolist() == [[5, 5]]
    assert (baseline.scale, baseline.offset) == (plain.scale, plain.offset)
    assert [text for text in baseline.warnings if "1 pixels are no numbers" in text] == list(baseline.warnings)
    clean = cleaned(scan, NO_BEAM, baseline)[0]
    assert clean[10, 12, 22] > 350
    assert not clean[:, 5, 5].any()
    assert not measure_baseline(replace(scan, mask=baseline.dead), NO_BEAM).warnings


def test_one_hot_pixel_among_empty_ones_leaves_whole_counts():
    raw = np.zeros((40, 32, 32), np.int32)
    raw[9:12, 10:15, 20:25] = 40
    raw[:, 25, 5] = 2_000_000
    assert measure_baseline(scan_of(raw, dark=0.0), NO_BEAM).scale == 8
    assert measure_baseline(scan_of(raw, dark=0.0), NO_BEAM.replaced(despeckle=1)).scale < 1 / 16


@pytest.mark.parametrize("frames", [slice(None), slice(9, 10), slice(None, None, 3)])
def test_one_hot_pixel_does_not_coarsen_the_fixed_point(frames):
    raw = with_spot(np.int32)
    plain = measure_baseline(scan_of(raw, dark=0.0), NO_BEAM)
    raw[frames, 25, 5] = 2_000_000
    scan = scan_of(raw, dark=0.0)
    baseline = measure_baseline(scan, NO_BEAM)
    assert baseline.scale == plain.scale
    assert not baseline.warnings
    clean = cleaned(scan, NO_BEAM, baseline)[0]
    assert clean[10, 12, 22] > 350
    assert np.abs(clean[:, 23:28, 3:8]).max() < 100  # it never reaches a clean frame


def test_bright_patches_that_coarsen_the_fixed_point_are_warned_of():
    raw = with_spot(np.int32)
    raw[:, 20:26, 2:8] = np.random.default_rng(1).poisson(2_000_000, (40, 6, 6))
    scan = scan_of(raw, dark=0.0)
    told = measure_baseline(scan, NO_BEAM).warnings
    assert len(told) == 1
    assert 'coarse beside noise of 7.01; mask the brightest pixels (scan.mask) or set "float32"' in told[0]
    assert not measure_baseline(scan, NO_BEAM.replaced(arithmetic="float32")).warnings


def saturating(frames):
    """A beam whose margins are flooded in some frames."""
    raw = beam_scan(80)
    margins = measure_baseline(scan_of(raw), SMALL).margins
    for box in margins:
        raw[frames, *box.slices] = 65535
    return raw, margins


def test_frames_with_a_saturated_margin_are_replaced_and_named():
    raw, margins = saturating([30, 31])
    params = SMALL.replaced(beam=tuple(BEAM), margin=tuple(map(tuple, margins)))
    baseline = measure_baseline(scan_of(raw), params)
    assert baseline.reference_level == pytest.approx(20000, rel=0.02)
    notes = Notes()
    _, _, replaced = cleaned(scan_of(raw), params, baseline, observer=notes)
    assert np.flatnonzero(replaced).tolist() == [30, 31]
    assert set(notes.bad.values()) == {"what its intensity is measured on is saturated"}


def test_a_margin_that_is_mostly_saturated_is_not_normalised_on():
    raw, margins = saturating(slice(10, None))
    baseline = measure_baseline(scan_of(raw), SMALL.replaced(beam=tuple(BEAM), margin=tuple(map(tuple, margins))))
    assert baseline.reference_level == 0
    assert any("more than 5% of it is saturated in most frames" in text for text in baseline.warnings)


def test_a_few_saturated_pixels_leave_the_margin_in_use():
    raw, margins = saturating([])
    clear = measure_baseline(scan_of(raw), SMALL)
    row, col = margins[0].row0, margins[0].col0
    raw[::2, row, col] = 65535
    baseline = measure_baseline(scan_of(raw), SMALL.replaced(beam=clear.beam, margin=tuple(map(tuple, margins))))
    assert baseline.reference_level == pytest.approx(clear.reference_level, rel=1e-3)


def test_frames_without_beam_in_the_sample_do_not_spoil_the_range():
    raw = beam_scan()
    plain = measure_baseline(scan_of(raw), SMALL)
    raw[0] = np.random.default_rng(0).poisson(100, raw.shape[1:])
    baseline = measure_baseline(
        scan_of(raw), SMALL.replaced(beam=plain.beam, margin=tuple(map(tuple, plain.margins)))
    )
    assert (baseline.scale, baseline.offset) == (plain.scale, plain.offset)


def test_frames_of_small_fractions_keep_their_noise():
    raw = np.random.default_rng(9).normal(0.5, 0.01, (40, 20, 20)).astype(np.float32)
    scan = scan_of(raw, dark=0.0)
    baseline = measure_baseline(scan, SMALL.replaced(normalise="none", despeckle=1))
    assert baseline.scale >= 256
    assert baseline.sigma == pytest.approx(0.01, rel=0.06)


def test_measuring_twice_gives_the_same():
    scan = scan_of(beam_scan())
    one, two = measure_baseline(scan, SMALL), measure_baseline(scan, SMALL)
    assert one.probe_frames == two.probe_frames
    assert len(one.probe_frames) == 32
    np.testing.assert_array_equal(one.sigma_image, two.sigma_image)
    assert (one.beam, one.margins, one.reference_level, one.sigma) == (
        two.beam,
        two.margins,
        two.reference_level,
        two.sigma,
    )


def test_tiny_and_flat_images_have_no_beam():
    assert find_beam(np.zeros((3, 3), np.float32), 1.0) is None
    assert find_beam(np.zeros((30, 30), np.float32), 0.0) is None
    assert find_beam(np.full((30, 30), 500, np.float32), 1.0) is None


def test_noise_ignores_spots_and_never_falls_below_its_floor():
    values = np.random.default_rng(5).normal(0, 3, 100_000)
    values[:2000] = 5000
    assert robust_sigma(values, 0.1) == pytest.approx(3, rel=0.03)
    assert robust_sigma(np.zeros(100), 0.1) == 0.1
    assert robust_sigma(np.zeros(0), 0.1) == 0.1
    counts = np.random.default_rng(6).poisson(0.05, 100_000)
    assert 0.1 <= robust_sigma(counts, 0.01) <= 0.3


def test_local_noise_follows_the_detector_and_skips_masked_pixels():
    clean = np.random.default_rng(7).normal(0, 1, (8, 64, 128)).astype(np.float32)
    clean[:, :, 64:] *= 4
    mask = np.zeros((64, 128), bool)
    mask[:32, :32] = True
    clean[:, mask] = 999
    sigma = local_sigma(clean, mask, 0.1)
    assert sigma.shape == (64, 128)
    assert sigma[:, :16].max() < 2.5
    np.testing.assert_allclose(sigma[:, -10:], 4, rtol=0.1)


# --- areas that tell nothing


GAP = np.zeros((48, 80), bool)
GAP[:, 11:14] = GAP[40:42] = True


@pytest.mark.parametrize("kind", ["saturated", "zero", "constant", "wild"])
@pytest.mark.parametrize("box", ["auto", tuple(BEAM)])
def test_gaps_of_a_detector_are_masked_as_if_the_recipe_did(kind, box):
    raw = beam_scan(60)
    values = {"saturated": 65535, "zero": 0, "constant": 1234}
    raw[:, GAP] = values.get(kind, np.random.default_rng(1).integers(0, 60000, (60, GAP.sum())))
    scan, params = scan_of(raw), SMALL.replaced(beam=box)
    baseline = measure_baseline(scan, params)
    np.testing.assert_array_equal(baseline.dead, GAP)
    assert [text for text in baseline.warnings if f"{GAP.sum()} pixels outside the beam are saturated" in text]
    masked = measure_baseline(scan_of(raw, mask=GAP), params)
    assert masked.dead is None
    assert (baseline.beam, baseline.margins) == (masked.beam, masked.margins)
    assert (baseline.sigma, baseline.scale, baseline.offset) == (masked.sigma, masked.scale, masked.offset)


def test_a_gap_through_the_beam_is_masked_and_the_beam_is_not():
    raw = beam_scan(60)
    raw[:, :, 30] = 65535
    baseline = measure_baseline(scan_of(raw), SMALL)
    assert np.argwhere(baseline.dead.all(axis=0)).ravel().tolist() == [30]
    assert baseline.dead.sum() == 48
    assert baseline.beam == BEAM


def test_a_beam_that_saturates_is_no_dead_area():
    raw = beam_scan(60, sample=False)
    raw[:, *BEAM.slices] = 65535
    raw[:, 2:4, 70:73] = 65535
    baseline = measure_baseline(scan_of(raw), SMALL.replaced(normalise="none"))
    assert baseline.beam == BEAM
    assert np.argwhere(baseline.dead).tolist() == [[row, col] for row in (2, 3) for col in (70, 71, 72)]


@pytest.mark.parametrize("level", [0.02, 0.3])
def test_the_empty_pixels_of_a_photon_counting_detector_are_not_dead(level):
    raw = np.random.default_rng(3).poisson(level, (60, 48, 80)).astype(np.uint16)
    raw[9:12, 10:15, 20:25] += 40
    assert measure_baseline(scan_of(raw, dark=0.0), SMALL.replaced(beam="none", normalise="none")).dead is None


def test_a_spot_that_stays_long_is_not_dead():
    raw = beam_scan(60)
    raw[:40, 4:9, 60:66] = np.random.default_rng(2).poisson(3000, (40, 5, 6))
    assert measure_baseline(scan_of(raw), SMALL).dead is None


def test_a_feature_that_rocks_through_most_frames_is_no_dead_area():
    raw = beam_scan(60)
    rock = 20000 * np.exp(-(((np.arange(60) - 30) / 18) ** 2))
    raw[:, 5:12, 5:14] = raw[:, 5:12, 5:14] + rock[:, None, None].astype(np.uint16)
    assert measure_baseline(scan_of(raw), SMALL).dead is None


def test_two_frames_tell_of_no_dead_area_without_a_complaint():
    scan = replace(scan_of(beam_scan(3)), stored_frames=np.array([0, -1, 1]))
    assert measure_baseline(scan, SMALL).dead is None
