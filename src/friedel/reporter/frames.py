"""Frames of a run's scan again, as preprocessing saw and made them: for pictures, not for segmentation."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from friedel.io.background_reader import Backgrounds
from friedel.model.arrays import Image
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.preprocess.frame_cleaner import WHOLE, Crop, FrameCleaner, RawFrame, nothing_subtracted
from friedel.reporter.inputs import ReportInputs

MOST_BYTES = 3_000_000_000
"""Raw bytes that the report reads at most for courses and sections: some seconds' worth."""
_BACKGROUNDS_HELD = 3


@dataclass(frozen=True, slots=True, eq=False)
class RunFrames:
    """The cleaner of a run's frames, and what the run recorded: `gains` float32 [frame, tile] and `backgrounds`.

    Without `backgrounds` nothing is subtracted.
    """

    cleaner: FrameCleaner
    gains: Image
    backgrounds: Backgrounds | None

    @property
    def scan(self) -> Scan:
        """The scan that ran."""
        return self.cleaner.scan

    def clean(self, frame: int | RawFrame, crop: Crop = WHOLE) -> Image:
        """As segmentation saw it, in counts [row, col]; 0 where there is no number."""
        return np.nan_to_num(self.cleaner.clean(frame, crop), copy=False)

    def known(self, frame: int) -> Image:
        """Clean values of a frame in counts [row, col], NaN where nothing is known: masked, or not a number."""
        clean = self.cleaner.clean(frame)
        clean[self.scan.mask] = np.nan
        return clean

    def window(self, around: int, frames: int) -> tuple[int, int]:
        """At most that many frames around one, fewer where they would be too many bytes to read again."""
        count, rows, cols = self.scan.shape
        affordable = MOST_BYTES // (rows * cols * self.scan.frames.dtype.itemsize)
        length = max(3, min(count, frames, affordable))
        start = min(max(0, around - length // 2), count - length)
        return start, start + length


def run_frames(inputs: ReportInputs) -> RunFrames | None:
    """For the scan of an output folder; None where the scan has gone or is another one, or how it ran is not
    known."""
    scan = inputs.scan
    if scan is None or "reference_level" not in inputs.measured:
        return None
    recorded = inputs.input.get("fingerprint", scan.fingerprint)
    same_shape = inputs.blobs is None or inputs.blobs.shape == scan.shape
    if not same_shape or (scan.fingerprint and recorded and recorded != scan.fingerprint):
        return None
    params, frames, stored = inputs.preprocess, scan.shape[0], inputs.backgrounds
    gains = stored.gains if stored is not None and len(stored.gains) == frames else np.ones((frames, 1), np.float32)
    images, backgrounds = None, nothing_subtracted
    if stored is not None and len(stored) == -(-frames // params.step):
        images, backgrounds = stored, lru_cache(_BACKGROUNDS_HELD)(stored.image)
    return RunFrames(FrameCleaner.of(scan, params, _baseline(inputs), backgrounds), gains, images)


def _baseline(inputs: ReportInputs) -> Baseline:
    """What the run measured on its scan before the pass, as it recorded it."""
    measured, stored = inputs.measured, inputs.backgrounds
    noise = stored.noise if stored is not None and stored.noise is not None else np.zeros((0, 0), np.float32)
    return Baseline(
        tuple(measured.get("sample", ())), inputs.beam, inputs.margins, float(measured["reference_level"]),
        float(measured.get("scale", 1.0)), float(measured.get("offset", 0.0)), inputs.sigma, noise,
        dead=None if stored is None else stored.dead,
    )  # fmt: skip
