"""Parameters that fit a scan, each with a note on where its number comes from: `friedel init`."""

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from friedel.errors import FriedelWarning
from friedel.io import open_scan
from friedel.model.baseline import Baseline
from friedel.model.scan import Box, Scan
from friedel.model.stream import Executor
from friedel.preprocess import measure_baseline
from friedel.preprocess.probe_frames import PROBE_FRAMES
from friedel.preprocess.stream import CORRUPT_SHARE
from friedel.recipe import Recipe, build_recipe
from friedel.segment import SegmentParams
from friedel.survey.spots import SpotBrightness, measure_spots, spots_last

LEAST_SIGMAS, MOST_SIGMAS = 8.0, 26.0
"""Between these multiples of the noise lies the seed threshold. White noise reaches 8 in none of 1e10 voxels after
the 2D median; above 26, spots of 10 sigma of a raw frame would be lost, and typical ones gain little."""
LEAST_SHARE = 0.5
"""Where spots are so bright that the noise is no matter, the seed threshold is at least this part of a tenth (the
tolerance) of a typical spot's maximum: a spot grows down to it, and a hundredth of its maximum is in its tails."""
GROW_SIGMAS = 5.0
"""Twice the noise of a raw frame, which the 3 × 3 median reduces to 0.41: where a spot ends for an eye."""
RAW_SHARE = {1: 1.0, 3: 0.41, 5: 0.25, 7: 0.18}
"""Noise after the 2D median over noise before, by its edge (white noise)."""
TYPICAL_PERCENT = 80.0
"""A spot shows its maximum in one of its few frames only, and the probe frames see it in any of them."""
SAFE_SIGMAS = 6.0
"""A seed threshold never comes closer to the noise than this, however it was filtered."""
SEED_VOXELS = 3
SADDLE = 0.6
"""Which saddle parts two spots is a matter of their own heights, not of the noise: one threshold for all cannot
part bright ones and keep faint ones. A grain's projection bulges, so a fall to six tenths between two maxima is a
border: two equal spots show it from 1.3 of their widths at half maximum on. Noise does not make it: a saddle lies
above the seed threshold T, so the fall is two thirds of T or more, 5 sigma at least."""
SMALLEST, LARGEST = [2, 2, 1], [300, 300, 100]
SMOOTH_SADDLE = 0.85
"""The same where clean frames are means: spots that last long are smooth, and their neighbours overlap more."""
LONGEST = 30.0
"""Spots may last so many of the standard deviations that they usually have: those near the rotation axis do."""

Values = dict[str, dict[str, Any]]
Found = dict[str, tuple[Any, str]]


def guess(values: Mapping[str, Any], executor: Executor) -> tuple[Recipe, dict[str, str]]:
    """A recipe for the scan that `values` name, and notes by `section.key`.

    `values` are plain recipe values that the user gives (at least `scan.frames`); the others are measured
    on the scan or keep their defaults. Raises `ScanError` when the scan cannot be used.
    """
    left_out = _centre_left_out(values)
    given = build_recipe(_with_centre(values, (0.0, 0.0)) if left_out else values)
    scan = open_scan(given.scan.frames, given.scan)
    given, fitted = _fitted(given, scan, values.get("preprocess", {}))
    baseline = measure_baseline(scan, given.preprocess, executor)
    for text in [*baseline.warnings, *_refusals(scan, baseline)]:
        if baseline.beam is None and text.startswith("preprocess.normalise"):
            continue  # the recipe will say "none"
        warnings.warn(text, FriedelWarning, stacklevel=2)
    given, baseline, lasting = _averaged(given, scan, baseline, "average" in values.get("preprocess", {}), executor)
    guesses, notes = _from_scan(scan), _scan_notes(scan)
    scale = RAW_SHARE[3] / RAW_SHARE[given.preprocess.despeckle]  # the multiples of the noise are for 3 × 3
    spots = measure_spots(scan, given.preprocess, baseline, GROW_SIGMAS * scale * baseline.sigma, executor)
    unit = _unit(values.get("segment", {}))
    of_spots = _thresholds(baseline, given, spots, scale, unit) | _lengths(given, lasting, scan.shape[0])
    for part in (fitted, _levels(baseline, given), of_spots):
        for key, (value, note) in part.items():
            section, name = key.split(".")
            guesses.setdefault(section, {})[name] = value
            notes[key] = note
    if left_out:
        values = _with_centre(values, _centre(baseline.beam, scan))
        notes["setup.detector"] = (
            f"centre_px is the middle of {'the frame' if baseline.beam is None else 'the beam'}."
        )
    merged: dict[str, Any] = {**guesses, **values}
    for section, found in guesses.items():
        merged[section] = {**found, **values.get(section, {})}
    stated = {f"{section}.{name}" for section, part in values.items() if isinstance(part, Mapping) for name in part}
    stated -= {"setup.detector"} if left_out else set()
    return build_recipe(merged), {key: note for key, note in notes.items() if key not in stated}


