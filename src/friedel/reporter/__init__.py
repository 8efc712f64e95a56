"""`report.html` from an output folder: one file, no network, each stage in pictures and numbers."""

import warnings
from pathlib import Path

from friedel.errors import FriedelWarning, OutputError
from friedel.io.store import atomic
from friedel.output_folder.files import RECORD, REPORT
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.page import render

__all__ = ["write_report"]


def write_report(out: Path) -> Path:
    """Write `out/report.html` from what the folder holds, and from the scan where it is still there.

    A part that is missing, or has changed since the run, is left out, and the page says so. Raises `InputError`
    when `out` is no output folder, `OutputError` when the page cannot be written.
    """
    inputs = ReportInputs.open(out, checked=True)
    html = render(inputs)
    for file, error in inputs.errors.items():
        if isinstance(error, OutputError) and file != RECORD:
            warnings.warn(f"the report leaves out {error}", FriedelWarning, stacklevel=2)
    with atomic(out / REPORT) as partial:
        partial.write_text(html, encoding="utf-8")
    return out / REPORT
