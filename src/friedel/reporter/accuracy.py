"""Panels about numbers against truth, from evaluation.json."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from friedel.reporter.panel import Panel, Table
from friedel.reporter.svg_figure import BLUE, INK, SOFT, TEAL, WARM, SvgFigure


def truth_panels(blobs: Mapping[str, Any]) -> list[Panel]:
    """F1, recall against signal-to-noise, and the errors of what was found."""
    panels = [_scores(blobs)]
    if blobs.get("recall_by_snr"):
        panels.append(_by_snr(blobs))
    return [*panels, _errors(blobs), _recalls(blobs)]


def _scores(blobs: Mapping[str, Any]) -> Panel:
    levels = list(blobs["f1"])
    with SvgFigure(540, 290) as sheet:
        axes = sheet.axes()[0]
        for shift, (name, colour) in enumerate((("precision", SOFT), ("recall", TEAL), ("f1", BLUE))):
            values = [blobs[name][level] for level in levels]
            place = np.arange(len(levels)) + 0.27 * (shift - 1)
            axes.bar(place, values, 0.25, color=colour, label=name.replace("f1", "F1"))
            for x, value in zip(place, values, strict=True):
                axes.annotate(f"{value:.2f}", (x, value), ha="center", va="bottom", fontsize=10, color=INK)
        axes.set_xticks(np.arange(len(levels)), [f"IoU ≥ {level}" for level in levels])
        axes.set_ylim(0, 1.22)
        axes.grid(visible=False, axis="x")
        axes.set_yticks([0, 0.5, 1])
        axes.legend(loc="upper center", ncols=3)
    f1 = blobs["f1"]["0.5"]
    return Panel(
        "Found, and rightly",
        f"{blobs['result']:,} blobs against {blobs['truth']:,} true spots, matched one to one by the overlap of "
        f"their voxels. F1 at IoU 0.5 is {f1:.3f}; panoptic quality {blobs['pq']:.3f}; {blobs['splits']} spots are "
        f"split, {blobs['merges']} blobs merge spots.",
        sheet.picture,
        span=3,
        verdict="good" if f1 >= 0.8 else "watch",
    )


def _by_snr(blobs: Mapping[str, Any]) -> Panel:
    recalls, numbers = blobs["recall_by_snr"], blobs.get("spots_by_snr", {})
    with SvgFigure(540, 290) as sheet:
        axes = sheet.axes()[0]
        place = np.arange(len(recalls))
        axes.bar(place, list(recalls.values()), 0.7, color=WARM, alpha=0.85)
        for x, value in zip(place, recalls.values(), strict=True):
            axes.annotate(f"{value:.2f}", (x, value), ha="center", va="bottom", fontsize=10, color=INK)
        names = [name.replace("-", "–").replace(">=", "≥ ") for name in recalls]
        axes.set_xticks(
            place, [f"{name}\nn = {numbers.get(key, 0):,}" for name, key in zip(names, recalls, strict=True)]
        )
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("signal-to-noise of the spot's peak / sigma")
        axes.set_ylabel("recall at IoU 0.5")
        axes.set_ylim(0, 1.12)
        axes.set_yticks([0, 0.5, 1])
    return Panel(
        "Recall against signal-to-noise",
        "The part of the true spots that was found, by how far their peak stands above the noise. Good: near 1 "
        "from 5 sigma on. Below the thresholds nothing can be found.",
        sheet.picture,
        span=3,
    )


def _errors(blobs: Mapping[str, Any]) -> Panel:
    rows: list[tuple[str, ...]] = []
    for key, name, unit, factor in (
        ("centroid_px", "centroid on the detector", "px", 1),
        ("centroid_frames", "centroid along the rotation", "frames", 1),
        ("intensity", "integrated intensity", "%", 100),
    ):
        if key in blobs:
            median, p95 = blobs[key]["median"] * factor, blobs[key]["p95"] * factor
            rows.append((name, f"{median:.3g} {unit}", f"{p95:.3g} {unit}"))
    return Panel(
        "How exact",
        "Of the spots found at IoU 0.5: the error's median, and what 95 % stay below.",
        table=Table(("", "median", "95 % below"), tuple(rows), numeric=(1, 2)),
        span=3,
    )


def _recalls(blobs: Mapping[str, Any]) -> Panel:
    found = [
        (name, float(blobs[key]))
        for key, name in (
            ("recall_isolated", "isolated spots"),
            ("recall_isolated_above_5_sigma", "isolated, above 5 sigma"),
            ("recall_overlapping", "overlapping spots"),
        )
        if key in blobs
    ]
    return Panel(
        "Alone and overlapping",
        "The part of the true spots found at IoU 0.5. A spot is isolated when no other lies within two voxels; two "
        "that overlap in space and angle are one blob to any threshold.",
        table=Table(
            ("", "recall"),
            tuple((name, f"{recall:.3f}") for name, recall in found),
            tuple(recall for _, recall in found),
            numeric=(1,),
        ),
        span=3,
    )
