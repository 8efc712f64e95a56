"""The output folder: of one scan, without leftovers."""

import shutil
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

from friedel.errors import OutputError
from friedel.io.atomic import atomic
from friedel.io.fingerprint import same_frames
from friedel.model.scan import Scan
from friedel.output_folder.files import CLEAN, DERIVED_FILES, EARLIER, OURS, RECIPE, RESULTS
from friedel.output_folder.record import RunRecord, new_record, read_run_record


def earlier_record(out: Path, scan: Scan, *, restart: bool) -> RunRecord | None:
    """What an earlier run of the same scan left to go on from; leftovers of a killed run are removed.

    With `restart` there is nothing to go on from. Raises `OutputError` where the folder holds another scan's
    results, or files that no run has left there.
    """
    for leftover in out.glob(".*.part"):
        leftover.unlink(missing_ok=True)
    if restart:
        return None
    record = read_run_record(out)
    way_out = "choose another with -o, or give --restart to overwrite it"
    if record is None:
        foreign = [name for name in OURS if name != RECIPE and (out / name).exists()]
        if foreign:
            raise OutputError(str(out), rule="holds results without a run.json", got=foreign[0], way_out=way_out)
    elif record.input.get("fingerprint") != scan.fingerprint:
        rule, got = _difference(record, scan)
        raise OutputError(str(out), rule=rule, got=got, way_out=way_out)
    return record


def _difference(record: RunRecord, scan: Scan) -> tuple[str, object]:
    """What is not as it was: the scan, or what was said about it."""
    known = record.input
    if not same_frames(str(known.get("fingerprint", "")), scan.fingerprint):
        return "holds the results of another scan", known.get("name")
    now = new_record(scan).input
    changed = [
        f"{name} was {known[name]} and is {now[name]}"
        for name in ("shape", "omega_start_deg", "omega_step_deg", "saturation")
        if name in known and known[name] != now[name]
    ]
    what = ", ".join(changed) or "its name, dark or mask, or how its images are cut, is another"
    return f"holds the results of this scan with other settings: {what}", None


def outdated(out: Path, kept: Container[str]) -> list[str]:
    """What is there and not `kept`: of results, and of all that was made from them."""
    return [name for name in (*RESULTS, *DERIVED_FILES) if name not in kept and (out / name).exists()]


def copy_aside(out: Path, names: Iterable[str]) -> None:
    """Copy files that stay where they are to the folder's `EARLIER`, as far as there are none yet."""
    earlier = out / EARLIER
    earlier.mkdir(exist_ok=True)
    for name in names:
        if (out / name).is_file() and not (earlier / name).exists():
            with atomic(earlier / name) as partial:
                shutil.copyfile(out / name, partial)


def move_aside(out: Path, names: Iterable[str]) -> None:
    """Move files to the folder's `EARLIER`.

    What stands there already stays: it is of the last result that was complete, and what is moved then is part of
    one that never was.
    """
    earlier = out / EARLIER
    earlier.mkdir(exist_ok=True)
    for name in names:
        if (earlier / name).exists():
            (out / name).unlink(missing_ok=True)
        elif (out / name).exists():
            (out / name).replace(earlier / name)


def forget_earlier(out: Path, made: Container[str]) -> None:
    """Remove the results that were set aside, once all of them have been `made` anew."""
    earlier = out / EARLIER
    left = [name for name in RESULTS if name != CLEAN and (earlier / name).exists()]
    if not earlier.is_dir() or not all(name in made for name in left):
        return
    for name in OURS:
        (earlier / name).unlink(missing_ok=True)
    with suppress(OSError):  # whatever else somebody put there is theirs
        earlier.rmdir()
