"""Orientations that have some lattice planes in common with a given one."""

from itertools import combinations

import numpy as np

from friedel.index.candidate import Candidate
from friedel.index.scatter import Tolerances
from friedel.index.scene import Crystal, Scene
from friedel.kernels.index.blob_lookup import COUNTED
from friedel.kernels.index.grain_seeds import triad
from friedel.model.arrays import Floats

PLANES = 4
"""Found planes, the nearest to their blobs, of which each two are tried."""
APART = 0.95
SAME_RING = 1e-4
SAME_DEG = 1.0


def related_orientations(scene: Scene, candidate: Candidate, tolerances: Tolerances) -> list[Floats]:
    """Orientations in which two found planes are others of the same families, without those that are the same."""
    crystal = scene.crystals[candidate.crystal]
    found = np.flatnonzero((candidate.blob >= 0) & (candidate.state == COUNTED))
    best = found[np.argsort(candidate.square[found], kind="stable")] // 2
    rows = list(dict.fromkeys(int(row) for row in best))[:PLANES]
    orientations = [candidate.U]
    for a, b in combinations(rows, 2):
        for U in _by_two(crystal, candidate.U, a, b, tolerances.direction_rad):
            if (crystal.phase.misorientation_deg(np.array(orientations), U) > SAME_DEG).all():
                orientations.append(U)
    return orientations[1:]


def _by_two(crystal: Crystal, U: Floats, a: int, b: int, tolerance: float) -> list[Floats]:
    length = crystal.reflections.g_length
    first, second = U @ crystal.unit[a], U @ crystal.unit[b]
    cosine = float(first @ second)
    if abs(cosine) > APART:
        return []
    sine = np.sqrt(1 - cosine**2)
    like_a = np.flatnonzero((np.abs(length / length[a] - 1) < SAME_RING) & crystal.heads)
    like_b = np.flatnonzero(np.abs(length / length[b] - 1) < SAME_RING)
    close = np.abs(crystal.unit[like_a] @ crystal.unit[like_b].T - cosine) < tolerance * sine
    return [
        np.asarray(triad(crystal.unit[like_a[i]], crystal.unit[like_b[j]], first, second), dtype=np.float64)
        for i, j in np.argwhere(close)
    ]
