"""Which grains were found, how well, and which ones are not there.

A result's grain can be a true grain when both are of one phase (by name), their misorientation is at most 1° and
their positions are no further apart than the mean radius of the true grains (of spheres of their volumes). Such
pairs are taken one to one, best first, by misorientation / 1° + distance / radius. True grains that got one are
*found*; grains of the result that got none are *duplicate* when they could have been a true grain that another
one took, else *false*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from friedel.errors import InputError
from friedel.evaluator.links import kept_rows, shown_spots, spots_of_grains
from friedel.evaluator.overlap import Overlaps
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable

ANGLE_DEG = 1.0
_STRAIN = 5e-3
"""A lattice is taken as symmetric when its metric is to this part."""


@dataclass(frozen=True, slots=True, eq=False)
class GrainMatching:
    """Pairs of a true grain and a result's: rows `truth`, `result`, and how far apart they are.

    `duplicate` are rows of the result that could only be a grain another one took, `false` those that are none; of
    these `alternative` have the place of a true grain and the orientation of its lattice, but not of its crystal.
    """

    truth: Indices
    result: Indices
    misorientation_deg: Floats
    distance_um: Floats
    duplicate: Indices
    false: Indices
    alternative: Indices
    radius_um: float

    def __len__(self) -> int:
        return len(self.truth)

    def truth_of(self, grains: int) -> Indices:
        """For each of the result's grains the row of the true one, -1 for none."""
        rows = np.full(grains, -1, dtype=np.int64)
        rows[self.result] = self.truth
        return rows


def match_grains(
    result: GrainTable, truth: GrainTable, phases: Sequence[Phase] = (), *, angle_deg: float = ANGLE_DEG
) -> GrainMatching:
    """Assign the result's grains to true ones; near n log n in grains.

    Symmetry comes from the `phases` with the truth's names; of others from the lattice, in the true grain's UBI.
    """
    radius = _mean_radius(truth)
    true_row, row, distance = _near(truth.position_um, result.position_um, radius)
    same = _names(truth)[true_row] == _names(result)[row]
    true_row, row, distance = true_row[same], row[same], distance[same]
    angle = _misorientations(result, truth, phases, true_row, row)
    of_lattice = _misorientations(result, truth, phases, true_row, row, of_lattice=True) <= angle_deg
    turned = np.unique(row[of_lattice])
    close = angle <= angle_deg
    true_row, row, distance, angle = true_row[close], row[close], distance[close], angle[close]
    order = np.lexsort((row, true_row, angle / angle_deg + distance / radius))
    free, unused, taken = np.ones(len(truth), bool), np.ones(len(result), bool), []
    for pair, t, r in zip(order.tolist(), true_row[order].tolist(), row[order].tolist(), strict=True):
        if free[t] and unused[r]:
            free[t] = unused[r] = False
            taken.append(pair)
    chosen = np.sort(np.array(taken, dtype=np.int64))
    could = np.zeros(len(result), bool)
    could[row] = True
    false = np.flatnonzero(unused & ~could)
    return GrainMatching(
        true_row[chosen],
        row[chosen],
        angle[chosen],
        distance[chosen],
        np.flatnonzero(unused & could),
        false,
        np.intersect1d(false, turned),
        radius,
    )


def evaluate_grains(
    result: GrainTable, truth: GrainTable, matching: GrainMatching, *, voxel_um: float | None = None
) -> dict[str, Any]:
    """Counts and errors; the keys are those of "grains" in `friedel evaluate --json`.

    `missed`, `false_rows`, `duplicate_rows`, `alternative_rows` are rows of the truth's and of the result's table.
    With `voxel_um` positions are given in voxels too.
    """
    missed = np.setdiff1d(np.arange(len(truth)), matching.truth)
    scores: dict[str, Any] = {
        "truth": len(truth),
        "result": len(result),
        "found": len(matching),
        "false": len(matching.false),
        "duplicate": len(matching.duplicate),
        "alternative": len(matching.alternative),
        "recall": len(matching) / len(truth) if len(truth) else 1.0,
        "missed": missed.tolist(),
        "false_rows": matching.false.tolist(),
        "duplicate_rows": matching.duplicate.tolist(),
        "alternative_rows": matching.alternative.tolist(),
    }
    if len(matching):
        scores["misorientation_deg"] = _spread(matching.misorientation_deg)
        scores["position_um"] = _spread(matching.distance_um)
        if voxel_um is not None:
            scores["position_voxels"] = _spread(matching.distance_um / voxel_um)
    return scores


