"""True grains with blobs listed as indexing would: for tests and benchmarks of what comes after."""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.truth import Truth


def with_hkl(truth: Truth) -> GrainTable:
    """The true grains with the Miller indices of their true blobs."""
    blobs, grains = truth.blobs, truth.grains
    return replace(grains, hkl=np.column_stack([blobs[name] for name in "hkl"])[grains.blobs])


def with_blobs_of(
    truth: Truth, blobs: BlobTable, *, frames: float = 2.0, pixels: float = 2.0, by: str = "centroid"
) -> GrainTable:
    """The true grains with the segmented blobs whose centroid is near that of a true one.

    `frames` and `pixels` are how far they may be apart; a blob near spots of two grains serves both and is marked.
    """
    turn = blobs.shape[0] / frames

    def places(table: BlobTable) -> np.ndarray:
        frame = np.mod(table["frame"], blobs.shape[0]) / frames
        return np.column_stack([frame, table["s_raw"] / pixels, table["f_raw"] / pixels])

    box = [turn if blobs.wrapped else 1e9, 1e9, 1e9]
    away, found = cKDTree(places(blobs), boxsize=box).query(places(truth.blobs), distance_upper_bound=1.0)
    near = np.flatnonzero(np.isfinite(away))
    grain, blob = truth.blobs["grain"][near], found[near]
    order = np.lexsort((blob, grain))
    near, grain, blob = near[order], grain[order], blob[order]
    serves = np.bincount(blob, minlength=len(blobs))
    return replace(
        truth.grains,
        blob_pointer=np.searchsorted(grain, np.arange(len(truth.grains) + 1)).astype(np.int64),
        blobs=blob.astype(np.int64),
        shared=serves[blob] > 1,
        hkl=np.column_stack([truth.blobs[name] for name in "hkl"])[near],
    )
