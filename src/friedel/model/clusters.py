"""How sure a fit is where its data err together: by clusters, each left out once."""

import numpy as np

from friedel.model.arrays import Floats, Indices

LEAST_CLUSTERS = 2
COMMON_PX = 0.003
"""Prior: how far outwards, seen from the beam, all centroids may lie alike (one standard deviation) besides what
thresholds do (`uncertainty.alike_by_threshold`), which no cluster shows."""
SINGULAR = 1e-14
"""Smallest over largest curvature, from which on a fit has no answer."""


def cluster_sums(values: Floats, labels: Indices) -> Floats:
    """The sums (c,...) of values (n,...) with equal labels (n), clusters in ascending order of these."""
    names, index = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, index, values)
    return sums


def left_out_variance(score: Floats, curvature: Floats) -> Floats:
    """Covariance (k,k) of a fit from scores (c,k) and curvatures (c,k,k) of clusters, each of which errs by itself.

    How far the fit moves when each cluster is left out in turn: the jackknife, which holds for few clusters and
    where one of them decides (CR3; Bell & McCaffrey, Survey Methodology 28 (2002) 169). Infinite where nothing can
    be said.
    """
    clusters, free = score.shape
    left = curvature.sum(axis=0) - curvature
    if clusters < LEAST_CLUSTERS or not np.isfinite(left).all():
        return np.full((free, free), np.inf)
    size = np.linalg.eigvalsh(left)
    if (size.min(axis=1) <= SINGULAR * size.max(axis=1)).any():
        return np.full((free, free), np.inf)
    try:
        moved = np.linalg.solve(left, score[..., None])[..., 0]
    except np.linalg.LinAlgError:  # as good as singular: one number stands for another, and neither is sure
        size, direction = np.linalg.eigh(left)
        moved = np.einsum("cij,cj->ci", direction, np.einsum("cji,cj->ci", direction, score) / size)
    return np.asarray(moved.T @ moved * (clusters - 1) / clusters)
