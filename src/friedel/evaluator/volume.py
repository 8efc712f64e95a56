"""How well the map agrees with the true one, voxel by voxel, grain by grain and at the boundaries.

The result's grains take the numbers of the true grains that they were matched with; where no grains are given, of
those with which they share most voxels (one to one, IoU of at least a quarter). Then:

- `voxel_accuracy`: voxels that are right over the truth's voxels of some grain; `voxel_agreement`: over the union
  of both maps' voxels.
- `dice` of a true grain: twice the shared voxels over the voxels of both; 0 for one that was not found.
- `wrong`: by status, the part of the result's voxels whose grain is another one in the truth; `confidence`: what
  was said of them and what is right (`confidence.py`).
- `boundary_px`: distance from faces between true grains to the nearest face between two grains of the result, and
  the other way round, in voxels of the truth; the surface of the sample is not a boundary.

Maps on different grids are compared on the truth's, where the result's voxel at the centre of each of its voxels
counts.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from friedel.evaluator.confidence import evaluate_confidence
from friedel.evaluator.grains import GrainMatching
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.grains import GrainVolume

LEAST_IOU = 0.25
MOST_FACES = 200_000
"""So many faces, evenly spread, are asked for their distance."""


def evaluate_volume(
    result: GrainVolume, truth: GrainVolume, matching: GrainMatching | None = None
) -> dict[str, Any]:
    """Compare two maps; the keys are those of "volume" in `friedel evaluate --json`.

    Contingency is sparse. `worst` is the row of the true grain with the smallest Dice.
    """
    found, true = on_one_grid(result, truth)
    table = _contingency(true, found)
    pairs = (matching.truth + 1, matching.result + 1) if matching else table.by_overlap()
    name = np.zeros(max(len(table.result_size), int(pairs[1].max(initial=0)) + 1), dtype=np.int64)
    # a grain that is none of the true ones keeps a number of its own
    name[1:] = len(table.truth_size) + np.arange(1, len(name))
    name[pairs[1]] = pairs[0]
    right = (table.truth > 0) & (name[table.result] == table.truth)
    agreed, solid = int(table.voxels[right].sum()), int(table.truth_size[1:].sum())
    union = int(table.voxels[(table.truth > 0) | (table.result > 0)].sum())
    scores: dict[str, Any] = {
        "voxel_accuracy": agreed / solid if solid else 1.0,
        "voxel_agreement": agreed / union if union else 1.0,
        **_dice(table, name, right),
        **evaluate_confidence(result, truth, name),
    }
    distances = boundary_distances(true, name[found])
    if len(distances):
        scores["boundary_px"] = {
            "mean": float(distances.mean()),
            "median": float(np.median(distances)),
            "p95": float(np.percentile(distances, 95)),
        }
    return scores


def _dice(table: "_Contingency", name: Indices, right: AnyArray) -> dict[str, Any]:
    size = table.truth_size
    shared = np.zeros(len(size), dtype=np.int64)
    shared[table.truth[right]] = table.voxels[right]
    mine = np.zeros(len(size), dtype=np.int64)
    known = name[: len(table.result_size)] < len(size)
    np.add.at(mine, name[: len(table.result_size)][known], table.result_size[known])
    there = np.flatnonzero(size[1:] > 0) + 1
    if not len(there):
        return {}
    dice = 2.0 * shared[there] / (size[there] + mine[there])
    return {
        "dice": {"median": float(np.median(dice)), "min": float(dice.min())},
        "worst": int(there[dice.argmin()]) - 1,
    }


def on_one_grid(result: GrainVolume, truth: GrainVolume) -> tuple[AnyArray, AnyArray]:
    """The labels [z,y,x] of both on the truth's grid, grown so that it covers both."""
    step = truth.voxel_um
    shift = np.asarray(result.origin_um, dtype=np.float64) - np.asarray(truth.origin_um, dtype=np.float64)
    same = np.isclose(result.voxel_um, step, rtol=1e-9) and np.abs(shift).max() < 1e-6 * step
    if same and result.grain_id.shape == truth.grain_id.shape:
        return result.grain_id, truth.grain_id
    slices, samples = [], []
    for axis in range(3):  # z, y, x
        size, other = truth.grain_id.shape[axis], result.grain_id.shape[axis]
        offset = shift[2 - axis] / step
        scale = result.voxel_um / step
        low = min(0, int(np.floor(offset + 1e-6)))
        high = max(size, int(np.ceil(offset + other * scale - 1e-6)))
        places = (np.arange(low, high) + 0.5 - offset) / scale
        index = np.floor(places + 1e-9).astype(np.int64)
        samples.append(np.where((index >= 0) & (index < other), index, other))
        slices.append((-low, high - size))
    true = np.pad(truth.grain_id, slices)
    # one layer of nothing around the end takes every place outside
    return np.pad(result.grain_id, (0, 1))[np.ix_(*samples)], true


