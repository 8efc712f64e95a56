"""From a voxel of the map to the frames it was measured on, and back: voxel, grain, pairs, blobs, frames.

Grains are rows of the grain table (the map holds row + 1), blobs rows of the kept part of the blob table, pairs
rows of the pair table, frames numbers in the scan.
"""

from typing import NamedTuple

import numpy as np

from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable, GrainVolume, Status
from friedel.model.pairs import PairTable


class VoxelTrace(NamedTuple):
    """Where one place of the map comes from; `grain` is -1 and the rest empty where there is none.

    `frames` (n,2) are the first frame of each blob and one past its last, unwrapped as in the blob table.
    """

    grain: int
    status: Status
    blobs: Indices
    pairs: Indices
    frames: Indices


def trace_voxel(
    position_um: Floats, volume: GrainVolume, grains: GrainTable, blobs: BlobTable, pairs: PairTable | None = None
) -> VoxelTrace:
    """All that is behind the place (x,y,z) of the sample frame."""
    where = voxel_at(volume, np.asarray(position_um, dtype=np.float64)[None])[0]
    none = np.zeros(0, dtype=np.int64)
    if (where < 0).any() or volume.grain_id[tuple(where)] == 0:
        return VoxelTrace(-1, Status.EMPTY, none, none, np.zeros((0, 2), dtype=np.int64))
    grain = int(volume.grain_id[tuple(where)]) - 1
    mine = blobs_of_grain(grains, grain)
    found = pairs_of_blobs(pairs, mine) if pairs is not None else none
    return VoxelTrace(grain, Status(int(volume.status[tuple(where)])), mine, found, frames_of_blobs(blobs, mine))


def voxel_at(volume: GrainVolume, position_um: Floats) -> Indices:
    """Indices (n,3) as z, y, x of the voxels at positions (n,3) as x, y, z; -1 outside the map."""
    index = np.floor((position_um - volume.origin_um) / volume.voxel_um).astype(np.int64)[:, ::-1]
    inside = np.all((index >= 0) & (index < np.array(volume.grain_id.shape)), axis=1, keepdims=True)
    return np.asarray(np.where(inside, index, -1))


def grain_at(volume: GrainVolume, position_um: Floats) -> Indices:
    """Grain (n) at positions (n,3) in um, sample frame; -1 where there is none."""
    index = voxel_at(volume, np.asarray(position_um, dtype=np.float64))
    known = index[:, 0] >= 0
    return np.asarray(np.where(known, volume.grain_id[tuple(index.T)].astype(np.int64) - 1, -1))


def voxels_of_grain(volume: GrainVolume, grain: int) -> Floats:
    """Centres (n,3) in um, sample frame, of a grain's voxels."""
    index = np.argwhere(volume.grain_id == grain + 1)[:, ::-1]
    return np.asarray(volume.origin_um + (index + 0.5) * volume.voxel_um, dtype=np.float64)


def blobs_of_grain(grains: GrainTable, grain: int) -> Indices:
    """Blobs of a grain."""
    part = slice(int(grains.blob_pointer[grain]), int(grains.blob_pointer[grain + 1]))
    return np.asarray(grains.blobs[part], dtype=np.int64)


def grains_of_blob(grains: GrainTable, blob: int) -> Indices:
    """Grains that a blob serves: none, one, or several where it is shared."""
    entries = np.flatnonzero(np.asarray(grains.blobs) == blob)
    return np.asarray(np.searchsorted(grains.blob_pointer, entries, side="right") - 1, dtype=np.int64)


def pairs_of_blobs(pairs: PairTable, rows: AnyArray) -> Indices:
    """Pairs whose two blobs are both among the given ones."""
    return np.flatnonzero(np.isin(pairs["blob_a"], rows) & np.isin(pairs["blob_b"], rows))


def frames_of_blobs(blobs: BlobTable, rows: AnyArray) -> Indices:
    """First frame, and one past the last, of blobs: (n,2), unwrapped (they may pass the ends of a full turn)."""
    return np.column_stack([blobs["frame_start"][rows], blobs["frame_stop"][rows]]).astype(np.int64)


def blobs_on_frame(blobs: BlobTable, frame: int) -> Indices:
    """Blobs that have voxels on a frame of the scan."""
    start, stop = blobs["frame_start"], blobs["frame_stop"]
    if not blobs.wrapped:
        return np.flatnonzero((start <= frame) & (frame < stop))
    return np.flatnonzero(np.mod(frame - start, blobs.shape[0]) < stop - start)


def owners(grains: GrainTable) -> AnyArray:
    """The grain of every entry of `blobs`."""
    return np.repeat(np.arange(len(grains)), np.diff(grains.blob_pointer))


def grain_of_blob(grains: GrainTable, count: int) -> AnyArray:
    """Row of the grain of each of `count` blobs, -1 for none; a shared blob goes to one of its grains."""
    found = np.full(count, -1, np.int64)
    known = grains.blobs < count
    found[grains.blobs[known]] = owners(grains)[known]
    return found
