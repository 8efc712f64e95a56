"""Grains as a plain table, one row each, for spreadsheets and data frames."""

from pathlib import Path
from typing import Literal

import numpy as np

from friedel.io.export.tables import write_table
from friedel.model.blobs import Column
from friedel.model.description import GRAIN_COLUMNS, Description
from friedel.model.grains import NINE, GrainTable, spread


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
    values = table.flat_columns()
    known: dict[str, Column] = {}
    if description is not None:
        for about in GRAIN_COLUMNS:
            column = np.asarray(description.grains[about.name])
            width = int(np.prod(column.shape[1:]))
            endings = NINE if width == 9 else tuple(str(i) for i in range(width))
            values |= spread(about.name, column.reshape(n, width), endings) if width > 1 else {about.name: column}
            known[about.name] = about
    write_table(Path(path), values, format, known)
