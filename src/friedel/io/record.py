"""Frozen values as HDF5 groups: arrays become datasets, everything small becomes an attribute."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, get_type_hints

import h5py
import numpy as np

from friedel.errors import FriedelError
from friedel.io.hdf5_file import numbers


def write_record(group: h5py.Group, record: Any, units: Mapping[str, str], leave_out: tuple[str, ...] = ()) -> None:
    """Put the fields of a dataclass into `group`; a field that is None is not written."""
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name in leave_out or value is None:
            continue
        if isinstance(value, np.ndarray):
            group.create_dataset(field.name, data=value).attrs["units"] = units.get(field.name, "")
        elif is_dataclass(value) and not isinstance(value, type):
            group.attrs[field.name] = json.dumps(asdict(value), default=_plain)
        elif isinstance(value, Mapping):
            group.attrs[field.name] = json.dumps(dict(value), default=_plain)
        elif isinstance(value, tuple) and all(isinstance(item, str) for item in value):
            group.attrs[field.name] = np.array(value, dtype=h5py.string_dtype())
        else:
            group.attrs[field.name] = value


def read_record(group: h5py.Group, kind: type, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a dataclass `kind` that are in `group`, in the types that it declares.

    Raises `KeyError` for one that must be there, `FriedelError` for one of another type.
    """
    found: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for field in fields(kind):
        if field.name in leave_out:
            continue
        if field.name in group:
            found[field.name] = numbers(group[field.name])
        elif field.name in group.attrs:
            name = f"{group.name}, attribute {field.name}"
            found[field.name] = _typed(_value(group.attrs[field.name]), hints[field.name], name)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise KeyError(f"no {field.name} in {group.name}")
    return found


def _typed(value: Any, hint: Any, name: str) -> Any:
    """A value as its annotation has it: number, truth value, texts or a dataclass. Raises `FriedelError`."""
    if isinstance(hint, type) and is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise FriedelError(name, rule="must be a table", got=repr(value))
        hints = get_type_hints(hint)
        return hint(**{part: _typed(one, hints.get(part), f"{name}.{part}") for part, one in value.items()})
    truth = isinstance(value, bool)
    fits = {
        float: isinstance(value, int | float) and not truth,
        int: isinstance(value, int) and not truth,
        bool: truth,
        tuple[str, ...]: isinstance(value, tuple) and all(isinstance(part, str) for part in value),
    }
    if not fits.get(hint, False):
        rule = f"must be of type {hint.__name__ if isinstance(hint, type) else hint}"
        raise FriedelError(name, rule=rule, got=repr(value))
    return value


def _value(stored: Any) -> Any:
    if isinstance(stored, str) and stored.startswith("{"):
        return json.loads(stored)
    if isinstance(stored, np.ndarray):
        return tuple(stored.tolist())
    return stored.item() if isinstance(stored, np.generic) else stored


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
