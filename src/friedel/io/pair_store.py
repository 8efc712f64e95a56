"""`pairs.h5`: the Friedel pairs, and how many of them chance alone would make."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from friedel.errors import InputError
from friedel.io.grain_store import write_columns
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import message_of, opened
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
    with opened(path, InputError) as file:
        try:
            group = file["pairs"]
            columns = {column.name: group[column.name][()] for column in PAIR_COLUMNS}
            columns |= {column.name: group[column.name][()] for column in RESIDUAL_COLUMNS if column.name in group}
            return PairTable(columns, **read_record(group, PairTable, leave_out=("columns",)))
        except (KeyError, OSError) as error:
            raise InputError(str(path), rule="is not a table of pairs", got=message_of(error)) from error
