"""Panels about pairs, grains and the map against truth, from evaluation.json."""

from collections.abc import Mapping
from typing import Any

from friedel.model.grains import Status
from friedel.reporter.panel import Panel, Table, Verdict
from friedel.reporter.svg_figure import BLUE, SOFT, SvgFigure

Rows = tuple[tuple[str, ...], ...]
STATUSES = [kind.name.lower() for kind in Status if kind is not Status.EMPTY]
MOST_OFF = 0.02
"""Distance of what is right from what is said, on average, that is still good."""


def map_truth_panels(evaluation: Mapping[str, Any]) -> list[Panel]:
    """One table for each of pairs, grains and volume that was judged."""
    panels = []
    if "pairs" in evaluation:
        panels.append(_pairs(evaluation["pairs"]))
    if "grains" in evaluation:
        panels.append(_grains(evaluation["grains"]))
    if "volume" in evaluation:
        panels.append(_volume(evaluation["volume"]))
        if evaluation["volume"].get("confidence", {}).get("bins"):
            panels.append(_confidence(evaluation["volume"]["confidence"]))
    return panels


def _pairs(pairs: Mapping[str, Any]) -> Panel:
    rows = _shown(pairs, (
        ("truth", "true pairs", "{:,.0f}"), ("findable", "both halves blobs of used rings", "{:,.0f}"),
        ("result", "pairs", "{:,.0f}"), ("precision", "precision", "{:.4f}"),
        ("recall", "recall of findable", "{:.4f}"),
    ))  # fmt: skip
    good = float(pairs.get("precision", 0)) >= 0.95
    caption = (
        "A pair is right when both halves are one grain's opposite reflections. True pairs are of all "
        "rings, also of those that the detector's edge cuts and that are not in use."
    )
    return _panel("Pairs", caption, rows, good)


def _grains(grains: Mapping[str, Any]) -> Panel:
    rows = _shown(grains, (
        ("truth", "true grains", "{:,.0f}"), ("found", "found", "{:,.0f}"), ("false", "false", "{:,.0f}"),
        ("alternative", "of these turned in their lattice", "{:,.0f}"), ("duplicate", "found twice", "{:,.0f}"),
        ("blob_precision", "blobs rightly assigned", "{:.4f}"), ("blob_recall", "blobs of found grains", "{:.3f}"),
    ))  # fmt: skip
    rows += _spread(grains, "misorientation_deg", "misorientation", "°")
    rows += _spread(grains, "position_um", "position", " µm")
    good = grains.get("false") == 0 and grains.get("duplicate") == 0
    caption = (
        "Matched one to one by orientation and place; median, and what 95 % stay below. Blobs of rings that are "
        "not in use have no grain."
    )
    return _panel("Grains", caption, rows, good)


def _volume(volume: Mapping[str, Any]) -> Panel:
    rows = _shown(volume, (
        ("voxel_accuracy", "voxels right, of the true map", "{:.4f}"),
        ("voxel_agreement", "voxels right, of both maps", "{:.4f}"),
    ))  # fmt: skip
    dice = volume.get("dice", {})
    rows += _shown(dice, (("median", "Dice of grains, median", "{:.4f}"), ("min", "Dice, worst grain", "{:.4f}")))
    boundary = volume.get("boundary_px", {})
    rows += _shown(boundary, (("mean", "boundary off by, mean", "{:.3f} px"), ("p95", "95 %", "{:.3f} px")))
    rows += _spread(volume, "voxel_orientation_deg", "voxels' orientation", "°")
    rows += _spread(volume, "grain_orientation_deg", "with one orientation a grain", "°")
    rows += _shown(volume.get("wrong", {}), tuple((kind, f"{kind} voxels, wrong", "{:.2%}") for kind in STATUSES))
    rows += _shown(volume.get("confidence", {}), (("error", "confidence off by, mean", "{:.4f}"),))
    good = float(volume.get("voxel_agreement", 0)) >= 0.9
    return _panel("Map", "Voxel by voxel. Dice is 1 where a grain has exactly its true voxels.", rows, good)


def _confidence(confidence: Mapping[str, Any]) -> Panel:
    bins = confidence["bins"]
    said, right = ([float(one[key]) for one in bins] for key in ("said", "right"))
    with SvgFigure(360, 300) as sheet:
        axes = sheet.axes()[0]
        axes.plot([0, 1], [0, 1], color=SOFT, lw=1)
        axes.plot(said, right, "o-", color=BLUE)
        axes.set_xlim(0, 1.03)
        axes.set_ylim(0, 1.03)
        axes.set_xlabel("confidence that the map says")
        axes.set_ylabel("part that is right")
    return Panel(
        "How sure voxels are",
        "Voxels by their confidence: what the map said, and how many are right; off by "
        f"{float(confidence['error']):.4f} on average. Good: on the line. Below it the map is too sure.",
        sheet.picture,
        span=2,
        verdict="good" if float(confidence["error"]) <= MOST_OFF else "watch",
    )


def _shown(values: Mapping[str, Any], names: tuple[tuple[str, str, str], ...]) -> Rows:
    numbers = (int, float)
    return tuple(
        (label, form.format(values[key])) for key, label, form in names if isinstance(values.get(key), numbers)
    )


def _spread(values: Mapping[str, Any], key: str, label: str, unit: str) -> Rows:
    found = values.get(key)
    if not isinstance(found, Mapping) or "median" not in found:
        return ()
    text = f"{found['median']:.2g}"
    if "p95" in found:
        text += f"; {found['p95']:.2g}"
    return ((label, text + unit),)


def _panel(title: str, caption: str, rows: Rows, good: bool) -> Panel:
    verdict: Verdict = "good" if good else "watch"
    return Panel(title, caption, table=Table(("", ""), rows, numeric=(1,)), span=2, verdict=verdict)
