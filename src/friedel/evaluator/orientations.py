"""How well the lattice of each voxel is known, where the truth bends: against the map's own, and one for each
grain.

Only voxels count that are rightly given to a grain that was found. Where the result tells no rotation of a voxel it
counts as its grain's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.evaluator.grains import GrainMatching, lattice_symmetry
from friedel.model.arrays import Floats, Indices
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume


def evaluate_orientations(
    result: tuple[GrainTable, GrainVolume],
    truth: tuple[GrainTable, GrainVolume],
    matching: GrainMatching,
    phases: Sequence[Phase] = (),
) -> dict[str, Any]:
    """Misorientation of voxels: `voxel_orientation_deg`, and `grain_orientation_deg` with one orientation a grain.

    Nothing where the truth tells no rotations. The keys are among those of "volume" in `friedel evaluate --json`.
    """
    (grains, volume), (true_grains, true) = result, truth
    if true.rotation_deg is None or not len(matching):
        return {}
    where, there = _same_places(volume, true)
    own, plain = [], []
    for row, true_row in zip(matching.result.tolist(), matching.truth.tolist(), strict=True):
        right = (true.grain_id[where] == true_row + 1) & (volume.grain_id[there] == row + 1)
        if not right.any():
            continue
        turned = true.rotation_deg[tuple(axis[right] for axis in where)]
        found = np.zeros_like(turned)
        if volume.rotation_deg is not None:
            found = np.nan_to_num(volume.rotation_deg[tuple(axis[right] for axis in there)])
        U = _nearest_equivalent(grains, row, true_grains, true_row, phases)
        wanted = Rotation.from_rotvec(np.radians(turned)) * Rotation.from_matrix(true_grains.U[true_row])
        own.append((Rotation.from_rotvec(np.radians(found)) * U * wanted.inv()).magnitude())
        plain.append((U * wanted.inv()).magnitude())
    if not own:
        return {}
    return {
        "voxel_orientation_deg": _spread(np.concatenate(own)),
        "grain_orientation_deg": _spread(np.concatenate(plain)),
    }


def _same_places(volume: GrainVolume, true: GrainVolume) -> tuple[tuple[Indices, ...], tuple[Indices, ...]]:
    """Voxels (z, y, x) of the true map that have a grain and lie in the result, and those of the result there."""
    where = np.nonzero(true.grain_id)
    there, inside = [], np.ones(len(where[0]), dtype=bool)
    for axis, size in enumerate(volume.grain_id.shape):
        place = true.origin_um[2 - axis] + (where[axis] + 0.5) * true.voxel_um
        index = np.floor((place - volume.origin_um[2 - axis]) / volume.voxel_um + 1e-9).astype(np.int64)
        inside &= (index >= 0) & (index < size)
        there.append(index)
    return tuple(axis[inside] for axis in where), tuple(axis[inside] for axis in there)


def _nearest_equivalent(
    grains: GrainTable, row: int, true: GrainTable, true_row: int, phases: Sequence[Phase]
) -> Rotation:
    """The grain's orientation, of those that its crystal does not tell apart the one nearest to the true one."""
    name = true.phases[int(true.phase[true_row])] if true.phases else ""
    known = {phase.name: phase for phase in phases}.get(name)
    symmetry = known.symmetry if known else lattice_symmetry(true.UBI[true_row], true.U[true_row])
    ways = grains.U[row] @ symmetry
    return Rotation.from_matrix(ways[np.argmax(np.einsum("ij,sij->s", true.U[true_row], ways))])


def _spread(angle: Floats) -> dict[str, float]:
    return {"median": float(np.degrees(np.median(angle))), "p95": float(np.degrees(np.percentile(angle, 95)))}
