"""`--set KEY=VALUE`, and where relative paths begin."""

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from friedel.errors import RecipeError
from friedel.io.foreign import message_of

PATHS: Mapping[str, frozenset[str]] = {
    "scan.frames": frozenset(),
    "scan.dark": frozenset(),
    "scan.mask": frozenset(),
    "scan.omega.path": frozenset(),
    "segment.noise": frozenset({"scan", "local"}),
    "segment.exclude": frozenset({"beam", "none"}),
    "setup.distortion": frozenset(),
    "setup.sample.mask": frozenset({"absorption"}),
    "phase.cif": frozenset(),
}
"""Parameters whose text is a path, with the words that are not."""
OF_SIMULATIONS = frozenset({"sample.map"})
"""Those of a simulation, whose crystals are named as a recipe's."""


def parse_value(text: str) -> Any:
    """VALUE of `--set`: TOML, and where that does not parse, a string."""
    try:
        parsed = toml_of(f"value = {text}", "--set")
    except RecipeError:
        return text
    return parsed["value"] if list(parsed) == ["value"] else text


def toml_of(text: str, what: str) -> dict[str, Any]:
    """TOML as plain values. Raises `RecipeError` that names `what` for a text that is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(what, rule=f"is not TOML: {error}") from None
    except (RecursionError, ValueError, OverflowError, AttributeError) as error:  # as deep or long as nobody writes
        raise RecipeError(what, rule="is not TOML", got=message_of(error)) from None


Settings = str | Iterable[str] | Mapping[str, Any]
"""One or several KEY=VALUE texts as on the command line, or a mapping from keys to values as in a notebook."""


def apply_settings(values: dict[str, Any], settings: Settings, folder: Path) -> dict[str, Any]:
    """Plain values with every setting put in; relative paths begin at `folder`.

    A table given for a section changes the keys that it names and leaves the others.
    """
    for key, value in _pairs(settings):
        new, old = absolute_paths(value, folder, key), values.get(key)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            values = {**values, key: {**old, **new}}
        else:
            values = _put(values, key.split("."), new, key)
    return values


def _pairs(settings: Settings) -> Iterator[tuple[str, Any]]:
    if isinstance(settings, Mapping):
        yield from settings.items()
        return
    for setting in (settings,) if isinstance(settings, str) else settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals or not key or not all(key.split(".")):
            raise RecipeError("--set", rule="must read KEY=VALUE, e.g. --set scan.dark=100", got=repr(setting))
        yield key, parse_value(text.strip())


def _put(here: Any, path: list[str], value: Any, key: str) -> Any:
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(here, list):
        if not first.isdigit() or int(first) >= len(here):
            raise RecipeError(f"--set {key}", rule=f"{first!r} must be a number below {len(here)}, counted from 0")
        return [_put(item, rest, value, key) if i == int(first) else item for i, item in enumerate(here)]
    if here is not None and not isinstance(here, Mapping):
        parent = key.removesuffix("." + ".".join(path))
        rule = f"{parent} is {_kind(here)}, not a table that could hold {first!r}"
        raise RecipeError(f"--set {key}", rule=rule, got=repr(here))
    table = dict(here or {})
    return {**table, first: _put(table.get(first), rest, value, key)}


def _kind(value: Any) -> str:
    kinds = ((bool, "a truth value"), (int | float, "a number"), (str, "a text"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a value")


def absolute_paths(values: Any, folder: Path, key: str = "") -> Any:
    """The same values with every path made absolute, `folder` being where relative ones begin."""
    if isinstance(values, Mapping):
        return {name: absolute_paths(value, folder, f"{key}.{name}".strip(".")) for name, value in values.items()}
    if isinstance(values, list):
        return [absolute_paths(value, folder, key) for value in values]
    if isinstance(values, Path):
        values = str(values)
    plain = ".".join(part for part in key.split(".") if not part.isdigit())
    named = plain in PATHS or plain in OF_SIMULATIONS
    if isinstance(values, str) and values and named and values not in PATHS.get(plain, ()):
        return absolute(values, folder)
    return values


def absolute(path: str, folder: Path) -> str:
    """A path, with or without `::/where/inside`, made absolute."""
    file, colons, inside = path.partition("::")
    return os.path.abspath(folder / os.path.expanduser(file)) + colons + inside


def relative_paths(values: Any, folder: Path, key: str = "") -> Any:
    """The same values with every path that lies below `folder` made relative to it, so that both can be moved."""
    if isinstance(values, Mapping):
        return {name: relative_paths(value, folder, f"{key}.{name}".strip(".")) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [relative_paths(value, folder, key) for value in values]
    if not isinstance(values, str) or key not in PATHS:
        return values
    file, colons, inside = values.partition("::")
    return os.path.relpath(file, folder) + colons + inside if Path(file).is_relative_to(folder) else values
