"""Many scans, one after the other: a bad one does not stop the others, and a table says what became of each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from friedel.commands import Paths, init, run
from friedel.errors import FriedelError, InputError, Interrupted
from friedel.io.session import has_masters, scans_of_session
from friedel.output_folder.reader import OutputFolder
from friedel.recipe import Settings

COUNTED = {"blobs": "segment", "pairs": "match", "grains": "index"}
"""What the table counts, and the stage that knows it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scan: where its result lies, the one line that says what went wrong (else empty) with its
    exit code, seconds, and how many blobs, pairs and grains there are."""

    name: str
    path: Path
    error: str = ""
    exit_code: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)


def run_each(
    recipes: Sequence[Paths],
    out: Paths | None = None,
    *,
    told: Callable[[Outcome], None] = lambda outcome: None,
    **options: Any,
) -> list[Outcome]:
    """`friedel.run` for each recipe; what raises is put down in its outcome, and the next one is run.

    `out` is a folder for all of them, each in its recipe's name (default: beside the recipe). `told` hears of each
    when it is done. Raises `InputError` for two recipes with one folder, and `Interrupted`, which stops them all.
    """
    folders = _folders([Path(recipe) for recipe in recipes], out)

    def one(recipe: Paths, folder: Path) -> Outcome:
        run(recipe, None if out is None else folder, **options)
        return Outcome(str(recipe), folder, counts=_counts(folder))

    return [_tried(one, str(recipe), recipe, folder, told) for recipe, folder in folders.items()]


def init_each(
    folder: Paths,
    out: Paths = ".",
    *,
    told: Callable[[Outcome], None] = lambda outcome: None,
    settings: Settings = (),
    verbosity: int | None = None,
) -> list[Outcome]:
    """`friedel.init` for each scan of a BLISS session; recipes go into the folder `out`, by data set and scan.

    As `run_each`. Raises `InputError` where the folder holds no such scan.
    """
    scans = scans_of_session(Path(folder))
    if not scans:
        raise InputError(str(folder), rule="holds no scans of a BLISS session", got="no frames in any HDF5 file")
    Path(out).mkdir(parents=True, exist_ok=True)

    def one(frames: str, recipe: Path) -> Outcome:
        return Outcome(frames, init(frames, recipe, settings=settings, verbosity=verbosity))

    return [_tried(one, scan.frames, scan.frames, Path(out) / f"{scan.name}.toml", told) for scan in scans]


def is_session(path: Paths) -> bool:
    """Whether a folder is to be searched for master files: it holds no images itself, but HDF5 files."""
    return has_masters(Path(path))


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when all went well, else the code of those that did not, where that is one."""
    codes = {outcome.exit_code for outcome in outcomes} - {0}
    return 0 if not codes else codes.pop() if len(codes) == 1 else 1


def _tried(
    work: Callable[[Any, Path], Outcome], name: str, what: Any, path: Path, told: Callable[[Outcome], None]
) -> Outcome:
    begin = time.perf_counter()
    try:
        found = work(what, path)
        outcome = Outcome(found.name, found.path, seconds=time.perf_counter() - begin, counts=found.counts)
    except Interrupted as error:
        rule = "what is done is kept, and the same command goes on with the rest"
        raise Interrupted(f"interrupted at {name}", rule=rule) from error
    except FriedelError as error:
        outcome = Outcome(name, path, str(error), error.exit_code, time.perf_counter() - begin)
    told(outcome)
    return outcome


def _folders(recipes: Sequence[Path], out: Paths | None) -> dict[Path, Path]:
    """The folder of each recipe."""
    folders = {
        recipe: recipe.with_suffix("") if out is None else Path(out) / recipe.with_suffix("").name
        for recipe in recipes
    }
    taken: dict[Path, Path] = {}
    for recipe, folder in folders.items():
        other = taken.setdefault(folder.absolute(), recipe)
        if other != recipe:
            rule = f"must not have the output folder of {other}"
            raise InputError(str(recipe), rule=rule, got=folder, way_out="give one of them another name")
    return folders


def _counts(folder: Path) -> dict[str, int]:
    record = OutputFolder(folder).record
    stages = {} if record is None else record.stages
    return {
        name: stages[stage].counts[name]
        for name, stage in COUNTED.items()
        if stage in stages and isinstance(stages[stage].counts.get(name), int)
    }
