"""Panels about the instrument and the crystals, as the recipe gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from friedel.errors import FriedelError
from friedel.model.crystal import Phase
from friedel.model.families import MOST_FAMILIES, family_two_theta_rad, used_reflections, widest_ring_deg
from friedel.model.setup import Setup
from friedel.recipe import SampleParams, SetupParams
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel, Table

Rows = list[tuple[str, ...]]
SENSES = {"+z": "+z: counter-clockwise from above", "-z": "-z: clockwise from above"}
MOST_PHASES = 3
"""So many stand beside each other in a third of the page."""


def instrument_panels(inputs: ReportInputs) -> tuple[Panel, ...]:
    """[setup], [[phase]] and the families of planes; nothing for a recipe without them."""
    panels = []
    section = inputs.recipe.setup if inputs.recipe is not None else None
    if section is not None:
        caption = "The geometry as given; where calibration changed it, Match and Index say so."
        table = Table(("", ""), tuple(_setup(inputs, section)))
        panels.append(Panel("[setup]", caption, table=table, span=2))
    if inputs.phases:
        panels.append(_phases(inputs.phases, _strengths(inputs)))
        families = _families(inputs)
        panels += [families] if families is not None else []
    return tuple(panels)


def _setup(inputs: ReportInputs, section: SetupParams) -> Rows:
    setup = inputs.setup
    rows: Rows = [("energy", f"{section.energy_keV:g} keV")]
    if setup is not None:
        rows.append(("wavelength", f"{setup.beam.wavelength:.5f} Å"))
    detector = section.detector
    for key, label, unit in (
        ("distance_um", "distance", " µm"), ("pixel_um", "pixel", " µm"), ("centre_px", "centre", " px (col, row)"),
        ("tilt_deg", "tilt about x, y, z", "°"), ("origin_um", "pixel (0, 0) at", " µm (x, y, z)"),
        ("u_um", "next column", " µm"), ("v_um", "next row", " µm"),
    ):  # fmt: skip
        value = getattr(detector, key)
        if value is not None and key in detector.model_fields_set:
            rows.append((label, _numbers(value) + unit))
    if detector.distance_um is not None:
        rows.append(("flip", " and ".join(detector.flip) or "none"))
    rows.append(("rotation", SENSES[section.rotation]))
    if setup is not None and setup.axis.lean_deg:
        rows.append(("the axis leans downstream by", f"{setup.axis.lean_deg:.4g}°"))
    rows.append(("sample", _sample(section.sample)))
    rows += _absorption(_measured(inputs).get("absorption"))
    rows.append(("calibrate", section.calibrate))
    if setup is not None and inputs.blobs is not None:
        shape = inputs.blobs.shape[1:]
        rows.append(("whole rings up to", f"2θ = {widest_ring_deg(setup.detector, shape):.1f}°"))
    return rows


def _absorption(told: Mapping[str, Any] | None) -> Rows:
    """What was corrected, where anything was."""
    if told is None:
        return []
    seen = f"; spots show {told['spots_per_mm']:.2f}" if "spots_per_mm" in told else ""
    return [("absorption corrected", f"{told['per_mm']:.3g} /mm, from the {told['source']}{seen}")]


def _numbers(value: Any) -> str:
    """One number, or several in brackets."""
    if isinstance(value, Sequence):
        return "[" + ", ".join(_numbers(part) for part in value) + "]"
    return f"{value:.10g}"


def _sample(sample: SampleParams) -> str:
    if sample.shape == "cylinder":
        return f"cylinder, radius {sample.radius_um:g} µm, height {sample.height_um:g} µm"
    if sample.size_um is not None:
        return " × ".join(f"{size:g}" for size in sample.size_um) + " µm (x, y, z)"
    return "where it absorbs the direct beam" if sample.mask == "absorption" else f"mask {sample.mask}"


def _phases(phases: Sequence[Phase], strengths: Mapping[str, Any]) -> Panel:
    """One column for each crystal; `strengths` are those of families of unknown atoms, by the phase's name."""
    rows = [
        ("space group", *(phase.spacegroup for phase in phases)),
        ("Laue class", *(phase.laue_class for phase in phases)),
        ("a, b, c / Å", *(_edges(phase) for phase in phases)),
        ("α, β, γ / °", *(", ".join(f"{angle:g}" for angle in phase.lattice[3:]) for phase in phases)),
        ("cell / Å³", *(f"{phase.cell_volume:.2f}" for phase in phases)),
        ("atoms", *(_atoms(phase) for phase in phases)),
        ("families", *(_which(phase) for phase in phases)),
    ]
    if strengths:
        rows.append(
            ("strengths (median 1, never seen 0)", *(_told(strengths.get(phase.name, {})) for phase in phases))
        )
    return Panel(
        "[[phase]]",
        "The lattice sets the scale. Whether the energy goes with it, the spots of grains tell: where it does not, "
        "Index says so, both ways.",
        table=Table(("", *(phase.name for phase in phases)), tuple(rows)),
        span=2 if len(phases) <= MOST_PHASES else 6,
    )


