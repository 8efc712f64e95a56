"""Which blobs of a result show which true spots, and which true spots are Friedel pairs, as sparse matrices."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from friedel.errors import InputError
from friedel.evaluator.overlap import Overlaps, overlaps
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.truth import Truth

SHOWS = 0.25
"""A blob shows every spot with which it shares this part of their union: a merged blob may show two."""
HALF_TURN_TOLERANCE_DEG = 5.0
"""Centroids of true partners differ from half a turn by less, and the plane's other two spots by more."""
ACROSS_DEG = 60.0
"""Partners across the beam come within so much of each other; later ones are too near the axis to be paired."""


def shown_spots(blobs: BlobTable, truth: BlobTable, shared: Overlaps | None = None) -> sparse.csr_array:
    """True where blob [row] shows spot [column], over kept rows; the identity for the truth's own blobs.

    `shared` are their overlaps where somebody has counted them already.
    """
    if blobs is truth:
        return sparse.eye_array(len(truth), dtype=bool, format="csr")
    pairs = shared or overlaps(blobs, truth)
    good = pairs.iou >= SHOWS
    ones = np.ones(int(good.sum()), dtype=bool)
    places = (pairs.result[good], pairs.truth[good])
    return sparse.csr_array((ones, places), shape=(len(blobs), len(truth)))


def spots_of_grains(truth: BlobTable, grains: int) -> sparse.csr_array:
    """True where spot [row] comes from grain [column]."""
    owner = np.asarray(truth["grain"], dtype=np.int64)
    known = np.flatnonzero((owner >= 0) & (owner < grains))
    ones = np.ones(len(known), dtype=bool)
    return sparse.csr_array((ones, (known, owner[known])), shape=(len(truth), grains))


def true_pairs(truth: BlobTable) -> tuple[Indices, Indices]:
    """Rows a < b of spots from h and -h of one grain, half a turn apart; each spot is in one pair at most.

    Raises `InputError` for a truth without the columns `grain`, `h`, `k`, `l`.
    """
    a, b = _opposite_planes(truth)
    apart = np.abs((truth["omega"][a] - truth["omega"][b]) % 360.0 - 180.0)
    return _nearest(a, b, apart, HALF_TURN_TOLERANCE_DEG)


def true_pairs_across(truth: BlobTable) -> tuple[Indices, Indices]:
    """As `true_pairs`, of spots on opposite sides of the beam: less than a sixth of a turn apart."""
    a, b = _opposite_planes(truth)
    apart = np.abs((truth["omega"][a] - truth["omega"][b] + 180.0) % 360.0 - 180.0)
    return _nearest(a, b, apart, ACROSS_DEG)


def _nearest(a: Indices, b: Indices, apart: Floats, most: float) -> tuple[Indices, Indices]:
    best = np.flatnonzero((apart <= most) & _least(apart, a) & _least(apart, b))
    return np.minimum(a[best], b[best]), np.maximum(a[best], b[best])


def _opposite_planes(truth: BlobTable) -> tuple[Indices, Indices]:
    """Rows of all spots from h and of those from -h of the same grain, each with each."""
    missing = [name for name in ("grain", "h", "k", "l") if name not in truth.extra]
    if missing:
        raise InputError("truth", rule="must say which planes of which grain make each spot", got=f"no {missing}")
    hkl = np.stack([np.asarray(truth[name], dtype=np.int64) for name in "hkl"], axis=1)
    first = np.take_along_axis(hkl, (hkl != 0).argmax(axis=1)[:, None], axis=1)[:, 0]
    sign = np.where(first < 0, -1, 1)
    _, group = np.unique(np.column_stack([truth["grain"], hkl * sign[:, None]]), axis=0, return_inverse=True)
    plus, minus = np.flatnonzero(sign > 0), np.flatnonzero(sign < 0)
    minus = minus[np.argsort(group[minus], kind="stable")]
    start = np.searchsorted(group[minus], group[plus], side="left")
    count = np.searchsorted(group[minus], group[plus], side="right") - start
    a = np.repeat(plus, count)
    return a, minus[np.repeat(start - (np.cumsum(count) - count), count) + np.arange(len(a))]


def kept_rows(rows: AnyArray, table: BlobTable) -> Indices:
    """The rows of the table that pairs or grains name. Raises `InputError` for one that is not a kept blob's."""
    rows = np.asarray(rows, dtype=np.int64)
    if len(rows) and not (rows.min() >= 0 and rows.max() < len(table)):
        raise InputError("blobs of pairs or grains", rule="must be kept rows of the table of blobs")
    return rows


def _least(values: Floats, owner: Indices) -> AnyArray:
    """True where a value is the first smallest of its owner."""
    order = np.lexsort((np.arange(len(values)), values, owner))
    first = np.zeros(len(values), dtype=bool)
    first[order[np.diff(owner[order], prepend=-1) != 0]] = True
    return first


def rings_of_spots(truth: Truth, phases: Sequence[Phase]) -> Indices | None:
    """A number for the family of planes of each true spot (n), -1 where it is of none; None without phases."""
    spots = truth.blobs
    if truth.grains is None or not phases or "h" not in spots.extra:
        return None
    hkl = np.stack([np.asarray(spots[name], dtype=np.int64) for name in "hkl"], axis=1)
    owner = np.asarray(spots["grain"], dtype=np.int64)
    known = (owner >= 0) & (owner < len(truth.grains))
    kind = np.where(known, np.asarray(truth.grains.phase)[np.where(known, owner, 0)], -1)
    ring, numbers = np.full(len(spots), -1), 0
    for row, phase in enumerate(phases):
        mine = np.flatnonzero((kind == row) & hkl.any(axis=1))
        planes, which = np.unique(hkl[mine], axis=0, return_inverse=True)
        if not len(planes):
            continue
        families = [phase.family_of(plane) for plane in planes.tolist()]
        _, number = np.unique(families, axis=0, return_inverse=True)
        ring[mine] = numbers + number.ravel()[which.ravel()]
        numbers += int(number.max()) + 1
    return ring
