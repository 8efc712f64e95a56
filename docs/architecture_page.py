"""Makes the pictures and the table of docs/architecture.md from the code: `python docs/architecture_page.py`.

Floors are those of the import contract in pyproject.toml, captions the first sentences of the rooms' docstrings,
and arrows the imports as they are (those that follow from others are left out).
"""

import ast
import html
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import grimp

ROOT = Path(__file__).parents[1]
PAGE, ROOMS_PICTURE, DATA_PICTURE = (
    ROOT / "docs" / name for name in ("architecture.md", "images/rooms.svg", "images/data.svg")
)
TABLE = re.compile(r"(?<=<!-- rooms -->\n).*?(?=<!-- end of rooms -->)", re.DOTALL)

WIDTH, MARGIN, GAP, FLOOR_GAP = 1180, 16, 10, 46
LINE, TITLE_SIZE, TEXT_SIZE, LETTER = 13, 14, 10.5, 5.6

# The way of the data: what flows, and which room makes it. The types must be there: a test looks.
DATA = (
    ("Scan", "io", "model.scan.Scan", "raw frames, angles, dark, mask"),
    ("clean blocks", "preprocess", "model.stream.CleanBlock", "frames in counts above the background"),
    ("blobs", "segment", "model.blobs.BlobTable", "3D spots and their voxels, kept or why not"),
    ("pairs", "match", "model.pairs.PairTable", "two blobs half a turn apart, and the null"),
    ("grains", "index", "model.grains.GrainTable", "orientation, place and blobs of each"),
    ("shapes", "reconstruct", "model.shapes.GrainShape", "density of each grain by itself"),
    ("map", "assemble", "model.grains.GrainVolume", "grain and status of every voxel"),
)

STYLE = """
  <style>
    text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1d2530 }
    .name { font-weight: 600 } .text { fill: #4a5666 } .lines { fill: #8a94a3 }
    .room { fill: #f4f6f9; stroke: #b9c3d0 } .made { fill: #e3edfb; stroke: #7fa3d8 } .arrow { stroke: #8fa1b8 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6ebf2 } .text { fill: #b4bfcd } .lines { fill: #7d8999 }
      .room { fill: #1c232d; stroke: #46525f } .made { fill: #1b2c44; stroke: #4d75ac } .arrow { stroke: #5d6d80 }
    }
  </style>"""


class Room(NamedTuple):
    """A package or module right below `friedel`: its name, and what it says of itself."""

    name: str
    caption: str


