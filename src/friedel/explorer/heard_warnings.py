"""Warnings of whatever thread raised them: Python's own way of collecting them is for one thread only."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from friedel.errors import FriedelWarning

_lock = threading.Lock()
_here = threading.local()
_users = 0
_kept: Any = None
_usual: Any = warnings.showwarning


@contextmanager
def warnings_heard() -> Iterator[list[str]]:
    """The `FriedelWarning`s that this thread raises inside, each once. Several threads may be in it at a time."""
    texts: list[str] = []
    outer = getattr(_here, "texts", None)
    _here.texts = texts
    _enter()
    try:
        yield texts
    finally:
        _leave()
        _here.texts = outer


def _enter() -> None:
    global _users, _kept, _usual  # noqa: PLW0603  (the filters are the process's)
    with _lock:
        _users += 1
        if _users > 1:
            return
        _kept = warnings.catch_warnings()
        _kept.__enter__()
        if warnings.showwarning is not _take:  # left behind by a thread that put back what was there before it
            _usual = warnings.showwarning
        warnings.simplefilter("always", FriedelWarning)
        warnings.showwarning = _take


def _leave() -> None:
    global _users  # noqa: PLW0603
    with _lock:
        _users -= 1
        if _users == 0:
            _kept.__exit__(None, None, None)


def _take(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    texts = getattr(_here, "texts", None)
    if texts is None or not issubclass(category, FriedelWarning):
        _usual(message, category, filename, lineno, file, line)
    elif str(message) not in texts:
        texts.append(str(message))
