"""Which set-up to go on with: the one place where a geometry is changed, and what is said about it.

What a fit to the pairs found counts where it is a clear gain (`is_clear_gain`): clearly more pairs beyond chance,
or no fewer with a change that is certain, since what hardly moves spots across the rings still matters for
grains. By itself ("auto") a run takes a clear gain only where the pairs are also surely more (`is_sure_gain`).
Where the recipe says "on", whatever could be fitted is taken; where a user asks, a clear gain is told, whatever
the recipe says. What a fit to the spots of grains found is taken where one of its changes is shown (`is_shown`);
by itself a run takes that for the recipe's own set-up only where spots then fit clearly better (`BETTER`) and
grains are no fewer: so are tilts found, of which pairs tell nothing. Otherwise the geometry stays as it is, to
the last bit.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import numpy as np

from friedel.calibrator.evidence import Evidence
from friedel.calibrator.from_across import fit_to_pairs_across
from friedel.calibrator.from_pairs import fit_to_pairs
from friedel.calibrator.from_spots import fit_to_spots
from friedel.calibrator.params import CalibrateParams
from friedel.calibrator.sense import LEAST_GRAINS, choose_sense
from friedel.errors import FriedelWarning
from friedel.match import MatchParams, pairable_fraction
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.setup import Setup
from friedel.model.stream import Watcher

STAYS = "the geometry of the recipe stays: another one would not give clearly more pairs"
CLEARLY = 5.0
"""Pairs are clearly more by so many standard deviations of all four counts together."""
CERTAIN = 4.0
"""A change without more pairs counts when the fit to pairs shows it with so many standard deviations."""
SURE = 3.0
"""Pairs are surely more by so many standard deviations of the number of pairs before."""
HARDLY_PAIRABLE = 0.3
"""Below this part of angles with their half turn recorded, pairs across the beam tell more."""
BETTER = 1.25
"""By itself a run takes a set-up from spots where their residuals are so many times larger before."""
SHOWN = 3.0
"""A change counts when the fit to spots shows it with so many standard deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationRequest:
    """What may be changed: the recipe's set-up, its crystals, and how readily (the recipe's `setup.calibrate`).

    `calibrate` is "off" (nothing changes), "auto" (only for clearly more pairs than chance adds) or "on" (what the
    fit shows is taken). `match` and `seed` are those that pairs are matched with. `asked` means that a user wants
    to know what blobs and grains say: then a clear gain is told, whatever the recipe says. `watcher` is told how
    far a look is.
    """

    given: Setup
    phases: tuple[Phase, ...]
    calibrate: str = "auto"
    match: MatchParams = field(default_factory=MatchParams)
    seed: int = 0
    asked: bool = False
    watcher: Watcher | None = None


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
    "on"; the recipe's own where grains confirm it, which takes `index`.
    """
    setup = setup or request.given
    if request.calibrate == "off" and not request.asked:
        return Decision(setup)
    if grains is None or (request.asked and not len(grains)):
        return _by_pairs(blobs, request)
    return _by_grains(blobs, request, setup, grains, index)


def is_clear_gain(found: Evidence) -> bool:
    """Whether pairs are clearly more, or no fewer where a change is certain and most pairs are not chance's."""
    noise = np.sqrt(found.pairs_after + found.pairs_before + found.null_after + found.null_before)
    certain = np.abs(found.step) > CERTAIN * found.error
    no_loss = found.gain > -noise and found.pairs_after > 2.0 * found.null_after
    return bool(found.gain > CLEARLY * noise or (certain.any() and no_loss))


def is_sure_gain(found: Evidence) -> bool:
    """Whether pairs are more than before by what their number may scatter."""
    return bool(found.gain > SURE * max(found.pairs_before, 1) ** 0.5)


def is_shown(found: Evidence) -> bool:
    """Whether spots show any of the changes."""
    return bool((np.abs(found.step) >= SHOWN * found.error).any())


def _by_pairs(blobs: BlobTable, request: CalibrationRequest) -> Decision:
    given, wanted = request.given, request.calibrate == "on"
    short = pairable_fraction(blobs) < HARDLY_PAIRABLE
    found = (fit_to_pairs_across if short else fit_to_pairs)(
        blobs, given, request.phases, CalibrateParams(), request.match, seed=request.seed, watcher=request.watcher
    )
    if not found.changes:
        lines = found.lines("geometry stays")
        return Decision(given, (calibration_record("pairs", found, lines, changed=False),), lines)
    if not (wanted or request.asked or is_sure_gain(found)):
        record = calibration_record("pairs", found, (STAYS, *found.remarks), changed=False)
        return Decision(given, (record,), (STAYS,))
    taken = wanted or is_clear_gain(found)
    lines = found.lines("geometry calibrated" if taken else "geometry stays: calibration is no clear gain")
    record = calibration_record("pairs", found, lines, changed=taken)
    return Decision(found.setup if taken else given, (record,), lines)


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
    wanted = request.calibrate == "on" or request.asked or not same_geometry(setup, request.given)
    if not len(grains) or not (wanted or index is not None):
        return Decision(setup, tuple(records))
    found = fit_to_spots(blobs, grains, setup, request.phases, watcher=request.watcher)
    taken = is_shown(found)
    if not wanted and index is not None:
        taken = taken and found.better > BETTER and len(index(found.setup)) >= len(grains)
        if not taken:
            return Decision(setup, tuple(records))
    lines = found.lines("geometry refined" if taken else "geometry stays")
    record = calibration_record("spots", found, lines, changed=taken)
    return Decision(found.setup if taken else setup, (*records, record), lines)


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
    """Whether two set-ups put every spot at the same place: energy, sense, detector and motion, to the last
    bit."""
    vectors = ("origin_um", "u_um", "v_um")
    plane = all(np.array_equal(getattr(one.detector, name), getattr(other.detector, name)) for name in vectors)
    moved = [None if setup.motion is None else setup.motion.record() for setup in (one, other)]
    return plane and one.beam == other.beam and one.axis == other.axis and moved[0] == moved[1]


def calibration_record(told_by: str, found: Evidence, lines: Sequence[str], *, changed: bool) -> dict[str, Any]:
    """One look at the geometry for `run.json`: by "pairs" or "spots", with all that the fit found, taken or not."""
    return {
        "by": told_by,
        "changed": changed,
        "quantities": [asdict(change) for change in found.changes],
        "pairs": [found.pairs_before, found.pairs_after],
        "null_pairs": [found.null_before, found.null_after],
        "lines": list(lines),
    }


def sense_record(line: str) -> dict[str, Any]:
    """The same of the sense of the rotation, which the number of grains told."""
    return {"by": "grains", "changed": True, "lines": [line]}
