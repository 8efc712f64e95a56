"""Crystals that are a mixture of two neighbours of nearly one orientation (a low-angle boundary between them).

Spots of such neighbours overlap in one blob, whose centre lies between them, nearer to the larger one. All these
centres together fit a crystal in between, in orientation and place, that is not there: the centre of two spots
moves with the ratio of the grains' volumes, which is the same for every spot. What gives it away is that it is seen
only where its neighbours are not, and as bright as both together. The test is ours.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from friedel.index.assignment import RefinedGrains
from friedel.index.observations import Observations
from friedel.index.phase_reflections import PhaseReflections
from friedel.model.arrays import Floats, Indices, Mask

SMALL_DEG = 5.0
"""Neighbours turned by more than this are seen apart in most spots, and their mixtures fit nothing."""
NEIGHBOURS = 16
BOTH = 0.6
"""A mixture's spots hold the counts of both, to this part at least."""
OFF_THE_LINE = 0.25
"""A mixture is no farther from the line between the two than this part of it, in orientation and in place."""


def mixture_spots(observations: Observations, grains: RefinedGrains) -> Mask:
    """Spots (m) of crystals between two others where neither of these has a spot of its own."""
    out = np.zeros(len(grains.grain), dtype=bool)
    if len(grains) < 3:
        return out
    near = _neighbours(grains)
    for i in range(len(grains)):
        mine = np.flatnonzero(grains.grain == i)
        for a, b in _between(observations, grains, i, near[i]):
            seen = _has_own_blob(observations, grains, i, a) | _has_own_blob(observations, grains, i, b)
            spot = 2 * grains.reflection[mine] + grains.solution[mine]
            out[mine[~seen[spot]]] = True
    return out


def worst_of_neighbours(grains: RefinedGrains, rows: Indices, worth: Floats) -> Indices:
    """Of some crystals (rows) those of least worth (n), none among the neighbours of another."""
    near, chosen = _neighbours(grains), np.zeros(len(grains), dtype=bool)
    for i in rows[np.argsort(worth[rows], kind="stable")]:
        chosen[i] = not chosen[near[i]].any()
    return np.flatnonzero(chosen)


def _neighbours(grains: RefinedGrains) -> Indices:
    """The nearest crystals in place of each, itself among them (n,k)."""
    count = min(len(grains), NEIGHBOURS + 1)
    found = cKDTree(grains.position).query(grains.position, k=count)[1]
    return np.asarray(found, dtype=np.int64).reshape(len(grains), count)


def _between(observations: Observations, grains: RefinedGrains, i: int, near: Indices) -> Iterator[tuple[int, int]]:
    """Pairs of crystals, no sub-grains of one grain, that crystal i may be a mixture of."""
    others = near[(near != i) & (grains.phase[near] == grains.phase[i])]
    if len(others) < 2:
        return
    phase = observations.reflections[grains.phase[i]].phase
    others = others[phase.lattice_misorientation_deg(grains.U[others], grains.U[i]) < SMALL_DEG]
    turn = {int(j): _rotation(observations, grains, i, int(j)) for j in others}
    away = {int(j): grains.position[j] - grains.position[i] for j in others}
    for a, b in combinations(turn, 2):
        if grains.parent[a] == grains.parent[b]:
            continue
        bright = not grains.log_volume[i] < np.logaddexp(grains.log_volume[a], grains.log_volume[b]) + np.log(BOTH)
        if bright and _on_the_line(turn[a], turn[b]) and _on_the_line(away[a], away[b]):
            yield a, b


def _on_the_line(a: Floats, b: Floats) -> bool:
    """Whether the origin lies between a and b (3,), nearly on the straight line."""
    line = b - a
    length = float(line @ line)
    share = float(-a @ line) / max(length, 1e-30)
    return 0 < share < 1 and float(np.linalg.norm(a + share * line)) < OFF_THE_LINE * np.sqrt(length)


def _nearest_equivalent(observations: Observations, grains: RefinedGrains, i: int, j: int) -> Floats:
    """The lattice's rotation that makes of U of crystal j the equivalent nearest to that of crystal i."""
    symmetry = observations.reflections[grains.phase[i]].phase.lattice_symmetry
    return np.asarray(symmetry[np.argmax(np.einsum("ij,sij->s", grains.U[i], grains.U[j] @ symmetry))])


def _rotation(observations: Observations, grains: RefinedGrains, i: int, j: int) -> Floats:
    """Rotation vector (3,) from crystal i to crystal j, in the sample."""
    step = grains.U[j] @ _nearest_equivalent(observations, grains, i, j) @ grains.U[i].T
    return np.asarray(Rotation.from_matrix(step).as_rotvec())


def _has_own_blob(observations: Observations, grains: RefinedGrains, i: int, j: int) -> Mask:
    """For every spot (2n) of crystal i, whether crystal j has a blob of its own there."""
    reflections = observations.reflections[grains.phase[i]]
    own = np.flatnonzero((grains.grain == j) & ~grains.shared & ~grains.overlapped)
    rows = _equivalent_rows(reflections, _nearest_equivalent(observations, grains, i, j))[grains.reflection[own]]
    seen = np.zeros(2 * len(reflections.hkl), dtype=bool)
    seen[2 * rows + grains.solution[own]] = True
    return seen


def _equivalent_rows(reflections: PhaseReflections, symmetry: Floats) -> Indices:
    """The row of what each reflection becomes under a symmetry operation, backwards."""
    vectors = reflections.hkl @ reflections.B.T
    return np.asarray(cKDTree(vectors).query(vectors @ symmetry)[1], dtype=np.int64)
