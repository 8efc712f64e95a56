"""Grains, peaks and geometry for ImageD11: a text file of UBI matrices and positions, `.flt` and `.par`."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.errors import InputError
from friedel.io.atomic import atomic
from friedel.model.arrays import AnyArray, Floats
from friedel.model.blobs import COLUMNS, BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.leaning_axis import leaning
from friedel.model.setup import Setup

_SQUARE = 1e-9


def export_grain_map(path: str | Path, grains: GrainTable, *, phase: int | None = None) -> None:
    """Write what `ImageD11.grain.read_grain_file` reads: UBI, translation (um), name and number of peaks.

    The file knows no phases: `phase` (a row of the phase list) picks the grains of one. A name is
    `grain_id:phase`, with the number that the map has. Raises `OutputError`.
    """
    counts = np.diff(grains.blob_pointer)
    lines: list[str] = []
    for row in range(len(grains)):
        kind = int(grains.phase[row])
        if phase is not None and kind != phase:
            continue
        name = grains.phases[kind] if kind < len(grains.phases) else str(kind)
        lines += [
            "#translation: " + _numbers(grains.position_um[row]),
            f"#name {int(grains.grain_id[row])}:{name}",
            f"#npks {int(counts[row])}",
            "#UBI:",
            *map(_numbers, grains.UBI[row]),
            "",
        ]
    with atomic(path) as partial:
        partial.write_text("\n".join([*lines, ""]), encoding="ascii", errors="replace")


def export_peaks(path: str | Path, blobs: BlobTable, labels: Mapping[str, AnyArray]) -> None:
    """Write the kept blobs as `ImageD11.columnfile` reads them (`.flt`), with the columns `LABEL_COLUMNS`.

    Two-theta is `tth` there. `labels` is the place of the grain in the grain file from 0, -1 for none, as ImageD11
    counts; `grain_id` is the number that the map has. Raises `OutputError`.
    """
    kept = len(blobs)
    columns = {column.name: blobs[column.name] for column in COLUMNS}
    columns |= {{"two_theta": "tth"}.get(name, name): values[:kept] for name, values in labels.items()}
    columns["labels"] = labels["grain_id"][:kept] - 1
    with atomic(path) as partial, partial.open("w", encoding="ascii") as file:
        file.write("#  " + "  ".join(columns) + "\n")
        for row in zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True):
            file.write("  ".join(map(repr, row)) + "\n")


def export_parameters(path: str | Path, setup: Setup, phase: Phase | None = None) -> None:
    """Write geometry, wavelength and one phase's cell as ImageD11's `.par` (lengths in um, angles in rad).

    Raises `InputError` for a detector that ImageD11 cannot describe: one that the beam never meets, or whose rows
    and columns are not at right angles.
    """
    values: dict[str, float | int | str] = {
        **_detector(leaning(setup, 0.0)),
        "wavelength": float(setup.beam.wavelength),
        "omegasign": float(setup.axis.sign),
        "wedge": -setup.axis.lean_deg or 0.0,
        **dict.fromkeys(("chi", "t_x", "t_y", "t_z", "fit_tolerance"), 0.0),
    }
    if phase is not None:
        values |= dict(zip(_CELL, map(float, phase.lattice), strict=True))
        values["cell_lattice_[P,A,B,C,I,F,R]"] = phase.centring
    lines = [
        f"{name} {value!r}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()
    ]
    with atomic(path) as partial:
        partial.write_text("\n".join([*sorted(lines), ""]), encoding="ascii")


_CELL = ("cell__a", "cell__b", "cell__c", "cell_alpha", "cell_beta", "cell_gamma")


def _detector(setup: Setup) -> dict[str, float]:
    """ImageD11: r = R (0, o21 s + o22 f, o11 s + o12 f) + (distance, 0, 0), s and f from the centre along the rows'
    and columns' direction; R = Rx Ry Rz. Of the eight ways to write o, the one with the smallest R is taken."""
    detector = setup.detector
    u, v = detector.u_um, detector.v_um
    y_size, z_size = float(np.linalg.norm(u)), float(np.linalg.norm(v))
    if abs(u @ v) > _SQUARE * y_size * z_size:
        raise InputError("detector", rule="rows and columns must be at right angles for ImageD11")
    normal = detector.normal
    if abs(normal[0]) < _SQUARE:
        raise InputError("detector", rule="the beam must meet its plane for ImageD11")
    distance = float(normal @ detector.origin_um / normal[0])
    from_origin = np.array([distance, 0.0, 0.0]) - detector.origin_um
    best: tuple[float, Floats, Rotation] | None = None
    for swapped, s, f in product((False, True), (-1.0, 1.0), (-1.0, 1.0)):
        o = np.array([[0.0, f], [s, 0.0]]) if swapped else np.array([[s, 0.0], [0.0, f]])
        # columns of the plane's frame: where its y and its z go
        rows, cols = v / z_size * s, u / y_size * f
        y, z = (rows, cols) if swapped else (cols, rows)
        turn = Rotation.from_matrix(np.stack([np.cross(y, z), y, z], axis=1))
        if best is None or turn.magnitude() < best[0] - 1e-6:
            best = float(turn.magnitude()), o, turn
    if best is None:  # there are eight
        raise InputError("detector", rule="must have an orientation")
    _, o, turn = best
    tilts = turn.as_euler("XYZ")
    return {
        "distance": distance,
        "y_center": float(from_origin @ u / y_size**2),
        "z_center": float(from_origin @ v / z_size**2),
        "y_size": y_size,
        "z_size": z_size,
        **{name: float(tilt) for name, tilt in zip(("tilt_x", "tilt_y", "tilt_z"), tilts, strict=True)},
        **{"o11": float(o[0, 0]), "o12": float(o[0, 1]), "o21": float(o[1, 0]), "o22": float(o[1, 1])},
    }


def _numbers(values: Floats) -> str:
    return " ".join(repr(float(value)) for value in values)
