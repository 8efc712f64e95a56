"""How bright the spots of a scan are, from the few frames that were looked at, and how long they last."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.model.arrays import Floats, Image, Mask
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.preprocess import PreprocessParams
from friedel.preprocess.frame_cleaner import FrameCleaner
from friedel.preprocess.probe_frames import median_background

CLEAR_SIGMAS = 8.0
"""White noise reaches it nowhere."""
LEAST_PIXELS = 5
WATCHED = 6
"""Probe frames whose bright pixels are looked at in later frames."""
HALF = 0.5
HALF_AT = 2.0 * math.sqrt(math.log(2.0))
"""What a normal profile in time is alike to itself falls to a half after so many of its standard deviations."""


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
    keep = _outside_beam(cleaner, baseline)
    clear = CLEAR_SIGMAS * baseline.sigma * math.sqrt(params.average)
    maxima: list[float] = []
    fractions = []
    for image in map(cleaner.clean, frames):
        fractions.append(float(np.mean((image >= floor)[keep])) if keep.any() else 0.0)
        bright, count = ndimage.label((image >= clear) & keep, np.ones((3, 3)))
        if count:
            sizes = np.bincount(bright.ravel())[1:]
            peaks = np.asarray(ndimage.maximum(image, bright, np.arange(1, count + 1)))
            maxima += peaks[sizes >= LEAST_PIXELS].tolist()
    return SpotBrightness(np.sort(np.array(maxima, dtype=np.float64)), np.array(fractions))


def spots_last(scan: Scan, params: PreprocessParams, baseline: Baseline, executor: Executor) -> float:
    """For how many frames the pixels of spots are bright: the standard deviation, 0 where there are no spots.

    Bright pixels of a few probe frames are looked at 1, 2, 4, 8, ... frames later, until they have lost half of
    what they have in common. Where a lattice bends, each pixel of a long spot is bright for a short time only.
    """
    cleaner = FrameCleaner.of(scan, params.replaced(average=1), baseline)
    frames = list(executor.map(cleaner.raw, baseline.probe_frames))
    cleaner = cleaner.subtracting(median_background(cleaner, frames, executor))
    keep = _outside_beam(cleaner, baseline)
    some = frames[:: max(len(frames) // WATCHED, 1)][:WATCHED]
    clear = CLEAR_SIGMAS * baseline.sigma * math.sqrt(params.average)
    watched = []
    for frame in some:
        image = cleaner.clean(frame)
        bright = (image >= clear) & keep
        if bright.any():
            watched.append((frame.number, bright, image[bright]))
    return _fallen_to_half(cleaner, watched, scan.shape[0]) / HALF_AT if watched else 0.0


def _fallen_to_half(cleaner: FrameCleaner, watched: Sequence[tuple[int, Mask, Image]], frames: int) -> float:
    """After how many frames bright pixels (frame, mask, their values) have half in common with themselves."""
    before, alike_before, step = 0, 1.0, 1
    while True:
        own = common = 0.0
        for number, bright, values in watched:
            later = number + step
            if later < frames and not any(first <= later < last for first, last in cleaner.scan.gaps):
                own += float(np.square(values, dtype=np.float64).sum())
                common += float(
                    np.multiply(values, np.nan_to_num(cleaner.clean(later)[bright])).sum(dtype=np.float64)
                )
        alike = common / own if own else 0.0
        if alike < HALF:
            part = (alike_before - HALF) / (alike_before - alike)
            return before + part * (step - before)
        before, alike_before, step = step, alike, 2 * step


def _outside_beam(cleaner: FrameCleaner, baseline: Baseline) -> Mask:
    keep = ~cleaner.scan.mask
    if baseline.beam is not None:
        keep[baseline.beam.slices] = False
    return keep
