"""Whether a run goes on with an axis at right angles to the beam, or with the lean that its grains' spots show."""

import warnings
from collections.abc import Callable

from friedel.calibrator.decision import CalibrationRequest, Decision, calibration_record
from friedel.calibrator.evidence import Evidence
from friedel.calibrator.leaning_fit import fit_lean
from friedel.errors import FriedelWarning
from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.setup import Setup

MOST_ROUNDS = 3


def choose_lean(
    blobs: BlobTable, request: CalibrationRequest, setup: Setup, index: Callable[[Setup], GrainTable]
) -> Decision:
    """The set-up with the lean of its axis that the spots of the grains show, found with a set-up by `index`.

    With a lean grains are looked for again and it is fitted again, until it settles. `blobs` are those that were
    found. A `FriedelWarning` says how far the axis leans, and that nothing is corrected where the recipe says
    `calibrate = "off"`.
    """
    first: Evidence | None = None
    for _ in range(MOST_ROUNDS):
        found = fit_lean(blobs, index(setup), setup, request.phases, watcher=request.watcher)
        first = first or found
        if request.calibrate == "off" or not found.changes:
            break
        setup = found.setup
    assert first is not None
    if not first.changes:
        return Decision(setup, (), (first.summary,))
    lean = first.changes[0]
    value = lean.after if request.calibrate == "off" else setup.axis.lean_deg
    text = f"the axis leans along the beam by {value:+.4f} +- {lean.uncertainty:.4f} deg"
    end = "corrected" if request.calibrate != "off" else 'not corrected, since setup.calibrate is "off"'
    warnings.warn(f"index: {text}; {end}", FriedelWarning, stacklevel=3)
    lines = (f"{text}; {end}: {first.summary}", *first.remarks)
    return Decision(setup, (calibration_record("axis", first, lines, changed=request.calibrate != "off"),), lines)
