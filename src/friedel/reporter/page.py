"""The report as a page: sections in the order of the pipeline, and the template that they are put into."""

import re
from collections.abc import Iterable
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from friedel.errors import ScanError
from friedel.reporter.accuracy import truth_panels
from friedel.reporter.bends import bend_panels
from friedel.reporter.boundaries import description_panels
from friedel.reporter.calibration import calibration_panels, motion_panels
from friedel.reporter.example_blob import ExampleBlob, example_from
from friedel.reporter.facts import input_panels, scan_path, tiles, timing_panels
from friedel.reporter.frame_pictures import background_panel, frame_panels
from friedel.reporter.frames import RunFrames, run_frames
from friedel.reporter.grains import grain_panels, has_map, trust_panel
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.instrument import instrument_panels
from friedel.reporter.map_accuracy import map_truth_panels
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
from friedel.reporter.volume import slice_panels, solid_panel


def render(inputs: ReportInputs) -> str:
    """The whole page as HTML, which refers to nothing outside itself."""
    missing = inputs.missing
    frames_of_run = run_frames(inputs)
    if inputs.scan is not None and frames_of_run is None:
        missing.append(
            "the scan at the recipe's path is not the one that ran, or how it ran is not recorded, so there are no "
            "pictures of frames"
        )
    try:
        sections = _sections(inputs, frames_of_run)
    except ScanError as error:
        missing.append(f"the scan cannot be read any more ({error}), so there are no pictures of frames")
        sections = _sections(inputs, None)
    here = files("friedel.reporter")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"own_ids": own_ids, "file_name": file_name}
    template = environment.from_string((here / "page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        css=(here / "page.css").read_text(encoding="utf-8"),
        name=_name(inputs),
        tiles=tiles(inputs),
        hero=_hero(inputs),
        goal="a map of grains" if inputs.volume is not None else "grains" if inputs.grains is not None else "blobs",
        sections=[section for section in sections if section.panels],
        warnings=sorted(inputs.warnings, key=lambda text: "the map is mirrored" not in text),
        looks=[panel.title for section in sections for panel in section.panels if panel.verdict == "watch"],
        missing=missing,
        version=inputs.versions.get("friedel", ""),
        started=next((stage.started for stage in inputs.stages.values()), ""),
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


def file_name(title: str, scan: str) -> str:
    """What a figure of a scan is called when it is saved, without its ending."""
    return "-".join(re.findall(r"[a-z0-9]+", f"{scan.removesuffix('.h5')} {title}".lower()))


def _hero(inputs: ReportInputs) -> Panel | None:
    if inputs.volume is not None and inputs.grains is not None and has_map(inputs):
        return solid_panel(inputs, inputs.grains, inputs.volume)
    return projection_panel(inputs)


def _sections(inputs: ReportInputs, frames_of_run: RunFrames | None) -> list[Section]:
    example = example_from(inputs, frames_of_run) if frames_of_run is not None else None
    evaluation = inputs.evaluation.get("blobs")
    return [
        Section(
            "input",
            "What went in",
            "The scan, the instrument, and the parameters that matter.",
            (*input_panels(inputs), *instrument_panels(inputs)),
        ),
        Section(
            "preprocess",
            "Preprocess",
            "From raw frames to frames with nothing in them but spots.",
            tuple(_preprocess_panels(inputs, frames_of_run, example)),
        ),
        Section(
            "segment",
            "Segment",
            "From clean frames to blobs in three dimensions, by the double threshold.",
            tuple(_segment_panels(inputs, frames_of_run, example)),
        ),
        Section(
            "match",
            "Match",
            "Friedel pairs: two spots from both sides of the same planes of the same grain.",
            tuple(_match_panels(inputs)),
        ),
        Section(
            "index", "Index", "Which spots are one grain's, and how it is turned.", tuple(_grain_panels(inputs))
        ),
        Section("map", "Map", "Each grain rebuilt from its spots, all in one volume.", tuple(_map_panels(inputs))),
        Section(
            "truth",
            "Against truth",
            "What a simulation, or somebody else's reference, says about this result.",
            (*(truth_panels(evaluation) if evaluation else ()), *map_truth_panels(inputs.evaluation)),
        ),
        Section("run", "How it ran", "Time and versions.", timing_panels(inputs)),
    ]


def _preprocess_panels(
    inputs: ReportInputs, frames_of_run: RunFrames | None, example: ExampleBlob | None
) -> Iterable[Panel]:
    if frames_of_run is None:
        return
    middle = frames_of_run.scan.shape[0] // 2
    frame = (
        busiest_frame(inputs.blobs, example.frame - 200, example.frame + 200)
        if inputs.blobs and example
        else middle
    )
    yield from frame_panels(inputs, frames_of_run, frame)
    if example is not None:
        yield intensity_panel(example, frames_of_run)
        yield course_panel(inputs, example, frames_of_run)
    for panel in (background_panel(frames_of_run), histogram_panel(inputs, frames_of_run)):
        if panel is not None:
            yield panel


def _segment_panels(
    inputs: ReportInputs, frames_of_run: RunFrames | None, example: ExampleBlob | None
) -> Iterable[Panel]:
    blobs = inputs.blobs
    if blobs is None:
        return
    if frames_of_run is not None and example is not None:
        yield threshold_panel(inputs, example, blobs)
        yield strip_panel(inputs, example, frames_of_run, blobs)
        for start, stop in ((0, blobs.shape[0] // 2), (blobs.shape[0] // 2, blobs.shape[0])):
            yield outlined_panel(inputs, frames_of_run, blobs, busiest_frame(blobs, start, stop))
        yield section_panel(inputs, example, blobs)
    if len(blobs):
        yield size_panel(inputs, blobs)
        yield brightness_panel(blobs)
        yield rotation_panel(blobs)
    yield ledger_panel(blobs)
    yield flag_panel(blobs)


def _match_panels(inputs: ReportInputs) -> Iterable[Panel]:
    yield from calibration_panels(inputs, "match")
    if inputs.pairs is not None:
        yield from pair_panels(inputs, inputs.pairs)


def _grain_panels(inputs: ReportInputs) -> Iterable[Panel]:
    grains = inputs.grains
    yield from calibration_panels(inputs, "index")
    yield from motion_panels(inputs)
    if grains is None or not len(grains):
        return
    yield from grain_panels(inputs, grains)
    if inputs.phases:
        diameter = inputs.description.grains["diameter_um"] if inputs.description is not None else None
        for row in sorted(set(grains.phase.tolist())):
            yield orientation_panel(inputs, grains, row, diameter)
    yield trust_panel(inputs, grains)


def _map_panels(inputs: ReportInputs) -> Iterable[Panel]:
    grains = inputs.grains
    if grains is None or not len(grains):
        return
    if inputs.volume is not None and has_map(inputs):
        yield from slice_panels(inputs, grains, inputs.volume)
        yield from bend_panels(grains, inputs.volume)
    if inputs.description is not None:
        yield from description_panels(inputs, grains, inputs.description)


def _name(inputs: ReportInputs) -> str:
    given = str(inputs.input.get("name", "")) or scan_path(inputs)
    return given.partition("::")[0].replace("\\", "/").rsplit("/", 1)[-1] or inputs.path.name
