"""The pieces that a report consists of."""

from dataclasses import dataclass, field
from typing import Literal

from friedel.reporter.picture import Picture

Verdict = Literal["", "good", "watch"]


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture or table with what one sees in it. `span` is its width in sixths of the page."""

    title: str
    caption: str
    picture: Picture | None = None
    table: "Table | None" = None
    span: int = 6
    verdict: Verdict = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text; `shares` [row] in 0..1, where given, draws a bar in the last column."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[float, ...] = ()
    numeric: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tile:
    """One number to remember."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One stage: a heading, a sentence, panels."""

    key: str
    title: str
    lead: str
    panels: tuple[Panel, ...] = field(default=())
