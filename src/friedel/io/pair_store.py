"""`pairs.h5`: the Friedel pairs, and how many of them chance alone would make."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from friedel.errors import InputError
from friedel.io.columns import check_range, read_columns
from friedel.io.grain_store import write_columns
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import opened
from friedel.io.record import read_record, write_record
from friedel.model.pairs import PAIR_COLUMNS, RESIDUAL_COLUMNS, PairTable


def write_pairs(path: str | Path, table: PairTable, attributes: Mapping[str, Any] | None = None) -> None:
    """Write `pairs.h5`: /pairs with one dataset a column; the null and the tolerances are its attributes.

    `attributes` go to the root of the file; mappings are stored as JSON. Raises `OutputError`.
    """
    with h5_output(path) as output:
        group = output.file.create_group("pairs")
        known = (column for column in (*PAIR_COLUMNS, *RESIDUAL_COLUMNS) if column.name in table.columns)
        write_columns(group, table.columns, known)
        write_record(group, table, {}, leave_out=("columns",))
        for name, value in (attributes or {}).items():
            output.file.attrs[name] = json.dumps(value, default=str) if isinstance(value, Mapping) else value


def read_pairs(path: str | Path) -> PairTable:
    """Read what `write_pairs` wrote. Raises `InputError` that names the file when it is not one of ours."""
    with opened(path, InputError, rule="is not a table of pairs") as file:
        group = file["pairs"]
        columns = read_columns(group, [*PAIR_COLUMNS, *(one for one in RESIDUAL_COLUMNS if one.name in group)], {})
        for name in ("blob_a", "blob_b", "phase", "family"):
            check_range(columns[name], 0, np.iinfo(np.int64).max, f"pairs/{name}")
        return PairTable(columns, **read_record(group, PairTable, leave_out=("columns",)))
