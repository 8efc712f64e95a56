"""What a finished run left in its folder, read back; judged against a truth, and exported for other programs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from friedel.calibrator import CalibrationRequest, Decision, choose_setup
from friedel.errors import InputError, RecipeError
from friedel.evaluator import evaluate
from friedel.io.export import (
    export_dream3d,
    export_grain_map,
    export_grains,
    export_parameters,
    export_table,
    export_vtkhdf,
    export_xdmf,
)
from friedel.io.store import read_blobs, read_description, read_grains, read_pairs, read_volume
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.model.truth import Truth
from friedel.recipe import Recipe, load_recipe
from friedel.runner.geometry import load_setup


@dataclass(frozen=True, slots=True)
class Results:
    """The files of an output folder as values; what is not there is None."""

    out: Path

    @property
    def recipe(self) -> Recipe:
        """What ran."""
        return load_recipe(self.out / "recipe.toml")

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The crystals of the recipe."""
        return tuple(phase.phase() for phase in self.recipe.phase)

    @property
    def blobs(self) -> BlobTable:
        """The blobs; a folder without them is no output folder."""
        return read_blobs(self.out / "blobs.h5")

    @property
    def pairs(self) -> PairTable | None:
        """The Friedel pairs."""
        return read_pairs(self.out / "pairs.h5") if (self.out / "pairs.h5").exists() else None

    @property
    def grains(self) -> GrainTable | None:
        """The grains."""
        return read_grains(self.out / "grains.h5") if (self.out / "grains.h5").exists() else None

    @property
    def volume(self) -> GrainVolume | None:
        """The map."""
        return read_volume(self.out / "volume.h5") if (self.out / "volume.h5").exists() else None

    @property
    def setup(self) -> Setup | None:
        """The geometry that the grains were found with."""
        given = self.recipe.setup
        if given is None or not (self.out / "grains.h5").exists():
            return None
        return load_setup(self.out / "grains.h5", given.setup())


def judge(out: Path, truth: Truth) -> dict[str, Any]:
    """All parts of a run against the truth."""
    results = Results(out)
    return evaluate(
        truth,
        blobs=results.blobs,
        pairs=results.pairs,
        grains=results.grains,
        volume=results.volume,
        phases=results.phases,
    )


def calibrated(out: Path) -> Decision:
    """The geometry that a run's blobs ask for: from assigned spots where there are grains, else from pairs.

    Raises `RecipeError` for a run whose recipe has no geometry and crystal.
    """
    results = Results(out)
    recipe = results.recipe
    if recipe.setup is None or not recipe.phase:
        raise RecipeError("calibrate", rule="needs [setup] and [[phase]] in the recipe")
    given, how = recipe.setup.setup(), recipe.setup.calibrate
    request = CalibrationRequest(given, results.phases, how, recipe.match, recipe.run.seed, asked=True)
    return choose_setup(results.blobs, request, setup=results.setup, grains=results.grains)


def export_results(out: Path, format_name: str, target: Path) -> Path:
    """Write one of `FORMATS` to `target`, which is returned.

    Raises `InputError` for another format, and for one that needs grains or a map where there are none.
    """
    FORMATS[format_name].write(Results(out), target)
    return target


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the name of its file unless the user gives one, and who writes it."""

    file: str
    write: Callable[[Results, Path], None]


def _map_of(results: Results) -> tuple[GrainVolume, GrainTable, tuple[Phase, ...]]:
    volume, grains = results.volume, results.grains
    if volume is None or grains is None:
        raise InputError(
            str(results.out), rule="holds no map", way_out="run it up to assemble, or export the blobs"
        )
    return volume, grains, results.phases


def _blobs(kind: Any) -> Callable[[Results, Path], None]:
    def write(results: Results, target: Path) -> None:
        export_table(results.blobs, target, kind)

    return write


def _csv(results: Results, target: Path) -> None:
    """The blobs, and beside them the grains where there are some."""
    export_table(results.blobs, target, "csv")
    grains = results.grains
    if grains is not None:
        about = read_description(results.out / "grains.h5")
        export_grains(grains, target.with_name(f"{target.stem}_grains.csv"), description=about)


def _imaged11(results: Results, target: Path) -> None:
    """The grain file, and beside it the geometry as `.par`."""
    grains, setup = results.grains, results.setup
    if grains is None or setup is None:
        raise InputError(str(results.out), rule="holds no grains", way_out="run it up to index")
    export_grain_map(target, grains)
    export_parameters(target.with_suffix(".par"), setup, results.phases[0])


def _vtkhdf(results: Results, target: Path) -> None:
    export_vtkhdf(target, *_map_of(results))


def _xdmf(results: Results, target: Path) -> None:
    export_xdmf(target, *_map_of(results))


def _dream3d(results: Results, target: Path) -> None:
    export_dream3d(target, *_map_of(results))


FORMATS: Mapping[str, Format] = {
    "vtkhdf": Format("map.vtkhdf", _vtkhdf),
    "xdmf": Format("map.xdmf", _xdmf),
    "dream3d": Format("map.dream3d", _dream3d),
    "imaged11": Format("grains.map", _imaged11),
    "parquet": Format("blobs.parquet", _blobs("parquet")),
    "csv": Format("blobs.csv", _csv),
}
"""Formats of `friedel export`."""
