"""Result against truth, which have the same types: numbers that say how good a run is.

Used by `friedel evaluate`, by the report and by the benches. Contingency is sparse throughout: nothing is ever
as large as spots times blobs, or grains times grains.
"""

from collections.abc import Sequence
from typing import Any

from friedel.errors import InputError
from friedel.evaluator.blobs import evaluate_blobs, recall_with_parts
from friedel.evaluator.faint import evaluate_faint
from friedel.evaluator.grains import GrainMatching, evaluate_assignment, evaluate_grains, match_grains
from friedel.evaluator.links import rings_of_spots
from friedel.evaluator.orientations import evaluate_orientations
from friedel.evaluator.overlap import Matching, Overlaps, match_one_to_one, overlaps
from friedel.evaluator.pairs import evaluate_pairs
from friedel.evaluator.reference import isolated_spots, reference_blobs
from friedel.evaluator.volume import evaluate_volume
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.pairs import PairTable
from friedel.model.shares import SpotShares
from friedel.model.spots import SpotTable
from friedel.model.truth import Truth

__all__ = [
    "GrainMatching",
    "Matching",
    "Overlaps",
    "evaluate",
    "evaluate_assignment",
    "evaluate_blobs",
    "evaluate_grains",
    "evaluate_pairs",
    "evaluate_volume",
    "isolated_spots",
    "match_grains",
    "match_one_to_one",
    "overlaps",
    "reference_blobs",
]


def evaluate(
    truth: Truth,
    *,
    blobs: BlobTable | None = None,
    pairs: PairTable | None = None,
    grains: GrainTable | None = None,
    volume: GrainVolume | None = None,
    shares: SpotShares | None = None,
    spots: SpotTable | None = None,
    phases: Sequence[Phase] = (),
) -> dict[str, Any]:
    """Compare what a run produced with the truth, part by part, as plain values for JSON.

    A part that the result or the truth does not have is left out. `phases` give the symmetry for misorientations;
    without them it is the lattice's. `shares` are the parts of blobs that are spots of their own, `spots` all
    that the grains predict. Raises `InputError` when the two are of different scans, and for pairs without the
    blobs that they are made of.
    """
    parts: dict[str, Any] = {}
    shared = overlaps(blobs, truth.blobs) if blobs is not None else None
    if blobs is not None:
        parts["blobs"] = evaluate_blobs(blobs, truth.blobs, shared)
        if shares is not None:
            parts["blobs"]["recall_with_parts"] = recall_with_parts(blobs, truth.blobs, shares, spots)
    if pairs is not None and "grain" in truth.blobs.extra:
        if blobs is None:
            raise InputError("pairs", rule="can only be judged with the blobs that they are made of")
        parts["pairs"] = evaluate_pairs(pairs, blobs, truth.blobs, shared, rings_of_spots(truth, phases))
    matching = None
    if grains is not None and truth.grains is not None:
        matching = match_grains(grains, truth.grains, phases)
        voxel = truth.volume.voxel_um if truth.volume is not None else None
        parts["grains"] = evaluate_grains(grains, truth.grains, matching, voxel_um=voxel)
        if blobs is not None and "grain" in truth.blobs.extra:
            parts["grains"] |= evaluate_assignment(grains, blobs, truth.blobs, matching, shared)
            if spots is not None:
                parts["faint"] = evaluate_faint(spots, truth.blobs, matching, len(grains))
    if volume is not None and truth.volume is not None:
        parts["volume"] = evaluate_volume(volume, truth.volume, matching)
        if matching is not None and grains is not None and truth.grains is not None:
            both = (grains, volume), (truth.grains, truth.volume)
            parts["volume"] |= evaluate_orientations(*both, matching, phases)
    return parts
