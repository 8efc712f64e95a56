"""Recipes as TOML: every default spelled out, and a comment that says what each value means."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit

from friedel.params import ParameterInfo, Params

WIDTH = 110


def section_text(header: str, params: Params, notes: Mapping[str, str], *, comments: bool = True) -> str:
    """One table: a comment, then `key = value`, for every parameter.

    `header` is `[section]` or `[[section]]`; `notes` maps `section.key` to a further comment. What has no value
    (TOML has no null) stays a comment.
    """
    key = header.strip("[]")
    document = (type(params).__doc__ or "").split("\n")[0]
    lines = [f"# {document}", header] if comments and document else [header]
    for row in type(params).declared():
        value = getattr(params, row.name)
        if comments:
            lines += comment_lines(row, notes.get(f"{key}.{row.name}", ""))
        given = value is not None and not (value == "" and row.default == "")
        lines.append(f"{row.name} = {as_toml(value)}" if given else f"# {row.name} =")
    return "\n".join(lines) + "\n"


def comment_lines(row: ParameterInfo, note: str = "") -> Iterator[str]:
    """What stands above a parameter in a recipe."""
    choices = row.type if row.type.startswith('"') else ""
    about = "; ".join(part for part in (row.unit, row.rule, choices) if part)
    text = f"{row.sentence} [{about}]" if about else row.sentence
    for paragraph in (text, note):
        if paragraph:
            yield from textwrap.wrap(paragraph, WIDTH, initial_indent="# ", subsequent_indent="#   ")


def as_toml(value: Any) -> str:
    """One value as TOML text; what is None inside a table is left out."""
    if isinstance(value, Params):
        value = value.model_dump()
    if isinstance(value, Mapping):
        inside = (f"{name} = {as_toml(part)}" for name, part in value.items() if part is not None)
        return "{ " + ", ".join(inside) + " }"
    return str(tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string())
