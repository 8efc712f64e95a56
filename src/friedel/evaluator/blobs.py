"""How well a segmentation found the spots.

Definitions (spot: kept row of the truth; blob: kept row of the result; only these count):

- A spot is *found* at an IoU when it is matched to a blob that shares at least that much of their union.
  Matching is one to one by descending IoU. `f1`, `precision` and `recall` follow for IoU 0.25, 0.5, 0.75.
  Nothing found where nothing is to be found counts as 1.
- `pq`, panoptic quality: sum of the IoU of pairs at IoU >= 0.5 over (pairs + half of what is left on each side)
  (Kirillov et al., CVPR 2019).
- A *split*: a spot in which two or more blobs lie. A blob lies in the spot with which it shares most voxels,
  provided that these are more than half of its own.
- A *merge*: a blob in which two or more spots lie, in the same sense.
- Everything else (`recall_*`, centroids, intensities) is taken at IoU 0.5. Centroid differences along the
  rotation are modulo the scan where it wraps. Intensity errors are relative to the truth's sum of counts.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from friedel.evaluator.overlap import Matching, Overlaps, match_one_to_one, overlaps, overlaps_with_parts
from friedel.model.arrays import AnyArray, Indices
from friedel.model.blobs import BlobTable
from friedel.model.shares import SpotShares
from friedel.model.spots import SpotTable

IOU_LEVELS = (0.25, 0.5, 0.75)
SNR_EDGES = (0.0, 3.0, 5.0, 10.0, 20.0, 50.0, np.inf)
CLEAR_SNR = 5.0
"""An isolated spot above this many sigma is one that no segmentation should miss."""


def evaluate_blobs(result: BlobTable, truth: BlobTable, shared: Overlaps | None = None) -> dict[str, Any]:
    """Compare kept blobs with true spots; the keys are those of "blobs" in `friedel evaluate --json`.

    What needs a column that the truth lacks (`snr`, `isolated`), or a matched pair where there is none, is left
    out. `shared` are the overlaps of the two where somebody has counted them already. Raises `InputError` when
    the tables are of scans of different shapes.
    """
    pairs = shared or overlaps(result, truth)
    matching = match_one_to_one(pairs, min(IOU_LEVELS))
    good = matching.above(0.5)
    found = np.zeros(len(truth), bool)
    found[good.truth] = True
    splits, merges = _splits_and_merges(pairs)
    return {
        "truth": len(truth),
        "result": len(result),
        "found": len(good),
        **_scores(matching, len(truth), len(result)),
        "pq": _ratio(2.0 * float(good.iou.sum()), len(truth) + len(result)),
        "splits": splits,
        "merges": merges,
        **_recalls(found, truth),
        **_errors(good, result, truth),
    }


def recall_with_parts(
    result: BlobTable, truth: BlobTable, shares: SpotShares, spots: SpotTable | None = None
) -> dict[str, float]:
    """Part of the true spots that kept blobs, parts of blobs that the grains told apart, or faint ones of `spots`
    show at each IoU."""
    matching = match_one_to_one(overlaps_with_parts(result, truth, shares, spots), min(IOU_LEVELS))
    return {f"{level:g}": _ratio(len(matching.above(level)), len(truth)) for level in IOU_LEVELS}


def _scores(matching: Matching, spots: int, blobs: int) -> dict[str, dict[str, float]]:
    hits = {f"{level:g}": len(matching.above(level)) for level in IOU_LEVELS}
    return {
        "f1": {level: _ratio(2 * n, spots + blobs) for level, n in hits.items()},
        "precision": {level: _ratio(n, blobs, empty=spots == 0) for level, n in hits.items()},
        "recall": {level: _ratio(n, spots, empty=blobs == 0) for level, n in hits.items()},
    }


def _ratio(part: float, whole: int, *, empty: bool = True) -> float:
    return part / whole if whole else float(empty)


def _splits_and_merges(pairs: Overlaps) -> tuple[int, int]:
    of_result = _home(pairs.result, pairs.truth, pairs.voxels, pairs.result_size)
    of_truth = _home(pairs.truth, pairs.result, pairs.voxels, pairs.truth_size)
    splits = np.bincount(of_result[of_result >= 0], minlength=1) >= 2
    merges = np.bincount(of_truth[of_truth >= 0], minlength=1) >= 2
    return int(splits.sum()), int(merges.sum())


def _home(item: Indices, other: Indices, voxels: Indices, size: Indices) -> Indices:
    """The other in which each item lies, -1 for none; ties go to the lower row."""
    order = np.lexsort((other, -voxels, item))
    first = order[np.diff(item[order], prepend=-1) != 0]
    inside = first[2 * voxels[first] > size[item[first]]]
    home = np.full(len(size), -1, dtype=np.int64)
    home[item[inside]] = other[inside]
    return home


def _recalls(found: AnyArray, truth: BlobTable) -> dict[str, Any]:
    recalls: dict[str, Any] = {}
    snr = truth["snr"] if "snr" in truth.extra else None
    isolated = truth["isolated"] != 0 if "isolated" in truth.extra else None
    if isolated is not None:
        _put(recalls, "recall_isolated", found[isolated])
        _put(recalls, "recall_overlapping", found[~isolated])
        if snr is not None:
            _put(recalls, f"recall_isolated_above_{CLEAR_SNR:g}_sigma", found[isolated & (snr > CLEAR_SNR)])
    if snr is not None:
        by_snr: dict[str, float] = {}
        spots: dict[str, int] = {}
        for low, high in pairwise(SNR_EDGES):
            here = (snr >= low) & (snr < high)
            name = f"{low:g}-{high:g}" if np.isfinite(high) else f">={low:g}"
            _put(by_snr, name, found[here])
            if here.any():
                spots[name] = int(here.sum())
        recalls |= {"recall_by_snr": by_snr, "spots_by_snr": spots}
    return recalls


def _put(into: dict[str, Any], name: str, found: AnyArray) -> None:
    if len(found):
        into[name] = float(found.mean())


def _errors(good: Matching, result: BlobTable, truth: BlobTable) -> dict[str, dict[str, float]]:
    if not len(good):
        return {}

    def difference(name: str) -> AnyArray:
        return np.asarray(result[name][good.result] - truth[name][good.truth], dtype=np.float64)

    turns = difference("frame")
    if truth.wrapped or result.wrapped:
        frames = truth.shape[0]
        turns = (turns + frames / 2) % frames - frames / 2
    true_sum = truth["sum_intensity"][good.truth]
    relative = difference("sum_intensity")[true_sum > 0] / true_sum[true_sum > 0]
    errors = {
        "centroid_px": _spread(np.hypot(difference("s_raw"), difference("f_raw"))),
        "centroid_frames": _spread(np.abs(turns)),
    }
    if len(relative):
        errors["intensity"] = {**_spread(np.abs(relative)), "bias": float(np.median(relative))}
    return errors


def _spread(values: AnyArray) -> dict[str, float]:
    return {"median": float(np.median(values)), "p95": float(np.percentile(values, 95))}
