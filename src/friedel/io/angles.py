"""From an array of angles to a start and a step."""

from typing import NamedTuple

import numpy as np

from friedel.errors import ScanError
from friedel.model.arrays import AnyArray

_TOLERANCE = 0.1
"""How far from its regular place an angle may be, in steps."""


class Angles(NamedTuple):
    """One angle a frame, in degrees, at the start or at the centre of its exposure; `where` they were read."""

    values_deg: AnyArray
    where: str
    at: str = "start"


class Steps(NamedTuple):
    """Where the first exposure begins, and what each one integrates (signed)."""

    start_deg: float
    step_deg: float


def regular(angles: Angles, frames: int, at: str | None = None) -> Steps:
    """The regular steps that an array of angles makes; `at` overrules what the file says.

    The array may jump by a turn. Raises `ScanError` when there are not as many angles as frames (both counts are
    named), or when one is more than a tenth of a step from where it should be (the frame is named).
    """
    values = np.asarray(angles.values_deg, dtype=np.float64).ravel()
    if len(values) != frames:
        raise ScanError(
            f"angles in {angles.where}", rule=f"must be as many as the {frames} frames", got=f"{len(values)} angles"
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ScanError(f"angle of frame {bad[0]} in {angles.where}", rule="must be a number", got=values[bad[0]])
    if frames < 2:
        raise ScanError(f"angles in {angles.where}", rule="need two frames at least", got=frames)
    values = np.unwrap(values, period=360.0)
    # Medians over half the scan: one wrong angle, even the last, neither hides nor blames the others.
    half = frames // 2
    step = float(np.median(values[half:] - values[: frames - half])) / half
    start = float(np.median(values - step * np.arange(frames)))
    if step == 0:
        raise ScanError(f"angles in {angles.where}", rule="must not stand still", got=f"{start:g}° throughout")
    off = np.abs(values - start - step * np.arange(frames))
    if off.max() > _TOLERANCE * abs(step):
        frame = int(np.argmax(off > _TOLERANCE * abs(step)))
        raise ScanError(
            f"angle of frame {frame} in {angles.where}",
            rule=f"must be within {_TOLERANCE:.0%} of a step of {start + step * frame:.6g}° (steps of {step:.6g}°)",
            got=f"{values[frame]:.6g}°",
            way_out="remove that frame, or give scan.omega = { start_deg = ..., step_deg = ... }",
        )
    if (at or angles.at) == "centre":
        start -= 0.5 * step
    return Steps(_tidy(start), _tidy(step))


def _tidy(value: float) -> float:
    """Without the rounding noise of the last digits."""
    return round(value, 9)
