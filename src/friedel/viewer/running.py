"""`friedel run`, started from the page: the same command in a process of its own, watched through what it prints.

The run does not depend on the page or its server: either may end, and the run goes on. What it prints goes to a
file, since a pipe would break with its reader.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from friedel.errors import CapacityError, FriedelError, OutputError
from friedel.output_folder.files import LOG, STAGES
from friedel.recipe import Recipe
from friedel.runner.estimate import estimate_run
from friedel.runner.lock import at_work
from friedel.runner.pipeline import stages_between
from friedel.runner.progress import ASKED, MARK, log

MOST_LOG = 64_000
"""Characters of the log in one answer; the page asks again for the rest."""
INTERRUPTED = 130


class Running:
    """The run of one folder: at most one at a time. Safe for several threads.

    `on_change` is told when a run begins and when it has ended.
    """

    def __init__(self, on_change: Callable[[bool], None] | None = None) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._printed: Path | None = None
        self._read = 0
        self._rest = b""
        self._text = ""
        self._stopping = False
        self._now: dict[str, Any] = {"stage": "", "done": 0, "total": 0}

    @property
    def busy(self) -> bool:
        """Whether a run that was started here is at work."""
        return self._process is not None and self._process.poll() is None

    def start(self, recipe: Path, out: Path, *, to: str = STAGES[-1], restart: bool = False) -> None:
        """Begin `friedel run`. Raises `InputError` for an unknown stage, `OutputError` where a run is at work."""
        stages_between(None, to)
        with self._lock:
            holder = at_work(out)
            if self.busy or holder:
                raise OutputError(str(out), rule=f"a run is at work in it ({holder or 'started here'})")
            self._forget()
            handle, name = tempfile.mkstemp(prefix="friedel-run-", suffix=".txt")
            self._printed = Path(name)
            self._read, self._rest, self._text, self._stopping = 0, b"", "", False
            self._now = {"stage": "", "done": 0, "total": 0}
            try:
                self._process = subprocess.Popen(
                    command(recipe, out, to=to, restart=restart),
                    stdin=subprocess.DEVNULL,
                    stdout=handle,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, ASKED: "marks", "PYTHONUNBUFFERED": "1"},
                    start_new_session=True,  # what ends the server at a terminal does not end the run
                )
            finally:
                os.close(handle)
            self._watch(self._process)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Tell that it has begun, and wait for its end beside everything else."""
        tell = self._on_change
        if tell is None:
            return
        tell(True)

        def to_the_end() -> None:
            process.wait()
            tell(False)

        threading.Thread(target=to_the_end, name="friedel-run-end", daemon=True).start()

    def stop(self) -> None:
        """Interrupt it, as Ctrl-C does: what is finished is kept. Raises `FriedelError` where nothing runs."""
        with self._lock:
            if self._process is None or not self.busy:
                raise FriedelError("no run", rule="was started here, or it has ended")
            self._stopping = True
            self._process.send_signal(signal.SIGINT)

    def facts(self, out: Path) -> dict[str, Any]:
        """For api/progress: state (idle, running, stopping, done, stopped, failed), and how far it is."""
        with self._lock:
            if self._process is None:
                holder = at_work(out)
                text = f"a run that was not started here is at work in {out} ({holder})" if holder else ""
                return {**self._now, "state": "idle", "text": text, "exit": None}
            code = self._process.poll()
            self._follow()
            return {**self._now, "state": self._state(code), "text": self._said(code), "exit": code}

    def log(self, out: Path, start: int) -> tuple[str, int]:
        """What was printed from a place on, and where to go on: by the run started here, else the folder's log."""
        with self._lock:
            if self._process is None:
                return _tail(out / LOG, start)
            self._follow()
            start = start if 0 <= start <= len(self._text) else 0
            text = self._text[start : start + MOST_LOG]
            return text, start + len(text)

    def wait(self, timeout: float | None = None) -> int | None:
        """Until it has ended: its exit code."""
        return None if self._process is None else self._process.wait(timeout)

    def close(self) -> None:
        """The server ends; a run that is at work goes on."""
        with self._lock:
            if self.busy and self._process is not None:
                log.warning(f"the run that was started from the page goes on: process {self._process.pid}")
            self._forget()

    def _forget(self) -> None:
        if self._printed is not None:
            self._printed.unlink(missing_ok=True)
            self._printed = None

    def _state(self, code: int | None) -> str:
        if code is None:
            return "stopping" if self._stopping else "running"
        if code == 0:
            return "done"
        # Asked to stop before Python has read its first line of friedel, it ends with a code of Python's own.
        return "stopped" if self._stopping or code in (INTERRUPTED, -signal.SIGINT) else "failed"

    def _said(self, code: int | None) -> str:
        """Why it failed: the one line that the command ends with."""
        lines = [line for line in self._text.splitlines() if line]
        if code in (None, 0) or not lines:
            return ""
        own = [line.removeprefix("friedel: ") for line in lines if line.startswith("friedel: ")]
        if own:
            return own[-1]
        return lines[-1] if self._state(code) == "failed" else ""

    def _follow(self) -> None:
        """Take in what was printed since."""
        if self._printed is None:
            return
        with self._printed.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            if text.startswith(MARK):
                self._now.update(_facts(text.removeprefix(MARK)))
            else:
                self._text += text + "\n"


def command(recipe: Path, out: Path, *, to: str = STAGES[-1], restart: bool = False) -> list[str]:
    """The command line; a run to the last stage leaves it to the recipe and the scan where it ends."""
    target = [] if to == STAGES[-1] else ["--to", to]
    again = ["--restart"] if restart else []
    return [sys.executable, "-m", "friedel", "run", str(recipe), "-o", str(out), *target, *again]


def estimated(recipe: Recipe, out: Path) -> dict[str, Any]:
    """What a run will take, as `friedel estimate` says it; a run that does not fit says why."""
    try:
        lines = estimate_run(recipe, out).lines()
    except CapacityError as error:
        return {"lines": [str(error)], "fits": False}
    return {"lines": [f"{name}: {value}" for name, value in lines.items()], "fits": True}


def _facts(text: str) -> dict[str, Any]:
    """Of one mark: `stage`, `done`, `total`; what cannot be read tells nothing."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {name: found[name] for name in ("stage", "done", "total") if name in found}


def _tail(path: Path, start: int) -> tuple[str, int]:
    """A file's text from byte `start` on, its end only where it is long."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = start if 0 <= start <= size else 0
            file.seek(max(begin, size - MOST_LOG))
            return file.read(MOST_LOG).decode(errors="replace"), size
    except OSError:
        return "", 0
