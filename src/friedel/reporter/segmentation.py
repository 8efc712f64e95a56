"""Panels about segmentation: the double threshold on one blob, blobs on frames and in sections."""

import numpy as np
from matplotlib.axes import Axes

from friedel.model.arrays import AnyArray, Floats
from friedel.model.blobs import BlobTable
from friedel.reporter.example_blob import ExampleBlob, crops
from friedel.reporter.frame_pictures import clean_scale
from friedel.reporter.frames import RunFrames
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.outline import labels_at, outline
from friedel.reporter.overview import parts
from friedel.reporter.panel import Panel
from friedel.reporter.pictures import colour_ramp, draw_box, label_pixels, show_image
from friedel.reporter.svg_figure import (
    BLUE,
    FRAME_MAP,
    INK,
    ON_IMAGE_BOX,
    SOFT,
    WARM,
    SvgFigure,
    plain_numbers,
    short,
)

AROUND = 22
"""Pixels and frames shown on either side of the peak in a profile."""


def threshold_panel(inputs: ReportInputs, example: ExampleBlob, blobs: BlobTable) -> Panel:
    """Profiles through the example blob along x and along the rotation, with both thresholds."""
    labels = labels_at(blobs, row=example.row)[example.section_start :][: len(example.along_cols)]
    own = labels == example.blob + 1
    at_frame = example.frame - example.section_start
    left, right = max(0, example.col - AROUND), example.col + AROUND + 1
    first, last = max(0, at_frame - AROUND), at_frame + AROUND + 1
    with SvgFigure(1120, 300) as sheet:
        along_x, along_omega = sheet.axes(1, 2, sharey=True)
        cols = np.arange(left, min(right, labels.shape[1]))
        levels = _levels(inputs, example, cols)
        _profile(along_x, cols, example.along_cols[at_frame, cols], own[at_frame, cols], levels)
        along_x.set_xlabel(f"column (frame {example.frame}, row {example.row})")
        along_x.set_ylabel("clean value / counts")
        frames = np.arange(first, min(last, len(labels)))
        values = example.along_cols[frames, example.col]
        seed, grown = (float(level[0]) for level in _levels(inputs, example, np.array([example.col])))
        levels = np.full(len(frames), seed), np.full(len(frames), grown)
        _profile(along_omega, frames + example.section_start, values, own[frames, example.col], levels)
        along_omega.set_xlabel(f"frame (row {example.row}, column {example.col})")
        along_x.legend(loc="upper left", handlelength=1.2)
    size = " × ".join(
        str(int(blobs[f"{axis}_stop"][example.blob] - blobs[f"{axis}_start"][example.blob]))
        for axis in ("col", "row", "frame")
    )
    return Panel(
        "The double threshold, on one line through a blob",
        f"Blob {example.blob}, maximum {short(float(blobs['IMax_int'][example.blob]))} "
        f"counts, {size} (x, y, frames). Voxels at or above T = {short(seed)} are the seed; from there it grows, "
        f"in 3D, through neighbours at or above t = {short(grown)}{_where(inputs)}. "
        "Left along x, right along the rotation. Good: the grown part ends where the spot does. Bad: it stops on "
        "a slope (t too high) or runs on into the noise (t too low).",
        sheet.picture,
    )


def _where(inputs: ReportInputs) -> str:
    return "" if inputs.noise is None else " (at its peak: both follow the local noise)"


def _levels(inputs: ReportInputs, example: ExampleBlob, cols: AnyArray) -> tuple[Floats, Floats]:
    """T and t [col] in counts at pixels of the example blob's row: they vary where the noise is per pixel."""
    grown = np.broadcast_to(inputs.grown_to(example.blob, example.row, cols), cols.shape)
    seed = inputs.seed_threshold_at(example.row, cols)
    return (grown if seed is None else np.broadcast_to(seed, cols.shape)), grown


def _profile(axes: Axes, place: AnyArray, values: AnyArray, own: AnyArray, levels: tuple[Floats, Floats]) -> None:
    seed, grown = levels
    edges = np.concatenate([place - 0.5, place[-1:] + 0.5])
    in_seed = own & (values >= seed)
    for part, colour, name, alpha in ((own & ~in_seed, BLUE, "grown", 0.4), (in_seed, WARM, "seed", 0.6)):
        axes.stairs(np.where(part, values, 0), edges, fill=True, color=colour, alpha=alpha, lw=0, label=name)
    axes.stairs(values, edges, baseline=None, color=INK, lw=1.3)
    apart = np.any(grown < 0.95 * seed)
    for level, name, colour in [(seed, "T", WARM), (grown, "t", BLUE)] if apart else [(seed, "T = t", WARM)]:
        axes.stairs(level, edges, baseline=None, color=colour, lw=1.1, ls=(0, (4, 3)))
        axes.annotate(name, (1.005, level[-1]), xycoords=("axes fraction", "data"), va="center", color=colour)
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.set_major_formatter(plain_numbers())


