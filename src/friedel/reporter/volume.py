"""Panels about the map: in three dimensions, in slices, and what is known about its voxels."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from friedel.model.arrays import AnyArray
from friedel.model.colours import STATUS_COLOURS, by_orientation, has_key
from friedel.model.grains import GrainTable, GrainVolume, Status
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.map_rendering import render_map, view_axes
from friedel.reporter.orientations import draw_keys
from friedel.reporter.panel import Panel
from friedel.reporter.picture import Picture
from friedel.reporter.svg_figure import INK, SOFT, SvgFigure, short

LINES = "#12161d"
SURE = (0.5, 0.8, 0.95)
SURE_COLOURS = ("#b4423c", "#e0a04c", "#8fb7c9", "#2f6f8f")
"""Confidences below, between and above `SURE`: they differ in lightness too."""


def coverage(volume: GrainVolume) -> dict[Status, float]:
    """Part of the map's voxels with each status."""
    counts = np.bincount(volume.status.ravel(), minlength=4)
    return {status: float(counts[status]) / max(int(counts[1:].sum()), 1) for status in STATUS_COLOURS}


def solid_panel(inputs: ReportInputs, grains: GrainTable, volume: GrainVolume) -> Panel:
    """The whole map from outside, a corner cut away, with the key of its colours."""
    picture, pixel_um = render_map(volume, by_orientation(grains, inputs.phases))
    rows, cols = picture.shape[:2]
    keyed = has_key(inputs.phases) and bool(len(grains))
    with SvgFigure(640, 640 * rows / cols * 0.8 + 40, crop=True) as sheet:
        axes = sheet.axes()[0]
        axes.imshow(picture, interpolation="none")
        axes.axis("off")
        axes.set_xlim(-0.02 * cols, (1.26 if keyed else 1.05) * cols)
        axes.set_ylim(1.09 * rows, -0.02 * rows)
        _scale(axes, rows, cols, pixel_um)
        _triad(axes, rows, cols)
        if keyed:
            draw_keys(axes.inset_axes((0.83, 0.72, 0.15, 0.28)), inputs.phases)
    sizes = np.array(volume.grain_id.shape[::-1]) * volume.voxel_um
    colour = "Colour: which crystal direction lies along z (key)" if keyed else "Each grain has a colour of its own"
    return Panel(
        "The map of grains",
        f"{len(grains)} grains in {' × '.join(short(float(s)) for s in sizes)} µm, voxels of {volume.voxel_um:g} "
        f"µm, a corner cut away. {colour}; z is the rotation axis. Surfaces are smoothed over a voxel for the "
        "picture only. Good: compact grains that meet in smooth faces. Bad: crumbs, shells, needles.",
        sheet.picture,
        span=4,
    )


def _scale(axes: Axes, rows: int, cols: int, pixel_um: float) -> None:
    wanted = 0.22 * cols * pixel_um
    power = 10.0 ** np.floor(np.log10(wanted))
    length = max(step * power for step in (1, 2, 5) if step * power <= wanted)
    right = 1.0 * cols
    axes.plot([right - length / pixel_um, right], [1.035 * rows] * 2, color=INK, lw=2.5, solid_capstyle="butt")
    axes.annotate(
        f"{length:g} µm", (right - 0.5 * length / pixel_um, 1.05 * rows), ha="center", va="top", color=INK
    )


def _triad(axes: Axes, rows: int, cols: int) -> None:
    """The sample's axes as the viewer sees them."""
    right, up, _ = view_axes()
    foot = (0.07 * cols, 1.02 * rows)
    for axis, name in enumerate("xyz"):
        way = cols * float(right[axis]), -cols * float(up[axis])
        tip, place = ((foot[0] + part * way[0], foot[1] + part * way[1]) for part in (0.1, 0.128))
        axes.annotate("", tip, foot, arrowprops={"arrowstyle": "-|>", "color": SOFT, "lw": 1.2, "shrinkA": 0,
                                                "shrinkB": 0, "mutation_scale": 9})  # fmt: skip
        axes.annotate(name, place, ha="center", va="center", fontsize=11, color=INK, annotation_clip=False)


def slice_panels(inputs: ReportInputs, grains: GrainTable, volume: GrainVolume) -> list[Panel]:
    """Three slices through the middle by orientation, and the same by what is known."""
    colours = by_orientation(grains, inputs.phases)
    by_status = np.vstack([np.zeros(3), *[_rgb(colour) for colour in STATUS_COLOURS.values()]])
    keyed = has_key(inputs.phases) and bool(len(grains))
    known = coverage(volume)
    orientation = draw_slices(volume, np.vstack([np.zeros(3), colours])[volume.grain_id], inputs if keyed else None)
    named = [(STATUS_COLOURS[one], f"{one.name.lower()}\n{100 * share:.1f} %") for one, share in known.items()]
    status = draw_slices(volume, by_status[volume.status], None, legend=named)
    open_share = 1.0 - known[Status.MEASURED]
    panels = [
        Panel(
            "Slices through the middle",
            "The voxels as they are, "
            + ("coloured by the crystal direction along z" if keyed else "each grain in a colour of its own")
            + ", dark where two grains meet. Good: straight or gently bent boundaries, junctions of three. Bad: "
            "ragged edges, islands, holes.",
            orientation,
        ),
        Panel(
            "What is known, voxel by voxel",
            f"The same slices. {100 * known[Status.MEASURED]:.1f} % of the map was measured, "
            f"{100 * known[Status.CONTESTED]:.1f} % claimed by two grains and given to the denser one, "
            f"{100 * known[Status.DILATED]:.1f} % filled from beside. Good: thin seams along boundaries. Bad: wide "
            "patches of grey, which is a grain that is missing.",
            status,
            verdict="good" if open_share < 0.1 else "watch",
        ),
    ]
    return panels if volume.confidence is None else [*panels, _confidence_panel(volume, volume.confidence)]


