"""Which blobs share which voxels, and which belong together."""

from dataclasses import dataclass

import numpy as np

from friedel.errors import InputError
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.shares import SpotShares
from friedel.model.spots import SpotTable

EDGE = 0.1
"""A spot ends where it falls below this part of its brightest voxel."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Every (truth spot, result blob) that share a voxel, ordered by truth, then result.

    `truth`, `result` index the kept rows of the two tables; `voxels` is how many they share. `truth_size` and
    `result_size` are the voxels of each spot and each blob, shared or not.
    """

    truth: Indices
    result: Indices
    voxels: Indices
    truth_size: Indices
    result_size: Indices

    @property
    def iou(self) -> Floats:
        """Intersection over union of each pair."""
        union = self.truth_size[self.truth] + self.result_size[self.result] - self.voxels
        return np.asarray(self.voxels / union, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Pairs (truth spot, result blob), each spot and each blob at most once, by descending IoU."""

    truth: Indices
    result: Indices
    iou: Floats

    def above(self, iou: float) -> "Matching":
        """The pairs that reach an IoU; as they are in descending order, the same as matching with that floor."""
        good = self.iou >= iou
        return Matching(self.truth[good], self.result[good], self.iou[good])

    def __len__(self) -> int:
        return len(self.iou)


def overlaps(result: BlobTable, truth: BlobTable) -> Overlaps:
    """Count the voxels that kept blobs of the result share with kept spots of the truth.

    Spots may share voxels: such a voxel of the result then counts for each of them. Sorted join of voxel
    numbers, O(n log n) in voxels. Raises `InputError` when the two tables are of scans of different shapes.
    """
    if result.shape != truth.shape:
        raise InputError(
            "result and truth",
            rule=f"must be of one scan; the truth has (frames, rows, cols) = {truth.shape}",
            got=result.shape,
        )
    return _joined(_voxels(result), _voxels(truth))


def overlaps_with_parts(
    result: BlobTable, truth: BlobTable, shares: SpotShares, spots: SpotTable | None = None
) -> Overlaps:
    """As `overlaps`, with spots that are parts of blobs as further results after the kept blobs, and then the faint
    ones of `spots`.

    A spot is where it has a tenth of its brightest voxel, as truths are.
    """
    key, owner, size = _voxels(result)
    spot = np.repeat(shares.spot, np.diff(shares.voxel_pointer))
    peak = np.zeros(int(spot.max(initial=-1)) + 1)
    np.maximum.at(peak, spot, shares.voxel_counts)
    lit = shares.voxel_counts >= EDGE * peak[spot]
    of_part = _keys(result, shares.voxel[lit])
    sizes = np.bincount(spot[lit], minlength=len(peak)).astype(np.int64)
    keys, owners = [key, of_part], [owner, len(size) + spot[lit]]
    size = np.concatenate([size, sizes])
    if spots is not None:
        faint_key, faint_owner, faint_size = voxels_of_faint(spots, truth)
        keys, owners = [*keys, faint_key], [*owners, len(size) + faint_owner]
        size = np.concatenate([size, faint_size])
    return _joined((np.concatenate(keys), np.concatenate(owners), size), _voxels(truth))


def faint_overlaps(spots: SpotTable, truth: BlobTable) -> Overlaps:
    """As `overlaps`, with every one of `spots` that has voxels of its own, the faint ones, as a result."""
    return _joined(voxels_of_faint(spots, truth), _voxels(truth))


def voxels_of_faint(spots: SpotTable, truth: BlobTable) -> "Owned":
    """Number in the scan of each voxel of faint spots, whose it is (row of `spots`), and how many each has."""
    size = np.diff(spots.voxel_pointer)
    frame, row, col = spots.voxel.T.astype(np.int64)
    _, rows, cols = truth.shape
    return (frame * rows + row) * cols + col, np.repeat(np.arange(len(size)), size), size


Owned = tuple[AnyArray, AnyArray, AnyArray]
"""Number of each voxel in the scan, its owner, and each owner's size."""


def _joined(result: Owned, truth: Owned) -> Overlaps:
    """The voxels that two tables share."""
    (result_key, result_owner, result_size), (truth_key, truth_owner, truth_size) = result, truth
    order = np.argsort(result_key)
    result_key, result_owner = result_key[order], result_owner[order]
    first = np.searchsorted(result_key, truth_key, side="left")
    times = np.searchsorted(result_key, truth_key, side="right") - first
    # A result's voxels normally have one owner, but two reference segmentations may both have shared ones.
    shared_truth = np.repeat(truth_owner, times)
    ends = np.cumsum(times)
    within = np.arange(len(shared_truth)) - np.repeat(ends - times, times)
    shared_result = result_owner[np.repeat(first, times) + within]
    pair, voxels = np.unique(shared_truth * max(len(result_size), 1) + shared_result, return_counts=True)
    return Overlaps(*np.divmod(pair, max(len(result_size), 1)), voxels, truth_size, result_size)


def match_one_to_one(pairs: Overlaps, least_iou: float) -> Matching:
    """Take pairs by descending IoU (ties: lower truth row, then lower result row) while both are still free.

    Greedy is optimal above an IoU of 0.5 where neither side shares voxels, as no blob then has two candidates.
    """
    iou = pairs.iou
    candidates = np.flatnonzero(iou >= least_iou)
    candidates = candidates[np.argsort(-iou[candidates], kind="stable")]
    truth_free = np.ones(len(pairs.truth_size), bool)
    result_free = np.ones(len(pairs.result_size), bool)
    taken = []
    for pair, spot, blob in zip(
        candidates.tolist(), pairs.truth[candidates].tolist(), pairs.result[candidates].tolist(), strict=True
    ):
        if truth_free[spot] and result_free[blob]:
            truth_free[spot] = result_free[blob] = False
            taken.append(pair)
    chosen = np.array(taken, dtype=np.int64)
    return Matching(pairs.truth[chosen], pairs.result[chosen], iou[chosen])


def _voxels(table: BlobTable) -> Owned:
    """Number of each voxel in the scan and its owner, over kept blobs, and each blob's size."""
    pointer = table.voxels.pointer[: len(table) + 1].astype(np.int64)
    key = _keys(table, slice(int(pointer[0]), int(pointer[-1])))
    size = np.diff(pointer)
    return key, np.repeat(np.arange(len(size)), size), size


def _keys(table: BlobTable, which: AnyArray | slice) -> AnyArray:
    """Numbers in the scan of some of a table's voxels."""
    _, rows, cols = table.shape
    key = table.voxels.frame[which].astype(np.int64)
    key *= rows
    key += table.voxels.row[which]
    key *= cols
    key += table.voxels.col[which]
    return key
