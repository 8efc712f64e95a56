"""Columns of tables in our HDF5 files, checked against their schema when they are read."""

from collections.abc import Iterable, Mapping

import h5py
import numpy as np

from friedel.errors import FriedelError
from friedel.io.hdf5_file import numbers
from friedel.model.arrays import AnyArray, Indices
from friedel.model.blobs import Column


def read_columns(
    group: h5py.Group, schema: Iterable[Column], tails: Mapping[str, tuple[int, ...]]
) -> dict[str, AnyArray]:
    """The columns of a table by name, one row an entry, in the types of the schema.

    `tails` are the shapes of entries that are more than a number. Raises `KeyError` for one that is missing,
    `FriedelError` for one of another type or number of rows.
    """
    found = {one.name: read_column(group, one.name, one.dtype, tails.get(one.name, ())) for one in schema}
    lengths = {len(values) for values in found.values()}
    if len(lengths) > 1:
        raise FriedelError(f"{group.name}", rule="columns must be of one length", got=sorted(lengths))
    return found


def read_column(group: h5py.Group, name: str, dtype: str, tail: tuple[int, ...] | None = None) -> AnyArray:
    """One column, in the type `dtype`; `tail` is the shape of an entry (default: any).

    Whole numbers serve for a float. Raises `KeyError` where it is missing, `FriedelError` for another type.
    """
    if not isinstance(group, h5py.Group):
        raise FriedelError(str(getattr(group, "name", "a table")), rule="must be a group")
    try:
        values = numbers(group[name])
    except TypeError as error:
        raise FriedelError(f"{group.name}/{name}", rule=f"must be numbers ({np.dtype(dtype)})", got=error) from None
    return checked(values, f"{group.name}/{name}", dtype, tail)


def checked(values: AnyArray, name: str, dtype: str, tail: tuple[int, ...] | None = None) -> AnyArray:
    """An array in the type `dtype`. Raises `FriedelError` that names it for other types and shapes."""
    wanted = np.dtype(dtype)
    fits = {"f": "iuf", "i": "iu", "u": "iu", "b": "b"}[wanted.kind]
    if values.dtype.kind not in fits:
        raise FriedelError(name, rule=f"must be of type {wanted}", got=values.dtype)
    if values.ndim < 1 or (tail is not None and values.shape[1:] != tail):
        shape = "" if tail is None else f" of shape {('n', *tail)}"
        raise FriedelError(name, rule=f"must be a list{shape}".replace("'n'", "n"), got=f"shape {values.shape}")
    return values.astype(wanted, copy=False)


def check_pointer(pointer: Indices, rows: int, entries: int, name: str) -> None:
    """Raise `FriedelError` unless entries of row i can be at [pointer[i], pointer[i+1]), all of them."""
    ordered = len(pointer) == rows + 1 and pointer[0] == 0 and pointer[-1] == entries
    if not (ordered and (np.diff(pointer) >= 0).all()):
        raise FriedelError(name, rule=f"must lead {rows} rows through {entries} entries")


def check_range(values: AnyArray, low: int, high: int, name: str) -> None:
    """Raise `FriedelError` unless all values lie in [low, high)."""
    if values.size and (int(values.min()) < low or int(values.max()) >= high):
        got = f"{values.min()} to {values.max()}"
        raise FriedelError(name, rule=f"must lie in {low}..{high - 1}", got=got)


def check_finite(values: Mapping[str, AnyArray], where: str) -> None:
    """Raise `FriedelError` that names the first of the arrays with something in it that is no finite number."""
    for name, array in values.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise FriedelError(f"{where}/{name}", rule="must be finite numbers")
