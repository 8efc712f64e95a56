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

from typing import ClassVar


class FriedelError(Exception):
    """Something went wrong that the user can do something about; its text is one line.

    `what` names the thing, `rule` what it must satisfy, `got` the value found, `way_out` what to do.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, rule: str = "", got: object = None, way_out: str = "") -> None:
        self.what = what
        self.rule = rule
        self.got = got
        self.way_out = way_out
        text = what if not rule else f"{what}: {rule}"
        if got is not None:
            text += f", got {got}"
        if way_out:
            text += f" ({way_out})"
        super().__init__(" ".join(text.split()))


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
        return "\n".join([super().__str__(), *map(str, self.others)])


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
