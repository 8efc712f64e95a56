"""How far the rotation axis leans along the beam, from all assigned spots: detector and grains moving along."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from friedel.calibrator.evidence import Change, Evidence
from friedel.calibrator.from_spots import LEAST_SPOTS, assigned_spots, residuals_of, thinned
from friedel.calibrator.geometry import NUDGE, STEPS, detector_parameters, moved
from friedel.calibrator.shared_fit import SharedFit, fit_shared, weakest_tilt
from friedel.model.arrays import Floats, Mask
from friedel.model.blobs import BlobTable
from friedel.model.clusters import LEAST_CLUSTERS
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.leaning_axis import leaning
from friedel.model.setup import MOST_LEAN_DEG, Setup
from friedel.model.stream import Watcher, counted

SHOWN = 5.0
"""The lean is taken where the spots show it with so many standard deviations."""
LEAST_DEG = 0.005
"""Less is not worth a change: a tenth of the narrowest frames."""
LEAN = len(STEPS)
"""Place of the lean (deg) behind the detector's numbers."""
NUDGES = np.append(NUDGE, 0.02)
STRAIGHT = "the axis does not lean along the beam: no lean is shown by five standard deviations"


def fit_lean(
    blobs: BlobTable, grains: GrainTable, setup: Setup, phases: Sequence[Phase], *, watcher: Watcher | None = None
) -> Evidence:
    """The set-up whose axis leans as the assigned spots show, with the detector that fits it; else as it was.

    `blobs` are those that were found. The detector is free while the lean is fitted, and follows where its numbers
    are shown; it is told in the frame of the axis. Spots and grains are those of `fit_to_spots`.
    """
    spots = thinned(assigned_spots(blobs, grains, setup, phases))
    if len(spots.grain) < 3 * LEAST_SPOTS or len(np.unique(spots.grain)) < LEAST_CLUSTERS:
        return Evidence(setup, "too few assigned spots to see whether the axis leans", ())
    given, wavelength = setup.axis.lean_deg, setup.beam.wavelength

    def at(step: Floats) -> Setup:
        turned = leaning(setup, float(np.clip(given + step[LEAN], -MOST_LEAN_DEG, MOST_LEAN_DEG)))
        return replace(turned, detector=moved(turned.detector, step[:LEAN]))

    def residuals(step: Floats, U: Floats, position: Floats) -> Floats:
        there = at(step)
        return residuals_of(spots, U, position, wavelength, there.detector, there.axis.lean_rad)

    def fitted(free: Mask) -> SharedFit:
        return fit_shared(spots, grains, residuals, NUDGES, free)

    free = np.ones(len(NUDGES), dtype=bool)
    with counted(watcher, "axis", 4, "fits") as one_more:
        fit = first = fitted(free)
        one_more()
        while _is_shown(fit.step, fit.error) and (weak := weakest_tilt(fit, free)) is not None:
            free[weak] = False
            fit = fitted(free)
            one_more()
    step, error, before, after = fit.step, fit.error, first.before, fit.after
    told = f"{given + step[LEAN]:+.4f} +- {error[LEAN]:.4f} deg, {len(spots.grain)} spots"
    if not _is_shown(step, error):
        text = STRAIGHT if not given else "no other lean of the axis is shown by five standard deviations"
        return Evidence(setup, f"{text} ({told})", ())
    refined = at(step)
    shown = ", ".join(f"{b:.4f} -> {a:.4f} {u}" for b, a, u in zip(before, after, ("deg", "px", "px"), strict=True))
    summary = (
        f"{len(spots.grain)} spots of {len(np.unique(spots.grain))} grains; "
        f"median residuals of omega, row, col {shown}"
    )
    changes = _changes(setup, refined, error, free)
    remarks = tuple(change.line for change in changes)
    return Evidence(refined, summary, remarks, changes, step[free], error[free])


def _is_shown(step: Floats, error: Floats) -> bool:
    return bool(abs(step[LEAN]) >= max(SHOWN * error[LEAN], LEAST_DEG))


def _changes(setup: Setup, refined: Setup, error: Floats, free: Mask) -> tuple[Change, ...]:
    """The lean, and the detector against where the lean alone would leave it."""
    lean = Change("axis lean", setup.axis.lean_deg, refined.axis.lean_deg, float(error[LEAN]), "deg")
    old = detector_parameters(leaning(setup, refined.axis.lean_deg).detector)
    new = detector_parameters(refined.detector)
    changes = [
        lean,
        Change(old.centre_name, old.centre_px, new.centre_px, float(error[0]) / old.pixel_um, "px"),
        Change("distance", old.distance_um, new.distance_um, float(error[1]), "um"),
    ]
    for i, axis in enumerate("xyz"):
        if free[2 + i]:
            changes.append(Change(f"tilt {axis}", old.tilt_deg[i], new.tilt_deg[i], float(error[2 + i]), "deg"))
    return tuple(changes)
