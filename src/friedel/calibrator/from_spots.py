"""The detector from all assigned spots, after indexing: geometry and all grains fitted together.

Each grain has six numbers of its own (orientation, position), the detector five that all share; the grains' numbers
are eliminated one grain at a time (Schur complement), so the cost grows with the number of spots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from friedel.calibrator.evidence import Change, Evidence
from friedel.calibrator.geometry import NUDGE, STEPS, detector_parameters, moved
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.blobs import BlobTable
from friedel.model.clusters import COMMON_PX, LEAST_CLUSTERS, left_out_variance
from friedel.model.crystal import Phase
from friedel.model.families import beam_hit_px
from friedel.model.grains import GrainTable
from friedel.model.leaning_axis import nearest_flash, places
from friedel.model.setup import Detector, Setup
from friedel.model.stream import Watcher, counted
from friedel.model.uncertainty import alike_by_threshold, blob_uncertainty, shift_of_threshold

GRAIN_NUDGE = np.array([1e-4, 1e-4, 1e-4, 0.5, 0.5, 0.5])
ROUNDS = 6
CLIP = 3.0
"""Residuals beyond so many standard deviations count less (Huber)."""
LEAST_SPOTS = 12
MOST_SPOTS = 40_000
"""More would say nothing new about a motion, or the axis."""
LEAST_SIGMA = 3.0
"""A tilt changes only when the spots show it with so many standard deviations."""
UNKNOWN = (
    "left alone, since spots do not tell: the height of the centre along the axis, and flips; "
    "energy and lattice are looked at on their own"
)


@dataclass(frozen=True, slots=True, eq=False)
class Assigned:
    """Spots with their row of the grain table, that of their blob, `B h` (n,3) in the crystal, measured omega
    (rad), row, col, the last two without what absorption and thresholds do to them."""

    grain: Indices
    blob: Indices
    crystal: Floats
    omega: Floats
    row: Floats
    col: Floats


def fit_to_spots(
    blobs: BlobTable, grains: GrainTable, setup: Setup, phases: Sequence[Phase], *, watcher: Watcher | None = None
) -> Evidence:
    """The detector that fits all assigned spots best, grains moving along; lattices are trusted.

    Cut, touching and shared spots are left out, and so are grains with fewer than 12 spots. Tilts that are not
    shown with three standard deviations stay.
    """
    spots = assigned_spots(blobs, grains, setup, phases)
    if len(spots.grain) < 3 * LEAST_SPOTS or len(np.unique(spots.grain)) < LEAST_CLUSTERS:
        return Evidence(setup, "too few assigned spots", (UNKNOWN,))
    free = np.ones(len(STEPS), dtype=bool)
    with counted(watcher, "calibration", 4, "fits") as one_more:
        cut = _cut_off(spots, blobs)
        step, error, before, after = _fit(spots, grains, setup, free, cut)
        sure = error  # of the whole: that a tilt stays does not make the others any surer
        one_more()
        while weak := [i for i in range(2, 5) if free[i] and not abs(step[i]) >= LEAST_SIGMA * error[i]]:
            free[min(weak, key=lambda i: abs(step[i]) / error[i])] = False
            step, error, _, after = _fit(spots, grains, setup, free, cut)
            one_more()
    error = np.maximum(error, sure)
    refined = replace(setup, detector=moved(setup.detector, step))
    old, new = detector_parameters(setup.detector), detector_parameters(refined.detector)
    changes = [
        Change(old.centre_name, old.centre_px, new.centre_px, float(error[0]) / old.pixel_um, "px"),
        Change("distance", old.distance_um, new.distance_um, float(error[1]), "um"),
    ]
    for i, axis in enumerate("xyz"):
        if free[2 + i]:
            changes.append(Change(f"tilt {axis}", old.tilt_deg[i], new.tilt_deg[i], float(error[2 + i]), "deg"))
    shown = ", ".join(f"{b:.4f} -> {a:.4f} {u}" for b, a, u in zip(before, after, ("deg", "px", "px"), strict=True))
    summary = (
        f"{len(spots.grain)} spots of {len(np.unique(spots.grain))} grains; "
        f"median residuals of omega, row, col {shown}"
    )
    remarks = (*(change.line for change in changes), UNKNOWN)
    better = float(np.max(before / np.maximum(after, 1e-12)))
    return Evidence(refined, summary, remarks, tuple(changes), step[free], error[free], better=better)


def assigned_spots(blobs: BlobTable, grains: GrainTable, setup: Setup, phases: Sequence[Phase]) -> Assigned:
    """Spots of grains that have at least 12 which are not cut, touching or shared."""
    owner = np.repeat(np.arange(len(grains)), np.diff(grains.blob_pointer))
    unsure = blob_uncertainty(blobs).unsure
    rows = np.asarray(grains.blobs, dtype=np.int64)
    use = ~unsure[rows] & ~np.asarray(grains.shared, dtype=bool)
    use &= np.bincount(owner[use], minlength=max(len(grains), 1))[owner] >= LEAST_SPOTS
    rows, owner, hkl = rows[use], owner[use], grains.hkl[use]
    crystal = np.zeros((len(rows), 3))
    for number, phase in enumerate(phases):
        mine = np.asarray(grains.phase)[owner] == number
        crystal[mine] = hkl[mine] @ phase.B.T
    omega = setup.lab_omega_rad(blobs["omega"][rows])
    shift = grains.shift_px[use].T if len(grains.shift_px) == len(use) else np.zeros((2, len(rows)))
    return Assigned(owner, rows, crystal, omega, blobs["sc"][rows] - shift[0], blobs["fc"][rows] - shift[1])


def thinned(spots: Assigned) -> Assigned:
    """Every so manieth of them, where they are more than can say anything new."""
    every = -(-len(spots.grain) // MOST_SPOTS)
    names = ("grain", "blob", "crystal", "omega", "row", "col")
    return Assigned(*(getattr(spots, name)[::every] for name in names)) if every > 1 else spots


def _fit(
    spots: Assigned, grains: GrainTable, setup: Setup, free: Mask, cut: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Step and error of the detector (5), medians of the residuals (3) before and after.

    `cut` (n,3) is how residuals change with what thresholds cut off.
    """
    U, position = np.array(grains.U, dtype=float), np.array(grains.position_um, dtype=float)
    wavelength, lean = setup.beam.wavelength, setup.axis.lean_rad
    step, error = np.zeros(len(STEPS)), np.zeros(len(STEPS))
    before = after = np.zeros(3)

    def residuals(step: Floats, U: Floats, position: Floats) -> Floats:
        return residuals_of(spots, U, position, wavelength, moved(setup.detector, step), lean)

    for number in range(ROUNDS + 1):
        off = residuals(step, U, position)
        after = np.median(np.abs(off), axis=0)
        before = before if number else after
        if number == ROUNDS:
            break
        deviation = np.maximum(after / 0.6745, [1e-5, 1e-4, 1e-4])
        z = np.abs(off) / deviation
        weight = np.sqrt(np.minimum(1.0, CLIP / np.maximum(z, 1e-12))) * (z < 10 * CLIP) / deviation
        shared, own = derivatives(residuals, step, U, position, free)
        shared, own = shared * weight[..., None], own * weight[..., None]
        change, mine, error = solve(spots.grain, len(U), off * weight, shared, own, free)
        slip, _, _ = solve(spots.grain, len(U), _outwards(spots, setup) * weight, shared, own, free)
        lost, _, by_chance = solve(spots.grain, len(U), cut * weight, shared, own, free)
        error = np.sqrt(error**2 + slip**2 + np.maximum(lost**2 - by_chance**2, 0.0))
        step = step + change
        U, position = nudged(U, position, mine)
    return step, error, before, after


