"""Blobs as a plain table: Parquet for pandas, polars and Arrow, CSV for everything else."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from friedel.errors import InputError
from friedel.io.atomic import atomic
from friedel.model.arrays import AnyArray
from friedel.model.blob_labels import LABEL_COLUMNS
from friedel.model.blobs import COLUMN, COLUMNS, TRUTH_COLUMNS, BlobTable, Column, Reason

_ROWS_AT_A_TIME = 65536


def export_table(
    table: BlobTable,
    path: str | Path,
    format: Literal["parquet", "csv"],  # noqa: A002
    labels: Mapping[str, AnyArray] | None = None,
) -> None:
    """Write all rows, kept and rejected, with the columns of `blobs.h5` and `reason` ("kept" for the kept ones).

    `labels` are the columns `LABEL_COLUMNS`, where a run has grains.

    CSV has a header line, and numbers in the shortest form that reads back to the same value. Parquet has unit
    and meaning of each column in its field's metadata. Raises `InputError` for another format, or when pyarrow is
    missing; `OutputError` when the disk cannot take the file.
    """
    values = {column.name: np.asarray(table.columns[column.name], column.dtype) for column in COLUMNS}
    values |= {name: np.asarray(array) for name, array in table.extra.items()}
    values |= labels or {}
    values["reason"] = np.array([reason.text for reason in Reason])[table.reason]
    known = {**COLUMN, **{column.name: column for column in (*TRUTH_COLUMNS, *LABEL_COLUMNS)}}
    known["threshold"] = known["threshold"]._replace(unit=table.threshold_unit)
    write_table(Path(path), values, format, known)


def write_table(
    path: Path,
    values: Mapping[str, AnyArray],
    format: str,  # noqa: A002
    known: Mapping[str, Column],
) -> None:
    """Write columns of one length; `known` gives units and meanings where there are any. Raises as above."""
    if format == "csv":
        _write_csv(path, values)
    elif format == "parquet":
        _write_parquet(path, values, known)
    else:
        raise InputError("format of a table", rule="must be parquet or csv", got=repr(format))


def _write_csv(path: Path, values: Mapping[str, AnyArray]) -> None:
    with atomic(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(values)
        for start in range(0, len(next(iter(values.values()))), _ROWS_AT_A_TIME):
            part = slice(start, start + _ROWS_AT_A_TIME)
            writer.writerows(zip(*(array[part].tolist() for array in values.values()), strict=True))


def _write_parquet(path: Path, values: Mapping[str, AnyArray], known: Mapping[str, Column]) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise InputError("format parquet", rule="needs pyarrow", way_out="pip install friedel[export]") from error
    arrays = {name: pa.array(array) for name, array in values.items()}
    fields = []
    for name, array in arrays.items():
        about = {"unit": known[name].unit, "meaning": known[name].meaning} if name in known else {}
        fields.append(pa.field(name, array.type, nullable=False, metadata=about))
    with atomic(path) as partial:
        parquet.write_table(pa.table(list(arrays.values()), schema=pa.schema(fields)), partial)
