"""Panels about indexed grains: their spots, how complete they are, what is left over, whom to trust least."""

from dataclasses import replace

import numpy as np
from matplotlib.ticker import MaxNLocator

from friedel.model.arrays import AnyArray, Floats
from friedel.model.blobs import BlobTable
from friedel.model.colours import by_number
from friedel.model.explained import explained
from friedel.model.figures_of_merit import figures_of_merit, mean_rank
from friedel.model.grains import GrainTable
from friedel.model.traceability import grain_of_blob, owners
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.overview import projection_panel
from friedel.reporter.panel import Panel, Table
from friedel.reporter.pictures import draw_box, label_pixels, show_image
from friedel.reporter.svg_figure import BLUE, INK, ON_IMAGE_BOX, SOFT, TEAL, WARM, SvgFigure

LEAST_TRUSTED = 12
NIGHT = np.array([0.02, 0.027, 0.05])


def grain_panels(inputs: ReportInputs, grains: GrainTable) -> list[Panel]:
    """Everything about the grains that needs no map."""
    panels = []
    blobs = inputs.blobs
    if blobs is not None and len(blobs):
        projection = projection_panel(inputs) if has_map(inputs) else None  # else it is at the top
        panels += [replace(projection, span=3)] if projection is not None else []
        panels.append(spots_panel(inputs, blobs, grains))
    panels.append(_completeness(grains))
    if len(grains.alternative_log_odds):
        panels.append(standing_panel(grains))
    if len(grains.hkl) and inputs.setup is not None and blobs is not None:
        panels.append(_eta_omega(inputs, grains))
    if len(grains.residuals):
        panels.append(_residuals(grains))
    return panels


def has_map(inputs: ReportInputs) -> bool:
    """Whether there is a map with a grain in it."""
    return inputs.volume is not None and inputs.grains is not None and bool(inputs.volume.grain_id.any())


def spots_panel(inputs: ReportInputs, blobs: BlobTable, grains: GrainTable) -> Panel:
    """The brightest voxel of every pixel, coloured by the grain that it belongs to."""
    brightest, blob = brightest_blob(blobs)
    grain = grain_of_blob(grains, len(blobs))
    colours = np.vstack([by_number(len(grains)), np.full(3, 0.42)])
    level = np.arcsinh(np.clip(brightest / max(float(np.percentile(brightest[blob >= 0], 97)), 1e-9), 0, 1) * 8)
    shade = (0.25 + 0.75 * level / np.arcsinh(8))[..., None]
    picture = np.where((blob >= 0)[..., None], colours[grain[np.maximum(blob, 0)]] * shade, NIGHT)
    share = explained(blobs, grains)
    with SvgFigure(560, 560 * blobs.shape[1] / blobs.shape[2], crop=True) as sheet:
        axes = sheet.axes()[0]
        show_image(axes, picture)
        label_pixels(axes)
        if inputs.beam is not None:
            draw_box(axes, inputs.beam, ON_IMAGE_BOX, dashed=True)
    return Panel(
        "Spots by grain",
        f"Every pixel's brightest spot in the colour of its grain; grey belongs to none. {100 * share.blobs:.0f} % "
        f"of the {len(blobs):,} blobs have a grain, with {100 * share.light:.0f} % of their light; rings that are "
        "not in use are grey too. Good: colours mixed all over. Bad: bright grey spots among coloured ones (a "
        "grain that was not found, another phase).",
        sheet.picture,
        span=3,
        verdict="watch" if share.doubt else "",
    )


def brightest_blob(blobs: BlobTable) -> tuple[AnyArray, AnyArray]:
    """Brightest kept voxel of each pixel [row, col] in counts, 0 for none, and its blob, -1 for none."""
    kept = slice(0, int(blobs.voxels.pointer[len(blobs)]))
    intensity = blobs.voxels.intensity[kept]
    pixel = blobs.voxels.row[kept].astype(np.int64) * blobs.shape[2] + blobs.voxels.col[kept]
    brightest = np.zeros(blobs.shape[1] * blobs.shape[2], np.float32)
    np.maximum.at(brightest, pixel, intensity)
    top = np.flatnonzero(intensity >= brightest[pixel])
    blob = np.full(len(brightest), -1, np.int64)
    blob[pixel[top]] = np.searchsorted(blobs.voxels.pointer, top, side="right") - 1
    return brightest.reshape(blobs.shape[1:]), blob.reshape(blobs.shape[1:])