def _confidence_panel(volume: GrainVolume, confidence: AnyArray) -> Panel:
    """Slices by how likely each voxel's grain is the right one."""
    here = volume.grain_id > 0
    kind = np.searchsorted(SURE, confidence, side="right")
    share = np.bincount(kind[here], minlength=len(SURE) + 1) / max(int(np.count_nonzero(here)), 1)
    ends = ["0", *(f"{one:g}" for one in SURE), "1"]
    named = [
        (colour, f"{low} to {high}\n{100 * part:.1f} %")
        for colour, low, high, part in zip(SURE_COLOURS, ends[:-1], ends[1:], share, strict=True)
    ]
    mean = float(confidence[here].mean()) if here.any() else 0.0
    return Panel(
        "How sure, voxel by voxel",
        f"The same slices by confidence: how likely the voxel's grain is the right one, {mean:.3f} on average. Of "
        "voxels with .9, nine in ten are right. Good: thin seams along boundaries. Bad: wide patches.",
        draw_slices(volume, np.array([_rgb(one) for one in SURE_COLOURS])[kind], None, legend=named[::-1]),
    )


def _rgb(colour: str) -> AnyArray:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def draw_slices(
    volume: GrainVolume,
    colour: AnyArray,
    keyed: ReportInputs | None,
    legend: Sequence[tuple[str, str]] = (),
) -> Picture:
    """x-y, x-z and y-z through the middle, to one scale; `legend` are colours and what they mean."""
    depth, rows, cols = volume.grain_id.shape
    cuts = (
        ("x", "y", (depth // 2, slice(None), slice(None))),
        ("x", "z", (slice(None), rows // 2, slice(None))),
        ("y", "z", (slice(None), slice(None), cols // 2)),
    )
    widths = [cols, cols, rows]
    x0, y0, z0 = np.asarray(volume.origin_um, float)
    starts = {"x": x0, "y": y0, "z": z0}
    tall = max(rows, depth) / sum(widths)
    with SvgFigure(1120, min(560.0, 950 * tall + 60), crop=True) as sheet:
        wide = 0.26 * max(widths) if keyed is not None or legend else 0.01
        parts = sheet.axes(1, 4, width_ratios=[*widths, wide])
        for ax, (across, upwards, place) in zip(parts, cuts, strict=False):
            label = volume.grain_id[place]
            image = np.concatenate([colour[place], (label > 0)[..., None]], axis=-1)
            (h, w), v = label.shape, volume.voxel_um
            box = (starts[across], starts[across] + w * v, starts[upwards], starts[upwards] + h * v)
            ax.imshow(image, extent=box, origin="lower", interpolation="none")
            _between(ax, label, box)
            ax.set_xlim(box[:2])
            ax.set_ylim(box[2:])
            ax.grid(visible=False)
            ax.set_xlabel(f"{across} / µm")
            ax.set_ylabel(f"{upwards} / µm")
            for spine in ax.spines.values():
                spine.set_visible(False)
        parts[3].axis("off")
        if keyed is not None:
            draw_keys(parts[3], keyed.phases)
        if legend:
            parts[3].set_box_aspect(1)
            handles = [Patch(color=one) for one, _ in legend]
            names = [text for _, text in legend]
            parts[3].legend(handles, names, loc="center", borderpad=0, labelspacing=1.2, handlelength=1)
    return sheet.picture


def _between(axes: Axes, label: AnyArray, box: tuple[float, float, float, float]) -> None:
    """Lines between grains, along the edges of voxels; neighbouring edges become one stroke."""
    left, right, bottom, top = box
    strokes = [*_strokes(label), *((y, x) for x, y in _strokes(label.T))]
    path = np.array([[*zip(x, y, strict=True), (np.nan, np.nan)] for x, y in strokes], float).reshape(-1, 2)
    if len(path):
        x = left + (right - left) * path[:, 0] / label.shape[1]
        y = bottom + (top - bottom) * path[:, 1] / label.shape[0]
        axes.plot(x, y, color=LINES, lw=0.9, solid_capstyle="projecting")


def _strokes(label: AnyArray) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Ends ((x, x), (y, y)) of the lines along x below which lies another grain, in voxels from the corner."""
    above, below = label[1:], label[:-1]
    edge = np.pad((above != below) & (above > 0) & (below > 0), ((0, 0), (1, 1))).astype(np.int8)
    turn = np.diff(edge, axis=1)
    row, begin = np.nonzero(turn == 1)
    end = np.nonzero(turn == -1)[1]
    return [((b, e), (r + 1, r + 1)) for r, b, e in zip(row.tolist(), begin.tolist(), end.tolist(), strict=True)]
