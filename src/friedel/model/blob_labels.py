"""What a finished run knows about each blob: its grain, its planes, its angles, its ring."""

from collections.abc import Sequence

import numpy as np

from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable, Column
from friedel.model.crystal import Phase
from friedel.model.families import used_reflections
from friedel.model.grains import GrainTable
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.model.spot_angles import spot_angles_deg
from friedel.model.traceability import grain_of_blob

LABEL_COLUMNS: tuple[Column, ...] = (
    Column("grain_id", "i8", "", "number of its grain, as in the map; 0 for none; one of them where it is shared"),
    Column("h", "i8", "", "Miller index h of its grain; 0 without a grain"),
    Column("k", "i8", "", "Miller index k of its grain; 0 without a grain"),
    Column("l", "i8", "", "Miller index l of its grain; 0 without a grain"),
    Column("eta", "f8", "deg", "from its grain's place, without a grain from the rotation axis"),
    Column("two_theta", "f8", "deg", "from its grain's place, without a grain from the rotation axis"),
    Column("ring", "i8", "", "ring in use, by angle over all phases from 1; from grain or pair, 0 where unknown"),
)


def blob_labels(
    blobs: BlobTable,
    grains: GrainTable | None,
    pairs: PairTable | None,
    setup: Setup,
    phases: Sequence[Phase],
) -> dict[str, AnyArray]:
    """The columns `LABEL_COLUMNS` over all rows of the blob table; rejected seeds have no grain and no ring."""
    rows, kept = len(blobs.reason), len(blobs)
    grain, entry = np.full(rows, -1), np.full(rows, -1)
    place, hkl = np.zeros((rows, 3)), np.zeros((rows, 3), dtype=np.int64)
    if grains is not None and len(grains):
        grain[:kept] = grain_of_blob(grains, kept)
        place[grain >= 0] = grains.position_um[grain[grain >= 0]]
        entry = _entries(grains, grain)
        if len(grains.hkl):
            hkl[entry >= 0] = grains.hkl[entry[entry >= 0]]
    columns = blobs.columns
    eta, two_theta = spot_angles_deg(setup, columns["sc"], columns["fc"], columns["omega"], place)
    ring = _rings(phases, setup, blobs.shape[1:], grains, grain, hkl, pairs)
    return {
        "grain_id": grain + 1,
        **dict(zip("hkl", hkl.T, strict=True)),
        "eta": eta,
        "two_theta": two_theta,
        "ring": ring,
    }


def _entries(grains: GrainTable, grain: Indices) -> Indices:
    """For each blob its place among the blobs of its grain; -1 without one."""
    owner = np.repeat(np.arange(len(grains)), np.diff(grains.blob_pointer))
    entry = np.full(len(grain), -1)
    mine = np.flatnonzero(grains.blobs < len(grain))
    mine = mine[owner[mine] == grain[grains.blobs[mine]]]
    entry[grains.blobs[mine]] = mine
    return entry


def _rings(
    phases: Sequence[Phase],
    setup: Setup,
    detector_shape: tuple[int, int],
    grains: GrainTable | None,
    grain: Indices,
    hkl: Indices,
    pairs: PairTable | None,
) -> Indices:
    used = [used_reflections(phase, setup, detector_shape) for phase in phases]
    number = _ring_numbers([_lengths(reflections.g_length, reflections.family) for reflections in used])
    ring = np.zeros(len(grain), dtype=np.int64)
    if pairs is not None:
        of_pair = np.array([number[p][f] for p, f in zip(pairs["phase"], pairs["family"], strict=True)], np.int64)
        ring[pairs["blob_a"]] = ring[pairs["blob_b"]] = of_pair
    if grains is not None and hkl.any():
        for phase, reflections in enumerate(used):
            family = {tuple(one): f for one, f in zip(reflections.hkl.tolist(), reflections.family, strict=True)}
            for blob in np.flatnonzero((grain >= 0) & (grains.phase[grain] == phase)):
                row = family.get(tuple(hkl[blob].tolist()))
                ring[blob] = 0 if row is None else number[phase][row]
    return ring


def _lengths(g_length: Floats, family: Indices) -> Floats:
    first = np.searchsorted(family, np.arange(int(family.max(initial=-1)) + 1))
    return np.asarray(g_length[first])


def _ring_numbers(lengths: Sequence[Floats]) -> list[Indices]:
    """Numbers from 1 by |g| over all phases."""
    ends = np.cumsum([len(one) for one in lengths])
    rank = np.empty(int(ends[-1]) if len(ends) else 0, dtype=np.int64)
    rank[np.argsort(np.concatenate(lengths), kind="stable")] = np.arange(1, len(rank) + 1)
    return np.split(rank, ends[:-1])
