"""Whether a run goes on as if its sample had stood still, or with the motion that its grains' spots show."""

import warnings
from collections.abc import Callable

import numpy as np

from friedel.calibrator.decision import CalibrationRequest, Decision, calibration_record
from friedel.calibrator.evidence import Evidence
from friedel.calibrator.moving_sample import fit_motion
from friedel.errors import FriedelWarning
from friedel.model.arrays import Floats
from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.motion import Motion
from friedel.model.setup import Setup

MOST_ROUNDS = 3
SETTLED_PX = 0.05
"""Grains are not looked for again for less."""


def choose_motion(
    blobs: BlobTable, request: CalibrationRequest, setup: Setup, index: Callable[[Setup], GrainTable]
) -> Decision:
    """The set-up with the motion that the spots of the grains show, found with a set-up by `index`.

    With a motion grains are looked for again, since spots that had been lost come back, and it is fitted again,
    until it settles. `blobs` are those that were found. A `FriedelWarning` says how the sample moved, and that
    nothing is corrected where the recipe says `calibrate = "off"`.
    """
    first: Evidence | None = None
    for _ in range(MOST_ROUNDS):
        grains = index(setup)
        found = fit_motion(blobs, grains, setup, request.phases, watcher=request.watcher)
        first = first or found
        if request.calibrate == "off" or not found.changes:
            break
        before, setup = setup, found.setup
        if _farthest_um(before.motion, setup.motion, blobs) < SETTLED_PX * pixel_um(setup):
            setup = before
            break
    return _told(first or found, found, setup, corrected=request.calibrate != "off")


def _told(first: Evidence, found: Evidence, setup: Setup, *, corrected: bool) -> Decision:
    moved = bool(found.changes)
    if not moved:
        verdict = found.summary if not first.changes else f"{found.summary}; what seemed so at first was none"
        lines: tuple[str, ...] = (verdict,)
    else:
        motion = found.setup.motion
        assert motion is not None
        text = f"the sample moved: {in_words(motion, setup)}"
        end = "corrected" if corrected else 'not corrected, since setup.calibrate is "off"'
        warnings.warn(f"index: {text}; {end}", FriedelWarning, stacklevel=4)
        lines = (f"{text}; {end}: {first.summary}", *found.remarks)
    record = calibration_record("motion", found, lines, changed=setup.motion is not None)
    return Decision(setup, (record,), lines)


def in_words(motion: Motion, setup: Setup) -> str:
    """Drift, jump and wobble in pixels, directions in um."""
    pixel, told = pixel_um(setup), []
    for shape in ("drift", "curve", "jump"):
        parts = {name.split(maxsplit=1)[1]: value for name, value in motion.terms.items() if name.startswith(shape)}
        if parts:
            size = np.linalg.norm(list(parts.values())) / pixel
            what = {
                "drift": f"a drift of {size:.1f} px from the first to the last frame",
                "curve": f"a curved drift of {size:.1f} px in the middle of the scan",
                "jump": f"a jump of {size:.1f} px before frame {motion.jump_frame:.0f}",
            }[shape]
            told.append(f"{what} ({', '.join(f'{axis} {value:+.1f} um' for axis, value in parts.items())})")
    for axis, what in (("z", "up and down"), ("xy", "in a circle against the rotation")):
        size = np.linalg.norm([value for name, value in motion.terms.items() if name.startswith(f"wobble {axis} ")])
        if size:
            told.append(f"a wobble {what} of {size / pixel:.1f} px once a turn")
    return "; ".join(told)


def pixel_um(setup: Setup) -> float:
    """Edge of a pixel."""
    return float(np.linalg.norm(setup.detector.u_um))


def _farthest_um(one: Motion | None, other: Motion | None, blobs: BlobTable) -> float:
    """How far two motions are apart at most."""

    def course(motion: Motion | None) -> Floats:
        frame = np.arange(blobs.shape[0], dtype=np.float64)
        omega = np.radians(blobs.omega_start_deg + (frame + 0.5) * blobs.omega_step_deg)
        return np.zeros((len(frame), 3)) if motion is None else motion.displacement_um(frame, omega)

    return float(np.linalg.norm(course(one) - course(other), axis=1).max())
