"""Panels about preprocessing, as curves: the source, one pixel, the histogram."""

import numpy as np
from matplotlib.axes import Axes

from friedel.model.arrays import AnyArray, Floats, Image
from friedel.preprocess.noise import robust_sigma
from friedel.preprocess.value_steps import spread_over_steps
from friedel.reporter.example_blob import ExampleBlob
from friedel.reporter.frames import RunFrames
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel, Verdict
from friedel.reporter.svg_figure import BLUE, INK, SOFT, WARM, SvgFigure, plain_numbers, short

HISTOGRAM_FRAMES = 16
"""Frames whose clean values make the histogram."""


def intensity_panel(example: ExampleBlob, frames_of_run: RunFrames) -> Panel:
    """The source over the rotation, before and after normalisation."""
    frames = example.start + np.arange(len(example.glow_before))
    gains = frames_of_run.gains[frames].mean(axis=1)
    before, after = _scatter(example.glow_before), _scatter(example.glow_after)
    normalised = bool(np.any(gains != 1))
    with SvgFigure(540, 300) as sheet:
        *above, glow = sheet.axes(2 if normalised else 1, 1, sharex=True)
        for source in above:
            source.plot(
                frames, _relative(np.where(gains > 0, 1 / np.maximum(gains, 1e-9), np.nan)), color=WARM, lw=1.1
            )
            source.set_ylabel("source / %")
        glow.plot(frames, _relative(example.glow_before), color=SOFT, lw=0.9, label="before")
        if normalised:
            glow.plot(frames, _relative(example.glow_after), color=BLUE, lw=1.2, label="after")
            glow.legend(loc="upper right", ncols=2)
        glow.margins(y=0.3)
        glow.set_ylabel("glow / %")
        glow.set_xlabel("frame")
    verdict, judged = _fell(example, frames_of_run, before, after)
    told = (
        "Above: the source's level in the margin (1/gain). Below: a check on pixels that normalisation did not "
        f"use, the glow outside the beam; it scatters by {before:.2f} % before and {after:.2f} % after. "
    )
    if not normalised:
        judged, told = "", f"Normalisation is off; the glow outside the beam scatters by {before:.2f} %."
    return Panel(
        "Intensity over the rotation", told + judged, sheet.picture, span=3, verdict=verdict if normalised else ""
    )


def _fell(example: ExampleBlob, frames_of_run: RunFrames, before: float, after: float) -> tuple[Verdict, str]:
    """Whether normalisation did what it is for: at least half of the scatter is gone, or nothing but noise is left.

    The noise of the glow's mean, a lower limit: of so many pixels with one electron a count.
    """
    level = float(np.nanmean(example.glow_after)) if len(example.glow_after) else 0.0
    noise = 100 / np.sqrt(max(level * example.glow_pixels, 1e-9)) if level > 0 else 0.0
    if after <= max(0.5 * before, noise):
        return "good", "Good: flat after normalisation."
    if after <= before * 1.02:
        return "", "It fell by less than half: the source was steady, or something else changes the glow."
    return "watch", "Look: it got worse; does the sample shadow the margin?"


def course_panel(inputs: ReportInputs, example: ExampleBlob, frames_of_run: RunFrames) -> Panel:
    """One pixel over the rotation with its moving median."""
    frames = example.start + np.arange(len(example.course))
    clean = example.course - example.course_background
    with SvgFigure(540, 300) as sheet:
        top, bottom = sheet.axes(2, 1, sharex=True)
        top.plot(frames, example.course, color=SOFT, lw=0.8, label="normalised")
        if frames_of_run.backgrounds is not None:
            top.plot(frames, example.course_background, color=WARM, lw=1.8, label="moving median")
        quiet = np.percentile(example.course, [1, 90])
        top.set_ylim(quiet[0] - 2, max(quiet[1], quiet[0] + 6 * max(inputs.sigma, 1.0)) + 3 * np.ptp(quiet))
        top.set_ylabel("counts")
        top.legend(loc="upper left", ncols=2)
        bottom.plot(frames, clean, color=BLUE, lw=0.8)
        level = inputs.seed_threshold_at(example.row, example.col)
        if level is not None:
            threshold = float(level)
            bottom.axhline(threshold, color=INK, lw=0.9, ls=(0, (4, 3)))
            bottom.annotate("T", (1.005, threshold), xycoords=("axes fraction", "data"), va="center", color=INK)
        bottom.set_ylabel("difference")
        bottom.set_xlabel("frame")
        for axes in (top, bottom):
            axes.yaxis.set_major_formatter(plain_numbers())
    window = 2 * inputs.preprocess.half_window + 1
    told = (
        f"Grey: its counts over the rotation. Orange: the median of a window of {window} frames, subtracted below. "
        "Good: the median runs through the quiet parts and under every spot (whose tops are cut off above). Bad: "
        "it climbs into a spot: the window is too short for spots that long."
    )
    if frames_of_run.backgrounds is None:
        told = (
            "Its counts over the rotation; no background was taken away. Above, the tops of the spots are cut off."
        )
    return Panel(f"One pixel, row {example.row}, column {example.col}", told, sheet.picture, span=3)