def _outwards(spots: Assigned, setup: Setup) -> Floats:
    """How the residuals (n,3) change when all spots lie `COMMON_PX` farther from the beam."""
    row, col = beam_hit_px(setup.detector) or (0.0, 0.0)
    away = np.column_stack([np.zeros(len(spots.row)), spots.row - row, spots.col - col])
    return np.asarray(-COMMON_PX * away / np.maximum(np.linalg.norm(away, axis=1), 1e-9)[:, None])


def _cut_off(spots: Assigned, blobs: BlobTable) -> Floats:
    """How far thresholds have moved the residuals (n,3) in row and col."""
    shift = shift_of_threshold(blobs)[spots.blob]
    shift[:, 0] = 0.0  # the detector's place is not told by angles
    return -alike_by_threshold(shift)


def derivatives(
    residuals: Callable[[Floats, Floats, Floats], Floats],
    step: Floats,
    U: Floats,
    position: Floats,
    free: Mask,
    nudges: Floats = NUDGE,
) -> tuple[Floats, Floats]:
    """Of the residuals (n,3): by the shared numbers (n,3,m) and by those of each spot's own grain (n,3,6).

    The shared ones are the detector's `STEPS`, or others whose `nudges` (m) are given.
    """
    shared, own = [], []
    for i in range(len(nudges)):
        nudge = np.where(np.arange(len(nudges)) == i, nudges[i] * free[i], 0.0)
        apart = residuals(step + nudge, U, position) - residuals(step - nudge, U, position)
        shared.append(apart / (2 * nudges[i]))
    for i in range(6):
        nudge = np.where(np.arange(6) == i, GRAIN_NUDGE[i], 0.0)
        every = np.tile(nudge, (len(U), 1))
        apart = residuals(step, *nudged(U, position, every)) - residuals(step, *nudged(U, position, -every))
        own.append(apart / (2 * GRAIN_NUDGE[i]))
    return np.stack(shared, axis=-1), np.stack(own, axis=-1)


