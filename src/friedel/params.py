"""Parameters, each declared once: type, default, range, unit and one sentence.

The recipe, `--help`, the web forms and the documentation all read the same declaration.
"""

import difflib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticUndefined

from friedel.errors import RecipeError

if TYPE_CHECKING:  # mypy wants the name, which pydantic keeps to itself
    from pydantic._internal._model_construction import ModelMetaclass as _MetaOfModels
else:
    _MetaOfModels = type(BaseModel)


class ParameterInfo(NamedTuple):
    """One parameter as a row of a table: what the documentation and the recipe's comments print."""

    name: str
    type: str
    default: Any
    unit: str
    rule: str
    sentence: str


def parameter(default: Any = PydanticUndefined, sentence: str = "", *, unit: str = "", **rules: Any) -> Any:
    """Declare one parameter of a `Params` class.

    `rules` are pydantic's: ge, gt, le, lt, min_length, max_length, default_factory, alias.
    """
    if "default_factory" not in rules:
        rules["default"] = default
    return Field(description=sentence, json_schema_extra={"unit": unit} if unit else None, **rules)


class _OneLine(_MetaOfModels):
    """Calling a class of parameters says what is wrong as a recipe does."""

    def __call__(self, *args: Any, **values: Any) -> Any:
        try:
            return super().__call__(*args, **values)
        except ValidationError as error:
            raise _translate(cast("type[Params]", self), error, "", values) from None


class Params(BaseModel, metaclass=_OneLine):
    """Base of all parameter classes: frozen, closed (unknown keys are errors), validated when built.

    Numbers are finite; a parameter for which infinity makes sense says `allow_inf_nan=True`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, protected_namespaces=(), allow_inf_nan=False
    )

    @classmethod
    def build(cls, values: Mapping[str, Any], section: str = "") -> Self:
        """Build from plain values, e.g. one table of a recipe.

        Strict: a string or a truth value is not a number; only a whole number serves for a float, and a list
        for a tuple (which is what JSON's rules say, so the values take that way). Raises `RecipeError` that names
        the key, the rule and the value; an unknown key also gets the nearest right one.
        """
        try:
            return cls.model_validate_json(json.dumps(dict(values), default=str), strict=True)
        except ValidationError as error:
            raise _translate(cls, error, section, values) from None

    def replaced(self, **changes: Any) -> Self:
        """A copy with some values changed, validated like the original."""
        return self.build({**self.model_dump(), **changes})

    @classmethod
    def declared(cls) -> list[ParameterInfo]:
        """All parameters in the order of their declaration."""
        properties = cls.model_json_schema().get("properties", {})
        rows = []
        for name, info in cls.model_fields.items():
            schema = properties.get(info.alias or name, {})
            default = info.get_default(call_default_factory=True, validated_data={})
            rows.append(
                ParameterInfo(
                    name=info.alias or name,
                    type=_type_name(schema),
                    default=None if default is PydanticUndefined else default,
                    unit=str(schema.get("unit", "")),
                    rule=_rule(schema),
                    sentence=info.description or "",
                )
            )
        return rows


def _type_name(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in schema["enum"])
    if "const" in schema:
        return repr(schema["const"])
    if "anyOf" in schema:
        return " | ".join(_type_name(part) for part in schema["anyOf"])
    return str(schema.get("type", schema.get("$ref", "any").rsplit("/", 1)[-1]))


def _rule(schema: Mapping[str, Any]) -> str:
    names = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {schema[name]:g}" for name, sign in names.items() if name in schema)


def _translate(cls: type[Params], error: ValidationError, section: str, values: Mapping[str, Any]) -> RecipeError:
    """All that is wrong, each value once: the first as the error, the rest as its others."""
    left = [(_path(one["loc"], values), one) for one in error.errors(include_url=False)]
    found = []
    while left:
        path, first = left[0]
        # The other ways in which the same value could have been right: a parameter may have several types.
        same = [one for other, one in left if other[: len(path)] == path]
        found.append(_mistake(cls, first, same, path, section))
        left = [(other, one) for other, one in left if not _about_the_same(other, path)]
    found[0].others = tuple(found[1:])
    return found[0]


def _about_the_same(one: list[str], other: list[str]) -> bool:
    """Whether one path leads to the other's value or into it."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _mistake(cls: type[Params], first: Any, same: list[Any], path: list[str], section: str) -> RecipeError:
    where = ".".join([section, *path] if section else path) or cls.__name__
    if first["type"] == "extra_forbidden":
        key = path[-1]
        known = _names_beside(cls, path[:-1])
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
        way_out = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}" if known else ""
        return RecipeError(where, rule="unknown key", way_out=way_out)
    rules = dict.fromkeys(_sentence(one) for one in same)
    value = first.get("input")
    whole_table = first["type"] == "value_error" and isinstance(value, Mapping)  # the rule names what is in it
    shown = None if whole_table or _is_missing_key(first) else _shown(value)
    return RecipeError(where, rule=" or ".join(rules), got=shown)


def _path(location: tuple[int | str, ...], values: Any) -> list[str]:
    """The keys and numbers of an error's location: pydantic puts names of types between them."""
    path: list[str] = []
    for position, part in enumerate(location):
        inside = (isinstance(values, Mapping) and part in values) or (
            isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)
        )
        if inside:
            values = values[part]
        if inside or (isinstance(values, Mapping) and position == len(location) - 1):
            path.append(str(part))
    return path


def _is_missing_key(error: Any) -> bool:
    return error["type"] == "missing" and isinstance(error["loc"][-1], str)


def _sentence(error: Any) -> str:
    if error["type"] == "missing":
        return "must be given" if _is_missing_key(error) else "has too few entries"
    text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return text[0].lower() + text[1:]


def _names_beside(cls: type[BaseModel], path: list[str]) -> list[str]:
    here: Any = cls
    for part in path:
        info = here.model_fields.get(part) if isinstance(here, type) and issubclass(here, BaseModel) else None
        candidates = [info.annotation, *getattr(info.annotation, "__args__", ())] if info else []
        here = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if here is None:
            return []
    return [info.alias or name for name, info in here.model_fields.items()]


def _shown(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
