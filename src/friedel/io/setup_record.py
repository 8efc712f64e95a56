"""The set-up that a stage used, as plain values in its file and in `run.json`: the next stage goes on with it."""

from pathlib import Path
from typing import Any

import numpy as np

from friedel.errors import InputError, SetupError
from friedel.io.blob_store import read_attributes
from friedel.io.foreign import parsing
from friedel.model.setup import Axis, Detector, Setup


def setup_record(setup: Setup) -> dict[str, Any]:
    """Beam, detector and sense as plain values."""
    detector = setup.detector
    return {
        "energy_keV": setup.beam.energy_keV,
        "rotation": "+z" if setup.axis.sign > 0 else "-z",
        "origin_um": detector.origin_um.tolist(),
        "u_um": detector.u_um.tolist(),
        "v_um": detector.v_um.tolist(),
    }


def load_setup(path: Path, given: Setup) -> Setup:
    """The set-up in a file of ours, with beam and sample of `given`. Raises `InputError` where there is none."""
    return setup_with(read_attributes(path).get("setup"), given, str(path))


def setup_with(values: Any, given: Setup, source: str) -> Setup:
    """The set-up of a `setup_record`, with beam and sample of `given`; an `InputError` names its `source`."""
    if not isinstance(values, dict):
        raise InputError(source, rule="does not say which set-up it was made with", way_out="--from match")
    with parsing(source, InputError, rule="holds a set-up that cannot be", way_out="--from match"):
        try:
            detector = Detector(*(np.array(values[name]) for name in ("origin_um", "u_um", "v_um")))
        except SetupError as error:
            raise ValueError(str(error)) from None
        return Setup(given.beam, detector, Axis(1 if values["rotation"] == "+z" else -1), given.sample)
