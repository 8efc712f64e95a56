"""What is in a scan, and what is wrong with it: `friedel inspect`."""

from typing import Any

import numpy as np

from friedel.errors import ScanError
from friedel.io import open_scan
from friedel.io.scan_params import OmegaParams, ScanParams
from friedel.model.arrays import AnyArray
from friedel.model.scan import Scan
from friedel.preprocess import PreprocessParams, dead_pixels

Facts = dict[str, Any]
INSPECTED_FRAMES = 16
"""Frames that are looked at."""


def inspect_scan(params: ScanParams) -> Facts:
    """Describe a scan: plain values by name, `problems` being a list of sentences.

    What would stop a run (no dark, no angles) is listed among the problems as far as the frames can be read
    without it. Raises `ScanError` when they cannot.
    """
    scan, wrong = _open(params)
    frames, rows, cols = scan.shape
    facts: Facts = {
        "scan": scan.name,
        "frames": frames,
        "frame": f"{rows} rows × {cols} cols, {scan.frames.dtype}",
        "size": f"{frames * rows * cols * scan.frames.dtype.itemsize / 1e9:.2f} GB uncompressed",
    }
    if "omega" not in wrong:
        stop = scan.omega_start_deg + frames * scan.omega_step_deg
        turn = ", a full turn" if scan.full_turn else ""
        facts["omega"] = f"{scan.omega_start_deg:g}° to {stop:g}° in steps of {scan.omega_step_deg:g}°{turn}"
    if scan.gaps:
        facts["recorded"] = f"{len(scan.present)} of the {frames} frames"
    if "dark" not in wrong:
        facts["dark"] = f"{float(scan.dark.mean()):.1f} counts on average"
    facts["mask"] = f"{int(scan.mask.sum())} bad pixels"
    dead = _dead_pixels(scan)
    if dead:
        facts["dead"] = f"{dead} more pixels tell nothing in most frames: a run masks them"
    facts["saturation"] = f"{scan.saturation:g} counts"
    if len(scan.tiles) > 1:
        facts["tiles"] = f"{len(scan.tiles)} read-outs a frame"
    facts["notes"] = list(scan.notes)
    odd = scan.warnings if "omega" not in wrong else ()
    facts["problems"] = [*wrong.values(), *odd, *_problems(scan, dark_known="dark" not in wrong, facts=facts)]
    return {name: value for name, value in facts.items() if value != [] or name == "problems"}


def _open(params: ScanParams) -> tuple[Scan, dict[str, str]]:
    """The scan, with stand-ins for a dark and for angles where nobody gives them, and by part what was wrong."""
    wrong: dict[str, str] = {}
    while True:
        try:
            return open_scan(params.frames, params), wrong
        except ScanError as error:
            stand_in = _stand_in(params, error.part)
            if not stand_in or error.part in wrong:
                raise
            wrong[error.part] = str(error)
            params = params.model_copy(update=stand_in)


def _stand_in(params: ScanParams, part: str) -> dict[str, Any]:
    """What is changed to see the rest; nothing where the user's own word is what is wrong."""
    if part == "dark" and params.dark is None:
        return {"dark": 0.0}
    omega = params.omega or OmegaParams()
    if part == "omega" and omega.path is None and omega.step_deg is None:
        return {"omega": omega.model_copy(update={"step_deg": 1.0})}
    return {}


def _dead_pixels(scan: Scan) -> int:
    try:
        return dead_pixels(scan, PreprocessParams())
    except ScanError:
        return 0


def _problems(scan: Scan, *, dark_known: bool, facts: Facts) -> list[str]:
    """What a few frames show."""
    present = scan.present
    where = present[np.unique(np.linspace(0, len(present) - 1, INSPECTED_FRAMES).astype(int))]
    found: dict[str, list[int]] = {}
    levels = []
    for frame in where.tolist():
        try:
            image = scan.frames.read(frame, frame + 1)[0]
        except ScanError as error:
            found.setdefault(f"cannot be read ({error})", []).append(frame)
            continue
        levels.append(float(np.nanmean(np.where(np.isfinite(image), image, np.nan))) if image.size else 0.0)
        for text in _problems_of_image(image, scan):
            found.setdefault(text, []).append(frame)
    if levels:
        facts["level"] = f"{min(levels):.1f} to {max(levels):.1f} counts, means of {len(levels)} frames"
    problems = [f"frames {frames} of {len(where)} looked at: {text}" for text, frames in found.items()]
    if dark_known and levels and float(scan.dark.mean()) > max(levels):
        problems.append(f"the dark ({scan.dark.mean():.1f} counts) is brighter than the frames ({max(levels):.1f})")
    return problems


def _problems_of_image(image: AnyArray, scan: Scan) -> list[str]:
    problems = []
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        problems.append("hold values that are not numbers")
    if image.min() == image.max():
        problems.append(f"have one value everywhere ({image.flat[0]})")
    elif float((image >= scan.saturation).mean()) > 1e-3:
        problems.append("have more than 0.1 % saturated pixels")
    return problems