def evaluate_assignment(
    result: GrainTable,
    blobs: BlobTable,
    truth: BlobTable,
    matching: GrainMatching,
    shared: Overlaps | None = None,
) -> dict[str, float]:
    """How many of the blobs that found grains own are theirs, and how many of theirs they own.

    Only blobs that show some true spot and grains that were found count for `recall`.
    """
    if "grain" not in truth.extra:
        raise InputError("truth", rule="must say which grain makes each spot", got="no grain")
    grains = int(max(matching.truth.max(initial=-1), np.asarray(truth["grain"]).max(initial=-1))) + 1
    shows = shown_spots(blobs, truth, shared).astype(np.int32)
    theirs = (shows @ spots_of_grains(truth, grains).astype(np.int32)).tocsr()
    grain = np.repeat(matching.truth_of(len(result)), np.diff(result.blob_pointer))
    blob = kept_rows(result.blobs, blobs)
    known = grain >= 0
    right = np.zeros(len(blob), dtype=bool)
    if known.any():
        right[known] = np.asarray(theirs[blob[known], grain[known]]).ravel() > 0
    found = np.zeros(grains, dtype=bool)
    found[matching.truth] = True
    wanted = int((theirs > 0)[:, np.flatnonzero(found)].sum()) if grains else 0
    owned = len(np.unique(np.column_stack([blob[right], grain[right]]), axis=0))
    return {
        "blob_precision": float(right[known].mean()) if known.any() else 1.0,
        "blob_recall": owned / wanted if wanted else 1.0,
    }


def lattice_symmetry(UBI: Floats, U: Floats) -> Floats:
    """Proper rotations (n,3,3) of the lattice of one grain, in its crystal frame; 1, 2, 4, 6, 8, 12 or 24."""
    metric = UBI @ UBI.T
    steps = np.array(list(product((-1, 0, 1), repeat=9)), dtype=np.int64).reshape(-1, 3, 3)
    steps = steps[np.rint(np.linalg.det(steps)) == 1]
    turned = steps @ metric @ np.swapaxes(steps, -1, -2)
    length = np.sqrt(np.diag(metric))
    same = np.abs((turned - metric) / np.outer(length, length)).max(axis=(1, 2)) < _STRAIN
    B = U.T @ np.linalg.inv(UBI)
    rotations = B @ np.linalg.inv(steps[same].astype(np.float64)) @ np.linalg.inv(B)
    return np.asarray(rotations)


def _misorientations(
    result: GrainTable,
    truth: GrainTable,
    phases: Sequence[Phase],
    true_row: Indices,
    row: Indices,
    *,
    of_lattice: bool = False,
) -> Floats:
    """Between pairs of grains (n), in degrees: over the symmetry of their crystal, or of their lattice."""
    by_name = {phase.name: phase for phase in phases}
    angle = np.full(len(row), np.inf)
    for kind in np.unique(truth.phase[true_row]):
        mine = np.flatnonzero(truth.phase[true_row] == kind)
        name = truth.phases[kind] if kind < len(truth.phases) else ""
        first = true_row[mine[0]]
        phase = by_name.get(name)
        if phase:
            symmetry = phase.lattice_symmetry if of_lattice else phase.symmetry
        else:
            symmetry = lattice_symmetry(truth.UBI[first], truth.U[first])
        turn = np.swapaxes(truth.U[true_row[mine]], -1, -2) @ result.U[row[mine]]
        turned = turn[:, None] @ symmetry
        cosine = (np.trace(turned, axis1=-2, axis2=-1) - 1.0) / 2.0
        skew = turned - np.swapaxes(turned, -1, -2)
        sine = np.sqrt((skew**2).sum(axis=(-2, -1)) / 8.0)
        angle[mine] = np.degrees(np.arctan2(sine, cosine)).min(axis=1)
    return angle


def _near(truth: Floats, result: Floats, radius: float) -> tuple[Indices, Indices, Floats]:
    """Rows of the truth and of the result that lie within a radius, and their distance."""
    if not len(truth) or not len(result):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    near = cKDTree(truth).sparse_distance_matrix(cKDTree(result), radius, output_type="ndarray")
    near = np.sort(near, order=("j", "i"))
    return near["i"].astype(np.int64), near["j"].astype(np.int64), np.asarray(near["v"], dtype=np.float64)


def _mean_radius(truth: GrainTable) -> float:
    if not len(truth):
        return 1.0
    radius = float(np.cbrt(0.75 / np.pi * truth.volume_um3).mean())
    if not radius > 0:
        raise InputError("volume_um3 of the true grains", rule="must be positive", got=radius)
    return radius


def _names(table: GrainTable) -> AnyArray:
    """The name of each grain's phase; its number where the table has no names."""
    names = (
        np.array([*table.phases, ""])
        if table.phases
        else np.arange(int(table.phase.max(initial=0)) + 1).astype(str)
    )
    return np.asarray(names[table.phase])


def _spread(values: AnyArray) -> dict[str, float]:
    return {"median": float(np.median(values)), "p95": float(np.percentile(values, 95))}
