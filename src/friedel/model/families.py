"""Which reflections the stages after segmentation use: those the recipe names, or the strongest fully seen."""

from collections.abc import Sequence

import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import Floats, Indices
from friedel.model.crystal import Phase
from friedel.model.reflections import Reflections
from friedel.model.setup import Detector, Setup

MOST_FAMILIES = 8
"""More families add weak spots, and every one more makes wrong pairs likelier."""
FEWEST_FAMILIES = 4
"""With fewer, grains have too few spots to be told from chance."""
SEEN_PART = 0.6
"""How far between the circle that just fits and the corner a ring may be of which a good part is seen."""
WIDEST_DEG = 170.0


def used_reflections(phase: Phase, setup: Setup, detector_shape: tuple[int, int]) -> Reflections:
    """The phase's own families where the user named some, else the strongest that every direction shows.

    Those are at most eight by |F|^2 times multiplicity among the families whose rings lie whole on the detector
    of (rows, cols): inside the circle about the beam; the innermost ones where the atoms are not known. Where fewer
    than four lie whole, rings of which the corners still see a good part fill them up. Families in order of |g|.
    Raises `SetupError` when the user's families cannot diffract or no ring fits.
    """
    if phase.families:
        longest = max(float(np.linalg.norm(phase.B @ np.asarray(hkl))) for hkl in phase.families)
        return phase.reflections(1.0 / (longest * (1 + 1e-6)) if longest else 1.0).only(phase.families)
    widest = widest_ring_deg(setup.detector, detector_shape)
    found = _up_to(phase, setup, widest)
    whole = found.representative[_best(phase, found, MOST_FAMILIES)]
    if len(whole) < FEWEST_FAMILIES:
        corner = np.degrees(farthest_two_theta_rad(setup.detector, detector_shape)) / 1.5
        partly = _up_to(phase, setup, min(widest + SEEN_PART * max(corner - widest, 0.0), WIDEST_DEG))
        outer = np.array(
            [tuple(one) not in set(map(tuple, whole.tolist())) for one in partly.representative.tolist()]
        )
        order = [row for row in _best(phase, partly, len(partly.representative)) if outer[row]]
        whole = np.concatenate([whole, partly.representative[order[: FEWEST_FAMILIES - len(whole)]]])
        found = partly
    if not len(whole):
        raise SetupError(
            f"phase {phase.name}",
            rule="must have a reflection whose ring lies on the detector",
            way_out="check energy, distance and lattice, or name families",
        )
    named = set(map(tuple, whole.tolist()))
    return found.only([tuple(hkl) for hkl in found.representative.tolist() if tuple(hkl) in named])


def _up_to(phase: Phase, setup: Setup, two_theta_deg: float) -> Reflections:
    """All reflections up to an angle."""
    return phase.reflections(setup.beam.wavelength / (2.0 * np.sin(np.radians(two_theta_deg) / 2)))


def _best(phase: Phase, found: Reflections, most: int) -> Indices:
    """Rows of the strongest families, the strongest first."""
    strength = found.family_f_squared * found.multiplicity
    if not phase.knows_atoms:  # form factors fall with |g|
        strength = -np.arange(len(strength), dtype=np.float64)
    return np.argsort(-strength, kind="stable")[:most]


def family_two_theta_rad(reflections: Reflections, wavelength: float) -> Floats:
    """Bragg angle 2 theta of each family, in radians."""
    first = np.searchsorted(reflections.family, np.arange(len(reflections.representative)))
    return np.asarray(2.0 * np.arcsin(0.5 * wavelength * reflections.g_length[first]))


def phase_rings(
    phases: Sequence[Phase], setup: Setup, detector_shape: tuple[int, int]
) -> tuple[Floats, Indices, Indices]:
    """All rings of all phases by angle: 2 theta (rad), row of the phase, row of the family in its list."""
    angles, owners, rows = [], [], []
    for number, phase in enumerate(phases):
        two_theta = family_two_theta_rad(used_reflections(phase, setup, detector_shape), setup.beam.wavelength)
        angles.append(two_theta)
        owners.append(np.full(len(two_theta), number))
        rows.append(np.arange(len(two_theta)))
    if not angles:
        raise SetupError("phase", rule="must be given", way_out="add a [[phase]] to the recipe")
    angle, owner, row = np.concatenate(angles), np.concatenate(owners), np.concatenate(rows)
    order = np.argsort(angle, kind="stable")
    return angle[order], owner[order].astype(np.int64), row[order].astype(np.int64)


def widest_ring_deg(detector: Detector, detector_shape: tuple[int, int]) -> float:
    """2 theta of the circle about the beam that just fits on the detector; of the far corner, if it misses it."""
    rows, cols = detector_shape
    edges = np.array([[-0.5, -0.5], [-0.5, cols - 0.5], [rows - 0.5, cols - 0.5], [rows - 0.5, -0.5]])
    corners = detector.position_um(edges[:, 0], edges[:, 1])
    hit = beam_hit_px(detector)
    inside = hit is not None and -0.5 < hit[0] < rows - 0.5 and -0.5 < hit[1] < cols - 0.5
    if not inside:
        return min(float(_angle_deg(corners).max()), WIDEST_DEG)
    part = np.linspace(0.0, 1.0, 257)[:, None]
    along = [a + part * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)]
    return min(float(_angle_deg(np.concatenate(along)).min()), WIDEST_DEG)


def farthest_two_theta_rad(detector: Detector, detector_shape: tuple[int, int]) -> float:
    """2 theta of the corner that sees most, seen from the axis, a little more, at most 170 degrees."""
    rows, cols = detector_shape
    corners = detector.position_um(
        np.array([0.0, 0.0, rows - 1.0, rows - 1.0]), np.array([0.0, cols - 1.0, 0.0, cols - 1.0])
    )
    return float(min(1.5 * np.radians(_angle_deg(corners).max()), np.radians(WIDEST_DEG)))


def beam_hit_px(detector: Detector) -> tuple[float, float] | None:
    """(row, col) where the beam through the axis hits the detector's plane; None where it never does."""
    matrix = np.column_stack([detector.v_um, detector.u_um, [-1.0, 0.0, 0.0]])
    if abs(np.linalg.det(matrix)) < 1e-12:
        return None
    row, col, distance = np.linalg.solve(matrix, -detector.origin_um)
    return (float(row), float(col)) if distance > 0 else None


def _angle_deg(points: Floats) -> Floats:
    return np.asarray(np.degrees(np.arctan2(np.hypot(points[:, 1], points[:, 2]), points[:, 0])))