def floors() -> list[list[Room]]:
    """The rooms by floor, from the top down, as the contract has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return [[room(name.strip()) for name in layer.split("|")] for layer in layers]


def room(name: str) -> Room:
    """What the code says of a room."""
    path = ROOT / "src" / "friedel" / name
    front = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = ast.get_docstring(ast.parse(front.read_text(encoding="utf-8"))) or ""
    return Room(name, " ".join(said.split("\n\n", maxsplit=1)[0].split()))


def arrows(names: list[str]) -> list[tuple[str, str]]:
    """Who imports whom, without what follows from other arrows."""
    graph = grimp.build_graph("friedel", cache_dir=None)
    for name in names:
        graph.squash_module(f"friedel.{name}")
    below = {
        name: {
            other.removeprefix("friedel.").split(".")[0]
            for other in graph.find_modules_directly_imported_by(f"friedel.{name}")
        }
        - {name}
        for name in names
    }
    reach: dict[str, set[str]] = {}

    def reached(name: str) -> set[str]:
        if name not in reach:
            reach[name] = set().union(*({other} | reached(other) for other in below[name] if other in below))
        return reach[name]

    return [
        (name, other)
        for name in names
        for other in sorted(below[name] & set(names))
        if not any(other in reached(between) for between in below[name] - {other} if between in below)
    ]


def rooms_picture() -> str:
    """The floors as an SVG, from the top down."""
    places: dict[str, tuple[float, float, float, float]] = {}
    boxes: list[str] = []
    y = float(MARGIN)
    for floor in floors():
        width = min((WIDTH - 2 * MARGIN - GAP * (len(floor) - 1)) / len(floor), 330.0)
        captions = [wrapped(one.caption, width) for one in floor]
        height = 31.0 + LINE * max(map(len, captions))
        x = (WIDTH - width * len(floor) - GAP * (len(floor) - 1)) / 2
        for one, lines in zip(floor, captions, strict=True):
            places[one.name] = (x, y, width, height)
            boxes += box("room", (x, y, width, height), one.name, lines)
            x += width + GAP
        y += height + FLOOR_GAP
    curves = [curve(places[a], places[b]) for a, b in arrows(list(places))]
    return svg(WIDTH, y - FLOOR_GAP + MARGIN, [*curves, *boxes], "The rooms of friedel, and who imports whom")


def data_picture() -> str:
    """The way of the data as an SVG, from left to right."""
    width, height = (WIDTH - 2 * MARGIN - 34 * (len(DATA) - 1)) / len(DATA), 88.0
    parts: list[str] = []
    for i, (name, maker, noun, caption) in enumerate(DATA):
        x = MARGIN + i * (width + 34)
        parts += box("made", (x, MARGIN + 18, width, height), name, wrapped(caption, width))
        parts.append(label(x + 8, MARGIN + 8 + height, "lines", TEXT_SIZE, noun.rsplit(".", 1)[1]))
        parts.append(label(x + width / 2, MARGIN + 8, "lines", TEXT_SIZE, maker, middle=True))
        if i:
            parts.append(
                f'  <path class="arrow" d="M{x - 30:.0f},{MARGIN + 18 + height / 2:.0f} h26" fill="none" '
                'stroke-width="1.5" marker-end="url(#tip)"/>'
            )
    return svg(WIDTH, height + 2 * MARGIN + 18, parts, "What flows through friedel, and which room makes it")


def wrapped(text: str, width: float) -> list[str]:
    """A caption in lines that fit into a box."""
    return textwrap.wrap(text.replace("`", ""), max(int((width - 16) / LETTER), 8), break_on_hyphens=False)


def box(kind: str, place: tuple[float, float, float, float], name: str, lines: list[str]) -> Iterator[str]:
    """A room with its name and caption."""
    x, y, width, height = place
    yield f'  <rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6"/>'
    yield label(x + 8, y + 19, "name", TITLE_SIZE, name)
    for i, line in enumerate(lines):
        yield label(x + 8, y + 35 + i * LINE, "text", TEXT_SIZE, line)


def label(x: float, y: float, kind: str, size: float, text: str, *, middle: bool = False) -> str:
    """A line of text."""
    anchor = ' text-anchor="middle"' if middle else ""
    return f'  <text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size}"{anchor}>{html.escape(text)}</text>'


def curve(upper: tuple[float, float, float, float], lower: tuple[float, float, float, float]) -> str:
    """An arrow from the bottom of one box to the top of another."""
    x0, y0 = upper[0] + upper[2] / 2, upper[1] + upper[3]
    x1, y1 = lower[0] + lower[2] / 2, lower[1]
    bend = max((y1 - y0) * 0.45, 18.0)
    return (
        f'  <path class="arrow" d="M{x0:.1f},{y0:.1f} C{x0:.1f},{y0 + bend:.1f} {x1:.1f},{y1 - bend:.1f} '
        f'{x1:.1f},{y1 - 3:.1f}" fill="none" stroke-width="1.1" marker-end="url(#tip)"/>'
    )


def svg(width: float, height: float, parts: list[str], title: str) -> str:
    """A drawing that follows the reader's light or dark."""
    tip = (
        '  <marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path class="arrow" d="M1,1 L6,4 L1,7" fill="none"/></marker>'
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    return "\n".join(
        [head, f"  <title>{title}</title>{STYLE}", f"  <defs>{tip.strip()}</defs>", *parts, "</svg>", ""]
    )


def table() -> str:
    """The rooms as a table, from the top floor down."""
    rows = ["| floor | room | what it is |", "| --- | --- | --- |"]
    storeys = floors()
    for number, floor in zip(range(len(storeys), 0, -1), storeys, strict=True):
        rows += [f"| {number} | `{one.name}` | {one.caption} |" for one in floor]
    return "\n".join(rows) + "\n"


def made() -> dict[Path, str]:
    """Every generated file with its text."""
    page = PAGE.read_text(encoding="utf-8")
    return {PAGE: TABLE.sub(lambda _: table(), page), ROOMS_PICTURE: rooms_picture(), DATA_PICTURE: data_picture()}


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")
