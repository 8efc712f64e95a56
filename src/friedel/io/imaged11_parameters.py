"""ImageD11's `.par` file: lines of a name and a value; lengths in um, tilts in radians, cell in Angstrom.

ImageD11 puts a peak (s, f) at R (0, o21 s' + o22 f', o11 s' + o12 f') + (distance, 0, 0) with s' = (s - z_center)
z_size, f' = (f - y_center) y_size and R = Rx(tilt_x) Ry(tilt_y) Rz(tilt_z), in our lab frame.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from friedel.errors import InputError
from friedel.io.foreign import parsing
from friedel.io.text import read_text
from friedel.model.setup import KEV_ANGSTROM, MOST_LEAN_DEG, rotation

NEEDED = ("distance", "y_center", "z_center", "y_size", "z_size", "wavelength")
STRAIGHT_DEG = 1e-9
TILTS = ("tilt_x", "tilt_y", "tilt_z")
CELL = ("cell__a", "cell__b", "cell__c", "cell_alpha", "cell_beta", "cell_gamma")
LATTICE = "cell_lattice_[P,A,B,C,I,F,R]"
FLIPS: Mapping[tuple[float, float, float, float], list[str]] = {
    (-1, 0, 0, 1): [],
    (1, 0, 0, 1): ["rows"],
    (-1, 0, 0, -1): ["cols"],
    (1, 0, 0, -1): ["cols", "rows"],
}
"""o11, o12, o21, o22 that our recipe can say as a flip."""
HOLOHEDRY = {
    "cubic": {"P": "P m -3 m", "I": "I m -3 m", "F": "F m -3 m"},
    "hexagonal": {"P": "P 63/m m c"},
}
"""What a metal with that lattice most likely is: the file gives the lattice's letter only."""


def read_par(path: Path) -> dict[str, Any]:
    """Values for `ImportedParameters`. Raises `InputError`."""
    values = _values(path)
    notes: list[str] = []
    if "wavelength" not in values or "distance" not in values:
        missing = [name for name in NEEDED if name not in values]
        raise InputError(str(path), rule="must be an ImageD11 .par or an ESRF parameters.h5", got=f"no {missing}")
    number = {name: _number(path, values, name) for name in NEEDED}
    about_beam, lean, about_axis = _axis(path, values)
    detector = _detector(path, values, number, about_beam)
    if abs(about_beam) > STRAIGHT_DEG:
        notes.append(f"chi turns the detector about the beam by {-about_beam:.6g} deg: it is told by vectors")
    if abs(about_axis) > STRAIGHT_DEG:
        notes.append(f"the sample's x lies {about_axis:.6g} deg from ImageD11's, about the axis (wedge and chi)")
    if any(_number(path, values, f"t_{axis}", 0.0) for axis in "xyz"):
        notes.append("t_x, t_y, t_z are the position of one grain; they are left out")
    setup = {
        "energy_keV": KEV_ANGSTROM / number["wavelength"],
        "rotation": "-z" if _number(path, values, "omegasign", 1.0) < 0 else "+z",
        "detector": detector,
        **({"lean_deg": lean} if lean else {}),
    }
    notes.append("lengths are taken as micrometres and tilts as radians, which the file does not say")
    phase = _phase(path, values, notes)
    return {"setup": setup, "phase": (phase,) if phase else (), "notes": tuple(notes)}


def _axis(path: Path, values: Mapping[str, str]) -> tuple[float, float, float]:
    """Degrees of Rx Ry Rz = W^-1 C^-1, ImageD11's way from its rotation to the lab: about the beam, the lean of the
    axis, and where omega counts from."""
    wedge, chi = (_number(path, values, name, 0.0) for name in ("wedge", "chi"))
    whole = rotation("y", -wedge) @ rotation("x", chi)
    about_beam, about_axis = np.arctan2(-whole[1, 2], whole[2, 2]), np.arctan2(-whole[0, 1], whole[0, 0])
    lean = float(np.degrees(np.arcsin(whole[0, 2])))
    if abs(lean) > MOST_LEAN_DEG:
        rule = f"must be at most {MOST_LEAN_DEG:g} deg: an axis that is meant to be across the beam"
        raise InputError(f"wedge in {path}", rule=rule, got=wedge)
    return float(np.degrees(about_beam)), lean, float(np.degrees(about_axis))


def _values(path: Path) -> dict[str, str]:
    with parsing(path, InputError, rule="is not a text of names and values"):
        lines = read_text(path).split("\n")
    parts = (line.split(None, 1) for line in lines if not line.lstrip().startswith("#"))
    return {part[0].replace("-", "_"): part[1].strip() for part in parts if len(part) == 2}


