"""The sense of the rotation: pairs are the same both ways, only grains tell."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from friedel.model.setup import Axis, Setup

MORE = 2.0
"""The other sense must give more than so many times the grains."""
MIRRORED = (
    "the sense of rotation was changed to {sense}: either the recipe's was wrong, or the detector's columns are "
    "flipped (setup.detector.flip), and then the map is mirrored; the frames cannot tell which: ask the beamline"
)
"""What a user must hear before the map is used."""
LEAST_GRAINS = 3
"""It must give so many, and is tried only where the given one gives fewer."""


@dataclass(frozen=True, slots=True, eq=False)
class Sense:
    """The setup with the better sense, whether that is another one, and a line that gives the grains of both."""

    setup: Setup
    changed: bool
    line: str


def choose_sense(setup: Setup, count_grains: Callable[[Setup], int]) -> Sense:
    """Count grains with the setup's sense and, where there are few or none, with the other one.

    `count_grains` indexes with a setup. The recipe's sense stays unless the other gives at least three grains and
    more than twice as many. What stays hidden: a flip of the rows, or of the columns together with the sense,
    mirrors the map without leaving a trace.
    """
    other = replace(setup, axis=Axis(-setup.axis.sign))
    as_given, otherwise = count_grains(setup), count_grains(other)
    names = {1: "+z", -1: "-z"}
    counts = f"{names[setup.axis.sign]} gives {as_given} grains, {names[other.axis.sign]} {otherwise}"
    if otherwise >= LEAST_GRAINS and otherwise > MORE * as_given:
        line = f"rotation changed to {names[other.axis.sign]}: {counts}"
        return Sense(other, True, line)
    return Sense(setup, False, f"rotation stays: {counts}")