def histogram_panel(inputs: ReportInputs, frames_of_run: RunFrames) -> Panel | None:
    """Clean values of some frames, with the thresholds: in counts, or over the noise where that is per pixel.

    None where no pixel is left to show.
    """
    noise = inputs.noise
    frames, values = _clean_values(inputs, frames_of_run, noise)
    if not len(values):
        return None
    segment = inputs.segment
    given = (None, None) if segment is None else (segment.seed_threshold, segment.grow_min)
    if noise is None:
        sigma = inputs.sigma or robust_sigma(values, floor=0.0) or 1.0
        levels = tuple(inputs.in_counts(level) for level in given)
        named, kind = f"sigma {short(sigma)} counts", "counts"
    else:
        sigma, named, kind = 1.0, "one sigma of each pixel's own noise", "local sigma"
        levels = given
    threshold, floor = levels
    with SvgFigure(1120, 290) as sheet:
        axes = sheet.axes()[0]
        _draw_histogram(axes, values, sigma, {"t": (floor, BLUE), "T": (threshold, WARM)})
        axes.set_xlabel(f"clean value / {kind}")
    step = frames_of_run.cleaner.value_step
    spread = f"Values come in steps of {short(step)} counts and are drawn spread over them. " if step else ""
    told, verdict = _clear_of_noise(values, sigma, threshold, floor)
    return Panel(
        "Clean values and thresholds",
        f"{frames} frames, evenly spaced, outside the beam and what is masked. Noise is the hump around zero (grey "
        f"band: {named}), spots are the tail. {spread}{told}",
        sheet.picture,
        verdict=verdict,
    )


def _clean_values(inputs: ReportInputs, frames_of_run: RunFrames, noise: Image | None) -> tuple[int, AnyArray]:
    """How many frames were looked at, and their values outside the beam, over `noise` [row, col] where it is given.

    Frames that were not recorded, masked pixels and voxels without a number count for nothing. Values come in
    steps, of a count for most cameras: each lies somewhere in its own.
    """
    scan = frames_of_run.scan
    recorded = np.setdiff1d(np.arange(scan.shape[0]), [f for gap in scan.gaps for f in range(*gap)])
    places = np.linspace(0, len(recorded) - 1, HISTOGRAM_FRAMES).astype(int)
    frames = recorded[np.unique(places)] if len(recorded) else recorded
    outside = ~scan.mask
    if inputs.beam is not None:
        outside[inputs.beam.slices] = False
    if noise is not None:
        outside &= np.isfinite(noise) & (noise > 0)
    values = np.concatenate([*(frames_of_run.known(int(f))[outside] for f in frames), np.empty(0, np.float32)])
    values = spread_over_steps(values, frames_of_run.cleaner.value_step)
    if noise is not None:
        values = values / np.tile(noise[outside], len(frames))
    return len(frames), values[np.isfinite(values)]


def _clear_of_noise(
    values: AnyArray, sigma: float, threshold: float | None, floor: float | None
) -> tuple[str, Verdict]:
    distance = threshold / sigma if threshold else 0.0
    told = f"The seed threshold T stands {distance:.1f} sigma above zero. " if threshold else ""
    if floor is not None:
        told += (
            f"{100 * np.mean(values >= floor):.2f} % of the values reach t, the least that a blob grows down to. "
        )
    if not threshold:
        return told, ""
    good = distance >= 4
    told += "Good: T stands clear of the noise." if good else "Look: T stands in the noise."
    return told, "good" if good else "watch"


def _draw_histogram(
    axes: Axes, values: AnyArray, sigma: float, levels: dict[str, tuple[float | None, str]]
) -> None:
    known = [level for level, _ in levels.values() if level is not None and np.isfinite(level)]
    high = max(float(values.max()), 20 * sigma, *(2 * level for level in known)) * 1.05
    edges = np.sinh(np.linspace(np.arcsinh(-8), np.arcsinh(high / sigma), 180)) * sigma
    counts, _ = np.histogram(values, edges)
    axes.stairs(counts / np.diff(edges), edges, color=BLUE, fill=True, alpha=0.25, lw=0)
    axes.stairs(counts / np.diff(edges), edges, color=BLUE, lw=1.2)
    axes.axvspan(-sigma, sigma, color=SOFT, alpha=0.15, lw=0)
    axes.set_yscale("log")
    axes.set_xscale("asinh", linear_width=2 * sigma)
    for name, (level, colour) in levels.items():
        if level is not None and np.isfinite(level):
            axes.axvline(level, color=colour, lw=1.2, ls=(0, (4, 3)))
            axes.annotate(
                name, (level, 1.02), xycoords=("data", "axes fraction"), ha="center", color=colour, fontsize=13
            )
    axes.minorticks_off()
    ticks = [step * 10.0**n for n in range(-2, 8) for step in (1, 2, 5) if 2 * sigma <= step * 10.0**n <= high]
    axes.set_xticks([-tick for tick in ticks if tick <= 8 * sigma] + [0, *ticks])
    axes.set_ylabel("pixels per unit")
    axes.xaxis.set_major_formatter(plain_numbers())
    axes.yaxis.set_major_formatter(plain_numbers())


def _relative(values: AnyArray) -> Floats:
    mean = np.nanmean(values)
    return np.asarray(100 * (values / mean - 1) if mean else values, dtype=np.float64)


def _scatter(values: Floats) -> float:
    return float(np.nanstd(_relative(values)))
