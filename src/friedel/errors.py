"""Every error that friedel raises on purpose, drawn once.

```
FriedelError          exit 1   failed, with a one-line reason and the way out
├── InputError        exit 2   wrong use or bad input
│   ├── ScanError              frames, angles, darks or masks that are missing or contradict each other
│   ├── RecipeError            a key, a rule or a value of the recipe
│   └── SetupError             geometry or crystal that cannot be
├── NoiseError        exit 1   too much of a frame is above the threshold
├── OutputError       exit 1   an output folder or disk that cannot take the result
├── CapacityError     exit 3   the run does not fit into the memory or disk it may use
└── Interrupted       exit 130 stopped by the user; what is finished is kept
```
and one warning class, `FriedelWarning`, for what is odd but can be used.
"""

import re
from typing import ClassVar

MOST_QUOTED = 200
"""Characters of a value that a message shows; a file may hold a megabyte where a name belongs."""
MOST_LINES = 4
_MOST_SAID = 600
"""Characters of a rule or a way out, which name what may be given instead."""
_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What would steer the terminal, and what no terminal can show."""
_LONG_WORD = re.compile(rf"\S{{{MOST_QUOTED + 1},}}")


def brief(value: object, most: int = MOST_QUOTED) -> str:
    """A value as text on one line: its beginning and end where it has more than so many characters."""
    try:
        text = str(value)
    except ValueError:  # whole numbers of thousands of digits, which Python does not write
        return "a number of too many digits"
    return _NOT_SHOWN.sub("?", _cut(" ".join(text.split()), most))


def few_lines(text: str) -> list[str]:
    """The lines of a message, each brief: the first three and how many more, where there are more than four."""
    lines = [brief(_without_long_words(line), 3 * _MOST_SAID) for line in text.splitlines()]
    more = len(lines) - MOST_LINES + 1
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], f"and {more} more"]


def _said(text: str) -> str:
    return brief(_without_long_words(text), _MOST_SAID)


def _without_long_words(text: str) -> str:
    return _LONG_WORD.sub(lambda word: _cut(word[0], MOST_QUOTED), text)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 5]} ... {text[-end:]}"


class FriedelError(Exception):
    """Something went wrong that the user can do something about; its text is one line.

    `what` names the thing, `rule` what it must satisfy, `got` the value found, `way_out` what to do. The text shows
    the beginning and end of what is long.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, rule: str = "", got: object = None, way_out: str = "") -> None:
        self.what = what
        self.rule = rule
        self.got = got
        self.way_out = way_out
        text = _said(what) if not rule else f"{_said(what)}: {_said(rule)}"
        if got is not None:
            text += f", got {brief(got)}"
        if way_out:
            text += f" ({_said(way_out)})"
        super().__init__(text)


class InputError(FriedelError):
    """Wrong use or bad input."""

    exit_code = 2


class ScanError(InputError):
    """Frames, angles, darks or masks that are missing, unreadable or contradict each other.

    `part` says which of them, where one knows: "omega", "dark", "mask", or nothing.
    """

    part: str = ""


class RecipeError(InputError):
    """A recipe whose key, rule or value is wrong; `others` are what else is wrong with it, one line each."""

    others: tuple["RecipeError", ...] = ()

    def __str__(self) -> str:
        return "\n".join(few_lines("\n".join([super().__str__(), *map(str, self.others)])))


class SetupError(InputError):
    """A geometry or crystal that cannot be."""


class NoiseError(FriedelError):
    """Too many voxels are above the threshold for blobs to mean anything."""


class OutputError(FriedelError):
    """An output folder or disk that cannot take the result."""


class CapacityError(FriedelError):
    """The run does not fit into the memory or disk it may use."""

    exit_code = 3


class Interrupted(FriedelError):  # noqa: N818  (it is not an error of anybody's)
    """Stopped by the user; what is finished is kept."""

    exit_code = 130


class FriedelWarning(UserWarning):
    """Odd, but usable: printed, and kept in run.json and the report."""
