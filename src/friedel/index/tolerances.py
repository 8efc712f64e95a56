"""How near blobs and pairs must be to what is predicted: measured on the Friedel pairs themselves.

A pair's distances from half a turn and from the nearest ring are a peak of true pairs on the even background of
chance; the width of the peak is the error of a blob, and every tolerance is a multiple of it. The measurement is
ours.
"""

from dataclasses import dataclass

import numpy as np

from friedel.index.observations import Observations, PairLines
from friedel.model.arrays import Floats, Indices
from friedel.model.pairs import PairTolerances
from friedel.model.peak_width import peak_width

NORMAL = 1.4826
"""Standard deviation over median absolute deviation, of a normal distribution."""
FLOOR_STEPS, FLOOR_PX = 0.15, 0.15
"""No error is taken smaller: what frames and pixels allow."""
LINE_ERRORS, DIRECTION_ERRORS, RING_ERRORS = 4.0, 4.0, 4.0
FLOOR_LINE_PX, FLOOR_DIRECTION_DEG = 1.5, 0.2
UNTOLD = 2.0
"""Errors over those floors where no pair tells them."""
LEAST_LINES = 12
"""So many pairs half a turn apart tell how exact blobs are."""


@dataclass(frozen=True, slots=True, eq=False)
class IndexTolerances:
    """How near is near.

    `error` (3,) of one blob: omega |sin eta| rad, row px, col px; `line_um` between the lines of one grain's pairs;
    `direction_rad` between a pair's g-vector and the lattice's; `two_theta_rad` between a pair and the ring of its
    family. `off_rings` is by what part tan 2theta is larger than the lattice's, over all pairs: a wrong lattice,
    energy or distance, which does not widen the tolerances beyond twice what pairs scatter by.
    """

    error: Floats
    line_um: float
    direction_rad: float
    two_theta_rad: float
    off_rings: float


def measure_tolerances(observations: Observations, lines: PairLines, across: PairTolerances) -> IndexTolerances:
    """Tolerances from how far pairs are from half a turn and from the rings of their families.

    Where there are too few pairs half a turn apart, from what pairs `across` the beam were found to scatter by.
    """
    ours = np.flatnonzero(lines.half_turn)
    if not len(lines):
        return _floors(observations)
    rings = np.unique(np.concatenate([reflections.two_theta for reflections in observations.reflections]))
    plane, pixel = observations.plane, observations.pixel_um
    distance = float(plane[1] @ plane[0]) / float(plane[1, 0])
    to_px = abs(distance) / np.cos(lines.two_theta) ** 2 / pixel
    if len(ours) < LEAST_LINES and len(ours) < len(lines):
        turn, radial = _from_pairs_across(observations, across, float(np.median(to_px)))
        shift = np.zeros(1)
        off_rings = 0.0
    else:
        turn, radial, shift, off_rings = _from_half_turns(observations, lines, ours, rings, to_px)
    ring = RING_ERRORS * radial / float(np.median(to_px))
    ring_px = float(np.median(np.tan(lines.two_theta))) * abs(distance) / pixel
    direction = DIRECTION_ERRORS * np.hypot(radial / max(ring_px, 1.0), turn)
    spot = np.sqrt(2) * radial
    return IndexTolerances(
        error=np.array([turn, spot, spot]),
        line_um=max(LINE_ERRORS * radial, FLOOR_LINE_PX) * pixel,
        direction_rad=max(float(direction), np.radians(FLOOR_DIRECTION_DEG)),
        two_theta_rad=ring + min(float(np.median(np.abs(shift))), ring),
        off_rings=off_rings,
    )


def _floors(observations: Observations) -> IndexTolerances:
    """Tolerances where no pair tells any."""
    step = np.radians(abs(observations.blobs.omega_step_deg))
    error = UNTOLD * np.array([FLOOR_STEPS * step, FLOOR_PX, FLOOR_PX])
    direction = np.radians(FLOOR_DIRECTION_DEG)
    return IndexTolerances(error, FLOOR_LINE_PX * observations.pixel_um, direction, direction, 0.0)


def _from_half_turns(
    observations: Observations, lines: PairLines, ours: Indices, rings: Floats, to_px: Floats
) -> tuple[float, float, Floats, float]:
    """Errors of omega (rad) and across the rings (px), how far pairs are off their rings (rad), and by what
    part."""
    step = np.radians(abs(observations.blobs.omega_step_deg))
    omega = observations.lookup.centroid[:, 0][lines.blob[ours]]
    apart = np.mod(omega[:, 0] - omega[:, 1], 2 * np.pi) - np.pi
    turn = peak_width(apart * np.abs(np.sin(lines.eta[ours])) / np.sqrt(2), FLOOR_STEPS * step)
    two_theta = lines.two_theta[ours]
    off = two_theta - rings[np.abs(two_theta[:, None] - rings).argmin(axis=1)]
    part = float(np.median(off / np.tan(two_theta)))
    shift = part * np.tan(two_theta)
    radial = peak_width((off - shift) * to_px[ours], FLOOR_PX / np.sqrt(2))
    return turn, radial, shift, float(np.median(shift / np.tan(two_theta)))


def _from_pairs_across(observations: Observations, across: PairTolerances, to_px: float) -> tuple[float, float]:
    """Errors of omega (rad) and across the rings (px)."""
    step = np.radians(abs(observations.blobs.omega_step_deg))
    factor = max(across.factor, 1e-9)
    turn = np.radians(across.omega_deg) / factor / np.sqrt(2)
    radial = np.radians(across.two_theta_deg) / factor * to_px
    return max(float(turn), FLOOR_STEPS * step), max(float(radial), FLOOR_PX / np.sqrt(2))


def possible_reflections(lines: PairLines, two_theta: Floats, tolerance: float) -> Indices:
    """Rows [first, stop) of ascending `two_theta` (rad) that each pair may be by its own: (n,2)."""
    first = np.searchsorted(two_theta, lines.two_theta - tolerance, side="left")
    stop = np.searchsorted(two_theta, lines.two_theta + tolerance, side="right")
    return np.column_stack([first, stop]).astype(np.int64)
