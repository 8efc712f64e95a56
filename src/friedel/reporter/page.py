"""The report as a page: sections in the order of the pipeline, and the template that they are put into."""

import re
from collections.abc import Iterable
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from friedel.errors import ScanError
from friedel.reporter.accuracy import truth_panels
from friedel.reporter.boundaries import description_panels
from friedel.reporter.calibration import calibration_panels
from friedel.reporter.facts import input_panels, tiles, timing_panels
from friedel.reporter.frame_pictures import background_panel, frame_panels
from friedel.reporter.frames import FrameLooker, frame_looker
from friedel.reporter.grains import grain_panels, has_map, trust_panel
from friedel.reporter.instrument import instrument_panels
from friedel.reporter.map_accuracy import map_truth_panels
from friedel.reporter.material import Material
from friedel.reporter.orientations import orientation_panel
from friedel.reporter.overview import projection_panel
from friedel.reporter.pairs import pair_panels
from friedel.reporter.panel import Panel, Section
from friedel.reporter.preprocessing import course_panel, histogram_panel, intensity_panel
from friedel.reporter.segmentation import (
    busiest_frame,
    outlined_panel,
    section_panel,
    strip_panel,
    threshold_panel,
)
from friedel.reporter.statistics import flag_panel, ledger_panel, rotation_panel, size_panel
from friedel.reporter.statistics import intensity_panel as brightness_panel
from friedel.reporter.subject import Subject, look_at
from friedel.reporter.volume import slice_panels, solid_panel


def render(material: Material) -> str:
    """The whole page as HTML, which refers to nothing outside itself."""
    missing = list(material.missing)
    looker = frame_looker(material)
    if material.scan is not None and looker is None:
        missing.append(
            "the scan at the recipe's path is not the one that ran, or how it ran is not recorded, so there are no "
            "pictures of frames"
        )
    try:
        sections = _sections(material, looker)
    except ScanError as error:
        missing.append(f"the scan cannot be read any more ({error}), so there are no pictures of frames")
        sections = _sections(material, None)
    here = files("friedel.reporter")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["own_ids"] = own_ids
    template = environment.from_string((here / "page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        css=(here / "page.css").read_text(encoding="utf-8"),
        name=_name(material),
        tiles=tiles(material),
        hero=_hero(material),
        goal="a map of grains"
        if material.volume is not None
        else "grains"
        if material.grains is not None
        else "blobs",
        sections=[section for section in sections if section.panels],
        warnings=material.warnings,
        missing=missing,
        version=material.run.get("versions", {}).get("friedel", ""),
        started=next((stage.get("started", "") for stage in material.stages.values()), ""),
    )


def own_ids(svg: str, prefix: str) -> str:
    """The same SVG with ids that no other picture on the page has, each once.

    matplotlib names what looks the same alike, and writes it again for every axes.
    """
    known: set[str] = set()

    def renamed(match: re.Match[str]) -> str:
        if match[1] in known:
            return ""
        known.add(match[1])
        return f' id="{prefix}-{match[1]}"'

    svg = re.sub(r'\sid="([^"]+)"', renamed, svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    return re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)


def _hero(material: Material) -> Panel | None:
    if material.volume is not None and material.grains is not None and has_map(material):
        return solid_panel(material, material.grains, material.volume)
    return projection_panel(material)


def _sections(material: Material, looker: FrameLooker | None) -> list[Section]:
    subject = look_at(material, looker) if looker is not None else None
    evaluation = material.evaluation.get("blobs")
    return [
        Section(
            "input",
            "What went in",
            "The scan, the instrument, and the parameters that matter.",
            (*input_panels(material), *instrument_panels(material)),
        ),
        Section(
            "preprocess",
            "Preprocess",
            "From raw frames to frames with nothing in them but spots.",
            tuple(_preprocess_panels(material, looker, subject)),
        ),
        Section(
            "segment",
            "Segment",
            "From clean frames to blobs in three dimensions, by the double threshold.",
            tuple(_segment_panels(material, looker, subject)),
        ),
        Section(
            "match",
            "Match",
            "Friedel pairs: two spots half a turn apart, from the same planes of the same grain.",
            tuple(_match_panels(material)),
        ),
        Section(
            "index", "Index", "Which spots are one grain's, and how it is turned.", tuple(_grain_panels(material))
        ),
        Section(
            "map", "Map", "Each grain rebuilt from its spots, all in one volume.", tuple(_map_panels(material))
        ),
        Section(
            "truth",
            "Against truth",
            "What a simulation, or somebody else's reference, says about this result.",
            (*(truth_panels(evaluation) if evaluation else ()), *map_truth_panels(material.evaluation)),
        ),
        Section("run", "How it ran", "Time and versions.", timing_panels(material)),
    ]


def _preprocess_panels(material: Material, looker: FrameLooker | None, subject: Subject | None) -> Iterable[Panel]:
    if looker is None:
        return
    middle = looker.scan.shape[0] // 2
    frame = (
        busiest_frame(material.blobs, subject.frame - 200, subject.frame + 200)
        if material.blobs and subject
        else middle
    )
    yield from frame_panels(material, looker, frame)
    if subject is not None:
        yield intensity_panel(subject, looker)
        yield course_panel(material, subject, looker)
    for panel in (background_panel(looker), histogram_panel(material, looker)):
        if panel is not None:
            yield panel


def _segment_panels(material: Material, looker: FrameLooker | None, subject: Subject | None) -> Iterable[Panel]:
    blobs = material.blobs
    if blobs is None:
        return
    if looker is not None and subject is not None:
        yield threshold_panel(material, subject, blobs)
        yield strip_panel(material, subject, looker, blobs)
        for start, stop in ((0, blobs.shape[0] // 2), (blobs.shape[0] // 2, blobs.shape[0])):
            yield outlined_panel(material, looker, blobs, busiest_frame(blobs, start, stop))
        yield section_panel(material, subject, blobs)
    if len(blobs):
        yield size_panel(material, blobs)
        yield brightness_panel(blobs)
        yield rotation_panel(blobs)
    yield ledger_panel(blobs)
    yield flag_panel(blobs)


def _match_panels(material: Material) -> Iterable[Panel]:
    yield from calibration_panels(material, "match")
    if material.pairs is not None:
        yield from pair_panels(material, material.pairs)


def _grain_panels(material: Material) -> Iterable[Panel]:
    grains = material.grains
    yield from calibration_panels(material, "index")
    if grains is None or not len(grains):
        return
    yield from grain_panels(material, grains)
    if material.phases:
        diameter = material.description.grains["diameter_um"] if material.description is not None else None
        for row in sorted(set(grains.phase.tolist())):
            yield orientation_panel(material, grains, row, diameter)
    yield trust_panel(material, grains)


def _map_panels(material: Material) -> Iterable[Panel]:
    grains = material.grains
    if grains is None or not len(grains):
        return
    if material.volume is not None and has_map(material):
        yield from slice_panels(material, grains, material.volume)
    if material.description is not None:
        yield from description_panels(material, grains, material.description)


def _name(material: Material) -> str:
    given = str(material.run.get("input", {}).get("name", "")) or str(material.setting("scan", "frames", ""))
    return given.partition("::")[0].replace("\\", "/").rsplit("/", 1)[-1] or material.folder.name
