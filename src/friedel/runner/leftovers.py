"""The output folder: of one scan, without leftovers."""

import shutil
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from friedel.errors import OutputError
from friedel.io.atomic import atomic
from friedel.io.fingerprint import same_frames
from friedel.output_folder.files import CLEAN, DERIVED_FILES, EARLIER, OURS, RECIPE, RESULTS
from friedel.output_folder.record import RunRecord, read_run_record


def earlier_record(out: Path, fresh: RunRecord, *, restart: bool) -> RunRecord | None:
    """What an earlier run of the same scan left to go on from; leftovers of a killed run are removed.

    `fresh` is a new record of the scan as it is now. Where only the files have been edited that the same recipe
    named for dark, mask and angles, it is the same scan, of which no stage is done with these. With `restart` there
    is nothing to go on from. Raises `OutputError` where the folder holds another scan's results, or files that no
    run has left there.
    """
    for leftover in out.glob(".*.part"):
        leftover.unlink(missing_ok=True)
    if restart:
        return None
    record = read_run_record(out)
    refused = _refused(out, record, fresh)
    if refused is not None:
        raise refused
    return record if record is None or _began(out, record) else None


def refusal(out: Path, fresh: RunRecord) -> OutputError | None:
    """Why a run of the scan that `fresh` is a new record of would not go on in a folder without `--restart`.

    None where it would. Nothing is changed.
    """
    try:
        return _refused(out, read_run_record(out), fresh)
    except OutputError as error:
        return error


def _refused(out: Path, record: RunRecord | None, fresh: RunRecord) -> OutputError | None:
    way_out = "choose another with -o, or give --restart to overwrite it"
    if record is None:
        foreign = [name for name in OURS if name != RECIPE and (out / name).exists()]
        rule, got = "holds results without a run.json", foreign[0] if foreign else None
        return OutputError(str(out), rule=rule, got=got, way_out=way_out) if foreign else None
    if not _began(out, record) or _same_scan(record.input, fresh.input):
        return None
    rule, other = _difference(record.input, fresh.input)
    return OutputError(str(out), rule=rule, got=other, way_out=way_out)


def _began(out: Path, record: RunRecord) -> bool:
    """Whether a run has left something; one that e.g. could not read the disk has not."""
    return bool(record.stages) or any((out / name).exists() for name in RESULTS)


def _same_scan(known: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a folder is of the scan as it is now, or as it was before a file beside its frames was edited."""
    one, other = (str(facts.get("fingerprint", "")) for facts in (known, now))
    return one == other or (same_frames(one, other) and known.get("settings") == now["settings"])


def _difference(known: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, object]:
    """What is not as it was: the scan, or what was said about it."""
    if not same_frames(str(known.get("fingerprint", "")), str(now["fingerprint"])):
        return "holds the results of another scan", known.get("name")
    changed = [
        f"{name} was {known[name]} and is {now[name]}"
        for name in ("shape", "omega_start_deg", "omega_step_deg", "saturation")
        if name in known and known[name] != now[name]
    ]
    what = ", ".join(changed) or "its name, dark or mask, or how its images are cut, is another"
    return f"holds the results of this scan with other settings: {what}", None


def outdated(out: Path, kept: Container[str]) -> list[str]:
    """What is there and not `kept`: of all that was made from results, and of results themselves.

    In this order they are moved: while a result is still there, so may be what was made from it.
    """
    return [name for name in (*DERIVED_FILES, *RESULTS) if name not in kept and (out / name).exists()]


def copy_aside(out: Path, names: Iterable[str]) -> None:
    """Copy files that stay where they are to the folder's `EARLIER`, as far as there are none yet."""
    earlier = _earlier(out)
    for name in names:
        if (out / name).is_file() and not (earlier / name).exists():
            with atomic(earlier / name) as partial:
                shutil.copyfile(out / name, partial)


def move_aside(out: Path, names: Iterable[str]) -> None:
    """Move files to the folder's `EARLIER`.

    What stands there already stays: it is of the last result that was complete, and what is moved then is part of
    one that never was.
    """
    earlier = _earlier(out)
    for name in names:
        if (earlier / name).exists():
            (out / name).unlink(missing_ok=True)
        elif (out / name).exists():
            (out / name).replace(earlier / name)


def _earlier(out: Path) -> Path:
    """The folder for what is set aside, which is made. Raises `OutputError` where something else has its name."""
    path = out / EARLIER
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        rule = "must be a folder: what a run replaces lies there until all of it is made anew"
        raise OutputError(str(path), rule=rule, way_out="move it away")
    path.mkdir(exist_ok=True)
    return path


def forget_earlier(out: Path, made: Container[str]) -> None:
    """Remove the results that were set aside, once all of them have been `made` anew."""
    earlier = out / EARLIER
    left = [name for name in RESULTS if name != CLEAN and (earlier / name).exists()]
    if not earlier.is_dir() or earlier.is_symlink() or not all(name in made for name in left):
        return
    for name in OURS:
        (earlier / name).unlink(missing_ok=True)
    with suppress(OSError):  # whatever else somebody put there is theirs
        earlier.rmdir()
