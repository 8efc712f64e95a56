"""How many Friedel pairs are right, and how many of those that could be found were.

A true pair: two spots from h and -h of one grain, half a turn apart. A blob shows the spots with which it shares a
quarter of their union, so a blob of two merged spots may be paired for either. A true pair is *findable* when both
of its spots are shown by some blob and its ring is in use: some pair that was found is of it. A pair of the result
is *right* when its blobs show a true pair.
"""

from typing import Any

import numpy as np
from scipy import sparse

from friedel.evaluator.links import kept_rows, shown_spots, true_pairs, true_pairs_across
from friedel.evaluator.overlap import Overlaps
from friedel.model.arrays import Indices
from friedel.model.blobs import BlobTable
from friedel.model.pairs import PairTable


def evaluate_pairs(
    pairs: PairTable,
    blobs: BlobTable,
    truth: BlobTable,
    shared: Overlaps | None = None,
    ring: Indices | None = None,
) -> dict[str, Any]:
    """Compare pairs of `blobs` with the truth; the keys are those of "pairs" in `friedel evaluate --json`.

    `recall` is of findable pairs, `recall_of_all` of all true ones; `null_pairs` is what the result says chance
    makes. Where there are pairs across the beam, they are judged likewise under "across"; only blobs without a
    partner half a turn away are paired so, which its recall does not know. `ring` numbers the family of planes of
    each true spot; without it all rings are in use. Nothing found where nothing is to be found counts as 1. Raises
    `InputError` when pairs, blobs and truth are not of one scan.
    """
    shows = shown_spots(blobs, truth, shared)
    rows = kept_rows(pairs["blob_a"], blobs), kept_rows(pairs["blob_b"], blobs)
    judged = _judged(rows, true_pairs(truth), shows, ring) | {"null_pairs": float(pairs.null_pairs)}
    if not len(pairs.across):
        return judged
    rows = kept_rows(pairs.across["blob_a"], blobs), kept_rows(pairs.across["blob_b"], blobs)
    across = _judged(rows, true_pairs_across(truth), shows, ring)
    return {**judged, "across": {**across, "null_pairs": float(pairs.across.null_pairs)}}


def _judged(
    rows: tuple[Indices, Indices], true: tuple[Indices, Indices], shows: sparse.csr_array, ring: Indices | None
) -> dict[str, Any]:
    """How many pairs of blobs (rows) are true pairs of spots, and how many of these were found."""
    (a, b), (first, second) = true, rows
    partners, paired = _links(a, b, shows.shape[1]), _links(first, second, shows.shape[0])
    right = _holds(shows @ partners @ shows.T, first, second)
    found = _holds(shows.T @ paired @ shows, a, b)
    seen = np.asarray(shows.sum(axis=0)).ravel() > 0
    findable = seen[a] & seen[b]
    if ring is not None and found.any():
        findable &= np.isin(ring[a], ring[a][found])
    return {
        "truth": len(a),
        "findable": int(findable.sum()),
        "result": len(first),
        "right": int(right.sum()),
        "precision": _ratio(int(right.sum()), len(first), empty=len(a) == 0),
        "recall": _ratio(int(found.sum()), int(findable.sum()), empty=len(first) == 0),
        "recall_of_all": _ratio(int(found.sum()), len(a), empty=len(first) == 0),
    }


def _links(a: Any, b: Any, size: int) -> sparse.csr_array:
    both = (np.concatenate([a, b]), np.concatenate([b, a]))
    return sparse.csr_array((np.ones(len(both[0]), dtype=np.int32), both), shape=(size, size))


def _holds(matrix: sparse.csr_array, rows: Any, columns: Any) -> Any:
    if not len(rows):
        return np.zeros(0, dtype=bool)
    return np.asarray(matrix.tocsr()[rows, columns]).ravel() > 0


def _ratio(part: int, whole: int, *, empty: bool) -> float:
    return part / whole if whole else float(empty)
