"""The panel about pairs across the beam: angles on their curves, and where their rays meet."""

import numpy as np

from friedel.model.grains import GrainTable
from friedel.model.pairs import AcrossTable
from friedel.model.traceability import grain_of_blob
from friedel.reporter.panel import Panel
from friedel.reporter.svg_figure import BLUE, SOFT, TEAL, WARM, SvgFigure

MOST = 4_000
"""Points that are drawn."""


def across_panel(across: AcrossTable, grains: GrainTable | None) -> Panel:
    """Azimuth over the angle between both spots with the curve of each ring; the points in the sample, from two
    sides."""
    some = np.arange(len(across))[:: max(len(across) // MOST, 1)]
    a, b = across["blob_a"], across["blob_b"]
    of_grain = np.zeros(len(across), dtype=bool)
    if grains is not None and len(grains):
        owner = grain_of_blob(grains, int(max(a.max(), b.max())) + 1)
        of_grain = (owner[a] >= 0) & (owner[a] == owner[b])
    groups = (some[~of_grain[some]], WARM), (some[of_grain[some]], TEAL if of_grain.any() else BLUE)
    with SvgFigure(1120, 340) as sheet:
        curves, above, beside = sheet.axes(1, 3)
        sine = np.linspace(0.1, 1.0, 200)
        for two_theta in np.unique(np.round(across["two_theta"], 3)):
            apart = 2 * np.degrees(np.arctan(np.tan(np.radians(two_theta / 2)) / sine))
            curves.plot(apart, sine, color=SOFT, lw=0.8, zorder=0)
        for rows, colour in groups:
            curves.plot(across["after"][rows], np.sin(np.radians(across["eta"][rows])), ".", ms=3, color=colour)
            for axes, one, other in ((above, "x", "y"), (beside, "x", "z")):
                axes.plot(across[f"point_{one}"][rows], across[f"point_{other}"][rows], ".", ms=3, color=colour)
        curves.set_xlim(0, 1.05 * float(across["after"].max()))
        curves.set_xlabel("omega from the first spot to the second / deg")
        curves.set_ylabel("sin eta of the first")
        for axes, other in ((above, "y"), (beside, "z")):
            axes.set_aspect("equal", adjustable="datalim")
            axes.set_xlabel("x / µm")
            axes.set_ylabel(f"{other} / µm")
    return Panel(
        "Pairs across the beam",
        "Spots of h and −h on both sides of the beam, a few degrees apart: their angle says eta (lines: one a "
        "ring), and their rays meet in the grain, seen here from above and from the side. Green: both spots of one "
        "grain. Good: heaps of green points. Bad: an even cloud (sense of rotation, distance, energy).",
        sheet.picture,
    )
