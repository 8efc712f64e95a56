"""Small scans and tables for the tests of reading and writing."""

from dataclasses import replace
from typing import Any

import numpy as np

from friedel.io.sources import SelectedFrames
from friedel.model.arrays import AnyArray
from friedel.model.blobs import COLUMNS, BlobTable, Reason, Voxels
from friedel.model.scan import Scan


def stack(frames: int = 7, rows: int = 12, cols: int = 10, seed: int = 0, dtype: str = "u2") -> AnyArray:
    """Random frames; every value differs from its neighbours."""
    return np.random.default_rng(seed).integers(0, 60000, (frames, rows, cols)).astype(dtype)


def blob_table(kept: int = 4, rejected: int = 3, *, truth: bool = False, seed: int = 1) -> BlobTable:
    """A table of random numbers of the right kinds, with one to five voxels a blob."""
    rng = np.random.default_rng(seed)
    n = kept + rejected
    columns: dict[str, Any] = {
        c.name: rng.integers(0, 100, n) if c.dtype == "i8" else rng.random(n) * 100 for c in COLUMNS
    }
    columns["spot3d_id"] = np.arange(n)
    for name, count in (("frame", 20), ("row", 30), ("col", 40)):
        columns[f"{name}_start"] = rng.integers(0, count, n)
        columns[f"{name}_stop"] = rng.integers(columns[f"{name}_start"] + 1, count + 1)
    reason = np.zeros(n, np.uint8)
    reason[kept:] = rng.integers(1, len(Reason), rejected)
    pointer = np.concatenate([[0], np.cumsum(rng.integers(1, 6, n))]).astype(np.int64)
    size = int(pointer[-1])
    voxels = Voxels(
        pointer,
        rng.integers(0, 20, size).astype(np.int32),
        rng.integers(0, 30, size).astype(np.int32),
        rng.integers(0, 40, size).astype(np.int32),
        rng.random(size).astype(np.float32),
    )
    names = ("grain", "h", "k", "l", "isolated")
    extra: dict[str, Any] = {name: rng.integers(-5, 5, n) for name in names} | {"snr": rng.random(n)}
    return BlobTable(columns, reason, voxels, (20, 30, 40), -90.0, 0.25, wrapped=True, extra=extra if truth else {})


def with_gaps(scan: Scan, gaps: tuple[tuple[int, int], ...], seed: int = 0) -> Scan:
    """The scan without the frames of `gaps` (never the first or the last), the others stored in any order."""
    present = np.ones(scan.shape[0], bool)
    for start, stop in gaps:
        present[start:stop] = False
    present[[0, -1]] = True
    if present.all():
        return scan
    stored = np.random.default_rng(seed).permutation(np.flatnonzero(present))
    index = np.full(scan.shape[0], -1)
    index[stored] = np.arange(len(stored))
    frames = SelectedFrames(SelectedFrames(scan.frames, tuple(stored.tolist())), tuple(index.tolist()))
    return replace(scan, frames=frames, stored_frames=index)
