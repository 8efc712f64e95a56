"""Panels about calibration: what it found, what of it was taken, and whether that makes more pairs than chance."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from friedel.model.blobs import BlobTable
from friedel.model.motion import Motion
from friedel.model.setup import Setup
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel, Table, Verdict
from friedel.reporter.svg_figure import BLUE, INK, SOFT, TEAL, SvgFigure, short

Look = Mapping[str, Any]
FULL_BAR = 20.0
"""Standard deviations that fill the bar beside a difference."""
REMATCHED = " Pairs were matched again with it: those of this report are these."
TOLD_BY = {
    "pairs": "from the pairs",
    "spots": "from all spots of the grains",
    "scale": "the energy that goes with the lattice, and the detector, from all spots of the grains",
    "axis": "the axis and the detector against it, from all spots of the grains",
}


def calibration_panels(inputs: ReportInputs, stage: str) -> Iterator[Panel]:
    """What the stage's looks at the geometry found, in order; nothing where it did not look."""
    for look in inputs.measured_by(stage).get("calibration", ()):
        if look.get("by") == "grains":
            yield _sense(look)
            continue
        yield _quantities(look)
        if any(look.get("pairs", ())):
            yield _gain(look)


def motion_panels(inputs: ReportInputs) -> Iterator[Panel]:
    """Whether the sample moved and how, and where it stood over the scan; nothing where no run looked."""
    look = inputs.measured_by("index").get("motion")
    if not look:
        return
    lines = [_typeset(line) for line in look.get("lines", ())]
    found = look.get("quantities", ())
    verdict, *_ = [*lines, ""]
    caption = f"{verdict[:1].upper()}{verdict[1:]}."
    if found:
        caption += (
            " In µm, with one standard deviation: what a term comes to in the last frame (drift, jump), in the "
            "middle of the scan (curve), or at most (wobble). The map shows the sample of the first frame."
        )
    rows = tuple((*_row(one)[:1], *_row(one)[2:]) for one in found)
    shares = tuple(min(_sigmas(one) / FULL_BAR, 1.0) for one in found)
    table = Table(("", "fit", "±", "fit / sigma"), rows, shares, numeric=(1, 2, 3)) if rows else None
    motion = None if inputs.setup is None else inputs.setup.motion
    verdict_kind: Verdict = "watch" if found else "good"
    yield Panel("Did the sample move?", caption, table=table, span=4 if motion else 6, verdict=verdict_kind)
    if motion is not None and inputs.setup is not None and inputs.blobs is not None:
        yield _course(motion, inputs.setup, inputs.blobs)


def _course(motion: Motion, setup: Setup, blobs: BlobTable) -> Panel:
    """Where the sample was, frame by frame."""
    frame = np.arange(blobs.shape[0], dtype=np.float64)
    omega = setup.lab_omega_rad(blobs.omega_start_deg + (frame + 0.5) * blobs.omega_step_deg)
    moved = motion.displacement_um(frame, np.asarray(omega)) / np.linalg.norm(setup.detector.u_um)
    with SvgFigure(350, 210) as sheet:
        axes = sheet.axes()[0]
        for axis, colour in zip(range(3), (SOFT, TEAL, BLUE), strict=True):
            axes.plot(frame, moved[:, axis], color=colour, label="xyz"[axis], linewidth=1.6)
        axes.set_xlabel("frame")
        axes.set_ylabel("moved / px")
        axes.legend(loc="best")
    return Panel(
        "Where it stood",
        "In the lab against its place in the set-up, in pixels: x along the beam, z along the axis.",
        sheet.picture,
        span=2,
    )


def _quantities(look: Look) -> Panel:
    found = look.get("quantities", ())
    rows = tuple(_row(one) for one in found)
    head = ("", "before", "fit", "±", "difference / sigma")
    shares = tuple(min(_sigmas(one) / FULL_BAR, 1.0) for one in found)
    lines = list(look.get("lines", ()))
    told = [*lines[:1], *(line for line in lines[1:] if " stays: " in line or line.startswith("left alone"))]
    caption = " ".join(f"{line[0].upper()}{line[1:]}." for line in map(_typeset, told) if line)
    if look.get("changed") and look.get("by") in ("spots", "axis"):
        caption += REMATCHED
    if found:
        caption += (
            " ±: one standard deviation, with what pairs of one ring, one direction or spots of one grain have in "
            "common; a difference below three is none (full bar: twenty)."
        )
    return Panel(
        f"Geometry, {TOLD_BY.get(str(look.get('by')), 'looked at')}",
        caption,
        table=Table(head, rows, shares, numeric=(1, 2, 3, 4)) if rows else None,
        span=4 if any(look.get("pairs", ())) else 6,
        verdict="watch" if look.get("changed") else "good",
    )


def _typeset(line: str) -> str:
    """A line of the log as one prints it."""
    return line.replace("->", "→").replace("+-", "±").replace(" deg", "°").replace(" um", " µm")


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    digits = 4 if one["unit"] in ("px", "deg") else 2
    unit = {"um": "µm", "deg": "°"}.get(one["unit"], one["unit"])
    before, after = (f"{one[key]:.{digits}f}" for key in ("before", "after"))
    sigma = f"{one['uncertainty']:.{digits}f}" if one["uncertainty"] is not None else "?"
    return f"{one['name']} / {unit}", before, after, sigma, short(_sigmas(one))


def _sigmas(one: Mapping[str, Any]) -> float:
    error = one["uncertainty"]
    return abs(one["after"] - one["before"]) / error if error else 0.0


def _gain(look: Look) -> Panel:
    """Pairs and chance with either geometry; both are searched with the tolerances that fit the second."""
    pairs, chance = np.array(look["pairs"], float), np.array(look["null_pairs"], float)
    more, noise = gain_of(look)
    with SvgFigure(350, 210) as sheet:
        axes = sheet.axes()[0]
        place = np.array([1.0, 0.0])
        axes.barh(place, pairs, 0.5, color=TEAL, alpha=0.85)
        axes.barh(place, chance, 0.5, color=SOFT)
        top = max(float(pairs.max()), 1.0)
        for at, count, null in zip(place, pairs, chance, strict=True):
            axes.annotate(f"{count:,.0f}", (count, at), (5, 0), textcoords="offset points", va="center", color=INK)
            axes.annotate(f"by chance {null:,.0f}", (0, at - 0.29), ha="left", va="top", fontsize=10, color=SOFT)
        axes.set_yticks(place, ["before", "fit"])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(0, 1.18 * top)
        axes.set_ylim(-0.72, 1.4)
        axes.set_xlabel("pairs")
    return Panel(
        "Is it worth it?",
        f"Pairs over the null: {more:+,.0f}, where {noise:,.0f} is one standard deviation of the counts. Same "
        "tolerances for both, those of the fit. Grey: with omega scrambled. A geometry is changed only for clearly "
        "more pairs than chance adds.",
        sheet.picture,
        span=2,
    )


def gain_of(look: Look) -> tuple[float, float]:
    """Pairs that the second geometry has more than the first, beyond chance, and the counts' standard deviation."""
    (before, after), (null_before, null_after) = look["pairs"], look["null_pairs"]
    return (after - null_after) - (before - null_before), float(np.sqrt(before + after + null_before + null_after))


def _sense(look: Look) -> Panel:
    return Panel(
        "Sense of the rotation",
        f"{'; '.join(look.get('lines', ()))}. Pairs are the same both ways; the grains that can be built from them "
        "are not. Correct `rotation` in the recipe once you have checked it against the stage."
        f"{REMATCHED}",
        verdict="watch",
    )
