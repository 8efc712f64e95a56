"""Calibrate: the detector's place from pairs, the rotation's sense from grains, all of it from assigned spots."""

from friedel.calibrator.decision import CalibrationRequest, Decision, choose_setup, same_geometry
from friedel.calibrator.leaning_decision import choose_lean
from friedel.calibrator.leaning_fit import fit_lean
from friedel.calibrator.motion_decision import choose_motion
from friedel.calibrator.moving_sample import fit_motion
from friedel.calibrator.scale_decision import choose_scale
from friedel.calibrator.scale_fit import fit_scale

__all__ = [
    "CalibrationRequest",
    "Decision",
    "choose_lean",
    "choose_motion",
    "choose_scale",
    "choose_setup",
    "fit_lean",
    "fit_motion",
    "fit_scale",
    "same_geometry",
]
