"""What the page says about the blobs of a solution: of all of them in short, and of one at length."""

from typing import Any

import numpy as np

from friedel.errors import InputError
from friedel.explorer.blob_details import neighbours
from friedel.explorer.histograms import intensities, sizes
from friedel.explorer.solution import Solution
from friedel.model.blobs import FLAG_MEANINGS, Reason


def summary(solution: Solution) -> dict[str, Any]:
    """The answer to api/solve."""
    blobs = solution.blobs
    counts = blobs.counts_by_reason()
    kept = counts.pop(Reason.KEPT.text)
    return {
        "solution": solution.id,
        "scope": solution.scope,
        "seconds": solution.seconds,
        "kept": kept,
        "rejected": {name: count for name, count in counts.items() if count},
        "volume_px": int(blobs["Number_of_pixels"].sum()),
        "bright_fraction": solution.bright_fraction,
        "sizes": sizes(blobs).plain(),
        "intensities": intensities(blobs).plain(),
        "window": [solution.start, solution.stop],
        "preview": solution.preview,
        "cut": solution.cut,
        "noise": None if solution.noise is None else solution.params.noise,
        "warnings": list(solution.warnings),
    }


def blob_facts(solution: Solution, row: int) -> dict[str, Any]:
    """One row of the table, its neighbours, and what its flags mean. Raises `InputError` for a row that is not."""
    blobs = solution.blobs
    if not 0 <= row < len(blobs.reason):
        raise InputError("id", rule=f"must lie in 0..{len(blobs.reason) - 1}", got=row)
    values = {name: _plain(column[row]) for name, column in blobs.columns.items()}
    flags = [text for bit, text in FLAG_MEANINGS.items() if int(values["flags"]) & bit]
    reason = Reason(int(blobs.reason[row])).text
    return {**values, "id": row, "flags": flags, "reason": reason, "neighbours": neighbours(solution.runs, row)}


def _plain(value: Any) -> Any:
    number = value.item()
    return number if not isinstance(number, float) or np.isfinite(number) else None
