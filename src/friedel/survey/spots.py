"""How bright the spots of a scan are, from the few frames that were looked at."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.errors import ScanError
from friedel.model.arrays import Floats, Frames, Image
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.preprocess import PreprocessParams
from friedel.preprocess.normal import WholeFrames

CLEAR_SIGMAS = 8.0
"""White noise reaches it nowhere."""
LEAST_PIXELS = 5


class BrightPatches(NamedTuple):
    """Maximum in counts of each bright patch, ascending, and the part of each frame that is above the floor."""

    maxima: Floats
    bright_fraction: Floats


def look_at_spots(
    scan: Scan, params: PreprocessParams, baseline: Baseline, floor: float, executor: Executor
) -> BrightPatches:
    """Bright patches in the probe frames, outside the direct beam; `floor` is in counts.

    The frames are cleaned roughly: their own median is the background, which is enough to see spots.
    """
    keep = ~scan.mask if baseline.dead is None else ~(scan.mask | baseline.dead)
    if baseline.beam is not None:
        keep[baseline.beam.slices] = False
    maxima: list[float] = []
    fractions = []
    for frame in _rough(scan, params, baseline, executor):
        image = ndimage.median_filter(frame, params.despeckle, mode="nearest") if params.despeckle > 1 else frame
        fractions.append(float(np.mean((image >= floor)[keep])) if keep.any() else 0.0)
        bright, count = ndimage.label((image >= CLEAR_SIGMAS * baseline.sigma) & keep, np.ones((3, 3)))
        if count:
            sizes = np.bincount(bright.ravel())[1:]
            peaks = np.asarray(ndimage.maximum(image, bright, np.arange(1, count + 1)))
            maxima += peaks[sizes >= LEAST_PIXELS].tolist()
    return BrightPatches(np.sort(np.array(maxima, dtype=np.float64)), np.array(fractions))


def _rough(scan: Scan, params: PreprocessParams, baseline: Baseline, executor: Executor) -> Frames:
    """The probe frames, normalised, less their median."""
    whole = WholeFrames.of(scan, params, baseline)

    def read(number: int) -> Image | None:
        try:
            return whole.read(number)
        except ScanError:
            return None

    frames = np.stack([frame for frame in executor.map(read, baseline.sample) if frame is not None])
    frames -= np.median(frames, axis=0)
    return frames
