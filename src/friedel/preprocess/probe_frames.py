"""A few evenly spaced frames, read before the pass: what is measured on them, and the median of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from friedel.errors import ScanError
from friedel.kernels.preprocess.bit_planes import BATCH, TILE
from friedel.kernels.preprocess.moving_median import median_of_planes, moving_median_uint16
from friedel.kernels.preprocess.normalise import normalise_batch
from friedel.model.arrays import AnyArray, Image, Mask
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.preprocess.frame_buffer import halves_per_value
from friedel.preprocess.frame_cleaner import FrameCleaner, RawFrame
from friedel.preprocess.noise import robust_sigma
from friedel.preprocess.raw_frames import PixelConstants, RawFrames

PROBE_FRAMES = 32
_NOISE_PIXELS = 50_000
_CHUNK = 512 * TILE


@dataclass(frozen=True, slots=True, eq=False)
class ProbeFrames:
    """A few evenly spaced frames of a scan that can be used, their numbers, and what they tell.

    `raw` [n, row, col] is uint16 or float32; `median` [row, col] of it lies above the dark, `noise` is that of one
    raw pixel; all in counts.
    """

    numbers: tuple[int, ...]
    raw: AnyArray
    median: Image
    noise: float

    @classmethod
    def of(
        cls,
        numbers: tuple[int, ...],
        raw: AnyArray,
        constants: PixelConstants,
        shape: tuple[int, int],
        executor: Executor,
    ) -> Self:
        """From what `read_probe_frames` read; in `raw`, the median takes the place of what is no number."""
        rows, cols = shape
        level = _median(raw, executor)
        if raw.dtype.kind == "f":
            for frame in raw:
                invalid = ~np.isfinite(frame)
                frame[invalid] = level[invalid]
        median: Image = level - constants.dark[: rows * cols]
        median[constants.masked] = 0
        noise = _pixel_noise(raw, level, constants)
        return cls(numbers, raw.reshape(-1, rows, cols), median.reshape(rows, cols), noise)

    def without(self, dead: Mask) -> Self:
        """The same with more pixels [row, col] masked, as long as nobody asks for the noise."""
        return replace(self, median=np.where(dead, np.float32(0), self.median))

    def masked(self, dead: Mask, constants: PixelConstants) -> Self:
        """The same with more pixels [row, col] masked, `constants` being those that belong to it."""
        level = self.median.ravel() + constants.dark[: self.median.size]
        noise = _pixel_noise(self.raw.reshape(len(self.raw), -1), level, constants)
        return replace(self.without(dead), noise=noise)


def probe_numbers(scan: Scan) -> tuple[int, ...]:
    """Numbers of the frames that are looked at before a pass: up to 32, evenly spaced."""
    present = scan.present
    evenly = np.linspace(0, len(present) - 1, min(PROBE_FRAMES, len(present))).round().astype(int)
    return tuple(present[np.unique(evenly)].tolist())


def read_probe_frames(scan: Scan, executor: Executor) -> tuple[tuple[int, ...], AnyArray]:
    """Up to 32 evenly spaced frames that can be used: their numbers, and raw counts [frame, pixel].

    Raises `ScanError` where none of them can be used.
    """
    wanted = probe_numbers(scan)
    reader = RawFrames(scan, lambda _: "")
    read = [
        (k, frame)
        for k, (frame, why) in zip(wanted, executor.map(reader.single, wanted), strict=True)
        if frame is not None and not why
    ]
    if not read:
        raise ScanError(
            f"frames of {scan.name}",
            rule="at least one of those looked at must be usable",
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


def _pixel_noise(raw: AnyArray, level: Image, constants: PixelConstants) -> float:
    """Noise of one raw pixel in counts, before anything is done, from pixels all over the frame.

    `level` [pixel] is the median of the frames `raw` [n, pixel].
    """
    kept = np.flatnonzero(constants.keep)
    if len(kept) == 0:
        return 0.0
    some = kept[:: max(len(kept) // _NOISE_PIXELS, 1)]
    return robust_sigma(raw[:, some].astype(np.float32) - level[some], floor=0.0)


def median_background(cleaner: FrameCleaner, frames: Sequence[RawFrame], executor: Executor) -> Image:
    """Median of some normalised frames, in counts [row, col], as the pass makes its backgrounds."""
    scale, offset = cleaner.fixed_point or (1.0, 0.0)
    planes, used_bits = _packed(cleaner, frames, executor)
    tiles = planes.shape[1]
    background = np.zeros((1, tiles * TILE), np.float32)
    ends = np.zeros(1, np.int64), np.full(1, len(frames), np.int64)
    chunk = _CHUNK // TILE

    def median(first: int) -> None:
        median_of_planes(planes, used_bits, first, min(first + chunk, tiles), *ends, background)

    for _ in executor.map(median, range(0, tiles, chunk)):
        pass
    _, rows, cols = cleaner.scan.shape
    image: Image = (background[0, : rows * cols] - np.float32(offset)) / np.float32(scale)
    return image.reshape(rows, cols)


def _packed(cleaner: FrameCleaner, frames: Sequence[RawFrame], executor: Executor) -> tuple[AnyArray, AnyArray]:
    """Normalised frames as bit planes [half, tile, batch, bit, pixel], and the bits in use [half, tile, batch]."""
    constants, fixed = cleaner.constants, cleaner.fixed_point
    scale, bias = (fixed[0], fixed[1] + 0.5) if fixed else (1.0, 0.0)
    batches = -(-len(frames) // BATCH)
    planes = np.empty(
        (halves_per_value(cleaner.params), len(constants.dark) // TILE, batches, BATCH, TILE), np.uint16
    )
    used = np.empty(planes.shape[:3], np.uint16)

    def pack(batch: int) -> None:
        some = frames[batch * BATCH : (batch + 1) * BATCH]
        flat = np.stack([frame.image.ravel() for frame in some])
        factors = (np.stack([frame.gain for frame in some]) * scale).astype(np.float32)
        pixels = constants.dark, constants.keep, constants.part
        normalise_batch(flat, *pixels, factors, bias, batch, planes, used, np.zeros(len(some), np.int64))

    for _ in executor.map(pack, range(batches)):
        pass
    return planes, used
