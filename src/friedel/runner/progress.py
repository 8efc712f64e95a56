"""What the user sees while something runs: bars on a terminal, plain lines elsewhere, a log in the folder."""

import json
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from friedel.errors import FriedelWarning, OutputError, few_lines
from friedel.io.atomic import append_handle

log = logging.getLogger("friedel")

COMPILING_AFTER_S = 5.0
COMPILING = "still starting: the first run after an installation compiles its kernels, about a minute"
LINE_EVERY_S, LOOK_EVERY_S = 10.0, 1.0
MARK_EVERY_S = 0.2
FRAMES = "frames"
MARK = "@progress "
ASKED = "FRIEDEL_PROGRESS"
"""A program that starts a run sets this variable to "marks", and gets `Marks`."""


class Progress:
    """How far a piece of work is. This one keeps silent."""

    def stage(self, name: str) -> None:
        """A stage of a run begins."""

    def begin(self, name: str, total: int, unit: str = FRAMES) -> None:
        """A piece of work of `total` such units begins."""

    def reach(self, done: int) -> None:
        """So many are done."""

    def end(self) -> None:
        """The piece of work is over."""

    def still(self) -> str:
        """What to say where nothing was said for a while; nothing where that is seen."""
        return ""


class _Clock(Progress):
    """Knows which stage is at work, and since when."""

    def __init__(self) -> None:
        self._stage, self._since = "", time.monotonic()

    def stage(self, name: str) -> None:
        """Starts the clock."""
        self._stage, self._since = name, time.monotonic()

    def still(self) -> str:
        """That it is at work."""
        return f"{self._stage}: at work for {time.monotonic() - self._since:.0f} s" if self._stage else ""


class Lines(_Clock):
    """A plain line every now and then, for logs and files."""

    def __init__(self) -> None:
        super().__init__()
        self._at_work = False

    def begin(self, name: str, total: int, unit: str = FRAMES) -> None:
        """Starts the clock."""
        self._name, self._total, self._unit, self._done = name, total, unit, 0
        self._start = self._last = time.monotonic()
        self._first: tuple[float, int] | None = None
        self._at_work = True

    def reach(self, done: int) -> None:
        """A line if the last one is some time ago, and at the end of what took longer than that."""
        now = time.monotonic()
        self._done = done
        if self._first is None:
            self._first = now, done  # what came before was starting, and says nothing about the speed
        since, at = self._first
        silent = now - self._last < LINE_EVERY_S
        last = done == self._total and (self._unit == FRAMES or now - self._start >= LINE_EVERY_S)
        if done == at or (silent and not last):
            return
        self._last = now
        left = (now - since) / (done - at) * (self._total - done)
        log.info(f"{self._how_far(now)}, about {left:.0f} s left")

    def end(self) -> None:
        """Nothing more of it."""
        self._at_work = False

    def still(self) -> str:
        """How far the piece of work is, if there is one."""
        return self._how_far(time.monotonic()) if self._at_work else super().still()

    def _how_far(self, now: float) -> str:
        return f"{self._name}: {self._done} of {self._total} {self._unit} in {now - self._start:.0f} s"


