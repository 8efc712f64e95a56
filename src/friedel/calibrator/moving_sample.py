"""How the sample moved, from all assigned spots: where they lie, against frame and angle, grains moving along.

Each grain's six numbers are eliminated first (projected out of everything), so that what is left of the residuals
speaks of what all grains share. Of all sets of terms the one is taken that explains most with few
(`motion_terms`); a jump is tried at every frame. Only terms stay that the spots show with five standard deviations,
by how far the fit moves when grains are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from friedel.calibrator.evidence import Change, Evidence
from friedel.calibrator.from_spots import CLIP, LEAST_SPOTS, Assigned, assigned_spots, derivatives, nudged, thinned
from friedel.calibrator.from_spots import predicted_spots as predict
from friedel.calibrator.geometry import STEPS, moved
from friedel.calibrator.motion_terms import (
    Choice,
    Columns,
    by_grain,
    choose_terms,
    eliminate_grains,
    left_with_all_terms,
)
from friedel.kernels import bragg
from friedel.model.arrays import Floats
from friedel.model.blobs import BlobTable
from friedel.model.clusters import LEAST_CLUSTERS
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.motion import JUMPS, TERMS, Motion, basis, directions_of, shift_px
from friedel.model.setup import Setup
from friedel.model.stream import Watcher, watched

ROUNDS = 2
TILTS = np.arange(len(STEPS)) >= 2
STILL = "the sample did not move: no drift, jump or wobble is shown by five standard deviations"


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """A fit under way: grains, and the motion with how sure each of its terms is."""

    U: Floats
    position: Floats
    motion: Motion
    error: Floats
    spread_px: Floats


def fit_motion(
    blobs: BlobTable, grains: GrainTable, setup: Setup, phases: Sequence[Phase], *, watcher: Watcher | None = None
) -> Evidence:
    """The motion of the sample that the assigned spots show; the evidence's set-up has it, or none.

    `blobs` are those that were found, not those of a still sample. The detector's tilts are free while the motion
    is fitted, and stay. Cut, touching and shared spots are left out, and so are grains with fewer than 12 spots.
    """
    spots = thinned(assigned_spots(blobs, grains, setup, phases))
    still = replace(setup, motion=None)
    if len(spots.grain) < 3 * LEAST_SPOTS or len(np.unique(spots.grain)) < max(LEAST_CLUSTERS, 3):
        return Evidence(still, "too few assigned spots to see whether the sample moved", ())
    state = _State(
        np.array(grains.U, dtype=float),
        np.array(grains.position_um, dtype=float),
        setup.motion or Motion.of({}, blobs.shape[0]),
        np.zeros(len(TERMS)),
        np.zeros(2),
    )
    frame = np.asarray(blobs["frame"], dtype=np.float64)[spots.blob]
    before = np.zeros(2)
    for number in watched(watcher, "motion", range(ROUNDS), ROUNDS, "fits"):
        state = _once_more(spots, frame, setup, state)
        before = before if number else state.spread_px
    shown = [name for name in state.motion.terms if not name.startswith("offset")]
    if not shown:
        return Evidence(still, f"{STILL} ({len(spots.grain)} spots)", ())
    changes = _changes(state)
    after = _spread_px(_residuals(spots, frame, setup, state)[0])
    told = ", ".join(f"{b:.4f} -> {a:.4f} px" for b, a in zip(before, after, strict=True))
    summary = (
        f"{len(spots.grain)} spots of {len(np.unique(spots.grain))} grains; median residuals of row, col {told}"
    )
    remarks = tuple(change.line for change in changes)
    if state.motion.jump_frame:
        remarks = (*remarks, f"the jump comes before frame {state.motion.jump_frame:.0f}")
    step, error = (np.array([getattr(one, name) for one in changes]) for name in ("after", "uncertainty"))
    return Evidence(replace(setup, motion=state.motion), summary, remarks, changes, step, error)


def _changes(state: _State) -> tuple[Change, ...]:
    return tuple(
        Change(name, 0.0, value, float(state.error[TERMS.index(name)]), "um")
        for name, value in state.motion.terms.items()
    )


def _residuals(spots: Assigned, frame: Floats, setup: Setup, state: _State) -> tuple[Floats, Floats, Floats]:
    """Predicted minus seen (n,3) with the motion and without it, and the terms' columns (n,3,terms) in px/um; those
    of a jump as if it came before everything."""
    detector = setup.detector
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    found = predict(spots, state.U, state.position, setup.beam.wavelength, detector, setup.axis.lean_rad)
    shapes = basis(frame, found.omega, state.motion.frames)
    shapes[JUMPS] = directions_of(found.omega)
    columns = np.zeros((len(frame), 3, len(TERMS)))
    for number, displacement in enumerate(shapes):
        columns[:, 1:, number] = shift_px(displacement, found.k, plane)
    moved_by = state.motion.displacement_um(frame, found.omega)
    residual = found.residual.copy()
    residual[:, 1:] += shift_px(moved_by, found.k, plane)
    return residual, found.residual, columns


def _once_more(spots: Assigned, frame: Floats, setup: Setup, state: _State) -> _State:
    """One round: weights from the residuals, terms chosen anew, all grains refined with them."""
    residual, still, terms = _residuals(spots, frame, setup, state)

    def of_detector(step: Floats, U: Floats, position: Floats) -> Floats:
        detector = moved(setup.detector, step)
        return predict(spots, U, position, setup.beam.wavelength, detector, setup.axis.lean_rad).residual

    tilts, own = derivatives(of_detector, np.zeros(len(STEPS)), state.U, state.position, TILTS)

    def columns_with(weight: Floats) -> Columns:
        each = weight[..., None]
        return Columns(spots.grain, frame + 0.5, terms * each, tilts[..., TILTS] * each, own * each, still * weight)

    weight = _weight(residual)
    # how much spots scatter, the fit with all terms tells: before it, what moves looks like noise
    noise = left_with_all_terms(eliminate_grains(columns_with(weight)), state.motion.frames)
    columns = columns_with(_weight(np.where(weight > 0, noise / np.maximum(weight, 1e-30), np.inf)))
    reach = np.percentile(np.abs(terms[:, 1:]), 95, axis=(0, 1))
    choice = choose_terms(eliminate_grains(columns), state.motion.frames, reach)
    motion = Motion(choice.values, state.motion.frames, choice.jump_frame)
    U, position = nudged(state.U, state.position, _grains_step(columns, choice, len(state.U)))
    return _State(U, position, motion, choice.error, _spread_px(residual))


def _weight(residual: Floats) -> Floats:
    """One over the standard deviation, less for what sticks out (Huber), 0 for what is far off."""
    deviation = np.maximum(np.median(np.abs(residual), axis=0) / 0.6745, [1e-5, 1e-4, 1e-4])
    z = np.abs(residual) / deviation
    return np.asarray(np.sqrt(np.minimum(1.0, CLIP / np.maximum(z, 1e-12))) * (z < 10 * CLIP) / deviation)


def _grains_step(columns: Columns, choice: Choice, grains: int) -> Floats:
    """What each grain's six numbers change by (g,6) once the terms are what was chosen."""
    left = columns.still + columns.with_jump(choice.jump_frame) @ choice.values
    step = np.zeros((grains, 6))
    for rows in by_grain(columns.grain):
        own = columns.own[rows].reshape(-1, 6)
        step[columns.grain[rows[0]]] = -np.linalg.lstsq(own, left[rows].ravel(), rcond=None)[0]
    return step


def _spread_px(residual: Floats) -> Floats:
    return np.asarray(np.median(np.abs(residual[:, 1:]), axis=0))
