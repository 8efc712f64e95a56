"""Grains as a plain table, one row each, for spreadsheets and data frames."""

from pathlib import Path
from typing import Literal

import numpy as np

from friedel.io.export.tables import write_table
from friedel.model.arrays import AnyArray
from friedel.model.blobs import Column
from friedel.model.description import GRAIN_COLUMNS, Description
from friedel.model.grains import GrainTable
from friedel.model.orientation import bunge_angles, quaternions, rodrigues

_OF_EACH = (
    "completeness",
    "orientation_error_deg",
    "position_error_um",
    "volume_um3",
    "expected",
    "null_completeness",
    "null_limit",
)


def export_grains(
    table: GrainTable,
    path: str | Path,
    format: Literal["parquet", "csv"] = "csv",  # noqa: A002
    *,
    description: Description | None = None,
) -> None:
    """Write one row a grain: number (as in the map), phase, position, orientation in four forms, UBI, trust, map.

    Vectors become columns with endings (`position_um_x`, `UBI_00`, `slip_plane_0`). Bunge's angles are in degrees.
    Raises `InputError` for another format, `OutputError` when the disk cannot take the file.
    """
    n = len(table)
    values: dict[str, AnyArray] = {"grain_id": table.grain_id, "phase": np.asarray(table.phase)}
    if table.phases:
        values["phase_name"] = np.array(table.phases)[table.phase] if n else np.array([], dtype=str)
    values |= _spread("position_um", table.position_um, "xyz")
    values["blobs"] = np.diff(table.blob_pointer)
    for name in _OF_EACH:
        column = np.asarray(getattr(table, name))
        if len(column) == n:
            values[name] = column
    values |= _spread("rodrigues", rodrigues(table.U), "xyz")
    values |= _spread("quaternion", quaternions(table.U), "wxyz")
    for name, angle in zip(("phi1_deg", "Phi_deg", "phi2_deg"), np.degrees(bunge_angles(table.U)).T, strict=True):
        values[name] = angle
    nine = [f"{i}{j}" for i in range(3) for j in range(3)]
    values |= _spread("UBI", table.UBI.reshape(n, 9), nine)
    known: dict[str, Column] = {}
    if description is not None:
        for about in GRAIN_COLUMNS:
            column = np.asarray(description.grains[about.name])
            width = int(np.prod(column.shape[1:]))
            endings = nine if width == 9 else [str(i) for i in range(width)]
            values |= _spread(about.name, column.reshape(n, width), endings) if width > 1 else {about.name: column}
            known[about.name] = about
    write_table(Path(path), values, format, known)


def _spread(name: str, columns: AnyArray, endings: str | list[str]) -> dict[str, AnyArray]:
    return {f"{name}_{ending}": columns[:, i] for i, ending in enumerate(endings)}
