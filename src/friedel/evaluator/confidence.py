"""Whether voxels are as sure as the map says: how many are wrong by status, and how many right by confidence.

Each voxel of the result that has a grain is right where the truth, at its centre, has the same one.
"""

from typing import Any

import numpy as np

from friedel.model.arrays import AnyArray, Indices, Mask
from friedel.model.grains import GrainVolume, Status

EDGES = np.array([0.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.0])
"""Of the bins of confidence: tenths in their middles, what is surer than .95 alone."""


def evaluate_confidence(result: GrainVolume, truth: GrainVolume, name: Indices) -> dict[str, Any]:
    """Voxels that are wrong, and the calibration of their confidence; the keys are of "volume" in the JSON.

    `name` gives the true label of each label of the result. `wrong` by status, of the voxels that have it; of a map
    with confidences `confidence`: `bins` with what was `said` and what is `right` on average, and `error`, the mean
    distance of the two over voxels (expected calibration error).
    """
    here = result.grain_id > 0
    known = np.full(max(int(result.grain_id.max(initial=0)) + 1, len(name)), -1, dtype=np.int64)
    known[: len(name)] = name
    right = known[result.grain_id[here]] == labels_at(result, truth)[here]
    status = result.status[here]
    scores: dict[str, Any] = {
        "wrong": {
            kind.name.lower(): float(np.mean(~right[status == kind]))
            for kind in Status
            if kind is not Status.EMPTY and (status == kind).any()
        }
    }
    if result.confidence is not None and right.size:
        scores["confidence"] = calibration(result.confidence[here], right)
    return scores


def calibration(said: AnyArray, right: Mask) -> dict[str, Any]:
    """Bins of confidences (n) with what is right (n) of each, and the expected calibration error."""
    said = np.asarray(said, dtype=np.float64)
    which = np.clip(np.searchsorted(EDGES, said, side="right") - 1, 0, len(EDGES) - 2)
    count = np.bincount(which, minlength=len(EDGES) - 1)
    sums = [np.bincount(which, values, minlength=len(EDGES) - 1) for values in (said, right.astype(np.float64))]
    bins, off = [], 0.0
    for row in np.flatnonzero(count):
        mean, part = (float(values[row] / count[row]) for values in sums)
        off += abs(mean - part) * int(count[row])
        low, high = float(EDGES[row]), float(EDGES[row + 1])
        bins.append({"from": low, "to": high, "voxels": int(count[row]), "said": mean, "right": part})
    return {"bins": bins, "error": off / max(int(count.sum()), 1)}


def labels_at(result: GrainVolume, truth: GrainVolume) -> AnyArray:
    """The true label at the centre of each voxel of the result [z,y,x]; 0 outside of the truth."""
    places, known = [], []
    for axis in range(3):
        centre = result.origin_um[2 - axis] + (np.arange(result.grain_id.shape[axis]) + 0.5) * result.voxel_um
        at = np.floor((centre - truth.origin_um[2 - axis]) / truth.voxel_um + 1e-9).astype(np.int64)
        size = truth.grain_id.shape[axis]
        known.append((at >= 0) & (at < size))
        places.append(np.clip(at, 0, size - 1))
    out = truth.grain_id[np.ix_(*places)].copy()
    out[~(known[0][:, None, None] & known[1][:, None] & known[2])] = 0
    return out
