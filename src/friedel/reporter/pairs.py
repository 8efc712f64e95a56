"""Panels about Friedel pairs: where they lie, how exact they are, and what chance would have given."""

import numpy as np

from friedel.model.families import family_two_theta_rad, used_reflections
from friedel.model.grains import GrainTable
from friedel.model.pairs import PairTable
from friedel.model.traceability import grain_of_blob
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.instrument import name_of
from friedel.reporter.pairs_across import across_panel
from friedel.reporter.panel import Panel, Table
from friedel.reporter.svg_figure import BLUE, INK, SOFT, TEAL, WARM, SvgFigure


def pair_panels(inputs: ReportInputs, pairs: PairTable) -> list[Panel]:
    """Two-theta with the lattice, numbers against the null, residuals against their tolerances."""
    across = [across_panel(pairs.across, inputs.grains)] if len(pairs.across) else []
    if not len(pairs):
        return [*across, _numbers(pairs, inputs.grains if across else None)]
    return [_two_theta(inputs, pairs), _numbers(pairs, inputs.grains), *_residuals(pairs), *across]


def _lines(inputs: ReportInputs) -> list[tuple[float, str, int, int]]:
    """Two-theta in degrees, name, row of the phase and of the family, of every ring in use."""
    if inputs.setup is None or inputs.blobs is None:
        return []
    found = []
    for row, phase in enumerate(inputs.phases):
        used = used_reflections(phase, inputs.setup, inputs.blobs.shape[1:])
        angles = np.degrees(family_two_theta_rad(used, inputs.setup.beam.wavelength))
        for family, (angle, hkl) in enumerate(zip(angles, used.representative.tolist(), strict=True)):
            found.append((float(angle), name_of(hkl), row, family))
    return sorted(found)


def _two_theta(inputs: ReportInputs, pairs: PairTable) -> Panel:
    lines, angle = _lines(inputs), pairs["two_theta"]
    low, high = float(angle.min()), float(angle.max())
    pad = 0.06 * (high - low) + 0.02
    edges = np.linspace(low - pad, high + pad, 420)
    counts = np.histogram(angle, edges)[0]
    with SvgFigure(740, 300) as sheet:
        axes = sheet.axes()[0]
        # a ring is so narrow that a bar would not show: lines have a width of their own
        at = np.flatnonzero(counts)
        axes.vlines(edges[at] + 0.5 * (edges[1] - edges[0]), 0.8, counts[at], color=BLUE, lw=1.9)
        axes.set_yscale("log")
        top = float(counts.max()) * 3
        axes.set_ylim(0.8, top * 1.6)
        last = -np.inf
        for two_theta, name, phase, family in lines:
            mine = int(((pairs["phase"] == phase) & (pairs["family"] == family)).sum())
            axes.axvline(two_theta, color=INK if mine else SOFT, lw=0.8, ls=(0, (2, 3)), zorder=0)
            near = two_theta - last < 0.035 * (edges[-1] - edges[0])
            axes.annotate(name, (two_theta, top * (0.55 if near else 1.0)), ha="center", va="center", fontsize=10,
                          color=INK, bbox={"facecolor": "#040404", "edgecolor": "none", "pad": 1.2})  # fmt: skip
            last = two_theta
        axes.set_xlabel("2 theta of the pair / deg")
        axes.set_ylabel("pairs")
    return Panel(
        "Two-theta of the pairs",
        "Free of where the grain lies, so that every pair stands on a line of its lattice (dashed, named). Good: "
        "all lines in use are there, each with its multiplicity's share. Bad: an empty line, or lines beside the "
        "dashed ones: distance, energy or lattice is off.",
        sheet.picture,
        span=4,
    )


