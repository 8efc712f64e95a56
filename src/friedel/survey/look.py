"""What is in a scan, and what is wrong with it: `friedel inspect`."""

from typing import Any

import numpy as np

from friedel.errors import ScanError
from friedel.io import open_scan
from friedel.io.scan_params import OmegaParams, ScanParams
from friedel.model.arrays import AnyArray
from friedel.model.scan import Scan

Facts = dict[str, Any]
SAMPLE = 16
"""Frames that are looked at."""


def look(params: ScanParams) -> Facts:
    """Describe a scan: plain values by name, `problems` being a list of sentences.

    What would stop a run (no dark, no angles) is listed among the problems as far as the frames can be read
    without it. Raises `ScanError` when they cannot.
    """
    scan, problems = _open(params)
    frames, rows, cols = scan.shape
    facts: Facts = {
        "scan": scan.name,
        "frames": frames,
        "frame": f"{rows} rows × {cols} cols, {scan.frames.dtype}",
        "size": f"{frames * rows * cols * scan.frames.dtype.itemsize / 1e9:.2f} GB uncompressed",
    }
    missing = " ".join(problems)
    if "omega" not in missing:
        stop = scan.omega_start_deg + frames * scan.omega_step_deg
        turn = ", a full turn" if scan.full_turn else ""
        facts["omega"] = f"{scan.omega_start_deg:g}° to {stop:g}° in steps of {scan.omega_step_deg:g}°{turn}"
    if "dark" not in missing:
        facts["dark"] = f"{float(scan.dark.mean()):.1f} counts on average"
    facts["mask"] = f"{int(scan.mask.sum())} bad pixels"
    facts["saturation"] = f"{scan.saturation:g} counts"
    if len(scan.tiles) > 1:
        facts["tiles"] = f"{len(scan.tiles)} read-outs a frame"
    facts["notes"] = list(scan.notes)
    facts["problems"] = problems + _oddities(scan, dark_known="dark" not in missing, facts=facts)
    return {name: value for name, value in facts.items() if value != [] or name == "problems"}


def _open(params: ScanParams) -> tuple[Scan, list[str]]:
    """The scan, with stand-ins for a dark and for angles where those are what is missing."""
    problems: list[str] = []
    stand_ins: dict[str, ScanParams] = {}
    for _ in range(3):
        try:
            return open_scan(params.frames, params), problems
        except ScanError as error:
            if params.dark is None and "dark" in str(error):
                params = params.model_copy(update={"dark": 0.0})
            elif params.omega is None and ("omega" in str(error) or "angle" in str(error)):
                params = params.model_copy(update={"omega": OmegaParams(step_deg=1.0)})
            else:
                raise
            problems.append(str(error))
    raise ScanError(params.frames, rule="cannot be opened", got="; ".join([*problems, *stand_ins]))


def _oddities(scan: Scan, *, dark_known: bool, facts: Facts) -> list[str]:
    """What a few frames show."""
    where = np.unique(np.linspace(0, scan.shape[0] - 1, SAMPLE).astype(int))
    found: dict[str, list[int]] = {}
    levels = []
    for frame in where.tolist():
        try:
            image = scan.frames.read(frame, frame + 1)[0]
        except ScanError as error:
            found.setdefault(f"cannot be read ({error})", []).append(frame)
            continue
        levels.append(float(np.nanmean(np.where(np.isfinite(image), image, np.nan))) if image.size else 0.0)
        for text in _odd(image, scan):
            found.setdefault(text, []).append(frame)
    if levels:
        facts["level"] = f"{min(levels):.1f} to {max(levels):.1f} counts, means of {len(levels)} frames"
    problems = [f"frames {frames} of {len(where)} looked at: {text}" for text, frames in found.items()]
    if dark_known and levels and float(scan.dark.mean()) > max(levels):
        problems.append(f"the dark ({scan.dark.mean():.1f} counts) is brighter than the frames ({max(levels):.1f})")
    return problems


def _odd(image: AnyArray, scan: Scan) -> list[str]:
    problems = []
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        problems.append("hold values that are not numbers")
    if image.min() == image.max():
        problems.append(f"have one value everywhere ({image.flat[0]})")
    elif float((image >= scan.saturation).mean()) > 1e-3:
        problems.append("have more than 0.1 % saturated pixels")
    return problems
