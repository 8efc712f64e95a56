"""The set-up that a stage used, as plain values in its file and in `run.json`: the next stage goes on with it."""

from pathlib import Path
from typing import Any

import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io.blob_store import read_attributes
from friedel.model.motion import Motion
from friedel.model.setup import Axis, Beam, Detector, Setup


def setup_record(setup: Setup) -> dict[str, Any]:
    """Beam, detector, sense, and how the sample moved if it did, as plain values."""
    detector = setup.detector
    moved: dict[str, Any] = {} if setup.motion is None else {"motion": setup.motion.record()}
    if setup.axis.lean_deg:
        moved["lean_deg"] = setup.axis.lean_deg
    return {
        "energy_keV": setup.beam.energy_keV,
        "rotation": "+z" if setup.axis.sign > 0 else "-z",
        "origin_um": detector.origin_um.tolist(),
        "u_um": detector.u_um.tolist(),
        "v_um": detector.v_um.tolist(),
        **moved,
    }


def load_setup(path: Path, given: Setup) -> Setup:
    """The set-up in a file of ours, with sample and distortion of `given`.

    Raises `InputError` where there is none.
    """
    return setup_with(read_attributes(path).get("setup"), given, str(path))


def setup_with(values: Any, given: Setup, source: str) -> Setup:
    """The set-up of a `setup_record`, with sample and distortion of `given`; an `InputError` names its `source`.

    Its energy is the one that goes with the lattice, where grains have told it.
    """
    parts = _parts(values)
    if parts is None:
        rule = "holds a set-up that cannot be" if values else "does not say which set-up it was made with"
        raise InputError(source, rule=rule, way_out="--from match")
    beam, plane, axis, motion = parts
    return Setup(beam or given.beam, plane, axis, given.sample, motion, given.distortion)


def is_setup_record(values: Any) -> bool:
    """Whether plain values are what `setup_record` gives."""
    return _parts(values) is not None


def _parts(values: Any) -> tuple[Beam | None, Detector, Axis, Motion | None] | None:
    """Beam (None in a record without), detector, axis and motion, where all of the record is as it must be."""
    try:
        vectors = [np.array(values[name], dtype=np.float64) for name in ("origin_um", "u_um", "v_um")]
        if any(vector.shape != (3,) for vector in vectors) or values["rotation"] not in ("+z", "-z"):
            return None
        moved = values.get("motion")
        axis = Axis(1 if values["rotation"] == "+z" else -1, float(values.get("lean_deg", 0.0)))
        beam = Beam(float(values["energy_keV"])) if "energy_keV" in values else None
        return beam, Detector(*vectors), axis, None if moved is None else Motion.from_record(moved)
    except (AttributeError, KeyError, TypeError, ValueError, FriedelError):
        return None
