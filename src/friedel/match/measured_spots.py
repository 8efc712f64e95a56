"""Blobs as matching sees them: in the lab, with what is known about their precision, and the widest limits."""

from dataclasses import dataclass

import numpy as np

from friedel.kernels.match import friedel_pairs
from friedel.match.params import MatchParams
from friedel.model.arrays import Floats, Mask
from friedel.model.blobs import BlobTable
from friedel.model.scan import HALF_TURN_DEG
from friedel.model.setup import Setup
from friedel.model.uncertainty import blob_uncertainty

LEAST_SIN_ETA = 0.1
"""Nearer to the axis omega says nothing."""
TRUSTED_PX, TRUSTED_STEP = 0.05, 0.03
"""No centroid is trusted beyond this part of a pixel and of a frame, whatever the pairs say."""
UNLIKE = np.array([0.7, 0.7, 0.35, 0.35, 0.25])
"""How unlike a blob of which a part is missing may be: standard deviations of the features."""
ALIKE = np.array([0.02, 0.05, 0.0, 0.0, 0.02])
"""The least standard deviations of the features of whole blobs; boxes are known to a pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSpots:
    """Blobs as matching sees them: spots with the least of their variances, and all that limits a pair."""

    spots: friedel_pairs.LabSpots
    cut: Floats
    unsure: Mask
    rings: Floats
    limits: friedel_pairs.PairLimits

    def scaled(self, scale: Floats) -> friedel_pairs.LabSpots:
        """The spots with variances scaled by squares of (RESIDUALS) factors; what is cut comes on top, unscaled."""
        squares = np.concatenate([scale[:1], scale[1:2], scale[1:2], scale[2:]]) ** 2
        return self.spots._replace(spread=self.spots.spread * squares + self.cut)


def measured_spots(blobs: BlobTable, setup: Setup, rings: Floats, params: MatchParams) -> MeasuredSpots:
    """Blobs in the lab, with what is known about their precision."""
    omega = np.mod(setup.lab_omega_rad(blobs["omega"]), friedel_pairs.TURN)
    omega[omega >= friedel_pairs.TURN] = 0.0
    position = setup.detector.position_um(blobs["sc"], blobs["fc"])
    known = blob_uncertainty(blobs)
    whole = np.flatnonzero(~known.unsure)
    step = abs(blobs.omega_step_deg)
    hit = np.hypot(position[:, 1], position[:, 2])
    sin_eta = np.maximum(np.abs(position[:, 1]) / np.maximum(hit, 1e-9), LEAST_SIN_ETA)
    rows, cols = blobs["row_stop"] - blobs["row_start"], blobs["col_stop"] - blobs["col_start"]
    features = np.column_stack(
        [
            np.log(np.maximum(blobs["sum_intensity"], 1e-30)),
            np.log(np.maximum(blobs["Number_of_pixels"], 1)),
            np.log(np.maximum(rows, 1)),
            np.log(np.maximum(cols, 1)),
            blobs["covsf"],
        ]
    )
    alike = np.tile(ALIKE**2, (len(omega), 1))
    alike[:, :2] += known.intensity[:, None] ** 2
    alike[:, 2] += (0.7 / np.maximum(rows, 1)) ** 2
    alike[:, 3] += (0.7 / np.maximum(cols, 1)) ** 2
    alike[:, 4] += known.intensity**2
    regular = _lab_variances(setup, known.row, known.col, known.omega, sin_eta)
    # nobody knows which blob is the best: none is trusted much more than the typical one
    regular += np.median(regular[whole], axis=0) if len(whole) else 0.0
    # what no scale takes away: centroids are never trusted beyond a part of a pixel and of a frame
    row, col = np.hypot(known.cut_row, TRUSTED_PX), np.hypot(known.cut_col, TRUSTED_PX)
    cut = _lab_variances(setup, row, col, np.hypot(known.cut_omega, TRUSTED_STEP * step), sin_eta)
    unlike = known.unsure[:, None] * UNLIKE**2
    spots = friedel_pairs.LabSpots(omega, position, np.column_stack([regular, alike]), features)
    return MeasuredSpots(spots, np.column_stack([cut, unlike]), known.unsure, rings, _widest_limits(setup, params))


def _lab_variances(setup: Setup, row: Floats, col: Floats, omega_deg: Floats, sin_eta: Floats) -> Floats:
    """Variances (n,3) of omega |sin eta| (rad^2), lab y and z (um^2)."""
    u, v = setup.detector.u_um, setup.detector.v_um
    return np.column_stack(
        [
            (np.radians(omega_deg) * sin_eta) ** 2,
            (u[1] * col) ** 2 + (v[1] * row) ** 2,
            (u[2] * col) ** 2 + (v[2] * row) ** 2,
        ]
    )


def _widest_limits(setup: Setup, params: MatchParams) -> friedel_pairs.PairLimits:
    """The widest limits."""
    sample = setup.sample
    kind = {"cylinder": friedel_pairs.CYLINDER, "box": friedel_pairs.BOX}.get(sample.kind, friedel_pairs.ANYWHERE)
    pixel = max(float(np.linalg.norm(setup.detector.u_um)), float(np.linalg.norm(setup.detector.v_um)))
    return friedel_pairs.PairLimits(
        omega=float(np.radians(params.omega_tol_deg)),
        two_theta=float(np.radians(params.two_theta_tol_deg)),
        least_sin_eta=LEAST_SIN_ETA,
        factor=np.inf,
        intensity=float(np.log(params.intensity_ratio)),
        area=float(np.log(params.area_ratio)),
        box=float(np.log(params.box_ratio)),
        correlation=2.0,
        kind=kind,
        half_x=sample.size_um[0] / 2,
        half_y=sample.size_um[1] / 2,
        half_z=sample.size_um[2] / 2,
        margin=params.margin_px * pixel,
    )


def pairable_fraction(blobs: BlobTable) -> float:
    """The part of the recorded angles whose partner, half a turn away, was recorded too: 1 for a full turn, 0 for
    half of one. Gaps count as not recorded."""
    if blobs.at_most_half_a_turn:
        return 0.0
    recorded, partner = _recorded(blobs), _recorded_half_a_turn_away(blobs)
    return float(np.mean(partner[recorded])) if recorded.any() else 0.0


def partner_recorded(blobs: BlobTable) -> Mask:
    """Of each blob (n), whether the angle half a turn away was recorded."""
    if blobs.at_most_half_a_turn:
        return np.zeros(len(blobs), dtype=bool)
    there = _recorded_half_a_turn_away(blobs)
    return np.asarray(there[np.mod(np.rint(blobs["frame"]).astype(np.int64), len(there))])


def _recorded(blobs: BlobTable) -> Mask:
    recorded = np.ones(blobs.shape[0], dtype=bool)
    for start, stop in blobs.gaps:
        recorded[start:stop] = False
    return recorded


def _recorded_half_a_turn_away(blobs: BlobTable) -> Mask:
    """Of each frame; in a scan of more than a turn the angle is looked for in its first turn."""
    recorded, frames, step = _recorded(blobs), blobs.shape[0], abs(blobs.omega_step_deg)
    angle = (np.arange(frames) + 0.5) * step
    partner = (np.mod(angle + HALF_TURN_DEG, 2 * HALF_TURN_DEG) / step).astype(np.int64)
    return np.asarray((partner < frames) & recorded[np.minimum(partner, frames - 1)])
