"""Angles as files tell them: in which unit they are, and the start and step that regular ones make."""

import math
import re
from typing import NamedTuple

import h5py
import numpy as np

from friedel.errors import ScanError
from friedel.io import hdf5_file
from friedel.io.text import text_in
from friedel.model.arrays import AnyArray, Floats, Indices

TOLERANCE = 0.1
"""How far from its regular place an angle may be, in steps."""
_UNITS = {
    1.0: ("deg", "degs", "degree", "degrees", "°", "angle_deg"),
    180 / math.pi: ("rad", "rads", "radian", "radians"),
    0.18 / math.pi: ("mrad", "mrads", "milliradian", "milliradians"),
    1.8e-4 / math.pi: ("urad", "µrad", "μrad", "microradian", "microradians"),
    1e-3: ("mdeg", "millidegree", "millidegrees"),
    1 / 60: ("arcmin", "arcminute", "arcminutes"),
    1 / 3600: ("arcsec", "arcsecond", "arcseconds"),
    0.9: ("grad", "gon"),
    360.0: ("turn", "turns", "rev", "revs", "revolution", "revolutions"),
}
_DEGREES_IN = {name: size for size, names in _UNITS.items() for name in names}
_AS_EXACT = 1e-4
"""A span that is this near to pi or 2 pi, relative to it, is no chance."""
_NEARLY = 0.03
"""A span that is this near to them may be one with frames lost at an end."""


class Angles(NamedTuple):
    """One angle a frame, at the start or at the centre of its exposure; `where` they were read, `unit` as told.

    `frames` are the numbers that the frames have in the input (None: 0, 1, 2, ...), which errors name.
    """

    values: AnyArray
    where: str
    at: str = "start"
    unit: str = ""
    frames: Indices | None = None

    def frame(self, number: int) -> int:
        """The number in the input of the frame with angle `number`."""
        return int(number) if self.frames is None else int(self.frames[number])


class Steps(NamedTuple):
    """Where the first exposure begins, and what each one integrates (signed)."""

    start_deg: float
    step_deg: float


def stored_angles(dataset: h5py.Dataset, name: str | None = None) -> Angles:
    """The angles in a dataset, with its attribute `units` (text or bytes, alone or in an array)."""
    where = f"{dataset.file.filename}::{name or dataset.name}"
    return Angles(np.asarray(hdf5_file.numbers(dataset), dtype=np.float64).ravel(), where, unit=unit_of(dataset))


def unit_of(dataset: h5py.Dataset) -> str:
    """The attribute `units` (or `unit`) as text; empty where there is none."""
    for name in ("units", "unit"):
        if name in dataset.attrs:
            return text_in(dataset.attrs[name])
    return ""


def unit_in(text: str) -> str:
    """The unit that a line about a column of angles names, e.g. `# theta [rad]`; empty where it names none."""
    words = re.findall(r"[°\wµμ]+", text.lower())
    return next((word for word in words if word in _DEGREES_IN), "")


class InDegrees(NamedTuple):
    """Angles in degrees, what was done to them, and what of that is to be doubted; empty where there is nothing."""

    angles: Angles
    note: str = ""
    doubt: str = ""


def in_degrees(angles: Angles, unit: str = "auto") -> InDegrees:
    """The same in degrees.

    `unit` "deg" or "rad" overrules what the file says. Where nobody says it, angles that span exactly pi, 2 pi or
    4 pi are radians: no scan turns by 3.1416 or 6.2832 degrees. Raises `ScanError` where the file says degrees of
    such, or radians of angles that span 180, 360 or 720.
    """
    told = angles.unit.lower() if unit == "auto" else unit
    if told in _DEGREES_IN:
        size = _DEGREES_IN[told]
        if unit == "auto":
            _check_unit(angles, size)
        if size == 1.0:
            return InDegrees(angles._replace(unit="deg"))
        by = "as their file says" if unit == "auto" else "as scan.omega.unit says"
        return InDegrees(_scaled(angles, size), note=f"the angles are in {told}, {by}")
    unknown = f'the unit "{angles.unit}" of {angles.where} is not known: degrees are assumed' if told else ""
    values = np.asarray(angles.values, dtype=np.float64)
    turn = _turn_in_radians(values)
    if not turn and not unknown and _turn_in_radians(values, _NEARLY):
        span = f"the angles in {angles.where} span {np.ptp(values):.5g}, hardly degrees"
        unknown = f'{span}: if they are radians, set scan.omega.unit = "rad"'
    if turn:
        text = f"the angles in {angles.where} span {turn}, and are taken as radians"
        return InDegrees(_scaled(angles, 180 / math.pi), doubt=f'{text} (if not, set scan.omega.unit = "deg")')
    return InDegrees(angles._replace(unit="deg"), doubt=unknown)


