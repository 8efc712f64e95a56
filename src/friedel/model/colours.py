"""Colours of grains: by orientation, or by number where orientations are not what one wants to tell apart."""

from collections.abc import Sequence
from colorsys import hls_to_rgb

import numpy as np

from friedel.model.arrays import AnyArray, Floats
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, Status
from friedel.model.orientation import ipf_colours

GOLDEN = 0.6180339887
"""Hues that step by the golden section never come close to each other early."""
STATUS_COLOURS = {Status.MEASURED: "#2463b4", Status.CONTESTED: "#ffb84d", Status.DILATED: "#929aa3"}
"""Apart in lightness as well as in hue, on light and on dark; grey is what was not measured at all."""
TRIANGLES = ("cubic", "hexagonal", "trigonal", "tetragonal")
"""Lattices whose inverse pole figure is one sector that the page draws as a key."""


def by_number(count: int) -> AnyArray:
    """Distinct colours (count, 3) in 0..1, the same on light and dark."""
    shades = ((0.60, 0.58), (0.72, 0.55), (0.50, 0.50))
    return np.array(
        [hls_to_rgb(i * GOLDEN % 1.0, *shades[i % len(shades)]) for i in range(count)], dtype=np.float64
    ).reshape(-1, 3)


def by_orientation(
    grains: GrainTable, phases: Sequence[Phase], axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
) -> AnyArray:
    """Inverse pole figure colours (grains, 3) in 0..1 along `axis`; by number for lattices without a key."""
    colours = by_number(len(grains))
    for row, phase in enumerate(phases):
        mine = grains.phase == row
        if phase.keyed_system in TRIANGLES and mine.any():
            colours[mine] = softened(ipf_colours(grains.U[mine], phase, axis) / 255.0)
    return colours


def softened(colours: Floats) -> AnyArray:
    """Less glaring, the hue kept: full red, green and blue hurt in large areas."""
    grey = colours @ np.array([0.30, 0.59, 0.11])
    return np.asarray(0.07 + 0.88 * (0.86 * colours + 0.14 * grey[..., None]))


def has_key(phases: Sequence[Phase]) -> bool:
    """Whether all colours by orientation have a key."""
    return bool(phases) and all(phase.keyed_system in TRIANGLES for phase in phases)
