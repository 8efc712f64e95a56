"""A physical forward model: raw-looking scans, and the truth about them in the types that the stages return."""

from friedel.simulator.params import (
    CameraParams,
    LightParams,
    MotionParams,
    SimulatedPhase,
    SimulationParams,
    SpecimenParams,
    small,
)
from friedel.simulator.simulation import Simulation, make_setup, simulate

__all__ = [
    "CameraParams",
    "LightParams",
    "MotionParams",
    "SimulatedPhase",
    "Simulation",
    "SimulationParams",
    "SpecimenParams",
    "make_setup",
    "simulate",
    "small",
]
