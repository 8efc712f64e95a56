"""One look at a few frames before the pass: beam, margin, level, fixed point, noise."""

import math
from dataclasses import replace

import numpy as np

from friedel.errors import ScanError
from friedel.kernels.moving_median import median_of_planes, moving_median_uint16
from friedel.kernels.normalise import normalise_word
from friedel.kernels.select_bits import TILE, WORD
from friedel.kernels.subtract import clean_word
from friedel.model.arrays import AnyArray, Floats, Frames, Image, Mask
from friedel.model.baseline import Baseline
from friedel.model.scan import Box, Scan
from friedel.model.stream import Executor, Serial
from friedel.preprocess.boxes import Sample, beam_box, margin_boxes
from friedel.preprocess.noise import local_sigma, robust_sigma
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.raw import Constants, Gains, RawFrames
from friedel.preprocess.ring import NOTHING, halves

SAMPLE = 32
_NOISE_FRAMES = 8
_PROBE = 50_000
_CHUNK = 512 * TILE
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
    sample = _sample(scan, constants, executor)
    warnings = [_dark_warning(scan, sample)]
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
    clean = _clean_sample(params, baseline, constants, sample, gains, executor)
    window = min(2 * params.half_window + 1, scan.shape[0])
    lost = _LOST[params.despeckle]
    factor = _window_factor(lost, len(sample.frames), window if params.background == "moving_median" else 0)
    image = local_sigma(clean, scan.mask, floor=0.29 / scale) * np.float32(factor)
    sigma = robust_sigma(clean[:, _outside(scan, beam)], floor=0.29 / scale) * factor
    return replace(baseline, sigma=sigma, sigma_image=image, warnings=tuple(filter(None, warnings)))


def _sample(scan: Scan, constants: Constants, executor: Executor) -> Sample:
    count, rows, cols = scan.shape
    wanted = np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(int))
    reader = RawFrames(scan, lambda _: False)
    read = [
        (int(k), frame)
        for k, (frame, why) in zip(wanted, executor.map(reader.single, wanted), strict=True)
        if frame is not None and not why
    ]
    if not read:
        raise ScanError(
            f"frames of {scan.name}",
            rule="at least one of the sample must be usable",
            got="only unreadable or constant ones",
            way_out="check scan.frames: is this the right dataset?",
        )
    raw = np.stack([frame for _, frame in read])
    median: Image = _median(raw, executor) - constants.dark[: rows * cols]
    median[constants.masked] = 0
    noise = _pixel_noise(raw, constants)
    return Sample(tuple(k for k, _ in read), raw.reshape(-1, rows, cols), median.reshape(rows, cols), noise)


def _median(raw: AnyArray, executor: Executor) -> Image:
    """Median of frames [n, pixel]."""
    frames, pixels = raw.shape
    out = np.empty((1, pixels), np.float32)

    def work(start: int) -> None:
        stop = min(start + _CHUNK, pixels)
        if raw.dtype == np.uint16:
            ends = np.zeros(1, np.int64), np.full(1, frames, np.int64)
            tiles = -(-(stop - start) // TILE)
            moving_median_uint16(raw[:, start:stop], *ends, 0, tiles, out[:, start:stop])
        else:
            out[0, start:stop] = np.median(np.nan_to_num(raw[:, start:stop]), axis=0)

    for _ in executor.map(work, range(0, pixels, _CHUNK)):
        pass
    return np.asarray(out[0])


def _pixel_noise(raw: AnyArray, constants: Constants) -> float:
    """Noise of one raw pixel in counts, before anything is done, from pixels all over the frame."""
    kept = np.flatnonzero(constants.keep)
    if len(kept) == 0:
        return 0.0
    probe = kept[:: max(len(kept) // _PROBE, 1)]
    values = np.nan_to_num(raw[:, probe].astype(np.float32))
    return robust_sigma(values - np.median(values, axis=0), floor=0.0)


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


def _clean_sample(
    params: PreprocessParams,
    baseline: Baseline,
    constants: Constants,
    sample: Sample,
    gains: Floats,
    executor: Executor,
) -> Frames:
    """Some frames of the sample after the same steps as in the pass, the sample being the window."""
    count, rows, cols = sample.raw.shape
    flat = sample.raw.reshape(count, rows * cols)
    fixed = params.arithmetic == "fixed"
    tiles = len(constants.dark) // TILE
    words = -(-count // WORD)
    planes = np.empty((halves(params), tiles, words, WORD, TILE), np.uint16)
    factors = (gains * (baseline.scale if fixed else 1.0)).astype(np.float32)
    bias = baseline.offset + 0.5 if fixed else 0.0

    def pack(word: int) -> None:
        here = slice(word * WORD, min((word + 1) * WORD, count))
        clipped = np.zeros(WORD, np.int64)
        normalise_word(
            flat[here], constants.dark, constants.keep, constants.part, factors[here], bias, word, planes, clipped
        )

    for _ in executor.map(pack, range(words)):
        pass
    background = np.zeros((1, tiles * TILE), np.float32)
    ends = np.zeros(1, np.int64), np.full(1, count, np.int64)
    chunk = _CHUNK // TILE

    def median(first: int) -> None:
        median_of_planes(planes, first, min(first + chunk, tiles), *ends, background)

    for _ in executor.map(median, range(0, tiles, chunk)):
        pass
    used = np.unique(np.linspace(0, count - 1, min(_NOISE_FRAMES, count)).round().astype(int))
    clean = np.empty((len(used), rows, cols), np.float32)
    scale = baseline.scale if fixed else 1.0

    def subtract(n: int) -> None:
        which = np.full(WORD, -1, np.int64)
        which[used[n] % WORD] = 0
        clean_word(
            planes,
            int(used[n]) // WORD,
            which,
            background,
            scale,
            params.despeckle,
            constants.masked,
            NOTHING,
            np.zeros(WORD + 1, np.int64),
            (rows, cols),
            0,
            rows,
            clean[n : n + 1],
        )

    for _ in executor.map(subtract, range(len(used))):
        pass
    return clean


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
