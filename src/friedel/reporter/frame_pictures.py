"""Panels about preprocessing, as images: one frame raw and clean, and the backgrounds."""

import numpy as np
from matplotlib.colors import AsinhNorm

from friedel.model.arrays import Image
from friedel.preprocess.noise import robust_sigma
from friedel.reporter.frames import RunFrames
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel
from friedel.reporter.pictures import colour_ramp, draw_box, label_pixels, show_image, stretched
from friedel.reporter.svg_figure import DRIFT_MAP, FRAME_MAP, ON_IMAGE_BOX, ON_IMAGE_MARGIN, SvgFigure, short


def frame_panels(inputs: ReportInputs, frames_of_run: RunFrames, frame: int) -> list[Panel]:
    """The same frame raw and clean."""
    frame_as_read = frames_of_run.cleaner.raw(frame)
    raw, clean = frame_as_read.image, frames_of_run.clean(frame_as_read)
    size = 540, 500 * raw.shape[0] / raw.shape[1] + 70
    with SvgFigure(*size, crop=True) as before:
        axes = before.axes()[0]
        low, middle, high = np.percentile(raw[np.isfinite(raw)], [0.5, 50, 99.95])
        shown = show_image(axes, raw - low, cmap=FRAME_MAP, norm=stretched(0, high - low, 2 * (middle - low)))
        label_pixels(axes)
        if inputs.beam is not None:
            draw_box(axes, inputs.beam, ON_IMAGE_BOX)
        for margin in inputs.margins:
            draw_box(axes, margin, ON_IMAGE_MARGIN, dashed=True)
        colour_ramp(before, axes, shown, f"raw counts above {low:.0f}")
    with SvgFigure(*size, crop=True) as after:
        axes = after.axes()[0]
        shown = show_image(axes, clean, cmap=FRAME_MAP, norm=clean_scale(inputs, clean))
        label_pixels(axes)
        colour_ramp(after, axes, shown, "clean counts")
    boxes = "Pink: the direct beam's box. Orange, dashed: the margin. " if inputs.beam else ""
    return [
        Panel(
            f"Frame {frame}, raw",
            f"{boxes}Good: the box encloses the beam, and the sample never shadows the margin. Bad: beam outside "
            "the box, a shadow in the margin.",
            before.picture,
            span=3,
        ),
        Panel(
            f"Frame {frame}, clean",
            f"The same frame after {_steps(inputs, frames_of_run)}: spots are what is left. "
            "Good: flat between them, right up to the beam. Bad: rings, streaks, a halo.",
            after.picture,
            span=3,
        ),
    ]


def _steps(inputs: ReportInputs, frames_of_run: RunFrames) -> str:
    """The steps that this run took, as one reads them."""
    taken = ["dark"]
    taken += ["normalisation"] if inputs.preprocess.normalise != "none" else []
    taken += ["moving median"] if frames_of_run.backgrounds is not None else []
    taken += ["2D median"] if frames_of_run.cleaner.params.despeckle > 1 else []
    return " and ".join([", ".join(taken[:-1]), taken[-1]] if len(taken) > 1 else taken)


def clean_scale(inputs: ReportInputs, clean: Image) -> AsinhNorm:
    """Colours of clean frames: the noise is just visible, the brightest spots are not clipped."""
    sigma = inputs.sigma or robust_sigma(clean, floor=0.0)
    return stretched(-2 * sigma, max(float(clean.max()), 10 * sigma), 3 * sigma)


def background_panel(frames_of_run: RunFrames) -> Panel | None:
    """First, middle and last background, and how much it drifted."""
    backgrounds = frames_of_run.backgrounds
    if backgrounds is None:
        return None
    numbers = sorted({0, len(backgrounds) // 2, len(backgrounds) - 1})
    images = [backgrounds.image(number) for number in numbers]
    drift = images[-1] - images[0]
    drifts = np.abs(drift)[~frames_of_run.scan.mask]
    reach = max(float(np.percentile(drifts, 98)) if drifts.size else 0.0, 1e-3)
    low, middle, high = np.percentile(images[0], [0.5, 50, 99.9])
    scale = stretched(0, high - low, 2 * (middle - low))
    rows, cols = drift.shape
    with SvgFigure(1120, 1120 / (len(images) + 1) * rows / cols + 90, crop=True) as sheet:
        axes = sheet.axes(1, len(images) + 1)
        for ax, image, number in zip(axes, images, numbers, strict=False):
            shown = show_image(ax, image - low, cmap=FRAME_MAP, norm=scale)
            ax.set_title("of " + _frames_of(number, frames_of_run))
        colour_ramp(sheet, axes[: len(images)], shown, f"counts above {low:.0f}", length=0.32)
        shown = show_image(axes[-1], drift, cmap=DRIFT_MAP, vmin=-reach, vmax=reach)
        axes[-1].set_title("last minus first")
        colour_ramp(sheet, axes[-1:], shown, "counts", length=0.8)
        for ax in axes:
            ax.set_xticks([])
            ax.set_yticks([])
    return Panel(
        "The background that was taken away",
        f"{len(backgrounds)} images, one moving median per pixel. The glow falls off around the beam; what turns "
        f"with the sample shows in the difference, within {short(reach)} counts for 98 % of the pixels. Good: "
        "smooth, no spots in it. Bad: spots burnt in, which are then missing from the clean frames.",
        sheet.picture,
    )


def _frames_of(background: int, frames_of_run: RunFrames) -> str:
    """The frames that a background was subtracted from; its window reaches beyond them."""
    step, count = frames_of_run.cleaner.params.step, frames_of_run.scan.shape[0]
    first, last = background * step, min((background + 1) * step, count) - 1
    return f"frames {first}–{last}" if last > first else f"frame {first}"
