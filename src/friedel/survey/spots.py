"""How bright the spots of a scan are, from the few frames that were looked at."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.model.arrays import Floats
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.preprocess import PreprocessParams
from friedel.preprocess.frame_cleaner import FrameCleaner
from friedel.preprocess.probe_frames import median_background

CLEAR_SIGMAS = 8.0
"""White noise reaches it nowhere."""
LEAST_PIXELS = 5


class SpotBrightness(NamedTuple):
    """Maximum in counts of each bright patch, ascending, and the part of each frame that is above the floor."""

    maxima: Floats
    bright_fraction: Floats


def measure_spots(
    scan: Scan, params: PreprocessParams, baseline: Baseline, floor: float, executor: Executor
) -> SpotBrightness:
    """Bright patches in the probe frames, outside the direct beam; `floor` is in counts.

    The background of all of them is their own median, which is enough to see spots.
    """
    cleaner = FrameCleaner.of(scan, params.replaced(average=1), baseline)
    frames = list(executor.map(cleaner.raw, baseline.probe_frames))
    cleaner = cleaner.subtracting(median_background(cleaner, frames, executor))
    keep = ~cleaner.scan.mask
    if baseline.beam is not None:
        keep[baseline.beam.slices] = False
    maxima: list[float] = []
    fractions = []
    for image in map(cleaner.clean, frames):
        fractions.append(float(np.mean((image >= floor)[keep])) if keep.any() else 0.0)
        bright, count = ndimage.label((image >= CLEAR_SIGMAS * baseline.sigma) & keep, np.ones((3, 3)))
        if count:
            sizes = np.bincount(bright.ravel())[1:]
            peaks = np.asarray(ndimage.maximum(image, bright, np.arange(1, count + 1)))
            maxima += peaks[sizes >= LEAST_PIXELS].tolist()
    return SpotBrightness(np.sort(np.array(maxima, dtype=np.float64)), np.array(fractions))
