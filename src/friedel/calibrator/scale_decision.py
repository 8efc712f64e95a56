"""Whether a run goes on with the recipe's energy and lattice, or with the ratio that its grains' spots show."""

import warnings
from collections.abc import Callable

from friedel.calibrator.decision import CalibrationRequest, Decision, calibration_record
from friedel.calibrator.evidence import Evidence
from friedel.calibrator.scale_fit import fit_scale
from friedel.errors import FriedelWarning
from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.setup import Setup

MOST_ROUNDS = 3


def choose_scale(
    blobs: BlobTable, request: CalibrationRequest, setup: Setup, index: Callable[[Setup], GrainTable]
) -> Decision:
    """The set-up with the energy that goes with the lattice, as the spots of grains show; `index` finds these with
    a set-up.

    With another one grains are looked for again and it is fitted again, until it settles; it is taken where they
    are no fewer. A `FriedelWarning` says what is off, in energy or in lattice, and that nothing is corrected where
    the recipe says `calibrate = "off"`.
    """
    first: Evidence | None = None
    start, grains = setup, index(setup)
    for _ in range(MOST_ROUNDS):
        found = fit_scale(blobs, grains, setup, request.phases, watcher=request.watcher)
        first = first or found
        if request.calibrate == "off" or not found.changes:
            break
        again = index(found.setup)
        if len(again) < len(grains):
            break
        setup, grains = found.setup, again
    assert first is not None
    if not first.changes:
        return Decision(setup, (), (first.summary,))
    corrected = setup is not start
    change = first.changes[0]
    energy = setup.beam.energy_keV if corrected else change.after
    lattice = 100 * (energy / change.before - 1)
    text = (
        f"energy and lattice do not go together: {energy:.4f} +- {change.uncertainty:.4f} keV with this lattice, "
        f"not {change.before:g}; or a lattice {abs(lattice):.2f} % {'larger' if lattice > 0 else 'smaller'} "
        "with this energy"
    )
    end = "the map is made with the former" if corrected else _why_not(request)
    warnings.warn(f"index: {text}; {end}", FriedelWarning, stacklevel=3)
    lines = (f"{text}; {end}: {first.summary}", *first.remarks)
    return Decision(setup, (calibration_record("scale", first, lines, changed=corrected),), lines)


def _why_not(request: CalibrationRequest) -> str:
    if request.calibrate == "off":
        return 'not corrected, since setup.calibrate is "off"'
    return "not corrected, since fewer grains are found with it"
