"""A physical forward model: raw-looking scans, and the truth about them in the types that the stages return."""

from friedel.simulator.params import (
    CameraParams,
    LightParams,
    SampleParams,
    SimulatedPhase,
    SimulationParams,
    small,
)
from friedel.simulator.simulation import Simulation, make_setup, simulate

__all__ = [
    "CameraParams",
    "LightParams",
    "SampleParams",
    "SimulatedPhase",
    "Simulation",
    "SimulationParams",
    "make_setup",
    "simulate",
    "small",
]