def _number(path: Path, values: Mapping[str, str], name: str, default: float | None = None) -> float:
    if name not in values and default is not None:
        return default
    try:
        value = float(values[name])
    except KeyError:
        raise InputError(str(path), rule=f"must give {name}") from None
    except ValueError:
        raise InputError(f"{name} in {path}", rule="must be a number", got=values[name]) from None
    if not np.isfinite(value) or (name in ("distance", "y_size", "z_size", "wavelength") and value == 0):
        raise InputError(f"{name} in {path}", rule="must be finite and not 0", got=values[name])
    return value


def _detector(
    path: Path, values: Mapping[str, str], number: Mapping[str, float], about_beam: float
) -> dict[str, Any]:
    """By distance where a recipe can say it so, else by vectors; `about_beam` (deg) is taken back."""
    o11, o12, o21, o22 = (
        _number(path, values, name, default)
        for name, default in (("o11", 1.0), ("o12", 0.0), ("o21", 0.0), ("o22", -1.0))
    )
    tilts = [float(np.degrees(_number(path, values, name, 0.0))) for name in TILTS]
    y_size, z_size = number["y_size"], number["z_size"]
    flip = FLIPS.get((o11, o12, o21, o22))
    straight = abs(about_beam) <= STRAIGHT_DEG
    if straight and flip is not None and y_size == z_size and y_size > 0 and number["distance"] > 0:
        by_distance: dict[str, Any] = {
            "distance_um": number["distance"],
            "pixel_um": y_size,
            "centre_px": [number["y_center"], number["z_center"]],
        }
        return by_distance | ({"tilt_deg": tilts} if any(tilts) else {}) | ({"flip": flip} if flip else {})
    turn = rotation("x", tilts[0]) @ rotation("y", tilts[1]) @ rotation("z", tilts[2])
    u = turn @ np.array([0.0, o22, o12]) * y_size
    v = turn @ np.array([0.0, o21, o11]) * z_size
    if not np.linalg.norm(np.cross(u, v)) > 0:
        raise InputError(f"o11, o12, o21, o22 in {path}", rule="must span a plane", got=[o11, o12, o21, o22])
    origin = np.array([number["distance"], 0.0, 0.0]) - number["y_center"] * u - number["z_center"] * v
    origin, u, v = (rotation("x", -about_beam) @ vector for vector in (origin, u, v))
    return {"origin_um": origin.tolist(), "u_um": u.tolist(), "v_um": v.tolist()}


def read_par_phase(path: Path, notes: list[str]) -> dict[str, Any] | None:
    """The crystal of a `.par` that may hold nothing else, None where it gives no cell; what was assumed goes to
    `notes`. Raises `InputError`."""
    if not path.is_file():
        raise InputError(str(path), rule="no such file")
    return _phase(path, _values(path), notes)


def _phase(path: Path, values: Mapping[str, str], notes: list[str]) -> dict[str, Any] | None:
    if not all(name in values for name in CELL):
        notes.append("the file gives no cell: add a [[phase]]")
        return None
    lattice = [_number(path, values, name) for name in CELL]
    name = values.get("phase_name", "phase")
    symbol = values.get(LATTICE, values.get("cell_lattice", "P"))
    group = _group(lattice, symbol)
    if symbol.isdigit() and 1 <= int(symbol) <= 230:
        group = str(gemmi.find_spacegroup_by_number(int(symbol)).hm)
    else:
        notes.append(f"space group {group} was chosen from lattice {symbol}: put the right one")
    notes.append(
        f"the file names no atoms: call phase {name!r} by its element, or give atoms or a cif; "
        "else the strengths of its families are taken from the scan"
    )
    return {"name": name, "lattice": lattice, "spacegroup": group}


def _group(lattice: list[float], letter: str) -> str:
    a, b, c, *angles = lattice
    if a == b == c and angles == [90.0] * 3:
        return HOLOHEDRY["cubic"].get(letter, "P m -3 m")
    if a == b and angles == [90.0, 90.0, 120.0]:
        return "R -3 m" if letter == "R" else HOLOHEDRY["hexagonal"]["P"]
    if angles == [90.0] * 3:
        tetragonal = "I 4/m m m" if letter == "I" else "P 4/m m m"
        return tetragonal if a == b else f"{letter if letter in 'PCIF' else 'P'} m m m"
    return "P -1" if letter not in "C" or angles[0] != 90.0 else "C 2/m"
