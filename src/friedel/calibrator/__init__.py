"""Calibrate: the detector's place from pairs, the rotation's sense from grains, all of it from assigned spots."""

from friedel.calibrator.from_pairs import CalibrateParams, calibrate
from friedel.calibrator.from_spots import refine_setup
from friedel.calibrator.result import Calibration, Change
from friedel.calibrator.sense import Sense, choose_sense

__all__ = ["CalibrateParams", "Calibration", "Change", "Sense", "calibrate", "choose_sense", "refine_setup"]
