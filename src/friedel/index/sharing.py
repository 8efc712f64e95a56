"""Blobs that serve several grains: spots of parallel lattice planes that fell on one another (twins)."""

import numpy as np

from friedel.index.scene import Scene
from friedel.kernels.index.assignment import nobody
from friedel.kernels.index.blob_lookup import NOT_THERE, candidates
from friedel.model.arrays import AnyArray, Floats, Indices

WITHIN = 2.0
"""A spot is within a blob up to so many of its standard deviations from the centre."""


def share(
    of_spot: Indices, of_blob: Indices, wish: Indices, g: Floats, family_of: Indices, direction: float
) -> AnyArray:
    """Let spots without a blob share the one they want with a parallel spot of another family; who shares."""
    shared = np.zeros(len(of_spot), dtype=bool)
    losers = np.flatnonzero(wish >= 0)
    owners = of_blob[wish[losers]]
    apart = np.linalg.norm(g[losers] - g[owners], axis=1)
    parallel = (apart < direction * np.linalg.norm(g[losers], axis=1)) & (family_of[losers] != family_of[owners])
    of_spot[losers[parallel]] = wish[losers[parallel]]
    shared[losers[parallel]] = shared[owners[parallel]] = True
    return shared


def melt(
    scene: Scene,
    spots: Floats,
    state: Indices,
    g: Floats,
    family_of: Indices,
    of_spot: Indices,
    of_blob: Indices,
    shared: AnyArray,
    direction: float,
) -> AnyArray:
    """Spots of parallel planes of several families that melted into one blob share it; which do (total).

    The blob's centre is nobody's then: it is enough that a spot lies within it. Changes of_spot and shared.
    """
    choices = 4
    melted = np.zeros(len(of_spot), dtype=bool)
    lost = np.flatnonzero((of_spot < 0) & (state != NOT_THERE))
    blobs, squares = nobody(choices * len(lost)).reshape(-1, choices), np.zeros((len(lost), choices))
    candidates(spots[lost], state[lost], tuple(scene.loose), scene.error, WITHIN, blobs, squares)
    owners: dict[int, list[int]] = {}
    row, choice = np.nonzero(blobs >= 0)
    for blob, spot in zip(blobs[row, choice].tolist(), lost[row].tolist(), strict=True):
        owners.setdefault(blob, []).append(spot)
    for blob, wanting in owners.items():
        everybody = wanting + ([int(of_blob[blob])] if of_blob[blob] >= 0 else [])
        for spot in wanting:
            others = [other for other in everybody if family_of[other] != family_of[spot]]
            apart = np.linalg.norm(g[others] - g[spot], axis=1)
            if of_spot[spot] < 0 and (apart < direction * np.linalg.norm(g[spot])).any():
                of_spot[spot] = blob
                melted[spot] = shared[spot] = True
                if of_blob[blob] >= 0:
                    shared[of_blob[blob]] = True
    return melted
