"""Panels about all blobs: sizes, intensities, where along the rotation, and the ledger of rejected seeds."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from friedel.model.arrays import AnyArray
from friedel.model.blobs import FLAG_MEANINGS, BlobTable, Reason
from friedel.preprocess.value_steps import spread_over_steps
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel, Table
from friedel.reporter.svg_figure import BLUE, INK, TEAL, WARM, SvgFigure, plain_numbers, short

MEANINGS: Mapping[Reason, str] = {
    Reason.KEPT: "kept: a row of /peaks",
    Reason.SEED_TOO_SMALL: "seed has fewer voxels than seed_min_voxels",
    Reason.ABSORBED: "lies in the region of a brighter blob",
    Reason.TOO_SMALL_X: "narrower than min_size in x",
    Reason.TOO_SMALL_Y: "lower than min_size in y",
    Reason.TOO_SMALL_FRAMES: "on fewer frames than min_size",
    Reason.TOO_BIG_X: "wider than max_size in x",
    Reason.TOO_BIG_Y: "higher than max_size in y",
    Reason.TOO_BIG_FRAMES: "on more frames than max_size",
    Reason.EDGE: "touches the detector's edge (reject_edge)",
    Reason.TOUCHES_EXCLUDED: "touches an excluded area (reject_touching_excluded)",
}


def size_panel(inputs: ReportInputs, blobs: BlobTable) -> Panel:
    """Extent in x, y and frames, and voxels."""
    segment = inputs.segment
    limits = () if segment is None else (segment.min_size, segment.max_size)
    with SvgFigure(1120, 250) as sheet:
        axes = sheet.axes(1, 4)
        for number, (ax, axis, name) in enumerate(
            zip(axes, ("col", "row", "frame"), ("x / px", "y / px", "frames"), strict=False)
        ):
            extent = blobs[f"{axis}_stop"] - blobs[f"{axis}_start"]
            top = int(np.percentile(extent, 99.5)) + 3
            ax.stairs(
                *np.histogram(extent, np.arange(0.5, top + 1, max(1, top // 50))), fill=True, color=BLUE, alpha=0.75
            )
            for limit in limits:
                if limit is not None and 0 < limit[number] <= top:
                    ax.axvline(limit[number], color=INK, lw=1, ls=(0, (4, 3)))
            ax.set_xlabel(name)
        _log_histogram(axes[3], blobs["Number_of_pixels"], TEAL, step=1.0)
        axes[3].set_xlabel("voxels")
        axes[0].set_ylabel("blobs")
    voxels = np.percentile(blobs["Number_of_pixels"], [10, 50, 90])
    return Panel(
        "How large the blobs are",
        f"Boxes in x, y and along the rotation, and voxels (10 %, median, 90 %: {', '.join(map(short, voxels))}). "
        "Dashed: size limits within the plot. Good: humps away from the limits. Bad: a pile at a limit, which cuts "
        "real spots, or at one pixel and one frame, which is noise.",
        sheet.picture,
    )


def intensity_panel(blobs: BlobTable) -> Panel:
    """Integrated and maximum intensity."""
    with SvgFigure(540, 270) as sheet:
        left, right = sheet.axes(1, 2, sharey=True)
        _log_histogram(left, blobs["sum_intensity"], WARM)
        left.set_xlabel("integrated / counts")
        left.set_ylabel("blobs")
        _log_histogram(right, blobs["IMax_int"], WARM)
        right.set_xlabel("brightest voxel / counts")
    return Panel(
        "How bright they are",
        "Integrated intensity, and the brightest voxel. Good: a hump that falls off on the dim side before the "
        "threshold. Bad: the dim side cut off steeply: weak spots lie below T.",
        sheet.picture,
        span=3,
    )


def rotation_panel(blobs: BlobTable) -> Panel:
    """Blobs over omega."""
    with SvgFigure(540, 270) as sheet:
        axes = sheet.axes()[0]
        first, last = sorted(blobs.omega_start_deg + f * blobs.omega_step_deg for f in (0, blobs.shape[0]))
        counts, edges = np.histogram(blobs["omega"], np.linspace(first, last, min(73, blobs.shape[0] + 1)))
        axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.75)
        axes.set_xlabel("omega / deg")
        axes.set_ylabel("blobs")
    return Panel(
        "When they fire",
        "Kept blobs over the rotation. Good: even, apart from crystal symmetry and chance. Bad: gaps or a trend, "
        "which point to a beam loss or a sample that leaves the beam.",
        sheet.picture,
        span=3,
    )


def ledger_panel(blobs: BlobTable) -> Panel:
    """Every seed component and what became of it."""
    counts = blobs.counts_by_reason()
    total = max(sum(counts.values()), 1)
    shown = [reason for reason in Reason if counts[reason.text] or reason == Reason.KEPT]
    rows = tuple((reason.text, MEANINGS[reason], f"{counts[reason.text]:,}") for reason in shown)
    return Panel(
        "The ledger: every seed is accounted for",
        f"{total:,} seed components; each has a row in blobs.h5, kept or with its reason. A size limit that "
        "rejects many is worth a look: filtering by size is an operation on the table and needs no second run.",
        table=Table(
            ("reason", "meaning", "seeds"), rows, tuple(counts[r.text] / total for r in shown), numeric=(2,)
        ),
        span=4,
    )


def flag_panel(blobs: BlobTable) -> Panel:
    """How many kept blobs carry which flag."""
    flags = blobs["flags"].astype(np.int64)
    numbers = [int(np.count_nonzero(flags & int(flag))) for flag in FLAG_MEANINGS]
    rows = [(meaning, f"{n:,}") for meaning, n in zip(FLAG_MEANINGS.values(), numbers, strict=True)]
    return Panel(
        "Flags of the kept blobs",
        "Marks, not rejections; later stages weigh such blobs down.",
        table=Table(("flag", "blobs"), tuple(rows), tuple(n / max(len(blobs), 1) for n in numbers), numeric=(1,)),
        span=2,
    )


def _log_histogram(axes: Axes, values: AnyArray, colour: str, step: float | None = None) -> None:
    """Counts in even steps of the logarithm; values that come in steps share them, so that no comb shows."""
    positive = values[values > 0]
    if len(positive):
        ends = np.log10(positive.min()), np.log10(positive.max() * 1.001 + 1e-9)
        edges = np.logspace(ends[0], max(ends[1], ends[0] + 0.1), 41)
        axes.stairs(*np.histogram(spread_over_steps(positive, step), edges), fill=True, color=colour, alpha=0.75)
        axes.set_xscale("log")
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(plain_numbers())