def _which(phase: Phase) -> str:
    if phase.families:
        return "named in the recipe"
    return "the strongest" if phase.knows_atoms else "the innermost"


def _strengths(inputs: ReportInputs) -> dict[str, Any]:
    """What indexing has fitted for phases of unknown atoms."""
    return dict(_measured(inputs).get("strengths", {}))


def _measured(inputs: ReportInputs) -> Mapping[str, Any]:
    """What indexing found out."""
    stage = None if inputs.record is None else inputs.record.stages.get("index")
    return {} if stage is None else stage.measured


def _told(strengths: Mapping[str, float]) -> str:
    return ", ".join(
        f"{name.replace(' ', '')} {value:.2g}" for name, value in list(strengths.items())[:MOST_FAMILIES]
    )


def _edges(phase: Phase) -> str:
    return ", ".join(f"{edge:.6g}" for edge in phase.lattice[:3])


def _atoms(phase: Phase) -> str:
    """Elements of the asymmetric unit, each once."""
    if not phase.knows_atoms:
        return "not known: one strength for each family, from the scan"
    return ", ".join(dict.fromkeys(site.element for site in phase.sites))


def _families(inputs: ReportInputs) -> Panel | None:
    """Every family in use: where its ring lies, how many planes it has, how many pairs were found on it."""
    setup, blobs, pairs = inputs.setup, inputs.blobs, inputs.pairs
    if setup is None or blobs is None:
        return None
    rows: list[tuple[float, tuple[str, ...]]] = []
    for number, phase in enumerate(inputs.phases):
        try:
            rows += _rings(phase, setup, blobs.shape[1:], _pairs_of(pairs, number))
        except FriedelError:  # a family that the recipe names cannot diffract: the run has said so
            continue
    several = len(inputs.phases) > 1
    table = tuple(row if several else row[1:] for _, row in sorted(rows, key=lambda row: row[0]))
    head = ("phase", "hkl", "d / Å", "2θ / °", "planes", "pairs")
    return Panel(
        "Families of planes in use",
        "Planes: reflections h and -h count as one. Good: pairs on every ring, about in the ratio of the planes; "
        "outer rings lose those that leave the detector.",
        table=Table(head if several else head[1:], table, numeric=tuple(range(2, 6) if several else range(1, 5))),
        span=2,
    )


def _pairs_of(pairs: Any, phase: int) -> Any:
    """How many pairs each family of a phase has, by row; None where pairs were not looked for."""
    if pairs is None:
        return None
    families, phases = pairs.of_both_kinds("family"), pairs.of_both_kinds("phase")
    return np.bincount(families[phases == phase].astype(np.int64), minlength=1)


def _rings(phase: Phase, setup: Setup, shape: tuple[int, int], found: Any) -> list[tuple[float, tuple[str, ...]]]:
    used = used_reflections(phase, setup, shape)
    angles = family_two_theta_rad(used, setup.beam.wavelength)
    rings: list[tuple[float, tuple[str, ...]]] = []
    for row, (angle, hkl) in enumerate(zip(angles.tolist(), used.representative.tolist(), strict=True)):
        spacing = 0.5 * setup.beam.wavelength / np.sin(0.5 * angle)
        count = "" if found is None else f"{found[row] if row < len(found) else 0:,}"
        planes = f"{int(used.multiplicity[row]) // 2}"
        rings.append(
            (angle, (phase.name, name_of(hkl), f"{spacing:.4f}", f"{np.degrees(angle):.3f}", planes, count))
        )
    return rings


def name_of(hkl: Sequence[int]) -> str:
    """Miller's indices, negative ones with a bar above; apart where one has two digits."""
    parts = [str(i) if i >= 0 else f"{-i}\u0305" for i in hkl]
    return (" " if max(abs(i) for i in hkl) > 9 else "").join(parts)
