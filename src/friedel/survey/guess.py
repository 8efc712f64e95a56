"""Parameters that fit a scan, each with a note on where its number comes from: `friedel init`."""

from collections.abc import Mapping
from typing import Any

from friedel.io import open_scan
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.preprocess import measure
from friedel.recipe import Recipe, build_recipe

SEED_SIGMAS = 8.0
"""White noise alone reaches it in no voxel of a scan (1e10 voxels, despeckled); see tests/pipeline/test_init.py."""
GROW_SIGMAS = 4.0
"""Far enough above the noise that a blob ends where its spot does; twice the raw noise is 4.9 of these."""

Values = dict[str, dict[str, Any]]


def guess(values: Mapping[str, Any], executor: Executor) -> tuple[Recipe, dict[str, str]]:
    """A recipe for the scan that `values` name, and notes by `section.key`.

    `values` are plain recipe values that the user has settled (at least `scan.frames`); the others are measured
    on the scan or keep their defaults. Raises `ScanError` when the scan cannot be used.
    """
    settled = build_recipe(values)
    scan = open_scan(settled.scan.frames, settled.scan)
    baseline = measure(scan, settled.preprocess, executor)
    guesses, notes = _from_scan(scan), _scan_notes(scan)
    for part in (_levels(baseline, settled), _thresholds(baseline, settled)):
        for key, (value, note) in part.items():
            section, name = key.split(".")
            guesses.setdefault(section, {})[name] = value
            notes[key] = note
    merged: dict[str, Any] = {**guesses, **values}
    for section, found in guesses.items():
        merged[section] = {**found, **values.get(section, {})}
    given = {f"{section}.{name}" for section, part in values.items() if isinstance(part, Mapping) for name in part}
    return build_recipe(merged), {key: note for key, note in notes.items() if key not in given}


def _from_scan(scan: Scan) -> Values:
    """What a recipe says about the input although its files tell: so that a reader sees it."""
    return {
        "scan": {
            "omega": {"start_deg": scan.omega_start_deg, "step_deg": scan.omega_step_deg},
            "saturation": scan.saturation,
        }
    }


def _scan_notes(scan: Scan) -> dict[str, str]:
    turn = "a full turn" if scan.full_turn else f"{abs(scan.shape[0] * scan.omega_step_deg):g} degrees"
    return {"scan.omega": f"Found in the scan: {scan.shape[0]} frames, {turn}."}


def _levels(baseline: Baseline, recipe: Recipe) -> dict[str, tuple[Any, str]]:
    sampled = f"Measured on {len(baseline.sample)} frames spread over the scan"
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


def _thresholds(baseline: Baseline, recipe: Recipe) -> dict[str, tuple[Any, str]]:
    if recipe.segment.unit == "sigma":
        return {
            "segment.seed_threshold": (SEED_SIGMAS, "In units of the noise."),
            "segment.grow_min": (GROW_SIGMAS, "In units of the noise."),
        }
    noise = f"the noise of clean frames, {baseline.sigma:.3g} counts"
    return {
        "segment.seed_threshold": (_rounded(SEED_SIGMAS * baseline.sigma), f"{SEED_SIGMAS:g} times {noise}."),
        "segment.grow_min": (_rounded(GROW_SIGMAS * baseline.sigma), f"{GROW_SIGMAS:g} times {noise}."),
    }


def _rounded(value: float) -> float:
    """Two significant digits: more would pretend."""
    return float(f"{value:.2g}")
