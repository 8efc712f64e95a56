"""The detector moved by a few numbers, and its position as a recipe gives it."""

from typing import NamedTuple

import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import Floats
from friedel.model.families import beam_hit_px
from friedel.model.setup import Detector, rotation

STEPS = ("across", "distance", "tilt_x", "tilt_y", "tilt_z")
"""What can be moved: sideways (lab y, um), along the beam (um), turned about x, y, z of the lab (deg)."""
NUDGE = np.array([0.5, 0.5, 0.02, 0.02, 0.02])
"""How far each of `STEPS` is moved for a derivative: um and degrees."""


def moved(detector: Detector, step: Floats) -> Detector:
    """The detector shifted and turned by `STEPS` (5): R = Rx·Ry·Rz about the point where the beam hits.

    It is never shifted along the axis: nothing but the sample's own height tells where that is.
    """
    turn = rotation("x", step[2]) @ rotation("y", step[3]) @ rotation("z", step[4])
    hit = hit_point(detector)
    origin = hit + turn @ (detector.origin_um - hit) + np.array([step[1], step[0], 0.0])
    return Detector(origin, turn @ detector.u_um, turn @ detector.v_um)


def hit_point(detector: Detector) -> Floats:
    """Where the beam through the axis meets the detector's plane, in the lab. Raises `SetupError` if never."""
    hit = beam_hit_px(detector)
    if hit is None:
        raise SetupError("detector", rule="must stand across the beam to be calibrated")
    return detector.position_um(*hit)


class DetectorParameters(NamedTuple):
    """A detector as a recipe gives it: centre across the axis (px) and its name, distance, tilts."""

    centre_px: float
    centre_name: str
    distance_um: float
    tilt_deg: tuple[float, float, float]
    pixel_um: float


def detector_parameters(detector: Detector) -> DetectorParameters:
    """Centre column (row, where columns run along the axis), distance, tilts of R = Rx·Ry·Rz."""
    hit = beam_hit_px(detector)
    if hit is None:
        raise SetupError("detector", rule="must stand across the beam to be calibrated")
    by_cols = abs(detector.u_um[1]) >= abs(detector.v_um[1])
    across, along = (detector.u_um, detector.v_um) if by_cols else (detector.v_um, detector.u_um)
    y = across * np.sign(across[1]) / np.linalg.norm(across)
    x = np.cross(y, along * (np.sign(along[2]) or 1.0))
    x /= np.linalg.norm(x)
    turn = np.column_stack([x, y, np.cross(x, y)])
    tilts = np.degrees(
        [
            np.arctan2(-turn[1, 2], turn[2, 2]),
            np.arcsin(np.clip(turn[0, 2], -1.0, 1.0)),
            np.arctan2(-turn[0, 1], turn[0, 0]),
        ]
    )
    return DetectorParameters(
        hit[1] if by_cols else hit[0],
        "centre column" if by_cols else "centre row",
        float(hit_point(detector)[0]),
        (float(tilts[0]), float(tilts[1]), float(tilts[2])),
        float(np.linalg.norm(across)),
    )
