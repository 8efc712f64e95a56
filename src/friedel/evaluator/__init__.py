"""Result against truth, which have the same types: numbers that say how good a run is.

Used by `friedel evaluate`, by the report and by the benches. Contingency is sparse throughout: nothing is ever
as large as spots times blobs.
"""

from typing import Any

from friedel.evaluator.blobs import evaluate_blobs
from friedel.evaluator.overlap import Matching, Overlaps, match_one_to_one, overlaps
from friedel.evaluator.reference import isolated_spots, reference_blobs
from friedel.model.blobs import BlobTable
from friedel.model.truth import Truth

__all__ = [
    "Matching",
    "Overlaps",
    "evaluate",
    "evaluate_blobs",
    "isolated_spots",
    "match_one_to_one",
    "overlaps",
    "reference_blobs",
]


def evaluate(truth: Truth, *, blobs: BlobTable | None = None) -> dict[str, Any]:
    """Compare what a run produced with the truth, part by part, as plain values for JSON.

    A part that the result does not have is left out. Raises `InputError` when the two are of different scans.
    """
    parts: dict[str, Any] = {}
    if blobs is not None:
        parts["blobs"] = evaluate_blobs(blobs, truth.blobs)
    return parts
