"""Which set-up to go on with: the one place where a geometry is changed, and what is said about it."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import numpy as np

from friedel.calibrator.from_pairs import CalibrateParams, calibrate
from friedel.calibrator.from_spots import refine_setup
from friedel.calibrator.result import Calibration
from friedel.calibrator.sense import LEAST_GRAINS, choose_sense
from friedel.errors import FriedelWarning
from friedel.match import MatchParams
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.setup import Setup

STAYS = "the geometry of the recipe stays: another one would not give clearly more pairs"
SURE = 3.0
"""Standard deviations of the number of pairs, by which a better geometry must have more of them."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationRequest:
    """What may be changed: the recipe's set-up, its crystals, and how readily (the recipe's `setup.calibrate`).

    `calibrate` is "off" (nothing changes), "auto" (only for clearly more pairs than chance adds) or "on" (what the
    fit shows is taken). `match` and `seed` are those that pairs are matched with. `asked` means that a user wants
    to know what blobs and grains say: then the fit's own judgement counts, whatever the recipe says.
    """

    given: Setup
    phases: tuple[Phase, ...]
    calibrate: str = "auto"
    match: MatchParams = field(default_factory=MatchParams)
    seed: int = 0
    asked: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The set-up to go on with, a record of each look at the geometry for `run.json`, and lines for the log."""

    setup: Setup
    records: tuple[dict[str, Any], ...] = ()
    lines: tuple[str, ...] = ()


def choose_setup(
    blobs: BlobTable,
    request: CalibrationRequest,
    *,
    setup: Setup | None = None,
    grains: GrainTable | None = None,
    index: Callable[[Setup], GrainTable] | None = None,
) -> Decision:
    """The set-up that the Friedel pairs ask for or, once there are `grains`, that all their spots ask for.

    `setup` is the one that the grains were found with (default: the recipe's). With `index`, which finds grains
    with a set-up, the other sense of the rotation is tried where there are hardly any; a `FriedelWarning` says so
    when it is taken. Spots refine a set-up that is not the recipe's any more, and every one where `calibrate` is
    "on". Raises `InputError` for a scan of half a turn or less.
    """
    setup = setup or request.given
    if request.calibrate == "off" and not request.asked:
        return Decision(setup)
    if grains is None or (request.asked and not len(grains)):
        return _by_pairs(blobs, request)
    return _by_grains(blobs, request, setup, grains, index)


def _by_pairs(blobs: BlobTable, request: CalibrationRequest) -> Decision:
    given = request.given
    params = CalibrateParams(accept=request.calibrate == "on")
    found = calibrate(blobs, given, request.phases, params, match_params=request.match, seed=request.seed)
    clearly = found.gain > SURE * max(found.pairs_before, 1) ** 0.5
    if found.fitted and not clearly and request.calibrate != "on" and not request.asked:
        record = calibration_record("pairs", found, (STAYS, *found.lines[1:]), changed=False)
        return Decision(given, (record,), (STAYS,))
    record = calibration_record("pairs", found, found.lines, changed=found.setup is not given)
    return Decision(found.setup, (record,), found.lines)


def _by_grains(
    blobs: BlobTable,
    request: CalibrationRequest,
    setup: Setup,
    grains: GrainTable,
    index: Callable[[Setup], GrainTable] | None,
) -> Decision:
    """The sense of the rotation where it leaves hardly any grains, then the detector from the spots of the
    grains."""
    records: list[dict[str, Any]] = []
    if index is not None and len(grains) < LEAST_GRAINS:
        setup, grains, records = _with_sense(setup, grains, index)
    always = request.calibrate == "on" or request.asked
    if not len(grains) or not (always or not same_geometry(setup, request.given)):
        return Decision(setup, tuple(records))
    found = refine_setup(blobs, grains, setup, request.phases)
    record = calibration_record("spots", found, found.lines, changed=found.setup is not setup)
    return Decision(found.setup, (*records, record), found.lines)


def _with_sense(
    setup: Setup, grains: GrainTable, index: Callable[[Setup], GrainTable]
) -> tuple[Setup, GrainTable, list[dict[str, Any]]]:
    indexed = cache(index)
    sense = choose_sense(setup, lambda one: len(grains if one is setup else indexed(one)))
    if not sense.changed:
        return setup, grains, []
    warnings.warn(f"setup.{sense.line}", FriedelWarning, stacklevel=4)
    return sense.setup, indexed(sense.setup), [sense_record(sense.line)]


def same_geometry(one: Setup, other: Setup) -> bool:
    """Whether two set-ups put every spot at the same place: energy, sense and detector, to the last bit."""
    vectors = ("origin_um", "u_um", "v_um")
    plane = all(np.array_equal(getattr(one.detector, name), getattr(other.detector, name)) for name in vectors)
    return plane and one.beam == other.beam and one.axis == other.axis


def calibration_record(
    told_by: str, calibration: Calibration, lines: Sequence[str], *, changed: bool
) -> dict[str, Any]:
    """One look at the geometry for `run.json`: by "pairs" or "spots", with all that the fit found, taken or not."""
    return {
        "by": told_by,
        "changed": changed,
        "quantities": [asdict(change) for change in calibration.fitted],
        "pairs": [calibration.pairs_before, calibration.pairs_after],
        "null_pairs": [calibration.null_before, calibration.null_after],
        "lines": list(lines),
    }


def sense_record(line: str) -> dict[str, Any]:
    """The same of the sense of the rotation, which the number of grains told."""
    return {"by": "grains", "changed": True, "lines": [line]}