def boundary_distances(a: AnyArray, b: AnyArray) -> Floats:
    """Distance of each face between two grains in one map to the nearest in the other, both ways, in voxels.

    A map without such faces has no distances; where only one has them, every one is as far as the map is long.
    """
    faces = [_faces(a), _faces(b)]
    if not len(faces[0]) and not len(faces[1]):
        return np.zeros(0)
    found = []
    for mine, others in (faces, faces[::-1]):
        chosen = mine[:: max(1, -(-len(mine) // MOST_FACES))]
        if len(others):
            found.append(np.asarray(cKDTree(others).query(chosen)[0], dtype=np.float64))
        else:
            found.append(np.full(len(chosen), np.linalg.norm(a.shape)))
    return np.concatenate(found)


def _faces(label: AnyArray) -> Floats:
    """Centres (n,3) of faces between two different grains, in voxels."""
    found = []
    for axis in range(3):
        size = label.shape[axis]
        first, second = np.take(label, range(size - 1), axis), np.take(label, range(1, size), axis)
        where = np.argwhere((first != second) & (first > 0) & (second > 0)).astype(np.float64)
        where[:, axis] += 0.5
        found.append(where)
    return np.concatenate(found)


class _Contingency(NamedTuple):
    """Labels of both maps that occur together, and in how many voxels; the voxels of each label but 0."""

    truth: Indices
    result: Indices
    voxels: Indices
    truth_size: Indices
    result_size: Indices

    def by_overlap(self) -> tuple[Indices, Indices]:
        """Labels of both that belong together, one to one, best IoU first."""
        union = self.truth_size[self.truth] + self.result_size[self.result] - self.voxels
        iou = self.voxels / np.maximum(union, 1)
        good = np.flatnonzero((self.truth > 0) & (self.result > 0) & (iou >= LEAST_IOU))
        good = good[np.argsort(-iou[good], kind="stable")]
        keep = _first_of_each(self.truth[good], self.result[good])
        return self.truth[good][keep], self.result[good][keep]


def _first_of_each(first: Indices, second: Indices) -> AnyArray:
    """True for pairs whose members no earlier kept pair has."""
    used: tuple[set[int], set[int]] = set(), set()
    keep = np.zeros(len(first), dtype=bool)
    for i, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if a not in used[0] and b not in used[1]:
            used[0].add(a)
            used[1].add(b)
            keep[i] = True
    return keep


def _contingency(true: AnyArray, found: AnyArray) -> _Contingency:
    """Plane by plane, so that memory does not grow with the map."""
    many = int(found.max(initial=0)) + 1
    keys, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for a, b in zip(true, found, strict=True):
        key, count = np.unique(a.ravel().astype(np.int64) * many + b.ravel(), return_counts=True)
        keys.append(key)
        counts.append(count)
    pair, owner = np.unique(np.concatenate(keys), return_inverse=True)
    voxels = np.zeros(len(pair), dtype=np.int64)
    np.add.at(voxels, owner, np.concatenate(counts))
    t, r = np.divmod(pair, many)
    sizes = []
    for label, top in ((t, int(true.max(initial=0))), (r, many - 1)):
        size = np.zeros(top + 1, dtype=np.int64)
        np.add.at(size, label, voxels)
        size[0] = 0
        sizes.append(size)
    return _Contingency(t, r, voxels, *sizes)
