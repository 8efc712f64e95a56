"""Wavelength over lattice, from all assigned spots: the detector and the grains moving along.

Bragg's angle is made of the wavelength times |g|: of the energy and the lattice only their ratio is seen. On the
detector it looks like another distance, but it sits in the angles of the rotation too, where a spot's reflection
flashes; so distance and energy are known apart.
"""

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
from friedel.model.setup import Beam, Setup
from friedel.model.stream import Watcher, counted

SHOWN = 5.0
"""Another scale is taken where the spots show it with so many standard deviations."""
LEAST = 3e-4
"""And where it is farther from 1: lattices of alloys and energies are known to about as much."""
SCALE = len(STEPS)
"""Place of the logarithm of the wavelength behind the detector's numbers."""
NUDGES = np.append(NUDGE, 1e-4)


def fit_scale(
    blobs: BlobTable, grains: GrainTable, setup: Setup, phases: Sequence[Phase], *, watcher: Watcher | None = None
) -> Evidence:
    """The set-up whose energy fits the lattice as the assigned spots show, with the detector that fits it; else as
    it was.

    Spots and grains are those of `fit_to_spots`. What is told is an energy; were that right, the lattice would be
    wrong by as much, and nothing in the spots tells which.
    """
    spots = thinned(assigned_spots(blobs, grains, setup, phases))
    if len(spots.grain) < 3 * LEAST_SPOTS or len(np.unique(spots.grain)) < LEAST_CLUSTERS:
        return Evidence(setup, "too few assigned spots to tell wavelength over lattice", ())

    def at(step: Floats) -> Setup:
        beam = Beam(setup.beam.energy_keV * float(np.exp(-np.clip(step[SCALE], -0.5, 0.5))))
        return replace(setup, beam=beam, detector=moved(setup.detector, step[:SCALE]))

    def residuals(step: Floats, U: Floats, position: Floats) -> Floats:
        there = at(step)
        return residuals_of(spots, U, position, there.beam.wavelength, there.detector, there.axis.lean_rad)

    def fitted(free: Mask) -> SharedFit:
        return fit_shared(spots, grains, residuals, NUDGES, free)

    free = np.ones(len(NUDGES), dtype=bool)
    with counted(watcher, "energy", 4, "fits") as one_more:
        fit = first = fitted(free)
        one_more()
        while _is_shown(fit) and (weak := weakest_tilt(fit, free)) is not None:
            free[weak] = False
            fit = fitted(free)
            one_more()
    told = f"{np.exp(fit.step[SCALE]):.5f} +- {fit.error[SCALE]:.5f} of the recipe's, {len(spots.grain)} spots"
    if not _is_shown(fit):
        return Evidence(setup, f"wavelength over lattice is the recipe's ({told})", ())
    shown = ", ".join(
        f"{b:.4f} -> {a:.4f} {u}" for b, a, u in zip(first.before, fit.after, ("deg", "px", "px"), strict=True)
    )
    changes = _changes(setup, at(fit.step), fit.error, free)
    summary = f"{told}; median residuals of omega, row, col {shown}"
    remarks = tuple(change.line for change in changes)
    return Evidence(at(fit.step), summary, remarks, changes, fit.step[free], fit.error[free])


def _is_shown(fit: SharedFit) -> bool:
    return bool(abs(fit.step[SCALE]) >= max(SHOWN * fit.error[SCALE], LEAST))


def _changes(setup: Setup, refined: Setup, error: Floats, free: Mask) -> tuple[Change, ...]:
    """The energy first, then the detector."""
    energy = refined.beam.energy_keV
    old, new = detector_parameters(setup.detector), detector_parameters(refined.detector)
    changes = [
        Change("energy", setup.beam.energy_keV, energy, float(error[SCALE]) * energy, "keV"),
        Change(old.centre_name, old.centre_px, new.centre_px, float(error[0]) / old.pixel_um, "px"),
        Change("distance", old.distance_um, new.distance_um, float(error[1]), "um"),
    ]
    for i, axis in enumerate("xyz"):
        if free[2 + i]:
            changes.append(Change(f"tilt {axis}", old.tilt_deg[i], new.tilt_deg[i], float(error[2 + i]), "deg"))
    return tuple(changes)