def _scaled(angles: Angles, size: float) -> Angles:
    return angles._replace(values=np.asarray(angles.values, dtype=np.float64) * size, unit="deg")


def _check_unit(angles: Angles, size: float) -> None:
    """Raise `ScanError` where angles span half a turn or a full one in the other unit than their file says."""
    values = np.asarray(angles.values, dtype=np.float64)
    in_radians = size == 1.0 and _turn_in_radians(values)
    in_degrees = size == 180 / math.pi and _turn_in_radians(np.deg2rad(values))
    if in_radians or in_degrees:
        raise ScanError(
            f"angles in {angles.where}",
            rule=f"must span what a scan turns by in the unit that their file says, {angles.unit}",
            got=f"{np.ptp(values):.6g}",
            way_out='set scan.omega.unit = "rad" or "deg", whichever they are in',
        )


def _turn_in_radians(values: Floats, near: float = _AS_EXACT) -> str:
    """Which part of a turn the angles would be in radians, with or without the last step; empty where none."""
    if len(values) < 8 or not np.isfinite(values).all():
        return ""
    span = float(np.ptp(values))
    each = float(np.median(np.diff(np.sort(values))))
    for turn, text in ((math.pi, "pi"), (2 * math.pi, "2 pi"), (4 * math.pi, "4 pi")):
        if any(abs(whole - turn) < near * turn for whole in (span, span + each)):
            return text
    return ""


def regular(angles: Angles, frames: int, at: str | None = None) -> Steps:
    """The regular steps that an array of angles in degrees makes; `at` overrules what the file says.

    The array may jump by a turn. Raises `ScanError` when there are not as many angles as frames (both counts are
    named), or when one is more than a tenth of a step from where it should be (the frame is named).
    """
    values = unwrapped(angles, frames)
    start, step = fitted(values, np.arange(frames))
    if step == 0:
        raise ScanError(f"angles in {angles.where}", rule="must not stand still", got=f"{start:g}° throughout")
    off = np.abs(values - start - step * np.arange(frames))
    if off.max() > TOLERANCE * abs(step):
        first = int(np.argmax(off > TOLERANCE * abs(step)))
        frame = angles.frame(first)
        raise ScanError(
            f"angle of frame {frame} in {angles.where}",
            rule=f"must be within {TOLERANCE:.0%} of a step of {start + step * first:.6g}° (steps of {step:.6g}°)",
            got=f"{values[first]:.6g}°",
            way_out=f"leave that frame out (scan.skip = [{frame}]), or, if the angles just jitter, give scan.omega "
            f"= {{ start_deg = {tidy(start):.9g}, step_deg = {tidy(step):.9g} }}",
        )
    return steps_of(start, step, at or angles.at)


def unwrapped(angles: Angles, frames: int) -> Floats:
    """The angles as numbers without jumps by a turn. Raises `ScanError` for too few, too many, or no numbers."""
    values = numbers(angles, frames)
    return np.asarray(np.unwrap(values, period=360.0))


def numbers(angles: Angles, frames: int) -> Floats:
    """The angles of so many frames. Raises `ScanError` for too few, too many, or something else than numbers."""
    values = np.asarray(angles.values, dtype=np.float64).ravel()
    if len(values) != frames:
        raise ScanError(
            f"angles in {angles.where}", rule=f"must be as many as the {frames} frames", got=f"{len(values)} angles"
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        frame = angles.frame(bad[0])
        raise ScanError(
            f"angle of frame {frame} in {angles.where}",
            rule="must be a number",
            got=values[bad[0]],
            way_out=f"leave that frame out: scan.skip = [{frame}]",
        )
    if frames < 2:
        raise ScanError(f"angles in {angles.where}", rule="need two frames at least", got=frames)
    return values


def fitted(values: Floats, slots: AnyArray) -> tuple[float, float]:
    """Start and step of values at ascending places `slots`.

    Medians over half the scan: one wrong angle, even the last, neither hides nor blames the others.
    """
    count = len(values)
    half = count // 2
    travel = values[half:] - values[: count - half]
    step = float(np.median(travel / (slots[half:] - slots[: count - half])))
    return float(np.median(values - step * slots)), step


def steps_of(start: float, step: float, at: str) -> Steps:
    """Steps of angles at the start or the centre of an exposure."""
    return Steps(tidy(start - 0.5 * step if at == "centre" else start), tidy(step))


def tidy(value: float) -> float:
    """Without the rounding noise of the last digits."""
    return round(value, 9)
