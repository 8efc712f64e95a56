"""Slow and obvious twin of `friedel.evaluator`: blobs as Python sets of voxels, all pairs of them compared."""

from typing import Any

import numpy as np

from friedel.model.blobs import BlobTable

Voxel = tuple[int, int, int]


def sets_of(table: BlobTable) -> list[set[Voxel]]:
    """The voxels (frame, row, col) of each kept blob."""
    v = table.voxels
    return [
        set(zip(v.frame[s].tolist(), v.row[s].tolist(), v.col[s].tolist(), strict=True))
        for s in map(v.of, range(len(table)))
    ]


def iou_matrix(result: BlobTable, truth: BlobTable) -> np.ndarray:
    """IoU of every spot [row] with every blob [column]."""
    spots, blobs = sets_of(truth), sets_of(result)
    return np.array([[len(s & b) / len(s | b) for b in blobs] for s in spots]).reshape(len(spots), len(blobs))


def match(result: BlobTable, truth: BlobTable, least: float) -> list[tuple[int, int, float]]:
    """Best pair first, again and again, without the rows and columns already used."""
    iou = iou_matrix(result, truth)
    pairs = []
    while iou.size and iou.max() >= least:
        spot, blob = map(int, np.unravel_index(np.argmax(iou), iou.shape))
        pairs.append((spot, blob, float(iou[spot, blob])))
        iou[spot, :] = iou[:, blob] = -1
    return pairs


def split_spots(result: BlobTable, truth: BlobTable) -> int:
    """Spots in which two or more blobs lie."""
    return _crowded(sets_of(result), sets_of(truth))


def merged_blobs(result: BlobTable, truth: BlobTable) -> int:
    """Blobs in which two or more spots lie."""
    return _crowded(sets_of(truth), sets_of(result))


def _crowded(items: list[set[Voxel]], homes: list[set[Voxel]]) -> int:
    lodgers = [0] * len(homes)
    for item in items:
        shared = [len(item & home) for home in homes]
        if shared and max(shared) * 2 > len(item):
            lodgers[shared.index(max(shared))] += 1
    return sum(n >= 2 for n in lodgers)


def isolated(table: BlobTable, distance: int) -> list[bool]:
    """Whether every voxel of every other blob is further away (Chebyshev; frames periodic where wrapped)."""
    blobs, frames = sets_of(table), table.shape[0]

    def far(a: Voxel, b: Voxel) -> bool:
        turns = abs(a[0] - b[0])
        turns = min(turns, frames - turns) if table.wrapped else turns
        return max(turns, abs(a[1] - b[1]), abs(a[2] - b[2])) > distance

    return [all(far(a, b) for other in blobs if other is not blob for a in blob for b in other) for blob in blobs]


def scores(result: BlobTable, truth: BlobTable, level: float) -> dict[str, Any]:
    """F1 and PQ by counting."""
    hits = [pair for pair in match(result, truth, level) if pair[2] >= level]
    misses, extras = len(truth) - len(hits), len(result) - len(hits)
    denominator = len(hits) + misses / 2 + extras / 2
    if not denominator:
        return {"f1": 1.0, "pq": 1.0}
    return {"f1": len(hits) / denominator, "pq": sum(p[2] for p in hits) / denominator}
