"""`pairs.h5`: the Friedel pairs, and how many of them chance alone would make."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from friedel.errors import InputError
from friedel.io.columns import check_range, read_columns
from friedel.io.grain_store import write_columns
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import opened
from friedel.io.record import read_record, write_record
from friedel.model.arrays import AnyArray
from friedel.model.pairs import ACROSS_COLUMNS, PAIR_COLUMNS, RESIDUAL_COLUMNS, AcrossTable, PairTable, no_across

NAMED = ("blob_a", "blob_b", "phase", "family")
"""Columns of rows of other tables."""


def write_pairs(path: str | Path, table: PairTable, attributes: Mapping[str, Any] | None = None) -> None:
    """Write `pairs.h5`: /pairs with one dataset a column; the null and the tolerances are its attributes.

    /across holds the pairs across the beam likewise. `attributes` go to the root of the file; mappings are stored
    as JSON. Raises `OutputError`.
    """
    with h5_output(path) as output:
        group = output.file.create_group("pairs")
        known = (column for column in (*PAIR_COLUMNS, *RESIDUAL_COLUMNS) if column.name in table.columns)
        write_columns(group, table.columns, known)
        write_record(group, table, {}, leave_out=("columns", "across"))
        group = output.file.create_group("across")
        write_columns(group, table.across.columns, ACROSS_COLUMNS)
        write_record(group, table.across, {}, leave_out=("columns",))
        for name, value in (attributes or {}).items():
            output.file.attrs[name] = json.dumps(value, default=str) if isinstance(value, Mapping) else value


def read_pairs(path: str | Path) -> PairTable:
    """Read what `write_pairs` wrote. Raises `InputError` that names the file when it is not one of ours."""
    with opened(path, InputError, rule="is not a table of pairs") as file:
        group = file["pairs"]
        columns = read_columns(group, [*PAIR_COLUMNS, *(one for one in RESIDUAL_COLUMNS if one.name in group)], {})
        _check(columns, "pairs")
        across = _read_across(file["across"]) if "across" in file else no_across()
        return PairTable(columns, across=across, **read_record(group, PairTable, leave_out=("columns", "across")))


def _read_across(group: h5py.Group) -> AcrossTable:
    columns = read_columns(group, list(ACROSS_COLUMNS), {})
    _check(columns, "across")
    return AcrossTable(columns, **read_record(group, AcrossTable, leave_out=("columns",)))


def _check(columns: Mapping[str, AnyArray], name: str) -> None:
    for one in NAMED:
        check_range(columns[one], 0, np.iinfo(np.int64).max, f"{name}/{one}")
