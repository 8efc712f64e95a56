"""One look at a few frames before the pass: beam, margin, level, fixed point, noise."""

import math
from dataclasses import replace

import numpy as np

from friedel.model.arrays import AnyArray, Floats, Mask
from friedel.model.baseline import Baseline
from friedel.model.scan import Box, Scan
from friedel.model.stream import Executor, Serial
from friedel.preprocess.boxes import beam_box, margin_boxes
from friedel.preprocess.noise import local_sigma, robust_sigma
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.raw import Constants, Gains
from friedel.preprocess.sample import Sample, clean_sample, take_sample

_TOP = 65535.0
_HEADROOM = 1.25
_FINEST = {"u": 2.0, "f": 2.0**16}
_NOISELESS = {"u": 1.0, "f": 8.0}
_STEPS_PER_SIGMA = 4.0
_MOST_OFFSET = 8192.0
# The variance of a value minus the median of n that holds it is (1 - lost / n) sigma² for large n. Without
# despeckling lost is 2 - pi/2; the 2D median feels more, because one value in n is its own median (measured on
# normal noise; tests/unit/test_baseline.py).
_LOST = {1: 2 - math.pi / 2, 3: 2.9, 5: 5.8, 7: 7.0}
_LEAST_PART = 0.3


def measure(scan: Scan, params: PreprocessParams, executor: Executor | None = None) -> Baseline:
    """Look at 32 evenly spaced frames: direct beam, margin, reference level, fixed point and noise.

    Deterministic. What is odd is in `warnings` of the result. Raises `InputError` for boxes outside the image and
    `ScanError` where no frame of the sample can be used.
    """
    executor = executor or Serial()
    constants = Constants.of(scan)
    sample = take_sample(scan, constants, executor)
    warnings = [_turn_warning(scan, params), _dark_warning(scan, sample)]
    beam = beam_box(scan, params, sample)
    margins, shadowed = margin_boxes(scan, params, sample, beam) if params.normalise == "margin" else ((), "")
    warnings.append(shadowed)
    shape = scan.shape[1:]
    baseline = Baseline(sample.frames, beam, margins, 1.0, 1.0, 0.0, sample.noise, np.zeros(shape, np.float32))
    level, dim = _reference_level(scan, params, baseline, sample, constants)
    warnings.append(dim)
    baseline = replace(baseline, reference_level=level)
    gains = np.array([Gains.of(scan, params, baseline, constants).of_frame(f.ravel()) for f in sample.raw])
    scale, offset = _fixed_point(scan, constants, sample, gains)
    baseline = replace(baseline, scale=scale, offset=offset)
    clean = clean_sample(params, baseline, constants, sample, gains, executor)
    window = min(2 * params.half_window + 1, scan.shape[0])
    lost = _LOST[params.despeckle]
    factor = _window_factor(lost, len(sample.frames), window if params.background == "moving_median" else 0)
    least = 0.29 / scale

    def noise(per_pixel: bool) -> AnyArray:
        if per_pixel:
            return local_sigma(clean, scan.mask, least)
        return np.asarray(robust_sigma(clean[:, _outside(scan, beam)], least))

    sigma, image = executor.map(noise, (False, True))  # side by side: they are half the time of this look
    image = image * np.float32(factor)
    return replace(baseline, sigma=float(sigma) * factor, sigma_image=image, warnings=tuple(filter(None, warnings)))


def _turn_warning(scan: Scan, params: PreprocessParams) -> str:
    if not params.wrap or params.background == "none" or scan.full_turn:
        return ""
    turn = abs(scan.shape[0] * scan.omega_step_deg)
    return (
        f"preprocess.wrap = true although the scan turns by {turn:.4g} degrees: windows go on over its ends into "
        f"frames that are far away"
    )


def _dark_warning(scan: Scan, sample: Sample) -> str:
    inside = sample.median[~scan.mask]
    if inside.size == 0 or np.mean(inside < -max(sample.noise, 1.0)) <= 0.5:
        return ""
    return (
        f"scan.dark: the dark is brighter than the frames (the median pixel is {-float(np.median(inside)):.0f} "
        f"counts below it); is it the dark of this scan?"
    )


def _reference_level(
    scan: Scan, params: PreprocessParams, baseline: Baseline, sample: Sample, constants: Constants
) -> tuple[float, str]:
    """Level of the margin (or the beam) above the dark, 0 where there is none, and a warning."""
    if params.normalise == "none":
        return 0.0, ""
    gains = Gains.of(scan, params, baseline, constants)
    if len(gains.everywhere) == 0:
        return 0.0, (
            f'preprocess.normalise: no direct beam was found to normalise on, so that "{params.normalise}" is off; '
            f'give preprocess.beam, or set preprocess.normalise = "none"'
        )
    levels = np.array([gains.level(frame.ravel()) for frame in sample.raw])
    levels = levels[np.isfinite(levels)]
    level = float(np.median(levels)) if len(levels) else 0.0
    if level <= max(sample.noise, 1e-6):
        return 0.0, (
            f"preprocess.{params.normalise}: its level ({level:.1f} counts above the dark) is not above the noise, "
            f"or it is saturated: frames are not normalised"
        )
    return level, ""


def _fixed_point(scan: Scan, constants: Constants, sample: Sample, gains: Floats) -> tuple[float, float]:
    """Scale (a power of two) and offset of the 16-bit numbers.

    At least 1 and at least four steps a sigma of a raw pixel, but no finer than half a count where the raw values
    are whole counts: what is left of the range is for spots brighter than those of the sample. Coarser where the
    sample would not fit.
    """
    _, rows, cols = scan.shape
    dark, keep = constants.dark[: rows * cols], constants.keep[: rows * cols]
    low, high = 0.0, 0.0
    for frame, gain in zip(sample.raw, gains, strict=True):
        values = (frame.ravel().astype(np.float32) - dark) * gain.astype(np.float32)[constants.part[: rows * cols]]
        values = values[keep & np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    below = 1.5 * -low + 8 * sample.noise
    kind = sample.raw.dtype.kind
    wanted = _STEPS_PER_SIGMA / sample.noise if sample.noise > 0 else _NOISELESS[kind]
    scale = 2.0 ** math.ceil(math.log2(min(max(wanted, 1.0), _FINEST[kind])))
    while scale > 2**-16 and _HEADROOM * high * scale + _offset(below, scale) > _TOP:
        scale /= 2
    return scale, _offset(below, scale)


def _offset(below: float, scale: float) -> float:
    return float(min(16 * math.ceil((below * scale + 16) / 16), _MOST_OFFSET))


def _window_factor(lost: float, sample: int, window: int) -> float:
    """Noise after subtracting the median of `window` frames (0: none) against that of `sample` frames."""
    of_window = max(1 - lost / window, _LEAST_PART) if window else 1.0
    return math.sqrt(of_window / max(1 - lost / sample, _LEAST_PART))


def _outside(scan: Scan, beam: Box | None) -> Mask:
    """Pixels that tell about the noise: not masked, and outside the beam where that leaves any."""
    keep = ~scan.mask
    if beam is not None:
        dark_side = keep.copy()
        dark_side[beam.slices] = False
        if dark_side.any():
            return dark_side
    return keep