def nudged(U: Floats, position: Floats, change: Floats) -> tuple[Floats, Floats]:
    """All grains turned by small rotation vectors (rad) and moved (um)."""
    angle = np.linalg.norm(change[:, :3], axis=1)
    axis = change[:, :3] / np.maximum(angle, 1e-30)[:, None]
    cross = np.zeros((len(U), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= np.swapaxes(cross, 1, 2).copy()
    sine, versine = np.sin(angle)[:, None, None], (1 - np.cos(angle))[:, None, None]
    turn = np.eye(3) + sine * cross + versine * (cross @ cross)
    return turn @ U, position + change[:, 3:]


def solve(
    grain: Indices, grains: int, off: Floats, shared: Floats, own: Floats, free: Mask
) -> tuple[Floats, Floats, Floats]:
    """Gauss-Newton steps of what is shared (m) and of all grains (n,6), and the errors of the first."""
    count = shared.shape[-1]
    order = np.argsort(grain, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(grain[order]) != 0])
    pieces, curvature, score = [], [], []
    for rows in np.split(order, starts[1:]):
        J, G, r = shared[rows].reshape(-1, count)[:, free], own[rows].reshape(-1, 6), off[rows].ravel()
        inverse = np.linalg.pinv(G.T @ G, hermitian=True)
        cross = J.T @ G
        curvature.append(J.T @ J - cross @ inverse @ cross.T)
        score.append(J.T @ r - cross @ (inverse @ (G.T @ r)))
        pieces.append((int(grain[rows[0]]), inverse, cross, G.T @ r))
    change, error = np.zeros(count), np.full(count, np.inf)
    change[free] = -np.linalg.solve(np.sum(curvature, axis=0), np.sum(score, axis=0))
    # what spots of one grain have in common (its shape, its neighbours, its bent lattice) makes them err together
    error[free] = np.sqrt(np.diag(left_out_variance(np.array(score), np.array(curvature))))
    mine = np.zeros((grains, 6))
    for number, inverse, cross, projected in pieces:
        mine[number] = -inverse @ (projected + cross.T @ change[free])
    return change, mine, error


def residuals_of(
    spots: Assigned, U: Floats, position: Floats, wavelength: float, detector: Detector, lean_rad: float = 0.0
) -> Floats:
    """Predicted minus measured (n,3): omega times |sin eta| (deg), row, col; the solution nearest in omega."""
    return predicted_spots(spots, U, position, wavelength, detector, lean_rad).residual


class Predicted(NamedTuple):
    """Of assigned spots: `residual` (n,3) omega times |sin eta| (deg), row, col, predicted minus measured; `omega`
    (n) rad and the ray `k` (n,3) as predicted."""

    residual: Floats
    omega: Floats
    k: Floats


def predicted_spots(
    spots: Assigned, U: Floats, position: Floats, wavelength: float, detector: Detector, lean_rad: float = 0.0
) -> Predicted:
    """Where and when grains with `U` (g,3,3) at `position` (g,3) um have their assigned spots."""
    g = np.einsum("nij,nj->ni", U[spots.grain], spots.crystal)
    flash = nearest_flash(g, spots.omega, wavelength, lean_rad)
    row, col = places(position[spots.grain], flash, detector).T
    k = flash.k
    sine = np.abs(k[:, 1]) / np.hypot(k[:, 1], k[:, 2])
    off = np.degrees(flash.omega - spots.omega)
    return Predicted(np.column_stack([off * sine, row - spots.row, col - spots.col]), flash.omega, k)
