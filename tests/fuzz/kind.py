"""What one kind of input is, and what may come of it."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Protocol

from friedel.cli import run_command
from friedel.errors import FriedelError

EXIT_CODES = (0, 1, 2, 3)
LONGEST_LINE = 30_000


class Kind(Protocol):
    """`one` makes an input with the numbers of `rng` and tries it; what comes of it in a word, or it raises."""

    name: str
    share: int  # of 1000 inputs
    patience_s: float  # what takes longer hangs

    def prepare(self, folder: Path) -> None:
        """Make what all inputs of the kind begin with, in an empty folder of its own."""

    def one(self, rng: Random) -> str:
        """One input."""


class BrokenContractError(AssertionError):
    """An answer that the contract does not have."""


def told(call: Callable[[], Any]) -> str:
    """What comes of a function: "taken", or the exit code of the error that it raises on purpose."""
    try:
        call()
    except FriedelError as error:
        lines = str(error).splitlines()
        others = len(getattr(error, "others", ()))
        if not lines or len(lines) > 1 + others or max(map(len, lines)) > LONGEST_LINE:
            raise BrokenContractError(f"not one line but {len(lines)}: {str(error)[:300]!r}") from error
        return f"refused {error.exit_code}"
    return "taken"


def command(*arguments: str | Path) -> str:
    """What comes of a command line, run here: its exit code, which must be of the contract, without a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command([str(argument) for argument in arguments])
    if code not in EXIT_CODES or "Traceback" in err.getvalue():
        raise BrokenContractError(f"exit code {code}: {err.getvalue()[-2000:]}")
    if code and not err.getvalue().strip():
        raise BrokenContractError(f"exit code {code} without a word")
    return f"exit {code}"
