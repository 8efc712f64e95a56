"""Panels and tiles that are plain facts: input, parameters, versions, timings."""

import numpy as np

from friedel.reporter.grain_tiles import grain_tiles
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel, Table, Tile
from friedel.reporter.svg_figure import short

SHOWN_PARAMETERS = {
    "preprocess": ("normalise", "background", "half_window", "half_step", "wrap", "despeckle", "arithmetic"),
    "segment": (
        "method", "unit", "noise", "seed_threshold", "tolerance", "grow_min", "grow_max", "growth",
        "seed_min_voxels", "min_size", "max_size", "connectivity", "exclude", "overlap", "saddle",
    ),
}  # fmt: skip

HOW_CUT = ("threads", "windows_per_block")

LABELS = {"preprocess.wrap": "wrap (the median)"}
"""Names that say too little without their section's comments: whether blobs wrap is another matter."""


def tiles(inputs: ReportInputs) -> list[Tile]:
    """The headline numbers."""
    shown = grain_tiles(inputs)
    blobs = inputs.blobs
    shape = blobs.shape if blobs is not None else inputs.input.get("shape")
    if blobs is not None:
        rejected = len(blobs.reason) - len(blobs)
        shown.append(Tile(f"{len(blobs):,}", "blobs", f"{rejected:,} seeds rejected, each with its reason"))
    score = inputs.evaluation.get("blobs", {}).get("f1", {}).get("0.5")
    if score is not None:
        shown.append(Tile(f"{score:.3f}", "F1 of the blobs", "against truth, at an overlap (IoU) of 0.5"))
    if shape:
        frames, rows, cols = shape
        shown.append(Tile(f"{frames:,}", "frames", f"of {rows:,} × {cols:,} pixels"))
    seconds = sum(stage.seconds for stage in inputs.stages.values())
    if seconds and shape:
        compiling = compiling_s(inputs)
        rate = np.prod([float(n) for n in shape]) / max(seconds - compiling, 1e-9) / 1e6
        note = f"{rate:,.0f} million voxels a second"
        if compiling >= 0.05 * seconds:
            note += f", without {duration(compiling)} of compiling, once per installation"
        goal = "map" if "assemble" in inputs.stages else "blobs"
        shown.append(Tile(duration(seconds), f"from raw to {goal}", note))
    if inputs.sigma and inputs.grains is None:
        threshold = inputs.segment.seed_threshold if inputs.segment else None
        scale = 1.0 if inputs.segment and inputs.segment.unit == "sigma" else inputs.sigma
        note = f"seeds from {threshold / scale:.1f} sigma on" if threshold else "of a clean frame"
        shown.append(Tile(short(inputs.sigma), "counts of noise", note))
    return shown


def compiling_s(inputs: ReportInputs) -> float:
    """Seconds of all stages that went into compiling kernels; stages of one pass share theirs."""
    spent = {
        (stage.started or name, float(stage.measured.get("compiling_s", 0.0)))
        for name, stage in inputs.stages.items()
    }
    return sum(seconds for _, seconds in spent)


def input_panels(inputs: ReportInputs) -> tuple[Panel, ...]:
    """The scan, and the parameters of each stage."""
    panels = []
    facts = _scan_facts(inputs)
    if facts:
        panels.append(Panel("The scan", "As it was read.", table=Table(("", ""), tuple(facts)), span=2))
    for section, names in SHOWN_PARAMETERS.items():
        values = getattr(inputs.recipe, section, None)
        given = () if values is None else values.model_fields_set
        rows = tuple(
            (LABELS.get(f"{section}.{name}", name), text(getattr(values, name))) for name in names if name in given
        )
        if rows:
            caption = "The parameters that matter most; recipe.toml holds all."
            panels.append(Panel(f"[{section}]", caption, table=Table(("", ""), rows), span=2))
    return tuple(panels)


def timing_panels(inputs: ReportInputs) -> tuple[Panel, ...]:
    """Seconds and counts of each stage, and the versions."""
    stages = inputs.stages
    seconds = [stage.seconds for stage in stages.values()]
    total = sum(seconds) or 1.0
    rows = tuple(
        (
            name,
            stage.started[:19].replace("T", "\u00a0").replace("-", "\u2011"),
            _counts(stage.counts),
            duration(spent),
        )
        for (name, stage), spent in zip(stages.items(), seconds, strict=True)
    )
    panels = []
    if rows:
        panels.append(_timings(rows, tuple(s / total for s in seconds), compiling_s(inputs)))
    versions = inputs.versions
    if versions:
        table = Table(("", ""), tuple((name, str(value)) for name, value in versions.items()))
        panels.append(Panel("Versions", "What it ran with.", table=table, span=2))
    return tuple(panels)


def _timings(rows: tuple[tuple[str, ...], ...], shares: tuple[float, ...], compiling: float) -> Panel:
    told = (
        f" {duration(compiling)} of all this went into compiling kernels: the next run has none of it."
        if compiling >= 0.05
        else ""
    )
    return Panel(
        "Timings",
        "Preprocessing is the time to make clean frames, reading and decompression included; segmentation what "
        f"came on top. Both happen in one pass over the scan.{told}",
        table=Table(("stage", "started (UTC)", "counts", "time"), rows, shares, numeric=(3,)),
        span=4,
    )


def duration(seconds: float) -> str:
    """12.3 s, 4 min 10 s, 1 h 5 min."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def text(value: object) -> str:
    """A parameter's value as in the recipe."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(text(part) for part in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def scan_path(inputs: ReportInputs) -> str:
    """Where the scan lay, as the recipe says it, else the record."""
    named = inputs.recipe.scan.frames if inputs.recipe is not None else ""
    return named or str(inputs.input.get("name", ""))


def _scan_facts(inputs: ReportInputs) -> list[tuple[str, str]]:
    known, blobs = inputs.input, inputs.blobs
    facts = [("file", scan_path(inputs))]
    shape = known.get("shape") or (blobs.shape if blobs is not None else None)
    if shape:
        facts.append(("shape", " × ".join(f"{n:,}" for n in shape) + " (frames × rows × cols)"))
    if blobs is not None:
        start, step = blobs.omega_start_deg, blobs.omega_step_deg
        stop = start + step * blobs.shape[0]
        facts.append(("omega", f"{start:g}° to {stop:g}° in steps of {step:.4g}°"))
        facts.append(("rotation", "a full turn, periodic" if blobs.wrapped else "not periodic"))
    names = {"dtype": "type", "saturation": "saturation", "fingerprint": "fingerprint"}
    facts += [(label, text(known[name])[:16]) for name, label in names.items() if name in known]
    if inputs.beam is not None:
        facts.append(("direct beam", text(list(inputs.beam)) + " (cols, rows)"))
    dead = int(inputs.measured.get("dead_pixels", 0))
    if dead:
        facts.append(("dead pixels", f"{dead:,} that tell nothing in most frames are masked"))
    missing = sum(stop - start for start, stop in blobs.gaps) if blobs is not None else 0
    if missing:
        facts.append(("missing frames", f"{missing:,}: no blob reaches over them"))
    if inputs.sigma:
        facts.append(("noise", f"{short(inputs.sigma)} counts"))
    facts += [("note", str(note)) for note in known.get("notes", ())]
    return facts


def _counts(counts: dict[str, object]) -> str:
    """Numbers of things; how the work was cut into pieces is in run.json."""
    plain = {name: n for name, n in counts.items() if isinstance(n, int | float) and name not in HOW_CUT}
    return ", ".join(f"{name.replace('_', ' ')} {_count(n)}" for name, n in plain.items())


def _count(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
