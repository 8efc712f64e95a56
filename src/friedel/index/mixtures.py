"""Crystals that are a mixture of two neighbours of nearly one orientation (small-angle boundaries).

Spots of such neighbours melt into one blob, whose centre lies between them, nearer to the larger one. All these
centres together fit a crystal in between, in orientation and place, that is not there: the centre of two spots
moves with the ratio of the grains' volumes, which is the same for every spot. What gives it away is that it is seen
only where its neighbours are not, and as bright as both together.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from friedel.index.scene import Crystal, Scene
from friedel.index.settle import Settled
from friedel.model.arrays import AnyArray, Floats, Indices

SMALL_DEG = 5.0
"""Neighbours turned by more than this are seen apart in most spots, and their mixtures fit nothing."""
NEIGHBOURS = 16
BOTH = 0.6
"""A mixture's spots hold the counts of both, to this part at least."""
OFF_THE_WAY = 0.25
"""A mixture is no farther from the way between the two than this part of it, in orientation and in place."""


def mixed(scene: Scene, settled: Settled) -> AnyArray:
    """Entries (m) of crystals between two others where neither of these has a spot of its own."""
    out = np.zeros(len(settled.grain), dtype=bool)
    if len(settled) < 3:
        return out
    near = _nearest(settled)
    for i in range(len(settled)):
        mine = np.flatnonzero(settled.grain == i)
        for a, b in _sides(scene, settled, i, near[i]):
            seen = _seen(scene, settled, i, a) | _seen(scene, settled, i, b)
            spot = 2 * settled.reflection[mine] + settled.solution[mine]
            out[mine[~seen[spot]]] = True
    return out


def worst_apart(settled: Settled, rows: Indices, worth: Floats) -> Indices:
    """Of some crystals (rows) those of least worth (n), none among the neighbours of another."""
    near, chosen = _nearest(settled), np.zeros(len(settled), dtype=bool)
    for i in rows[np.argsort(worth[rows], kind="stable")]:
        chosen[i] = not chosen[near[i]].any()
    return np.flatnonzero(chosen)


def _nearest(settled: Settled) -> Indices:
    """The nearest crystals in place of each, itself among them (n,k)."""
    count = min(len(settled), NEIGHBOURS + 1)
    found = cKDTree(settled.position).query(settled.position, k=count)[1]
    return np.asarray(found, dtype=np.int64).reshape(len(settled), count)


def _sides(scene: Scene, settled: Settled, i: int, near: AnyArray) -> Iterator[tuple[int, int]]:
    """Pairs of crystals, of two families, that crystal i may be a mixture of."""
    others = near[(near != i) & (settled.crystal[near] == settled.crystal[i])]
    if len(others) < 2:
        return
    phase = scene.crystals[settled.crystal[i]].phase
    others = others[phase.misorientation_deg(settled.U[others], settled.U[i]) < SMALL_DEG]
    turn = {int(j): _turn(settled, scene, i, int(j)) for j in others}
    away = {int(j): settled.position[j] - settled.position[i] for j in others}
    for a, b in combinations(turn, 2):
        if settled.family[a] == settled.family[b]:
            continue
        bright = not settled.volume[i] < np.logaddexp(settled.volume[a], settled.volume[b]) + np.log(BOTH)
        if bright and _on_the_way(turn[a], turn[b]) and _on_the_way(away[a], away[b]):
            yield a, b


def _on_the_way(a: Floats, b: Floats) -> bool:
    """Whether the origin lies between a and b (3,), nearly on the straight way."""
    way = b - a
    length = float(way @ way)
    share = float(-a @ way) / max(length, 1e-30)
    return 0 < share < 1 and float(np.linalg.norm(a + share * way)) < OFF_THE_WAY * np.sqrt(length)


def _alike(scene: Scene, settled: Settled, i: int, j: int) -> Floats:
    """Of the lattice's rotations the one that brings crystal j nearest to crystal i."""
    symmetry = scene.crystals[settled.crystal[i]].phase.symmetry
    return np.asarray(symmetry[np.argmax(np.einsum("ij,sij->s", settled.U[i], settled.U[j] @ symmetry))])


def _turn(settled: Settled, scene: Scene, i: int, j: int) -> Floats:
    """Rotation vector (3,) from crystal i to crystal j, in the sample."""
    step = settled.U[j] @ _alike(scene, settled, i, j) @ settled.U[i].T
    return np.asarray(Rotation.from_matrix(step).as_rotvec())


def _seen(scene: Scene, settled: Settled, i: int, j: int) -> AnyArray:
    """For every spot (2n) of crystal i, whether crystal j has a blob of its own there."""
    crystal = scene.crystals[settled.crystal[i]]
    own = np.flatnonzero((settled.grain == j) & ~settled.shared & ~settled.melted)
    rows = _same_planes(crystal, _alike(scene, settled, i, j))[settled.reflection[own]]
    seen = np.zeros(2 * len(crystal.hkl), dtype=bool)
    seen[2 * rows + settled.solution[own]] = True
    return seen


def _same_planes(crystal: Crystal, symmetry: Floats) -> AnyArray:
    """Row of each reflection after the crystal was turned back by one of its own symmetries."""
    vectors = crystal.reflections.hkl @ crystal.B.T
    return np.asarray(cKDTree(vectors).query(vectors @ symmetry)[1], dtype=np.int64)