def _numbers(pairs: PairTable, grains: GrainTable | None) -> Panel:
    """Judged by the grains, where there are some: chance matters little for pairs that crystals explain."""
    a, b = pairs.of_both_kinds("blob_a"), pairs.of_both_kinds("blob_b")
    rows = _counts(pairs, len(np.unique(np.concatenate([a, b]))))
    found, chance = max(len(a), 1), pairs.null_pairs + pairs.across.null_pairs
    good = chance < 0.1 * len(a)
    caption = "How many pairs the same search finds when the angles are scrambled. "
    if grains is not None and len(grains) and len(a):
        owner = grain_of_blob(grains, pairs.blobs or int(max(a.max(), b.max())) + 1)
        of_one = float(np.mean((owner[a] >= 0) & (owner[a] == owner[b])))
        rows.append(("both halves in one grain", f"{100 * of_one:.0f} %"))
        good |= of_one > chance / found and of_one > 0.5
        caption += (
            "The grains say which pairs are right: those with both halves in one grain, more than half of all."
        )
    else:
        caption += (
            "Good: a few per cent. Above one half most may be chance: if no grains come of them, check geometry, "
            "energy and lattice, or calibrate."
        )
    return Panel(
        "Against chance",
        caption,
        table=Table(("", ""), tuple(rows), numeric=(1,)),
        span=2,
        verdict="good" if good else "watch",
    )


def _counts(pairs: PairTable, used: int) -> list[tuple[str, str]]:
    """Pairs of either kind with their nulls, and the tolerances they were found with; `used` blobs have a
    partner."""
    rows = []
    if pairs.pairable or not len(pairs.across):
        rows += [("pairs", f"{len(pairs):,}"), ("with omega scrambled", f"{pairs.null_pairs:,.0f}")]
    if pairs.quadruplets:
        rows += [("quadruplets", f"{pairs.quadruplets:,}"), ("by chance", f"{pairs.null_quadruplets:,.0f}")]
    if len(pairs.across):
        rows += [("across the beam", f"{len(pairs.across):,}"), ("by chance", f"{pairs.across.null_pairs:,.0f}")]
    if pairs.blobs:
        rows.append(("blobs with a partner", f"{100 * used / pairs.blobs:.0f} %"))
    if pairs.pairable < 1:
        rows.append(("scan with partners", f"{100 * pairs.pairable:.0f} %"))
    if pairs.candidates:
        rows.append(("candidates", f"{pairs.candidates:,}"))
    tolerance = pairs.tolerances if pairs.tolerances.factor else pairs.across.tolerances
    if tolerance.factor:
        rows += [
            ("omega tolerance", f"{tolerance.omega_deg:.3g}°"),
            ("2 theta tolerance", f"{tolerance.two_theta_deg:.3g}°"),
            ("which are", f"{tolerance.factor:g} sigma"),
            ("and come from", "the pairs" if tolerance.tuned else "the blobs"),
        ]
    return rows


def _residuals(pairs: PairTable) -> list[Panel]:
    names = [name for name in ("omega_residual", "two_theta_residual") if name in pairs.columns]
    if not names:
        return []
    limits = {"omega_residual": pairs.tolerances.omega_deg, "two_theta_residual": pairs.tolerances.two_theta_deg}
    labels = {
        "omega_residual": "omega residual × |sin eta| / deg", "two_theta_residual": "2 theta off its line / deg",
    }  # fmt: skip
    with SvgFigure(1120, 250) as sheet:
        parts = sheet.axes(1, len(names) + 1)
        for ax, name, colour in zip(parts, names, (WARM, TEAL), strict=False):
            values = pairs[name]
            span = 1.6 * limits[name] or float(np.percentile(np.abs(values), 99)) or 1.0
            counts, edges = np.histogram(np.clip(values, -span, span), np.linspace(-span, span, 61))
            ax.stairs(counts, edges, fill=True, color=colour, alpha=0.75)
            ax.axvline(0, color=INK, lw=0.8)
            for limit in (-limits[name], limits[name]):
                if limit:
                    ax.axvline(limit, color=INK, lw=1, ls=(0, (4, 3)))
            ax.set_xlabel(labels[name])
        values = np.clip(pairs["residual"], 0, float(np.percentile(pairs["residual"], 99.5)) or 1.0)
        parts[-1].stairs(*np.histogram(values, 60), fill=True, color=BLUE, alpha=0.75)
        parts[-1].set_xlabel("total normalised residual")
        parts[0].set_ylabel("pairs")
    medians = ", ".join(f"{np.median(pairs[name]):+.2g}°" for name in names)
    return [
        Panel(
            "How well the halves of a pair agree",
            "Dashed: what a typical pair was allowed (each has its own tolerance; the outermost bars hold all "
            "beyond). Good: narrow humps about zero, far from the dashed lines. Bad: a hump beside zero (distance, "
            f"energy, centre), a flat floor (pairs by chance), edges cut by the tolerance. Medians: {medians}.",
            sheet.picture,
        )
    ]