def _completeness(grains: GrainTable) -> Panel:
    edges = np.linspace(0, 1, 51)
    with SvgFigure(350, 330) as sheet:
        axes = sheet.axes()[0]
        axes.stairs(*np.histogram(np.clip(grains.completeness, 0, 1), edges), fill=True, color=TEAL, alpha=0.8)
        if len(grains.null_completeness):
            axes.stairs(*np.histogram(grains.null_completeness, edges), fill=True, color=SOFT, alpha=0.8)
            axes.annotate("chance", (float(np.median(grains.null_completeness)), 1), (4, 10), ha="left",
                          textcoords="offset points", xycoords=axes.get_xaxis_transform(), color=SOFT,
                          annotation_clip=False, va="top")  # fmt: skip
        if len(grains.null_limit):
            axes.axvline(float(grains.null_limit.max()), color=INK, lw=1, ls=(0, (4, 3)))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(3.0, 1.25 * np.histogram(grains.completeness, edges)[0].max(initial=1)))
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("completeness")
        axes.set_ylabel("grains")
    low = float(grains.completeness.min()) if len(grains) else 0.0
    beyond = len(grains) > 0 and (
        not len(grains.null_limit) or bool((grains.completeness > grains.null_limit).all())
    )
    return Panel(
        "How complete they are",
        "Spots found over spots expected on the detector. Grey: what the same search reaches by chance on average; "
        f"dashed: what chance does not reach. Good: a narrow hump, far to the right. The least has {low:.2f}.",
        sheet.picture,
        span=2,
        verdict="good" if beyond else "watch",
    )


def standing_panel(grains: GrainTable) -> Panel:
    """How sure it is how each grain stands in a lattice that is more symmetric than its crystal."""
    known = np.isfinite(grains.alternative_log_odds)
    odds, doubt = grains.alternative_log_odds[known], np.asarray(grains.ambiguous, dtype=bool)[known]
    edges = np.linspace(min(0.0, float(odds.min(initial=0))), max(10.0, float(odds.max(initial=0))), 41)
    with SvgFigure(350, 330) as sheet:
        axes = sheet.axes()[0]
        for values, colour in ((odds[~doubt], TEAL), (odds[doubt], WARM)):
            axes.stairs(*np.histogram(values, edges), fill=True, color=colour, alpha=0.8)
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("ln odds against the next way to stand")
        axes.set_ylabel("grains")
    twin = grains.twin_fraction[known]
    return Panel(
        "How they stand in their lattice",
        "The lattice is more symmetric than the crystal: turned, a grain has its spots in the same places. Odds of "
        "how it stands are from the spots' intensities; orange: these do not tell. "
        f"{int(doubt.sum())} of {len(odds)} grains are ambiguous; of the median grain "
        f"{100 * float(np.nanmedian(twin)) if np.isfinite(twin).any() else 0:.0f} % seem to stand the other way "
        "(twins). Good: all far to the right. Bad: orange ones, or odds about zero.",
        sheet.picture,
        span=2,
        verdict="watch" if doubt.any() else "good",
    )


def _eta_omega(inputs: ReportInputs, grains: GrainTable) -> Panel:
    eta, omega = eta_omega_deg(inputs, grains)
    owner = owners(grains)
    order = np.random.default_rng(0).permutation(len(owner))[:12000]  # no grain covers another
    with SvgFigure(740, 360) as sheet:
        axes = sheet.axes()[0]
        pairs = inputs.pairs
        if pairs is not None:
            free = ~np.isin(pairs["blob_a"], grains.blobs)
            axes.scatter(pairs["eta"][free], pairs["omega"][free], s=9, marker="x", color=SOFT, linewidths=0.7)
        axes.scatter(eta[order], omega[order], s=5, color=by_number(len(grains))[owner[order]], linewidths=0,
                     rasterized=True)  # fmt: skip
        axes.set_xlim(-180, 180)
        axes.set_xticks(range(-180, 181, 45))
        axes.set_ylim(omega.min(initial=0) - 4, omega.max(initial=360) + 4)
        axes.set_xlabel("eta / deg")
        axes.set_ylabel("omega / deg")
    return Panel(
        "Eta and omega",
        "Every spot of every grain, in the grain's colour: eta is the angle on the ring, omega the rotation; "
        "crosses are pairs without a grain. Good: evenly filled, with gaps only at eta = 0 and ±180° (the rotation "
        "axis). Bad: empty bands (a shadow, a missing part of the scan), dense clumps, or many crosses.",
        sheet.picture,
        span=4,
    )


