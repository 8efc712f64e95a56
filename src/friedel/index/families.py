"""Pieces of one grain: crystals of one orientation side by side, as a twin lamella leaves them of its parent.

Where the pieces are seen side by side each has a blob of its own, where one is before the other they have one
together. So up to three crystals of one orientation are found: either piece, and the whole.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from friedel.index.candidate import Candidate
from friedel.index.scene import Scene
from friedel.model.arrays import Floats, Indices

LEAST_DEG, SPREADS = 0.1, 2.0
"""Pieces are turned to each other by less than this, or than so many standard deviations inside of them."""
REACH = 1.5
"""Pieces are no farther apart than so many times the sum of their radii."""
BALL = np.sqrt(5.0)
"""Radius of a ball over the standard deviation of its projection."""


def families(scene: Scene, grains: Sequence[Candidate]) -> tuple[Indices, Floats]:
    """A number for each crystal (n), the same for pieces of one grain; their orientations (n,3,3), of equivalent
    ones those that are nearest to the family's first."""
    n = len(grains)
    U = np.array([grain.U for grain in grains]).reshape(n, 3, 3)
    links = _links(scene, grains, U) if n else np.zeros((0, 2), dtype=np.int64)
    graph = coo_array((np.ones(len(links)), tuple(links.T)), shape=(n, n))
    label = np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
    first = np.unique(label, return_index=True)[1]
    for i in np.flatnonzero(first[label] != np.arange(n)).tolist():
        symmetry = scene.crystals[grains[i].crystal].phase.symmetry
        alike = U[i] @ symmetry
        U[i] = alike[np.argmax(np.einsum("ij,sij->s", U[first[label[i]]], alike))]
    return label, U


def _links(scene: Scene, grains: Sequence[Candidate], U: Floats) -> Indices:
    """Pairs (m,2) of crystals that are pieces of one grain."""
    places = np.array([grain.position for grain in grains])
    sizes = np.array([_radius_and_spread(scene, grain) for grain in grains])
    near = cKDTree(places).query_pairs(2 * REACH * float(sizes[:, 0].max()), output_type="ndarray")
    kinds = np.array([grain.crystal for grain in grains])
    apart = np.linalg.norm(places[near[:, 0]] - places[near[:, 1]], axis=1)
    near = near[(apart < REACH * sizes[near, 0].sum(axis=1)) & (kinds[near[:, 0]] == kinds[near[:, 1]])]
    least = np.maximum(LEAST_DEG, SPREADS * sizes[near, 1].min(axis=1))
    kind, turned = kinds[near[:, 0]], np.zeros(len(near))
    for number, crystal in enumerate(scene.crystals):
        a, b = near[kind == number].T
        turned[kind == number] = crystal.phase.misorientation_deg(U[a], U[b])
    return np.asarray(near[turned < least], dtype=np.int64)


def _radius_and_spread(scene: Scene, grain: Candidate) -> tuple[float, float]:
    """Radius (um) as of a ball, and by how much the lattice turns inside (standard deviation, deg).

    A spot is as wide in omega as the lattice turns, over |sin eta|: a quarter of the spots are hardly widened.
    """
    blobs, mine = scene.blobs, grain.blob[grain.blob >= 0]
    if not len(mine):
        return 0.0, 0.0
    width = np.sqrt(blobs["sigs"][mine] * blobs["sigf"][mine])
    return BALL * float(np.median(width)) * scene.pixel_um, float(np.quantile(blobs["sigo"][mine], 0.25))