def centre_text(recipe: Recipe) -> str:
    """Column and row of the middle of the recipe's beam box, for a user to begin with; dots where there is none."""
    beam = recipe.preprocess.beam
    return ", ".join(f"{at:g}" for at in _middle(Box(*beam))) if isinstance(beam, tuple) else "..., ..."


def _centre_left_out(values: Mapping[str, Any]) -> bool:
    """Whether a detector is given by distance and pixel, but not where the beam hits it."""
    setup = values.get("setup", {})
    detector = setup.get("detector") if isinstance(setup, Mapping) else None
    return (
        isinstance(detector, Mapping)
        and "centre_px" not in detector
        and {"distance_um", "pixel_um"} <= set(detector)
    )


def _with_centre(values: Mapping[str, Any], centre: tuple[float, float]) -> dict[str, Any]:
    setup = values["setup"]
    return {**values, "setup": {**setup, "detector": {**setup["detector"], "centre_px": list(centre)}}}


def _centre(beam: Box | None, scan: Scan) -> tuple[float, float]:
    """Column and row where the beam through the axis hits, as far as the direct beam tells."""
    _, rows, cols = scan.shape
    return _middle(beam or Box(0, 0, cols, rows))


def _middle(box: Box) -> tuple[float, float]:
    """Column and row: pixel 0 has its centre at 0."""
    return (box.col0 + box.col1 - 1) / 2, (box.row0 + box.row1 - 1) / 2