class Marks(Progress):
    """A line of JSON after `MARK` whenever something has changed, for a program that shows it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = 0.0

    def stage(self, name: str) -> None:
        """Tells it."""
        self._tell(stage=name, done=0, total=0)

    def begin(self, name: str, total: int, unit: str = FRAMES) -> None:
        """Tells how many there are."""
        self._name, self._total = name, total
        self._tell(name=name, done=0, total=total)

    def reach(self, done: int) -> None:
        """Tells how many are done, a few times a second."""
        now = time.monotonic()
        if done >= self._total or now - self._last > MARK_EVERY_S:
            self._last = now
            self._tell(name=self._name, done=done, total=self._total)

    def _tell(self, **facts: object) -> None:
        self._console.print(MARK + json.dumps(facts), markup=False, highlight=False, soft_wrap=True)


class Bars(_Clock):
    """A bar on a terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._drawn = False

    def begin(self, name: str, total: int, unit: str = FRAMES) -> None:
        """Draws the bar."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self._bars = RichProgress(*columns, *times, console=self._console, transient=True)
        self._task = self._bars.add_task(name, total=total)
        self._bars.start()
        self._drawn = True

    def reach(self, done: int) -> None:
        """Moves it."""
        self._bars.update(self._task, completed=done)

    def end(self) -> None:
        """Removes it."""
        self._drawn = False
        self._bars.stop()

    def still(self) -> str:
        """Nothing while the bar shows the time."""
        return "" if self._drawn else super().still()


@contextmanager
def shown(progress: Progress, name: str, total: int) -> Iterator[Progress]:
    """`begin` and `end` around a piece of work; says why when nothing happens at first."""
    patience = threading.Timer(COMPILING_AFTER_S, log.info, (COMPILING,))
    patience.daemon = True
    original = progress.reach

    class _Patient(Progress):
        def reach(self, done: int) -> None:
            patience.cancel()
            original(done)

    progress.begin(name, total)
    patience.start()
    try:
        yield _Patient()
    finally:
        patience.cancel()
        progress.end()


class _ConsoleHandler(logging.Handler):
    """Log records on the console that also draws the bars, so that they do not cross."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.last = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        self.last = time.monotonic()
        text = self.format(record)
        if record.levelno >= logging.WARNING:
            text = f"warning: {text}"
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def talking(verbosity: int, stream: TextIO | None = None) -> Iterator[Progress]:
    """Send the log to the console and choose how progress shows: -1 quiet, 0 usual, 1 with details."""
    console = Console(file=stream or sys.stderr)
    handler = _ConsoleHandler(console)
    handler.setLevel({-1: logging.WARNING, 0: logging.INFO}.get(verbosity, logging.DEBUG))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        progress = Progress() if verbosity < 0 else _shown_on(console)
        with _never_silent(progress, handler):
            yield progress
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


@contextmanager
def _never_silent(progress: Progress, handler: _ConsoleHandler) -> Iterator[None]:
    """A line now and then while a stage is at work and says nothing by itself."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            if time.monotonic() - handler.last >= LINE_EVERY_S and (text := progress.still()):
                log.info(text)

    thread = threading.Thread(target=look, name="friedel-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _shown_on(console: Console) -> Progress:
    if os.environ.get(ASKED) == "marks":
        return Marks(console)
    return Bars(console) if console.is_terminal else Lines()


class _LogFile(logging.FileHandler):
    """A log that a full disk silences: the results' files report it, once and clearly."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: the default prints a traceback."""

    def _open(self) -> TextIOWrapper:
        return open(append_handle(Path(self.baseFilename)), "a", encoding=self.encoding)


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Append the log to a file as well. Raises `OutputError` where it is none, e.g. a link."""
    try:
        handler = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}", rule=error.strerror or str(error)) from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()


def _ignored(message: str, category: type[Warning], filters: Sequence[Any]) -> bool:
    """What the first filter that fits says; those for one module are not ours to judge."""
    for action, text, kind, module, _ in filters:
        if module is None and issubclass(category, kind) and (text is None or text.match(message)):
            return bool(action == "ignore")
    return False


@contextmanager
def warnings_kept() -> Iterator[list[str]]:
    """Collect every `FriedelWarning` once, logging it as it comes; other warnings go their usual way.

    Those that a notebook's own filters ignore are kept too, but not shown there.
    """
    kept: list[str] = []
    outside = list(warnings.filters)
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def keep(  # the signature is Python's
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, FriedelWarning):
                usual(message, category, filename, lineno, file, line)
                return
            text = "\n".join(few_lines(str(message)))
            if text not in kept:
                kept.append(text)
                log.warning(text)
                console = any(isinstance(handler, _ConsoleHandler) for handler in log.handlers)
                if not console and not _ignored(str(message), category, outside):
                    usual(message, category, filename, lineno, file, line)  # a notebook shows it its own way

        warnings.simplefilter("always", FriedelWarning)
        warnings.showwarning = keep
        yield kept
