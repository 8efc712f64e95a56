"""A few frames read before the pass, and what they tell of the light: beam, margin, level, for any parameters.

The pass asks once (`measure_baseline`), the page again and again while a box is dragged: what it says is what a run
would say.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from friedel.model.arrays import Mask
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.preprocess.dead_areas import OddPixels
from friedel.preprocess.direct_beam import beam_box, beam_warning, margin_boxes
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.probe_frames import ProbeFrames, hardly_numbers, read_probe_frames
from friedel.preprocess.raw_frames import MOST_SATURATED, Gains, PixelConstants, without


@dataclass(frozen=True, slots=True, eq=False)
class LightLook:
    """What the frames tell with certain parameters: the scan without dead pixels, and where its light is.

    `baseline` has no scale, offset and noise yet. `of_light` are warnings about beam, margin and normalisation,
    `warnings` all others; both in the order in which they are told.
    """

    scan: Scan
    probe: ProbeFrames
    baseline: Baseline
    warnings: tuple[str, ...]
    of_light: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FirstLook:
    """Up to 32 evenly spaced frames of a scan: pixels `dead` [row, col] are hardly numbers, others are `odd`."""

    scan: Scan
    probe: ProbeFrames
    dead: Mask | None
    constants: PixelConstants
    odd: OddPixels

    @classmethod
    def at(cls, scan: Scan, executor: Executor) -> Self:
        """Read them. Raises `ScanError` where none of them can be used."""
        numbers, raw = read_probe_frames(scan, executor)
        dead = hardly_numbers(raw, scan.shape[1:])
        scan = without(scan, dead)
        constants = PixelConstants.of(scan)
        probe = ProbeFrames.of(numbers, raw, constants, scan.shape[1:], executor)
        return cls(scan, probe, dead, constants, OddPixels.of(scan, probe, executor))

    def with_params(self, params: PreprocessParams) -> LightLook:
        """With these parameters. Raises `InputError` for boxes outside the image and strips wider than the beam."""
        scan, probe, dead, constants = self.scan, self.probe, self.dead, self.constants
        stuck = self.odd.outside_beam(scan, params, probe)
        if stuck is not None:
            scan, dead = without(scan, stuck), stuck if dead is None else dead | stuck
            constants = PixelConstants.of(scan)
            probe = probe.masked(stuck, constants)
        beam = beam_box(scan, params, probe)
        margins, shadowed = margin_boxes(scan, params, probe, beam) if params.normalise == "margin" else ((), "")
        no_noise, fill_image = np.zeros(scan.shape[1:], np.float32), probe.median
        baseline = Baseline(
            probe.numbers, beam, margins, 1.0, 1.0, 0.0, probe.noise, no_noise, dead=dead,
            fill_image=fill_image if probe.raw.dtype.kind == "f" else None,
        )  # fmt: skip
        level, dim = _reference_level(scan, params, baseline, probe, constants)
        others = ("" if stuck is None else _stuck_warning(stuck), _dark_warning(scan, probe))
        of_light = (beam_warning(scan, params, probe, beam), shadowed, dim)
        told, told_of_light = (tuple(filter(None, texts)) for texts in (others, of_light))
        return LightLook(scan, probe, replace(baseline, reference_level=level), told, told_of_light)


def _stuck_warning(stuck: Mask) -> str:
    return (
        f"{np.count_nonzero(stuck)} pixels outside the beam are saturated, constant or wild in more than half of "
        f"the frames looked at (gaps between modules, dead columns, quadrants that are not read out): they are "
        f"masked; scan.mask keeps this from being said"
    )


def _dark_warning(scan: Scan, probe: ProbeFrames) -> str:
    inside = probe.median[~scan.mask]
    if inside.size == 0 or np.mean(inside < -max(probe.noise, 1.0)) <= 0.5:
        return ""
    return (
        f"scan.dark: the dark is brighter than the frames (the median pixel is {-float(np.median(inside)):.0f} "
        f"counts below it); is it the dark of this scan?"
    )


def _reference_level(
    scan: Scan, params: PreprocessParams, baseline: Baseline, probe: ProbeFrames, constants: PixelConstants
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
    levels = np.array([gains.level(frame.ravel()) for frame in probe.raw])
    known = levels[np.isfinite(levels)]
    if 2 * len(known) < len(levels):
        return 0.0, (
            f"preprocess.{params.normalise}: more than {MOST_SATURATED:.0%} of it is saturated in most frames, so "
            f"that they are not normalised; give preprocess.margin boxes in a dimmer part of the beam"
        )
    level = float(np.median(known))
    if level <= max(probe.noise, 1e-6):
        return 0.0, (
            f"preprocess.{params.normalise}: its level ({level:.1f} counts above the dark) is not above the noise: "
            f"frames are not normalised"
        )
    return level, ""
