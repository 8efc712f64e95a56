"""The set-up that a stage used, as attributes of its file, so that the next one goes on with the same."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from friedel.calibrator import Calibration
from friedel.errors import InputError
from friedel.io.store import read_attributes
from friedel.model.setup import Axis, Detector, Setup


def setup_record(setup: Setup) -> dict[str, Any]:
    """Beam, detector and sense as plain values."""
    detector = setup.detector
    return {
        "energy_keV": setup.beam.energy_keV,
        "rotation": "+z" if setup.axis.sign > 0 else "-z",
        "origin_um": detector.origin_um.tolist(),
        "u_um": detector.u_um.tolist(),
        "v_um": detector.v_um.tolist(),
    }


def load_setup(path: Path, given: Setup) -> Setup:
    """The set-up in a file of ours, with beam and sample of `given`. Raises `InputError` where there is none."""
    values = read_attributes(path).get("setup")
    if not isinstance(values, dict):
        raise InputError(str(path), rule="does not say which set-up it was made with", way_out="--from match")
    detector = Detector(*(np.array(values[name]) for name in ("origin_um", "u_um", "v_um")))
    return Setup(given.beam, detector, Axis(1 if values["rotation"] == "+z" else -1), given.sample)


def calibration_record(
    told_by: str, calibration: Calibration, lines: Sequence[str], *, changed: bool
) -> dict[str, Any]:
    """One look at the geometry for `run.json`: by "pairs" or "spots", with all that the fit found, taken or not."""
    return {
        "by": told_by,
        "changed": changed,
        "quantities": [asdict(change) for change in calibration.fitted],
        "pairs": [calibration.pairs_before, calibration.pairs_after],
        "null_pairs": [calibration.null_before, calibration.null_after],
        "lines": list(lines),
    }


def sense_record(line: str) -> dict[str, Any]:
    """The same of the sense of the rotation, which the number of grains told."""
    return {"by": "grains", "changed": True, "lines": [line]}