def _fitted(recipe: Recipe, scan: Scan, given: Mapping[str, Any]) -> tuple[Recipe, Found]:
    """A median window that fits into a short scan, unless the user chose one."""
    params, frames = recipe.preprocess, scan.shape[0]
    if {"half_window", "half_step"} & set(given) or params.background == "none" or 2 * params.half_window < frames:
        return recipe, {}
    half_window = max((frames - 1) // 4, 1)
    half_step = min(params.half_step, max(half_window // 10, 1))
    note = f"The scan has {frames} frames: half of them, {2 * half_window + 1}, are a window."
    fitted = params.replaced(half_window=half_window, half_step=half_step)
    found: Found = {
        "preprocess.half_window": (half_window, note),
        "preprocess.half_step": (half_step, "A tenth of the window, as usual."),
    }
    return recipe.model_copy(update={"preprocess": fitted}), found


def _averaged(
    recipe: Recipe, scan: Scan, baseline: Baseline, chosen: bool, executor: Executor
) -> tuple[Recipe, Baseline, float]:
    """With clean frames averaged over about a standard deviation of how long spots last, unless the user has
    `chosen`; the noise that this leaves; and how long they last."""
    lasting = spots_last(scan, recipe.preprocess, baseline, executor)
    average = 2 * int(min(lasting, scan.shape[0] / 20, 99) / 2) + 1
    if chosen or average == 1:
        return recipe, baseline, lasting
    less = 1.0 / math.sqrt(average)
    baseline = replace(baseline, sigma=baseline.sigma * less, sigma_image=baseline.sigma_image * np.float32(less))
    preprocess = recipe.preprocess.replaced(average=average)
    return recipe.model_copy(update={"preprocess": preprocess}), baseline, lasting


def _lengths(recipe: Recipe, lasting: float, frames: int) -> Found:
    """What depends on how long spots last; nothing where they are as short as usual."""
    average = recipe.preprocess.average
    if average == 1:
        return {}
    longest = min(max(LARGEST[2], math.ceil(LONGEST * lasting)), max(frames // 2, LARGEST[2]))
    note = f"Pixels of spots are bright for {2 * lasting:.2g} frames"
    return {
        "preprocess.average": (average, f"{note}: means of {average} have less noise and the same light."),
        "segment.max_size": ([*LARGEST[:2], longest], f"{note}, longer near the rotation axis."),
        "segment.saddle": (SMOOTH_SADDLE, f"{note}, which makes them smooth: a small dent parts two."),
    }


def _refusals(scan: Scan, baseline: Baseline) -> Iterator[str]:
    """What a run would stop at, as far as the frames that were looked at tell."""
    seen = min(PROBE_FRAMES, scan.shape[0])
    lost = seen - len(baseline.probe_frames)
    if lost > max(seen // 10, 1):
        yield (
            f"{lost} of {seen} frames looked at cannot be read or have one value everywhere: a run stops at "
            f"more than {CORRUPT_SHARE:.0%} of them; leave them out (scan.first, scan.last, scan.skip)"
        )


def _from_scan(scan: Scan) -> Values:
    """What a recipe says about the input although its files tell: so that a reader sees it.

    Angles of frames that are missing, or stored in another order, are more than a start and a step: left to the
    files.
    """
    steps = {"start_deg": scan.omega_start_deg, "step_deg": scan.omega_step_deg}
    omega = {"omega": steps} if scan.stored_frames is None else {}
    return {"scan": {**omega, "saturation": scan.saturation}}


def _scan_notes(scan: Scan) -> dict[str, str]:
    turn = "a full turn" if scan.full_turn else f"{abs(scan.shape[0] * scan.omega_step_deg):g} degrees"
    return {"scan.omega": f"Found in the scan: {scan.shape[0]} frames, {turn}."}


def _levels(baseline: Baseline, recipe: Recipe) -> dict[str, tuple[Any, str]]:
    sampled = f"Measured on {len(baseline.probe_frames)} frames spread over the scan"
    if baseline.beam is None:
        return {
            "preprocess.beam": ("none", f"{sampled}: no direct beam was found."),
            "preprocess.normalise": ("none", "There is no direct beam to normalise on."),
        }
    found: dict[str, tuple[Any, str]] = {
        "preprocess.beam": (list(baseline.beam), f"{sampled}: the bright rectangle.")
    }
    if baseline.margins and recipe.preprocess.normalise == "margin":
        level = f"{baseline.reference_level:.0f} counts on average"
        boxes = [list(box) for box in baseline.margins]
        found["preprocess.margin"] = (boxes, f"{sampled}: where the sample never shadows the beam, {level}.")
    return found


def _unit(segment: Mapping[str, Any]) -> str:
    """Sigma, unless the user said otherwise, or gave a threshold: bare numbers are counts."""
    bare = any(name in segment for name in ("seed_threshold", "grow_min", "grow_max"))
    return str(segment.get("unit", "counts" if bare else "sigma"))


def _thresholds(
    baseline: Baseline, recipe: Recipe, spots: SpotBrightness, scale: float, unit: str
) -> dict[str, tuple[Any, str]]:
    """Seeds at a tenth (the tolerance) of a typical spot's maximum, as far as the noise lets them.

    A blob never grows below min(seed_threshold, tolerance × its maximum): a seed threshold that is lower than
    needed makes bright blobs too large and joins neighbours.
    """
    sigma, tolerance = baseline.sigma, recipe.segment.tolerance
    least, most = max(LEAST_SIGMAS * scale, SAFE_SIGMAS), max(MOST_SIGMAS * scale, SAFE_SIGMAS)
    grow = GROW_SIGMAS * scale
    typical = float(np.percentile(spots.maxima, TYPICAL_PERCENT)) if len(spots.maxima) else 0.0
    ends = tolerance * typical / sigma  # where a typical spot ends
    seed = max(min(max(ends, least), most), LEAST_SHARE * ends)
    fullest = float(spots.bright_fraction.max(initial=0.0))
    noise = f"the noise of clean frames, {sigma:.3g} counts on the whole"
    why = (
        f"{tolerance:g} of a typical spot's maximum ({typical:.0f} counts), kept between {least:.2g} and {most:.2g}"
        if seed <= most
        else f"half of {tolerance:g} of a typical spot's maximum ({typical:.0f} counts), more than {most:.2g}"
    )
    times = 1.0 if unit == "sigma" else sigma
    local = {
        "segment.unit": ("sigma", f"Times {noise}."),
        "segment.noise": ("local", "The outer detector is darker, so its noise is lower."),
    }
    return {
        **(local if unit == "sigma" else {}),
        "segment.seed_threshold": (_rounded(seed * times), f"{seed:.2g} times the noise: {why} times."),
        "segment.grow_min": (_rounded(grow * times), f"{grow:.2g} times the noise: twice that of a raw frame."),
        "segment.seed_min_voxels": (SEED_VOXELS, "Seeds are well above the noise, so few voxels are enough."),
        "segment.min_size": (SMALLEST, "Small enough for spots that the beam box or the detector's edge cuts."),
        "segment.max_size": (LARGEST, "Spots near the rotation axis are long in frames."),
        "segment.overlap": ("watershed", "Neighbours share what lies between them."),
        "segment.saddle": (
            SADDLE,
            "Between two spots the intensity falls at least so far; within one it does not.",
        ),
        "segment.max_bright_fraction": (_guard(fullest), f"Up to {fullest:.1%} in the frames looked at: spots."),
    }


def _guard(fullest: float) -> float:
    """Twice what was seen, but no less than the default: the thresholds are far above the noise already."""
    return min(1.0, max(SegmentParams().max_bright_fraction, math.ceil(40 * fullest) / 20))


def _rounded(value: float) -> float:
    """Two significant digits: more would pretend."""
    return float(f"{value:.2g}")