def strip_panel(inputs: ReportInputs, example: ExampleBlob, frames_of_run: RunFrames, blobs: BlobTable) -> Panel:
    """The example blob frame by frame, outlined."""
    numbers, images, origin = crops(frames_of_run, blobs, example.blob)
    scale = clean_scale(inputs, images)
    rows, cols = images.shape[1:]
    width = 1120 / len(images)
    with SvgFigure(1120, min(width * rows / cols, 300) + 36, crop=True) as sheet:
        for axes, number, image in zip(sheet.axes(1, len(images)), numbers, images, strict=True):
            show_image(axes, image, origin=origin, cmap=FRAME_MAP, norm=scale)
            here = labels_at(blobs, frame=number)[origin[0] : origin[0] + rows, origin[1] : origin[1] + cols]
            outline(axes, np.where(here == example.blob + 1, 0, here), origin, colour=ON_IMAGE_BOX, width=0.5)
            outline(axes, here == example.blob + 1, origin)
            axes.set_title(f"{number}", color=INK if number == example.frame else SOFT)
            axes.set_xticks([])
            axes.set_yticks([])
    return Panel(
        "The same blob, frame by frame",
        "Clean frames around the spot; the line is the border of what was taken (thin: other blobs). A blob is one "
        "connected body in (x, y, rotation). Good: the outline follows the spot and closes before and after it.",
        sheet.picture,
    )


def outlined_panel(inputs: ReportInputs, frames_of_run: RunFrames, blobs: BlobTable, frame: int) -> Panel:
    """All blobs of one clean frame."""
    clean = frames_of_run.clean(frame)
    labels = labels_at(blobs, frame=frame)
    with SvgFigure(540, 500 * clean.shape[0] / clean.shape[1] + 70, crop=True) as sheet:
        axes = sheet.axes()[0]
        shown = show_image(axes, clean, cmap=FRAME_MAP, norm=clean_scale(inputs, clean))
        label_pixels(axes)
        outline(axes, labels)
        if inputs.beam is not None:
            draw_box(axes, inputs.beam, ON_IMAGE_BOX, dashed=True)
        colour_ramp(sheet, axes, shown, "clean counts")
    return Panel(
        f"Blobs on frame {frame}",
        f"{len(np.unique(labels)) - 1} blobs have voxels on this frame. Good: every spot that you see is outlined, "
        "and each has one outline. Bad: spots without (T too high), outlines around nothing (T too low), one "
        "outline around two spots (t too low).",
        sheet.picture,
        span=3,
    )


def section_panel(inputs: ReportInputs, example: ExampleBlob, blobs: BlobTable) -> Panel:
    """x-omega and y-omega sections through the example blob."""
    planes: list[tuple[str, AnyArray, AnyArray]] = [
        (f"x–omega, row {example.row}", example.along_cols, labels_at(blobs, row=example.row)),
        (f"y–omega, column {example.col}", example.along_rows, labels_at(blobs, col=example.col)),
    ]
    start, count = example.section_start, len(example.along_cols)
    with SvgFigure(1120, 400) as sheet:
        for axes, (title, image, labels) in zip(sheet.axes(1, 2), planes, strict=True):
            scale = clean_scale(inputs, image)
            show_image(axes, image, pool="max", origin=(start, 0), cmap=FRAME_MAP, norm=scale)
            axes.set_aspect("auto")
            outline(axes, labels[start : start + count], (start, 0))
            axes.set_title(title)
            axes.set_xlabel("column" if title.startswith("x") else "row")
        sheet.figure.axes[0].set_ylabel("frame (omega)")
    return Panel(
        "Sections along the rotation",
        f"The same {count} frames cut open: the rotation runs downwards. A spot lasts as long as its grain stays "
        "in the Bragg condition, so spots are short here. Good: compact islands. Bad: long vertical streaks, which "
        "are background that moves too slowly for the median, or bad pixels.",
        sheet.picture,
    )


def busiest_frame(blobs: BlobTable, start: int, stop: int) -> int:
    """The frame with the most blob voxels in [start, stop), which is cut to the scan."""
    voxels = np.zeros(blobs.shape[0], np.int64)
    for here in parts(blobs):
        voxels += np.bincount(blobs.voxels.frame[here], minlength=blobs.shape[0])
    start = min(max(0, start), blobs.shape[0] - 1)
    return start + int(np.argmax(voxels[start : max(stop, start + 1)]))
