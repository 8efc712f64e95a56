"""A few evenly spaced frames, looked at before the pass."""

from dataclasses import dataclass

import numpy as np

from friedel.errors import ScanError
from friedel.kernels.preprocess.bit_planes import TILE, WORD
from friedel.kernels.preprocess.moving_median import median_of_planes, moving_median_uint16
from friedel.kernels.preprocess.normalise import normalise_word
from friedel.kernels.preprocess.subtract_background import clean_word
from friedel.model.arrays import AnyArray, Floats, Frames, Image, Mask
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.preprocess.noise import robust_sigma
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.raw import Constants, RawFrames
from friedel.preprocess.ring import NOTHING, halves

SAMPLE = 32
_NOISE_FRAMES = 8
_PROBE = 50_000
_CHUNK = 512 * TILE


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Evenly spaced frames: `frames` [n] numbers, `raw` [n, row, col], `median` [row, col] above the dark."""

    frames: tuple[int, ...]
    raw: AnyArray
    median: Image
    noise: float


def read_sample(scan: Scan, executor: Executor) -> tuple[tuple[int, ...], AnyArray]:
    """Up to 32 evenly spaced frames that can be used: their numbers, and [frame, pixel]."""
    wanted = np.unique(np.linspace(0, scan.shape[0] - 1, min(SAMPLE, scan.shape[0])).round().astype(int))
    reader = RawFrames(scan, lambda _: "")
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
    return tuple(k for k, _ in read), np.stack([frame for _, frame in read])


def hardly_numbers(raw: AnyArray, shape: tuple[int, int]) -> Mask | None:
    """Pixels [row, col] that are no number in more than half of the frames [n, pixel]; None if there are none."""
    if raw.dtype.kind == "u":
        return None
    missing = np.zeros(raw.shape[1], np.int64)
    for frame in raw:
        missing += ~np.isfinite(frame)
    dead = 2 * missing > len(raw)
    return dead.reshape(shape) if dead.any() else None


def take_sample(
    numbers: tuple[int, ...], raw: AnyArray, constants: Constants, shape: tuple[int, int], executor: Executor
) -> Sample:
    """What `read_sample` read, with its median and noise; in `raw`, the median stands in for what is no number."""
    rows, cols = shape
    level = _median(raw, executor)
    if raw.dtype.kind == "f":
        for frame in raw:
            invalid = ~np.isfinite(frame)
            frame[invalid] = level[invalid]
    median: Image = level - constants.dark[: rows * cols]
    median[constants.masked] = 0
    noise = _pixel_noise(raw, level, constants)
    return Sample(numbers, raw.reshape(-1, rows, cols), median.reshape(rows, cols), noise)


def _median(raw: AnyArray, executor: Executor) -> Image:
    """Median of frames [n, pixel], of the numbers in them; 0 where there is none."""
    frames, pixels = raw.shape
    out = np.empty((1, pixels), np.float32)

    def work(start: int) -> None:
        stop = min(start + _CHUNK, pixels)
        if raw.dtype == np.uint16:
            ends = np.zeros(1, np.int64), np.full(1, frames, np.int64)
            tiles = -(-(stop - start) // TILE)
            moving_median_uint16(raw[:, start:stop], *ends, 0, tiles, out[:, start:stop])
        else:
            out[0, start:stop] = _median_of_numbers(raw[:, start:stop])

    for _ in executor.map(work, range(0, pixels, _CHUNK)):
        pass
    return np.asarray(out[0])


def _median_of_numbers(values: AnyArray) -> Image:
    known = np.isfinite(values)
    whole = known.all(axis=0)
    out = np.zeros(values.shape[1], np.float32)
    out[whole] = np.median(values[:, whole], axis=0)
    part = np.flatnonzero(~whole & known.any(axis=0))
    if len(part):
        out[part] = np.nanmedian(np.where(known[:, part], values[:, part], np.nan), axis=0)
    return out


def _pixel_noise(raw: AnyArray, level: Image, constants: Constants) -> float:
    """Noise of one raw pixel in counts, before anything is done, from pixels all over the frame.

    `level` [pixel] is the median of the frames `raw` [n, pixel].
    """
    kept = np.flatnonzero(constants.keep)
    if len(kept) == 0:
        return 0.0
    probe = kept[:: max(len(kept) // _PROBE, 1)]
    return robust_sigma(raw[:, probe].astype(np.float32) - level[probe], floor=0.0)


def clean_sample(
    params: PreprocessParams,
    baseline: Baseline,
    constants: Constants,
    sample: Sample,
    gains: Floats,
    executor: Executor,
) -> Frames:
    """Some frames of the sample after the same steps as in the pass, the sample being the window."""
    count, rows, cols = sample.raw.shape
    scale = baseline.scale if params.arithmetic == "fixed" else 1.0
    planes, used_bits = _packed(params, baseline, constants, sample, gains, executor)
    tiles = planes.shape[1]
    background = np.zeros((1, tiles * TILE), np.float32)
    ends = np.zeros(1, np.int64), np.full(1, count, np.int64)
    chunk = _CHUNK // TILE

    def median(first: int) -> None:
        median_of_planes(planes, used_bits, first, min(first + chunk, tiles), *ends, background)

    for _ in executor.map(median, range(0, tiles, chunk)):
        pass
    used = np.unique(np.linspace(0, count - 1, min(_NOISE_FRAMES, count)).round().astype(int))
    clean = np.empty((len(used), rows, cols), np.float32)
    no_invalid = np.zeros(WORD + 1, np.int64)

    def subtract(n: int) -> None:
        word, f = divmod(int(used[n]), WORD)
        which = np.full(WORD, -1, np.int64)
        which[f] = 0
        steps = which, background, scale, params.despeckle
        clean_word(
            planes, word, *steps, constants.masked, NOTHING, no_invalid, (rows, cols), 0, rows, clean[n : n + 1]
        )

    for _ in executor.map(subtract, range(len(used))):
        pass
    return clean


def _packed(
    params: PreprocessParams,
    baseline: Baseline,
    constants: Constants,
    sample: Sample,
    gains: Floats,
    executor: Executor,
) -> tuple[AnyArray, AnyArray]:
    """The sample as bit planes [half, tile, word, bit, pixel], and the bits that are used [half, tile, word]."""
    count = len(sample.raw)
    flat = sample.raw.reshape(count, -1)
    fixed = params.arithmetic == "fixed"
    words = -(-count // WORD)
    planes = np.empty((halves(params), len(constants.dark) // TILE, words, WORD, TILE), np.uint16)
    used = np.empty(planes.shape[:3], np.uint16)
    factors = (gains * (baseline.scale if fixed else 1.0)).astype(np.float32)
    bias = baseline.offset + 0.5 if fixed else 0.0

    def pack(word: int) -> None:
        here = slice(word * WORD, min((word + 1) * WORD, count))
        pixels = constants.dark, constants.keep, constants.part
        normalise_word(flat[here], *pixels, factors[here], bias, word, planes, used, np.zeros(WORD, np.int64))

    for _ in executor.map(pack, range(words)):
        pass
    return planes, used
