"""Panels about what the map says: sizes of grains, misorientations of boundaries, slip."""

import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy.spatial.transform import Rotation

from friedel.model.arrays import Floats
from friedel.model.crystal import Phase
from friedel.model.description import Description
from friedel.model.grains import GrainTable
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel
from friedel.reporter.svg_figure import BLUE, INK, SOFT, TEAL, WARM, SvgFigure

RANDOM_PAIRS = 20000
LOW_ANGLE_DEG = 15.0


def description_panels(inputs: ReportInputs, grains: GrainTable, description: Description) -> list[Panel]:
    """Sizes, misorientations, Schmid factors."""
    panels = [_sizes(description), _misorientations(inputs, grains, description)]
    if np.isfinite(description.grains["schmid_factor"]).any():
        panels.append(_schmid(description))
    return panels


def _sizes(description: Description) -> Panel:
    diameter, inner = description.grains["diameter_um"], description.grains["on_surface"] == 0
    diameter, inner = diameter[diameter > 0], inner[description.grains["diameter_um"] > 0]
    neighbours = description.grains["neighbours"]
    edges = np.linspace(0, float(diameter.max(initial=1.0)) * 1.05, 26)
    with SvgFigure(350, 290) as sheet:
        axes = sheet.axes()[0]
        axes.stairs(*np.histogram(diameter, edges), fill=True, color=BLUE, alpha=0.4, label="all")
        axes.stairs(*np.histogram(diameter[inner], edges), fill=True, color=BLUE, alpha=0.8, label="inside")
        axes.axvline(float(np.median(diameter)) if len(diameter) else 0, color=INK, lw=1, ls=(0, (4, 3)))
        axes.set_xlabel("equivalent diameter / µm")
        axes.set_ylabel("grains")
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.legend(loc="upper right")
    return Panel(
        "How large the grains are",
        "Diameter of the sphere of the same volume; strong colour: grains that the sample's surface does not cut. "
        f"Median {np.median(diameter) if len(diameter) else 0:.3g} µm (dashed), {np.mean(neighbours):.1f} "
        "neighbours each. Bad: a crowd of tiny grains, which are often sub-grains of others.",
        sheet.picture,
        span=2,
    )


def random_misorientations_deg(phase: Phase) -> Floats:
    """Of pairs of crystals without any texture (Mackenzie's distribution, for any symmetry)."""
    U = Rotation.random(RANDOM_PAIRS, rng=np.random.default_rng(1)).as_matrix()
    return phase.misorientation_deg(np.broadcast_to(np.eye(3), U.shape), U)


def _misorientations(inputs: ReportInputs, grains: GrainTable, description: Description) -> Panel:
    found = description.boundaries
    angle, area = found["misorientation_deg"], found["area_um2"]
    known = np.isfinite(angle)
    angle, area = angle[known], area[known]
    phase = int(np.bincount(grains.phase).argmax()) if len(grains) else 0
    random = random_misorientations_deg(inputs.phases[phase]) if inputs.phases else np.zeros(0)
    top = max(float(random.max(initial=0)), float(angle.max(initial=1)))
    edges = np.arange(0, top + 3, 3.0)
    total = max(float(area.sum()), 1e-9)
    with SvgFigure(350, 290) as sheet:
        axes = sheet.axes()[0]
        axes.stairs(
            np.histogram(angle, edges, weights=area)[0] / total * 100, edges, fill=True, color=WARM, alpha=0.8
        )
        if len(random):
            shares = np.histogram(random, edges)[0] / len(random) * 100
            axes.plot(0.5 * (edges[1:] + edges[:-1]), shares, color=INK, lw=1.4, label="random")
            axes.legend(loc="upper left")
        axes.set_xlabel("misorientation / deg")
        axes.set_ylabel("boundary area / %")
    low = float(area[angle < LOW_ANGLE_DEG].sum()) / total
    return Panel(
        "Across the boundaries",
        f"Misorientation of {len(angle):,} boundaries by area, and what crystals without texture would have (for "
        f"cubic ones Mackenzie's curve). {100 * low:.0f} % lie below {LOW_ANGLE_DEG:g}°. A peak at 60° in cubic "
        "metals is twins; one near 0 is a grain found twice, or subgrains.",
        sheet.picture,
        span=2,
    )


def _schmid(description: Description) -> Panel:
    factor, diameter = description.grains["schmid_factor"], description.grains["diameter_um"]
    axis = ", ".join(f"{part:g}" for part in description.load_axis)
    with SvgFigure(350, 290) as sheet:
        axes = sheet.axes()[0]
        axes.scatter(factor, diameter, s=26, color=TEAL, alpha=0.8, linewidths=0)
        low = float(np.nanmin(factor))
        axes.set_xlim(min(0.3, low - 0.01), 0.505)
        axes.axvline(0.5, color=SOFT, lw=1, ls=(0, (4, 3)))
        axes.set_ylim(0, None)
        axes.set_xlabel("largest Schmid factor")
        axes.set_ylabel("equivalent diameter / µm")
    soft = int(np.nansum(factor > 0.49))
    return Panel(
        "Which grains slip first",
        f"Largest Schmid factor for a load along [{axis}] of the sample, against size; 0.5 is the most there can "
        f"be. {soft} grains above 0.49 yield first. Plane and direction of every grain's system: grains.h5.",
        sheet.picture,
        span=2,
    )
