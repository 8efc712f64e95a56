"""Makes docs/recipe.md from the declarations of the parameters: `python docs/recipe_page.py > docs/recipe.md`."""

import sys
import types
import typing
from collections.abc import Collection

from friedel.params import Params
from friedel.recipe import Recipe
from friedel.recipe.text import as_toml

HEAD = """# The recipe, key by key

Made from the declarations in the code by `docs/recipe_page.py`; a test keeps it up to date. Boxes are
`[col0, row0, col1, row1]`, half-open; sizes `[x, y, frames]`. Paths are relative to the recipe's folder, those in
`--set KEY=VALUE` to the working folder.
"""


def classes(annotation: object) -> list[type[Params]]:
    """Params classes inside a type such as `tuple[PhaseParams, ...]` or `SetupParams | None`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, Params) else []
    return [found for part in typing.get_args(annotation) for found in classes(part)]


def table(cls: type[Params], leave_out: Collection[str] = ()) -> str:
    """One row a key."""
    lines = ["| key | default | unit, rule | meaning |", "| --- | --- | --- | --- |"]
    for row in cls.declared():
        if row.name in leave_out:
            continue
        default = "" if row.default is None else f"`{as_toml(row.default)}`"
        choices = row.type.replace("|", "\\|") if '"' in row.type else ""
        about = ", ".join(part for part in (row.unit, row.rule, choices) if part)
        lines.append(f"| `{row.name}` | {default} | {about} | {row.sentence} |")
    return "\n".join(lines) + "\n\n"


def tables(name: str, cls: type[Params], many: bool) -> str:
    """One heading and table for a section, and for every table inside it."""
    if not cls.declared():
        return ""
    title = f"[[{name}]]" if many else f"[{name}]"
    text = f"## `{title}`\n\n{(cls.__doc__ or '').split(chr(10))[0]}\n\n{table(cls)}"
    for key, field in cls.model_fields.items():
        text += "".join(tables(f"{name}.{key}", inner, False) for inner in classes(field.annotation))
    return text


def page() -> str:
    """The whole page."""
    text = HEAD + "\n"
    for key, field in Recipe.model_fields.items():
        many = typing.get_origin(field.annotation) is tuple
        text += "".join(tables(key, cls, many) for cls in classes(field.annotation))
    return text.rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
