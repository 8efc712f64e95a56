"""Parameters between the page and the recipe: plain values, forms, and paths that stay as they are."""

import math
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from friedel.errors import RecipeError
from friedel.params import Params
from friedel.recipe import Recipe
from friedel.recipe.settings import PATHS, absolute_paths

_LIMITS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
_INFINITE = {"inf": math.inf, "-inf": -math.inf}


def plain(value: Any) -> Any:
    """As JSON can hold it: infinities become "inf", tuples lists."""
    if isinstance(value, Params):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value.item() if hasattr(value, "item") else value


def from_plain(value: Any) -> Any:
    """The way back."""
    if isinstance(value, Mapping):
        return {name: part if name == "name" else from_plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [from_plain(part) for part in value]
    return _INFINITE.get(value, value) if isinstance(value, str) else value


def section_class(name: str) -> type[Params]:
    """Class of a section of the recipe. Raises `RecipeError` for a name that is none."""
    if name not in Recipe.model_fields:
        raise RecipeError(name, rule=f"is no section; there is {', '.join(Recipe.model_fields)}")
    found = _params_in(Recipe.model_fields[name].annotation)
    if found is None:
        raise RecipeError(name, rule="is no section with parameters")
    return found


def _params_in(annotation: Any) -> type[Params] | None:
    if isinstance(annotation, type) and issubclass(annotation, Params):
        return annotation
    return next((found for part in get_args(annotation) if (found := _params_in(part)) is not None), None)


@cache
def schema() -> dict[str, list[dict[str, Any]]]:
    """For every section its parameters in order: what a form needs."""
    return {name: _rows(section_class(name)) for name in Recipe.model_fields}


def _rows(kind: type[Params]) -> list[dict[str, Any]]:
    whole = kind.model_json_schema()
    properties = whole.get("properties", {})
    rows = []
    for row in kind.declared():
        own = properties.get(row.name, {})
        limits = {limit: value for limit in _LIMITS if (value := _first(own, limit)) is not None}
        info = kind.model_fields.get(row.name)
        inner = None if info is None else _params_in(info.annotation)
        rows.append(
            {
                **row._asdict(),
                "default": plain(row.default),
                **limits,
                "choices": _choices(own),
                "fields": None if inner is None else _rows(inner),
            }
        )
    return rows


def _first(own: Mapping[str, Any], key: str) -> Any:
    places = (own, *own.get("anyOf", ()))
    return next((place[key] for place in places if key in place), None)


def _choices(own: Mapping[str, Any]) -> list[Any] | None:
    """Values that a parameter may take, where they can be listed."""
    found: list[Any] = []
    for place in (own, *own.get("anyOf", ())):
        found += place.get("enum", [place["const"]] if "const" in place else [])
    return found or None


def paths_in(values: Any, key: str = "") -> Iterator[str]:
    """Paths that plain values of a recipe name."""
    if isinstance(values, Params):
        values = values.model_dump()
    if isinstance(values, Mapping):
        for name, part in values.items():
            yield from paths_in(part, f"{key}.{name}".strip("."))
    elif isinstance(values, list | tuple):
        for part in values:
            yield from paths_in(part, key)
    elif isinstance(values, str | Path) and values and key in PATHS and values not in PATHS[key]:
        yield str(values)


def with_section(recipe: Recipe, name: str, values: Any, folder: Path, allowed: frozenset[str]) -> Recipe:
    """The recipe with values of one section changed; a section of None, or a list of phases, is replaced.

    Relative paths begin at `folder`; only paths that are `allowed` may be named, because nobody shall open files
    of this machine through the page. Raises `RecipeError`.
    """
    section_class(name)
    given = absolute_paths(from_plain(values), folder, name)
    foreign = [path for path in paths_in(given, name) if path not in allowed]
    if foreign:
        raise RecipeError(
            name,
            rule="paths cannot be changed in the page",
            got=foreign[0],
            way_out="write it into the recipe file",
        )
    whole = recipe.model_dump(exclude_none=True)
    old = whole.get(name)
    if isinstance(given, Mapping) and isinstance(old, Mapping):
        given = {**old, **given}
    whole[name] = given
    return Recipe.build(_without_none(whole))


def _without_none(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: _without_none(part) for name, part in values.items() if part is not None}
    return [_without_none(part) for part in values] if isinstance(values, list | tuple) else values
