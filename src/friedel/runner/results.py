"""What is made of a finished run's folder: numbers against a truth, a better geometry, files for other programs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from friedel.calibrator import CalibrationRequest, Decision, choose_setup, fit_lean, fit_motion, fit_scale
from friedel.errors import RecipeError
from friedel.evaluator import evaluate
from friedel.io.export import (
    export_dream3d,
    export_grain_map,
    export_grains,
    export_parameters,
    export_peaks,
    export_table,
    export_vtkhdf,
    export_xdmf,
)
from friedel.model.arrays import AnyArray
from friedel.model.blob_labels import blob_labels
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.shares import SpotShares
from friedel.model.spots import SpotTable
from friedel.model.stream import Watcher
from friedel.model.truth import Truth
from friedel.output_folder.files import BLOBS, GRAINS, PAIRS, RECIPE, SHAPES, VOLUME
from friedel.output_folder.reader import OutputFolder


def judge(out: Path, truth: Truth) -> dict[str, Any]:
    """All parts of a run against the truth."""
    folder = OutputFolder(out, checked=True)
    shapes = folder.undamaged(folder.shapes, SHAPES)
    return evaluate(
        truth,
        shares=None if shapes is None else SpotShares.together([shape.shares for shape in shapes]),
        spots=None if shapes is None else SpotTable.together([shape.spots for shape in shapes]),
        blobs=folder.needed(folder.blobs, BLOBS),
        pairs=folder.undamaged(folder.pairs, PAIRS),
        grains=folder.undamaged(folder.grains, GRAINS),
        volume=folder.undamaged(folder.volume, VOLUME),
        phases=_phases(folder),
    )


def calibrated(out: Path, watcher: Watcher | None = None) -> Decision:
    """The geometry that a run's blobs ask for: from assigned spots where there are grains, else from pairs.

    Raises `RecipeError` for a run whose recipe has no geometry and crystal.
    """
    folder = OutputFolder(out, checked=True)
    recipe = folder.needed(folder.recipe, RECIPE)
    if recipe.setup is None or not recipe.phase:
        raise RecipeError("calibrate", rule="needs [setup] and [[phase]] in the recipe")
    given, how, phases = recipe.setup.setup(), recipe.setup.calibrate, _phases(folder)
    request = CalibrationRequest(given, phases, how, recipe.match, recipe.run.seed, asked=True, watcher=watcher)
    blobs, grains = folder.needed(folder.blobs, BLOBS), folder.undamaged(folder.grains, GRAINS)
    setup = folder.undamaged(folder.setup_of(GRAINS), GRAINS)
    decision = choose_setup(blobs, request, setup=setup, grains=grains)
    if grains is None or not len(grains) or setup is None:
        return decision
    found = folder.needed(folder.found_blobs, BLOBS)
    scale = fit_scale(found, grains, setup, phases, watcher=watcher).lines("energy and lattice")
    leans = fit_lean(found, grains, setup, phases, watcher=watcher).lines("lean of the axis")
    moving = fit_motion(found, grains, setup, phases, watcher=watcher).lines("motion of the sample")
    return replace(decision, lines=(*decision.lines, *scale, *leans, *moving))


def export_results(out: Path, format_name: str, target: Path) -> Path:
    """Write one of `EXPORT_FILES` to `target`, which is returned.

    Raises `InputError` for one that needs grains or a map where there are none.
    """
    WRITERS[format_name](OutputFolder(out, checked=True), target)
    return target


def _phases(folder: OutputFolder) -> tuple[Phase, ...]:
    folder.needed(folder.recipe, RECIPE)
    return folder.needed(folder.phases, RECIPE)


def _map_of(folder: OutputFolder) -> tuple[GrainVolume, GrainTable, tuple[Phase, ...]]:
    volume, grains = folder.needed(folder.volume, VOLUME), folder.needed(folder.grains, GRAINS)
    return volume, grains, _phases(folder)


def _table(folder: OutputFolder, target: Path, kind: Literal["parquet", "csv"]) -> None:
    """The blobs with what is known about them, and beside them the grains where there are some."""
    grains = folder.undamaged(folder.grains, GRAINS)
    export_table(folder.needed(folder.blobs, BLOBS), target, kind, _labels(folder))
    if grains is not None:
        about = folder.undamaged(folder.description, GRAINS)
        export_grains(grains, target.with_name(f"{target.stem}_grains.{kind}"), kind, description=about)


def _labels(folder: OutputFolder) -> dict[str, AnyArray]:
    """Grain, planes, angles and ring of each blob; nothing for a run without geometry."""
    setup, grains = folder.setup, folder.undamaged(folder.grains, GRAINS)
    pairs = folder.undamaged(folder.pairs, PAIRS)
    if setup is None or not folder.phases or (grains is None and pairs is None):
        return {}
    return blob_labels(folder.needed(folder.blobs, BLOBS), grains, pairs, setup, folder.phases)


def _parquet(folder: OutputFolder, target: Path) -> None:
    _table(folder, target, "parquet")


def _csv(folder: OutputFolder, target: Path) -> None:
    _table(folder, target, "csv")


def _imaged11(folder: OutputFolder, target: Path) -> None:
    """The grain file, and beside it the geometry as `.par` and the labelled peaks as `.flt`."""
    grains, phases = folder.needed(folder.grains, GRAINS), _phases(folder)
    setup, blobs = folder.needed(folder.setup, GRAINS), folder.needed(folder.blobs, BLOBS)
    export_grain_map(target, grains)
    export_parameters(target.with_suffix(".par"), setup, phases[0])
    export_peaks(target.with_suffix(".flt"), blobs, _labels(folder))


def _vtkhdf(folder: OutputFolder, target: Path) -> None:
    export_vtkhdf(target, *_map_of(folder))


def _xdmf(folder: OutputFolder, target: Path) -> None:
    export_xdmf(target, *_map_of(folder))


def _dream3d(folder: OutputFolder, target: Path) -> None:
    export_dream3d(target, *_map_of(folder))


WRITERS: Mapping[str, Callable[[OutputFolder, Path], None]] = {
    "vtkhdf": _vtkhdf,
    "xdmf": _xdmf,
    "dream3d": _dream3d,
    "imaged11": _imaged11,
    "parquet": _parquet,
    "csv": _csv,
}
"""Who writes each format of `EXPORT_FILES`."""
