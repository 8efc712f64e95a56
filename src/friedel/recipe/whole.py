"""All sections together, and the way from a file to values and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from friedel.assemble import AssembleParams
from friedel.errors import RecipeError
from friedel.index import IndexParams
from friedel.io.scan_params import ScanParams
from friedel.match import MatchParams
from friedel.params import Params, parameter
from friedel.preprocess import PreprocessParams
from friedel.recipe.phase import PhaseParams
from friedel.recipe.settings import Settings, absolute_paths, apply_settings, relative_paths, toml_of
from friedel.recipe.setup import SetupParams
from friedel.recipe.text import section_text
from friedel.reconstruct import ReconstructParams
from friedel.segment import SegmentParams


class RunParams(Params):
    """What the run may use; no result depends on it."""

    executor: Literal["local"] = parameter("local", "Who does the work: threads of this machine.")
    threads: int = parameter(0, "Threads to use; 0 = all that the machine or the job grants.", ge=0)
    memory_gb: float = parameter(
        0.0, "Memory to use; 0 = 70 % of what the machine or the job may use.", unit="GB", ge=0
    )
    seed: int = parameter(0, "Seed of every random number.", ge=0)


class Recipe(Params):
    """Every parameter of a run, in the order of the pipeline."""

    scan: ScanParams = parameter(default_factory=ScanParams, sentence="The input.")
    preprocess: PreprocessParams = parameter(default_factory=PreprocessParams, sentence="Cleaning the frames.")
    segment: SegmentParams = parameter(default_factory=SegmentParams, sentence="Finding the blobs.")
    setup: SetupParams | None = parameter(None, "The instrument; without it a run stops after segment.")
    phase: tuple[PhaseParams, ...] = parameter((), "The crystals; without one a run stops after segment.")
    match: MatchParams = parameter(default_factory=MatchParams, sentence="Friedel pairs.")
    index: IndexParams = parameter(default_factory=IndexParams, sentence="Blob sets per grain.")
    reconstruct: ReconstructParams = parameter(default_factory=ReconstructParams, sentence="Shapes of grains.")
    assemble: AssembleParams = parameter(default_factory=AssembleParams, sentence="The map of all grains.")
    run: RunParams = parameter(default_factory=RunParams, sentence="What the run may use.")

    @property
    def has_grains(self) -> bool:
        """Whether it says enough for the stages after segment."""
        return self.setup is not None and bool(self.phase)


def load_recipe(path: Path | str | None, settings: Settings = (), *, folder: Path | None = None) -> Recipe:
    """Read a recipe and put `--set KEY=VALUE` settings into it; all its paths come out absolute.

    Relative paths begin at the recipe's folder, those in `settings` at `folder` (default: the working folder).
    Without a `path` only the settings count.
    """
    return build_recipe(_values(path, settings, folder or Path.cwd()))


def build_recipe(values: Mapping[str, Any]) -> Recipe:
    """From plain values; an error names `section.key`."""
    return Recipe.build(values)


def relative_to(recipe: Recipe, folder: Path) -> Recipe:
    """The same recipe with the paths below `folder` relative to it, as it stands in a file there."""
    return build_recipe(relative_paths(recipe.model_dump(exclude_none=True), folder))


def _values(path: Path | str | None, settings: Settings, folder: Path) -> dict[str, Any]:
    return apply_settings({} if path is None else read_values(Path(path)), settings, folder)


def read_values(path: Path, *, way_out: str = "`friedel init SCAN` writes a recipe") -> dict[str, Any]:
    """The plain values of a recipe, or of another TOML file, paths absolute.

    Raises `RecipeError` for one that is no TOML or is not there: then `way_out` says how to get it.
    """
    values: dict[str, Any] = absolute_paths(_read(path, way_out), path.absolute().parent)
    return values


def _read(path: Path, way_out: str) -> dict[str, Any]:
    try:
        return toml_of(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise RecipeError(str(path), rule="no such file", way_out=way_out) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = "not a text file" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise RecipeError(str(path), rule=f"cannot be read: {reason}") from None


def dump(recipe: Recipe, notes: Mapping[str, str] | None = None, *, head: str = "", comments: bool = True) -> str:
    """The recipe as TOML, every default spelled out; `notes` adds a comment to `section.key`."""
    notes = notes or {}
    parts = ["".join(f"# {line}\n" for line in head.splitlines())] if head else []
    for name in Recipe.model_fields:
        section = getattr(recipe, name)
        if section is None:
            continue
        if isinstance(section, tuple):
            parts += [section_text(f"[[{name}]]", one, notes, comments=comments) for one in section]
        else:
            parts.append(section_text(f"[{name}]", section, notes, comments=comments))
    return "\n".join(parts)
