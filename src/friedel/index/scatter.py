"""How well blobs are where they should be: tolerances from the pairs themselves."""

from dataclasses import dataclass

import numpy as np

from friedel.index.scene import Lines, Scene
from friedel.model.arrays import Floats, Indices

NORMAL = 1.4826
"""Standard deviation over median absolute deviation, of a normal distribution."""
WIDTHS, ROUNDS = 40, 30
FLOOR_STEPS, FLOOR_PX = 0.15, 0.15
"""No error is taken smaller: what frames and pixels allow."""
LINE_ERRORS, DIRECTION_ERRORS, FAMILY_ERRORS = 4.0, 4.0, 4.0
FLOOR_LINE_PX, FLOOR_DIRECTION_DEG = 1.5, 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Tolerances:
    """`error` (3,) of one blob (omega |sin eta| rad, row px, col px), `line_um` between lines of one grain,
    `direction_rad` between a pair's g-vector and the lattice's, `two_theta_rad` between a pair and its family,
    `off_rings` by what part tan 2theta is larger than the lattice's, over all pairs: a wrong lattice, energy or
    distance, which does not widen the tolerances beyond twice the scatter."""

    error: Floats
    line_um: float
    direction_rad: float
    two_theta_rad: float
    off_rings: float = 0.0


def core_width(values: Floats, floor: float) -> float:
    """Standard deviation of a peak about 0 on an even background, by maximum likelihood; at least `floor`.

    False pairs are spread over the whole tolerance of matching: where they are many, a median of distances is
    theirs (a lattice with many unlisted families).
    """
    if not len(values):
        return floor
    reach = max(float(np.abs(values).max()), floor)
    best, width = -np.inf, floor
    for trial in np.geomspace(floor, reach, WIDTHS):
        peak = np.exp(-0.5 * (values / trial) ** 2) / (np.sqrt(2 * np.pi) * trial)
        share = 0.5
        for _ in range(ROUNDS):
            share = float(np.mean(share * peak / (share * peak + (1 - share) / (2 * reach))))
            share = min(max(share, 1e-6), 1 - 1e-6)
        likelihood = float(np.log(share * peak + (1 - share) / (2 * reach)).sum())
        if likelihood > best:
            best, width = likelihood, float(trial)
    return width


def measure(scene: Scene, lines: Lines) -> Tolerances:
    """Tolerances from how far pairs are from half a turn and from the rings of their families."""
    step = np.radians(abs(scene.blobs.omega_step_deg))
    omega = scene.grid.place[:, 0][lines.blob]
    apart = np.mod(omega[:, 0] - omega[:, 1], 2 * np.pi) - np.pi
    turn = core_width(apart * np.abs(np.sin(lines.eta)) / np.sqrt(2), FLOOR_STEPS * step)
    rings = np.unique(np.concatenate([crystal.two_theta for crystal in scene.crystals]))
    off = lines.two_theta - rings[np.abs(lines.two_theta[:, None] - rings).argmin(axis=1)]
    distance = float(scene.plane[1] @ scene.plane[0]) / float(scene.plane[1, 0])
    shift = np.median(off / np.tan(lines.two_theta)) * np.tan(lines.two_theta)
    to_px = abs(distance) / np.cos(lines.two_theta) ** 2 / scene.pixel_um
    radial = core_width((off - shift) * to_px, FLOOR_PX / np.sqrt(2))
    scatter = FAMILY_ERRORS * radial / float(np.median(to_px))
    ring_px = float(np.median(np.tan(lines.two_theta))) * abs(distance) / scene.pixel_um
    direction = DIRECTION_ERRORS * np.hypot(radial / max(ring_px, 1.0), turn)
    spot = np.sqrt(2) * radial
    return Tolerances(
        np.array([turn, spot, spot]),
        max(LINE_ERRORS * radial, FLOOR_LINE_PX) * scene.pixel_um,
        max(float(direction), np.radians(FLOOR_DIRECTION_DEG)),
        scatter + min(float(np.median(np.abs(shift))), scatter),
        float(np.median(shift / np.tan(lines.two_theta))),
    )


def family_ranges(lines: Lines, two_theta: Floats, tolerance: float) -> Indices:
    """Rows [first, stop) of ascending `two_theta` that each pair may be (n,2)."""
    first = np.searchsorted(two_theta, lines.two_theta - tolerance, side="left")
    stop = np.searchsorted(two_theta, lines.two_theta + tolerance, side="right")
    return np.column_stack([first, stop]).astype(np.int64)
