"""Pairs that are confirmed by their partners across the beam: all four spots of a plane are there."""

import numpy as np

from friedel.kernels.match.eta_pairs import LEAST_SIN_ETA
from friedel.kernels.match.friedel_pairs import ANYWHERE, BOX, TURN, LabSpots, PairLimits, friedel_lines
from friedel.kernels.match.quadruplets import partner_pairs
from friedel.match.tolerances import deviations
from friedel.model.arrays import Floats, Indices

BINS = 3600
"""Of omega, in which pairs are sorted."""
UNTUNED_FACTOR = 4.0
"""Standard deviations within which partners are looked for, where tolerances of pairs are the user's."""


def find_quadruplets(spots: LabSpots, rows: Indices, rings: Floats, limits: PairLimits) -> Indices:
    """Rows (q,2) of pairs (m,3) that are each other's best partner across the beam: the earlier one, the later one.

    Every two such pairs are the four spots of one plane of a grain.
    """
    if len(rows) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    a, b, ring = rows.T
    lines = friedel_lines(spots.position[a], spots.position[b], spots.omega[a], spots.omega[b])
    sine = np.sin(lines.eta)
    early, late = np.flatnonzero(sine > LEAST_SIN_ETA), np.flatnonzero(sine < -LEAST_SIN_ETA)
    if not len(early) or not len(late):
        return np.zeros((0, 2), dtype=np.int64)
    views = np.concatenate([late, late])
    omega = np.mod(np.concatenate([lines.omega[late], lines.omega[late] + np.pi]), TURN)
    eta = np.concatenate([lines.eta[late], np.pi - lines.eta[late]])
    cell = ring[views] * BINS + np.minimum((omega * (BINS / TURN)).astype(np.int64), BINS - 1)
    order = np.lexsort((views, cell))
    start = np.searchsorted(cell[order], np.arange(len(rings) * BINS + 1)).astype(np.int64)
    views = views[order]
    partner, misfit = np.empty(len(early), np.int64), np.empty(len(early))
    partner_pairs(
        np.column_stack([early, ring[early]]),
        views,
        start,
        np.concatenate([lines.omega[early], omega[order]]),
        np.concatenate([lines.eta[early], eta[order]]),
        rings,
        np.ascontiguousarray(lines.point[np.concatenate([early, views])]),
        np.ascontiguousarray(lines.direction[np.concatenate([early, views])]),
        _errors(spots, rows),
        limits.factor if np.isfinite(limits.factor) else UNTUNED_FACTOR,
        _reach(limits),
        partner,
        misfit,
    )
    found = np.flatnonzero(partner >= 0)
    found = found[np.argsort(misfit[found], kind="stable")]
    # of several early pairs with one late pair the best has it
    first = np.unique(views[partner[found]], return_index=True)[1]
    found = np.sort(found[first])
    return np.column_stack([early[found], views[partner[found]]])


def _errors(spots: LabSpots, rows: Indices) -> Floats:
    """Standard deviations of two pairs against each other: omega times |sin eta|, eta times sin 2 theta, lines
    (um)."""
    typical = np.median(deviations(spots, rows)[:, :2], axis=0)
    a, b = spots.position[rows[:, 0]], spots.position[rows[:, 1]]
    length = float(np.median(a[:, 0] + b[:, 0]))
    # a pair's omega is the mean of two, its direction that of a line twice as long as the distance
    return np.array([typical[0] / np.sqrt(2), 2.0 * typical[1], typical[1] * length])


def _reach(limits: PairLimits) -> float:
    """How far from the axis lines may cross."""
    if limits.kind == ANYWHERE:
        return float("inf")
    radius = float(np.hypot(limits.half_x, limits.half_y)) if limits.kind == BOX else limits.half_x
    return radius + 2.0 * limits.margin
