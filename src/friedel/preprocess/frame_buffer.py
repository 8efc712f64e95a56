"""The part of the scan in memory: normalised frames as bit planes, sixteen to a batch, in a buffer of batches."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from friedel.kernels.preprocess.bit_planes import BATCH, TILE
from friedel.kernels.preprocess.normalise import invalid_runs, normalise_batch, saturated_runs
from friedel.model.arrays import AnyArray, Floats, Image, Indices
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.raw_frames import Gains, PixelConstants, RawFrames
from friedel.preprocess.schedule import Schedule

NO_PIXELS: Indices = np.empty(0, np.int64)


def halves_per_value(params: PreprocessParams) -> int:
    """16-bit numbers a pixel: one for fixed point, two for float32 keys."""
    return 1 if params.arithmetic == "fixed" else 2


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What is known of sixteen frames in the buffer besides their planes.

    `frames` are their numbers in the scan; `gains` [frame, tile]; `saturated` and `invalid` [frame] hold runs of
    flat pixels; `replaced` says why a frame was replaced; `clipped` [frame] how many values left the fixed-point
    range.
    """

    frames: Indices
    gains: Floats
    saturated: tuple[Indices, ...]
    invalid: tuple[Indices, ...]
    replaced: dict[int, str]
    clipped: Indices


@dataclass(frozen=True, slots=True, eq=False)
class FrameBuffer:
    """Batches of the scan: `planes` uint16 [half, tile, slot, bit, pixel], batch w in slot w % slots.

    `used` [half, tile, slot] holds the bits that any value there has, `fill_image` [pixel] the baseline's.
    """

    scan: Scan
    schedule: Schedule
    constants: PixelConstants
    gains: Gains
    raw: RawFrames
    factor: float
    bias: float
    planes: AnyArray
    used: AnyArray
    fill_image: Image
    batches: dict[int, Batch] = field(default_factory=dict)

    @classmethod
    def of(
        cls, scan: Scan, params: PreprocessParams, baseline: Baseline, schedule: Schedule, slots: int
    ) -> "FrameBuffer":
        """An empty buffer of `slots` batches."""
        constants = PixelConstants.of(scan)
        gains = Gains.of(scan, params, baseline, constants)
        fixed = params.arithmetic == "fixed"
        tiles = len(constants.dark) // TILE
        return cls(
            scan=scan,
            schedule=schedule,
            constants=constants,
            gains=gains,
            raw=RawFrames(scan, gains.fault),
            factor=baseline.scale if fixed else 1.0,
            bias=baseline.offset + 0.5 if fixed else 0.0,
            planes=np.empty((halves_per_value(params), tiles, slots, BATCH, TILE), np.uint16),
            used=np.empty((halves_per_value(params), tiles, slots), np.uint16),
            fill_image=np.zeros(0, np.float32) if baseline.fill_image is None else baseline.fill_image.ravel(),
        )

    def slot(self, batch: int) -> int:
        """Where a batch is."""
        return int(batch % self.planes.shape[2])

    def load(self, batch: int) -> Batch:
        """Read, check and normalise one batch into its slot. Different batches may be loaded at the same time."""
        frames, raw, replaced = self._read(batch)
        gains = np.array([self.gains.of_frame(frame) for frame in raw])
        factors = (gains * self.factor).astype(np.float32)
        constants = self.constants
        invalid = tuple(
            NO_PIXELS if raw.dtype.kind == "u" else invalid_runs(frame, constants.keep) for frame in raw
        )
        raw = self._known(raw, invalid, gains)
        clipped = np.zeros(len(frames), np.int64)
        normalise_batch(
            raw,
            constants.dark,
            constants.keep,
            constants.part,
            factors,
            self.bias,
            self.slot(batch),
            self.planes,
            self.used,
            clipped,
        )
        threshold = saturation_of(raw, self.scan.saturation)
        saturated = tuple(NO_PIXELS if threshold is None else saturated_runs(frame, threshold) for frame in raw)
        return Batch(frames, gains, saturated, invalid, replaced, clipped)

    def _known(self, raw: AnyArray, invalid: tuple[Indices, ...], gains: Floats) -> AnyArray:
        """The frames with a usual value where they hold no number: as 0 counts, it would pull the median down."""
        if not (len(self.fill_image) and any(map(len, invalid))):
            return raw
        known = raw.copy()
        for frame, runs, gain in zip(known, invalid, gains.astype(np.float32), strict=True):
            flat = expand(runs)
            dark, part = self.constants.dark[flat], self.constants.part[flat]
            frame[flat] = dark + self.fill_image[flat] / gain[part]
        return known

    def _read(self, batch: int) -> tuple[Indices, AnyArray, dict[int, str]]:
        """Scan frames of a batch, across the ends of the scan where windows go on there."""
        present = self.schedule.present
        start = batch * BATCH - self.schedule.lead
        stop = min(start + BATCH, self.schedule.stop - self.schedule.lead)
        frames = present[np.arange(start, stop) % len(present)]
        cuts = [0, *(np.flatnonzero(np.diff(frames) != 1) + 1), len(frames)]
        pieces = [self.raw.read(int(frames[a]), int(frames[b - 1]) + 1) for a, b in pairwise(cuts)]
        raw = pieces[0][0] if len(pieces) == 1 else np.concatenate([piece for piece, _ in pieces])
        return frames, raw, {k: why for _, whys in pieces for k, why in whys.items()}


def saturation_of(raw: AnyArray, saturation: float) -> AnyArray | None:
    """The saturation in the type of the frames; None where no value can reach it."""
    if raw.dtype.kind == "u":
        least = np.ceil(saturation)
        return raw.dtype.type(max(least, 0)) if least <= np.iinfo(raw.dtype).max else None
    return raw.dtype.type(saturation) if np.isfinite(saturation) else None


def expand(runs: Indices) -> Indices:
    """Flat pixels of runs [run, (start, stop)]."""
    if len(runs) == 0:
        return NO_PIXELS
    return np.concatenate([np.arange(start, stop) for start, stop in runs])
