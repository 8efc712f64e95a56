"""What of a recipe can be used where some of it is wrong: a folder or a file of another time, or a slip in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from friedel.errors import RecipeError
from friedel.recipe.whole import Recipe, read_values


def load_usable(path: Path) -> tuple[Recipe | None, list[RecipeError]]:
    """The values of a recipe that are right, with defaults in place of the others, None where none is.

    Beside it what is wrong; the way out says what stands in. Raises `RecipeError` for a file that is not there or
    no TOML.
    """
    good, wrong = {}, []
    for name, part in read_values(path).items():
        right, errors = usable_section(name, part)
        if right is not None:
            good[name] = right
        stands_in = "its default stands in for it" if right is not None else f"[{name}] is left out"
        wrong += [
            RecipeError(one.what, rule=one.rule, got=one.got, way_out=one.way_out or stands_in) for one in errors
        ]
    return (Recipe.build(good) if good or not wrong else None), wrong


def usable_section(name: str, part: Any) -> tuple[Any, list[RecipeError]]:
    """A section without the keys that are wrong, None where it is wrong as a whole; and what is wrong."""
    errors: list[RecipeError] = []
    while True:
        try:
            Recipe.build({name: part})
        except RecipeError as error:
            errors.append(error)
            _, _, key = error.what.partition(".")
            if not isinstance(part, Mapping) or key not in part:
                return None, errors
            part = {known: value for known, value in part.items() if known != key}
        else:
            return part, errors