def eta_omega_deg(inputs: ReportInputs, grains: GrainTable) -> tuple[Floats, Floats]:
    """Eta predicted from the grain and measured omega (of the stage) of every entry of `blobs`, in degrees."""
    if inputs.setup is None or inputs.blobs is None:
        return np.zeros(0), np.zeros(0)
    stage = inputs.blobs["omega"][grains.blobs]
    w = inputs.setup.lab_omega_rad(stage)
    g = np.einsum("nij,nj->ni", np.linalg.inv(grains.UBI)[owners(grains)], grains.hkl)
    y = np.sin(w) * g[:, 0] + np.cos(w) * g[:, 1]
    return np.degrees(np.arctan2(-y, g[:, 2])), np.asarray(stage)


def _residuals(grains: GrainTable) -> Panel:
    labels = ("omega × |sin eta| / deg", "row / px", "col / px")
    with SvgFigure(1120, 250) as sheet:
        parts = sheet.axes(1, 3)
        for ax, values, label, colour in zip(parts, grains.residuals.T, labels, (WARM, BLUE, TEAL), strict=True):
            middle = float(np.median(values))
            span = abs(middle) + 10 * float(np.median(np.abs(values - middle))) or 1.0
            counts, edges = np.histogram(np.clip(values, -span, span), np.linspace(-span, span, 71))
            ax.stairs(counts, edges, fill=True, color=colour, alpha=0.75)
            ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
            ax.axvline(0, color=INK, lw=0.8)
            ax.axvline(float(np.median(values)), color=INK, lw=1, ls=(0, (4, 3)))
            ax.set_xlabel(label)
        parts[0].set_ylabel("spots")
    spread = 1.4826 * np.median(np.abs(grains.residuals - np.median(grains.residuals, axis=0)), axis=0)
    return Panel(
        "What prediction and spots differ by",
        f"Predicted minus measured, all {len(grains.residuals):,} spots of all grains; spread {spread[0]:.2g}°, "
        f"{spread[1]:.2g} px, {spread[2]:.2g} px (robust). The outermost "
        "bars hold all beyond: cut or merged blobs. Good: narrow, about zero; the dashed line is the median. "
        "Bad: a median away from zero or two humps: the geometry is off, calibrate.",
        sheet.picture,
    )


def trust_panel(inputs: ReportInputs, grains: GrainTable) -> Panel:
    """The grains that most of the evidence speaks against, first."""
    table = figures_of_merit(grains, inputs.volume)
    doubt = mean_rank(table)
    first = np.argsort(-doubt, kind="stable")[:LEAST_TRUSTED]
    chance = grains.null_limit if len(grains.null_limit) else np.full(len(grains), np.nan)
    names = [grains.phases[p] if p < len(grains.phases) else str(p) for p in grains.phase.tolist()]
    rows = tuple(
        (
            str(g + 1), names[g],
            table[0].form.format(table[0].values[g]),
            f"{chance[g]:.2f}",
            *(one.form.format(one.values[g]) for one in table[1:]),
        )
        for g in first.tolist()
    )  # fmt: skip
    head = ("grain_id", "phase", table[0].name, "chance reaches", *(one.name for one in table[1:]), "")
    rows = tuple((*row, f"{doubt[g]:.2f}") for row, g in zip(rows, first.tolist(), strict=True))
    return Panel(
        "The grains to trust least",
        f"{len(rows)} of {len(grains)}, the most doubtful first. Bar: doubt, the mean rank over the columns (1 "
        "would be the worst grain in all of them); it compares grains and says nothing about the best or the worst "
        "being good. A grain whose completeness is near what chance reaches may not exist. All grains: grains.h5.",
        table=Table((*head[:-1], "doubt"), rows, tuple(float(doubt[g]) for g in first), tuple(range(2, len(head)))),
    )
