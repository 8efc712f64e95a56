"""The output folder: of one scan, without leftovers."""

from collections.abc import Set
from pathlib import Path

from friedel.errors import OutputError
from friedel.io.fingerprint import same_frames
from friedel.model.scan import Scan
from friedel.output_folder.files import DERIVED_FILES, OURS, RECIPE, RESULTS
from friedel.output_folder.record import RunRecord, new_record, read_run_record


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
    record = read_run_record(out)
    way_out = "choose another with -o, or give --restart to overwrite it"
    if record is None:
        foreign = [name for name in OURS if name != RECIPE and (out / name).exists()]
        if foreign:
            raise OutputError(str(out), rule="holds results without a run.json", got=foreign[0], way_out=way_out)
    elif not record.stages and not any((out / name).exists() for name in RESULTS):
        return None  # a run has begun, e.g. while the disk could not be read, and has left nothing
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


def remove_views(out: Path) -> None:
    """Remove what other commands made from results that are about to be replaced."""
    for name in DERIVED_FILES:
        (out / name).unlink(missing_ok=True)


def remove_results(out: Path, kept: Set[str]) -> None:
    """Remove the results that no finished stage vouches for; `kept` are the names of the others."""
    for name in RESULTS:
        if name not in kept:
            (out / name).unlink(missing_ok=True)
