"""The output folder: one run at a time, of one scan, without leftovers."""

import json
import os
import socket
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

import psutil

from friedel.errors import OutputError
from friedel.model.scan import Scan
from friedel.runner.provenance import RECORD, RunRecord, read_record

LOCK = ".lock"
VIEWS = ("report.html", "evaluation.json", "blobs.csv", "blobs.parquet")
"""Made from the results by other commands, under the names that these choose: they must not outlive them."""
RESULTS = ("clean.h5", "background.h5", "blobs.h5", "pairs.h5", "grains.h5", "volume.h5")
OURS = (*RESULTS, *VIEWS, "recipe.toml", RECORD)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Make the folder and keep other runs out of it.

    A lock says which process of which machine holds it, so that the lock of a process that was killed does not
    count. Raises `OutputError` when another run is at work, or the folder cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        _take(out / LOCK)
    except OSError as error:
        reason = "is a file, not a folder" if out.is_file() else f"cannot be used: {error.strerror}"
        raise OutputError(str(out), rule=reason) from None
    try:
        yield
    finally:
        (out / LOCK).unlink(missing_ok=True)


def _take(lock: Path) -> None:
    own = psutil.Process()
    mark = json.dumps({"host": socket.gethostname(), "pid": own.pid, "started": own.create_time()})
    for _ in range(2):
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            holder = _holder(lock)
            if holder:
                raise OutputError(
                    str(lock.parent), rule=f"another run is at work in it ({holder})", way_out=f"or delete {lock}"
                ) from None
            lock.unlink(missing_ok=True)
            continue
        with os.fdopen(handle, "w") as file:
            file.write(mark)
        return
    raise OutputError(str(lock.parent), rule="another run has just begun in it")


def _holder(lock: Path) -> str:
    """Who holds a lock, or nothing where that process is gone."""
    try:
        mark = json.loads(lock.read_text())
        host, pid, started = str(mark["host"]), int(mark["pid"]), float(mark["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # killed while writing it
    if host != socket.gethostname():
        return f"process {pid} on {host}"
    try:
        alive = abs(psutil.Process(pid).create_time() - started) < 1.0
    except psutil.NoSuchProcess:
        alive = False
    return f"process {pid}" if alive else ""


def earlier_record(out: Path, scan: Scan, *, restart: bool) -> RunRecord | None:
    """What an earlier run of the same scan left to go on from; leftovers of a killed run are removed.

    With `restart` everything that a run writes is removed first. Raises `OutputError` where the folder holds
    another scan's results, or files that no run has left there.
    """
    for leftover in out.glob(".*.part"):
        leftover.unlink(missing_ok=True)
    if restart:
        for name in OURS:
            (out / name).unlink(missing_ok=True)
        return None
    record = read_record(out)
    way_out = "choose another with -o, or give --restart to overwrite it"
    if record is None:
        foreign = [name for name in OURS if name != "recipe.toml" and (out / name).exists()]
        if foreign:
            raise OutputError(str(out), rule="holds results without a run.json", got=foreign[0], way_out=way_out)
    elif record.input.get("fingerprint") != scan.fingerprint:
        raise OutputError(
            str(out), rule="holds the results of another scan", got=record.input.get("name"), way_out=way_out
        )
    return record


def remove_views(out: Path) -> None:
    """Remove what other commands made from results that are about to be replaced."""
    for name in VIEWS:
        (out / name).unlink(missing_ok=True)


def remove_results(out: Path, kept: Set[str]) -> None:
    """Remove the results that no finished stage vouches for; `kept` are the names of the others."""
    for name in RESULTS:
        if name not in kept:
            (out / name).unlink(missing_ok=True)
