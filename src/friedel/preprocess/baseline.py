"""One look at a few frames before the pass: beam, margin, level, fixed point, noise."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from friedel.model.arrays import AnyArray, Mask
from friedel.model.baseline import Baseline
from friedel.model.scan import Box, Scan
from friedel.model.stream import Executor, Serial
from friedel.preprocess.first_look import FirstLook
from friedel.preprocess.frame_cleaner import FrameCleaner, RawFrame
from friedel.preprocess.noise import local_sigma, robust_sigma
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.probe_frames import ProbeFrames, median_background

_TOP = 65535.0
_HEADROOM = 1.25
_FINEST = {"u": 2.0, "f": 2.0**16}
_NOISELESS = {"u": 1.0, "f": 8.0}
_STEPS_PER_SIGMA = 4.0
_MOST_OFFSET = 8192.0
_LEAST_SQUARE = 3
_COARSE = 2.0
"""Steps a sigma: with fewer, rounding adds more than 2 % to the variance of a raw pixel."""
# The variance of a value minus the median of n that holds it is (1 - lost / n) sigma² for large n. Without
# despeckling lost is 2 - pi/2; the 2D median feels more, because one value in n is its own median (measured on
# normal noise; tests/unit/test_baseline.py).
_LOST = {1: 2 - math.pi / 2, 3: 2.9, 5: 5.8, 7: 7.0}
_LEAST_PART = 0.3
_NOISE_FRAMES = 8


def measure_baseline(scan: Scan, params: PreprocessParams, executor: Executor | None = None) -> Baseline:
    """Look at 32 evenly spaced frames: direct beam, margin, reference level, fixed point and noise.

    Deterministic. What is odd is in `warnings` of the result. Raises `InputError` for boxes outside the image and
    `ScanError` where none of the frames can be used.
    """
    executor = executor or Serial()
    first = FirstLook.at(scan, executor)
    warnings = [*scan.warnings, _dead_warning(scan, first.dead), _turn_warning(scan, params)]
    look = first.with_params(params)
    warnings += [*look.warnings, *look.of_light]
    cleaner = FrameCleaner.of(look.scan, params.replaced(average=1), look.baseline)
    frames = _usable(cleaner, look.probe)
    scale, offset, coarse = _fixed_point(cleaner, look.probe.noise, frames)
    warnings.append(coarse)
    baseline = replace(cleaner.baseline, scale=scale, offset=offset)
    cleaner = replace(cleaner, baseline=baseline)
    sigma, image = _noise(cleaner.subtracting(median_background(cleaner, frames, executor)), frames, executor)
    window = min(2 * params.half_window + 1, scan.shape[0]) if params.background == "moving_median" else 0
    factor = _window_factor(_LOST[params.despeckle], len(frames), window) / math.sqrt(params.average)
    image = image * np.float32(factor)
    return replace(baseline, sigma=float(sigma) * factor, sigma_image=image, warnings=tuple(filter(None, warnings)))


def dead_pixels(scan: Scan, params: PreprocessParams) -> int:
    """How many pixels a run would mask by itself. Raises `ScanError` where no frame can be used."""
    dead = FirstLook.at(scan, Serial()).with_params(params).baseline.dead
    return 0 if dead is None else int(np.count_nonzero(dead))


def _usable(cleaner: FrameCleaner, probe: ProbeFrames) -> list[RawFrame]:
    """The probe frames without those that the pass will not use: their gains mean nothing."""
    frames = [cleaner.stored(image, number) for image, number in zip(probe.raw, probe.numbers, strict=True)]
    good = [frame for frame in frames if not cleaner.gains.fault(frame.image.ravel())]
    return good or frames


def _noise(cleaner: FrameCleaner, frames: Sequence[RawFrame], executor: Executor) -> tuple[AnyArray, AnyArray]:
    """Noise of some of the clean frames in counts: on the whole, and per pixel [row, col]."""
    scan = cleaner.scan
    used = np.unique(np.linspace(0, len(frames) - 1, min(_NOISE_FRAMES, len(frames))).round().astype(int))
    clean = np.stack(list(executor.map(lambda n: cleaner.clean(frames[n]), used.tolist())))
    least = 0.29 / cleaner.baseline.scale
    outside = _outside(scan, cleaner.baseline.beam)

    def noise(per_pixel: bool) -> AnyArray:
        if per_pixel:
            return local_sigma(clean, scan.mask, least)
        return np.asarray(robust_sigma(clean[:, outside], least))

    sigma, image = executor.map(noise, (False, True))  # side by side: they are half the time of this look
    return sigma, image


def _dead_warning(scan: Scan, dead: Mask | None) -> str:
    count = 0 if dead is None else int(np.count_nonzero(dead & ~scan.mask))
    if not count:
        return ""
    return (
        f"{count} pixels are no numbers (or the largest number of their type) in more than half of the frames "
        f"looked at: they are masked; scan.mask keeps this from being said"
    )


def _turn_warning(scan: Scan, params: PreprocessParams) -> str:
    if not params.wrap or params.background == "none" or scan.full_turn:
        return ""
    turn = abs(scan.shape[0] * scan.omega_step_deg)
    return (
        f"preprocess.wrap = true although the scan turns by {turn:.4g} degrees: windows go on over its ends into "
        f"frames that are far away"
    )


def _fixed_point(cleaner: FrameCleaner, raw_noise: float, frames: Sequence[RawFrame]) -> tuple[float, float, str]:
    """Scale (a power of two) and offset of the 16-bit numbers, and a warning.

    At least 1 and at least four steps a sigma of a raw pixel, but no finer than half a count where the raw values
    are whole counts: what is left of the range is for spots brighter than those of these frames. Coarser where
    these would not fit, except for single pixels that stick out: they leave the range, which the pass counts.
    """
    params = cleaner.params
    low, high = _range(cleaner, frames, 1)
    kind = frames[0].image.dtype.kind
    wanted = _STEPS_PER_SIGMA / raw_noise if raw_noise > 0 else _NOISELESS[kind]
    finest = 2.0 ** math.ceil(math.log2(min(max(wanted, 1.0), _FINEST[kind])))
    scale, offset = _fitting(finest, low, high, raw_noise)
    if scale < min(wanted, finest) and (raw_noise > 0 or params.despeckle > 1):
        low, high = _range(cleaner, frames, max(params.despeckle, _LEAST_SQUARE))
        scale, offset = _fitting(finest, low, high, raw_noise)
    enough = _COARSE / raw_noise if raw_noise > 0 else 1.0
    if params.arithmetic == "float32" or scale >= min(enough, finest):
        return scale, offset, ""
    told = (
        f"preprocess.arithmetic: values up to {high:.6g} counts leave steps of {1 / scale:.6g} counts for fixed "
        f'point, coarse beside noise of {raw_noise:.3g}; mask the brightest pixels (scan.mask) or set "float32"'
    )
    return scale, offset, told


def _range(cleaner: FrameCleaner, frames: Sequence[RawFrame], size: int) -> tuple[float, float]:
    """Least and largest value above the dark, 0 among them, after a median of `size` × `size` pixels."""
    params = cleaner.params.replaced(arithmetic="float32", despeckle=size)
    images = map(replace(cleaner, params=params).clean, frames)
    ends = [(float(image.min()), float(image.max())) for image in images]
    return min(0.0, *(low for low, _ in ends)), max(0.0, *(high for _, high in ends))


def _fitting(scale: float, low: float, high: float, noise: float) -> tuple[float, float]:
    below = 1.5 * -low + 8 * noise
    while scale > 2**-16 and _HEADROOM * high * scale + _offset(below, scale) > _TOP:
        scale /= 2
    return scale, _offset(below, scale)


def _offset(below: float, scale: float) -> float:
    return float(min(16 * math.ceil((below * scale + 16) / 16), _MOST_OFFSET))


def _window_factor(lost: float, frames: int, window: int) -> float:
    """Noise after subtracting the median of `window` frames (0: none) against that of the probe frames."""
    of_window = max(1 - lost / window, _LEAST_PART) if window else 1.0
    return math.sqrt(of_window / max(1 - lost / frames, _LEAST_PART))


def _outside(scan: Scan, beam: Box | None) -> Mask:
    """Pixels that tell about the noise: not masked, and outside the beam where that leaves any."""
    keep = ~scan.mask
    if beam is not None:
        dark_side = keep.copy()
        dark_side[beam.slices] = False
        if dark_side.any():
            return dark_side
    return keep
