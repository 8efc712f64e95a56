"""Looks at the geometry, as `run.json` keeps them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from friedel.calibrator import Calibration


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
