"""What the page is about: a recipe, its scan, and what its output folder holds."""

import os
import threading
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from friedel.errors import FriedelError, RecipeError
from friedel.explorer.finished_run import is_finished
from friedel.explorer.heard_warnings import warnings_heard
from friedel.io import open_scan
from friedel.io.text import read_text
from friedel.model.arrays import Mask
from friedel.model.scan import Scan
from friedel.output_folder.files import GRAIN_STAGES, RECIPE, STAGES
from friedel.output_folder.reader import OutputFolder
from friedel.output_folder.record import new_record
from friedel.params import Params
from friedel.recipe import Recipe, load_recipe
from friedel.recipe.usable import load_usable
from friedel.runner.executors import Alone, Threads, local_executor
from friedel.runner.leftovers import refusal
from friedel.runner.lock import at_work
from friedel.runner.preflight import check_recipe, crystals_of
from friedel.runner.segment_images import SegmentImages, read_segment_images
from friedel.viewer.drafts import paths_in, with_section


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is missing or wrong: where, what, and what to do about it."""

    where: str
    text: str
    way_out: str = ""

    @classmethod
    def of(cls, where: str, error: Exception) -> "Trouble":
        """From an error, without its way out in the text."""
        if isinstance(error, FriedelError):
            text = f"{error.what}: {error.rule}" if error.rule else error.what
            return cls(where, text if error.got is None else f"{text}, got {error.got}", error.way_out)
        return cls(where, str(error) or type(error).__name__)


class Project:
    """A recipe or an output folder that is looked at. Made by `open`; nothing about it raises.

    `recipe` is the draft in force, `saved` what the file says (what of it can be used), `text` the file's text.
    `revision` grows with every change of draft or mask. `mask` is the edited mask of bad pixels, None as long as
    nobody has edited it. Changes are made by one thread at a time (`lock`).
    """

    def __init__(self, path: Path, recipe_path: Path | None, out: Path, executor: Threads | Alone) -> None:
        self.path, self.recipe_path, self.out, self.executor = path, recipe_path, out, executor
        self._first_out = out
        self.quiet = local_executor(executor.threads, quiet=True)
        self.lock = threading.RLock()
        self.text = ""
        self.revision = 0
        self.recipe: Recipe | None = None
        self.saved: Recipe | None = None
        self.mask: Mask | None = None
        self._opened: Scan | None = None
        self._results = OutputFolder(out)
        self._recipe_troubles: list[Trouble] = []
        self._scan_troubles: list[Trouble] = []
        self._recipe_warnings: list[str] = []
        self._checked: tuple[Any, ...] = ()
        self._check_troubles: list[Trouble] = []
        self._check_warnings: list[str] = []

    @classmethod
    def open(cls, path: Path | str, executor: Threads | Alone | None = None) -> "Project":
        """Of RECIPE.toml or an OUT folder; what is wrong with it is in `troubles`."""
        path = Path(path).absolute()
        if path.suffix == ".toml" and not path.is_dir():
            recipe_path, out = path, path.with_suffix("")
        else:
            recipe_path, out = path / RECIPE, path
        project = cls(path, recipe_path, out, executor or local_executor())
        project.reload()
        return project

    @property
    def of_folder(self) -> bool:
        """Whether it was given as an output folder: its recipe is a record of what ran."""
        return self.path == self._first_out

    @property
    def folder(self) -> Path:
        """Where relative paths of the recipe begin."""
        return self.path.parent if self.recipe_path is None else self.recipe_path.parent

    @property
    def scan(self) -> Scan | None:
        """The scan with the mask as it was edited; None where it cannot be opened."""
        scan, mask = self._opened, self.mask
        return scan if scan is None or mask is None else replace(scan, mask=mask)

    @property
    def original_mask(self) -> Mask | None:
        """Bad pixels as the scan and its recipe tell them."""
        return None if self._opened is None else self._opened.mask

    @property
    def results(self) -> OutputFolder:
        """What the output folder holds now: another object when a run has changed it."""
        self._results = self._results.renewed()
        return self._results

    @property
    def refused(self) -> FriedelError | None:
        """Why a run of the draft would not go on in OUT without `--restart`; None where it would."""
        recipe, scan = self.recipe, self._opened
        if recipe is None or scan is None or self.at_work:
            return None
        return refusal(self.out, new_record(scan, recipe.scan.model_dump(mode="json")))

    @property
    def free_folder(self) -> Path:
        """A folder beside OUT that nothing stands in yet: OUT-2, OUT-3, ..."""
        beside = (self._first_out.with_name(f"{self._first_out.name}-{number}") for number in count(2))
        return next(path for path in beside if not os.path.lexists(path))

    def turn_to(self, out: Path) -> None:
        """Take another output folder: runs go there, and what is looked at is what stands there."""
        with self.lock:
            self.out, self._results = out, OutputFolder(out)
            self.revision += 1

    def reload(self) -> None:
        """Read the recipe file again; the draft is that of the file afterwards."""
        with self.lock:
            self._recipe_troubles, self._recipe_warnings, self.text, self._checked = [], [], "", ()
            self.saved = self.recipe = self._read_recipe()
            self.mask = None
            self.revision += 1
            self.open_scan()

    def saved_to(self, path: Path) -> None:
        """The draft was written to a file, which is its recipe from now on."""
        with self.lock:
            self.recipe_path = path
            self.reload()

    def open_scan(self) -> None:
        """Open the scan (again)."""
        with self.lock:
            self._scan_troubles, self._opened = [], None
            recipe = self.recipe
            if recipe is None or not recipe.scan.frames:
                return
            try:
                with warnings_heard() as heard:
                    self._opened = open_scan(recipe.scan.frames, recipe.scan)
                self._recipe_warnings += [text for text in heard if text not in self._recipe_warnings]
            except (FriedelError, OSError) as error:
                self._scan_troubles = [_with_way_out(Trouble.of("scan", error))]
            self._check()

    def draft(self, section: str, values: Any) -> Recipe:
        """Change parameters of one section. Raises `RecipeError` or `ScanError`, and nothing is changed then."""
        with self.lock:
            recipe = self._changed(section, values)
            if self.recipe is not None and recipe.scan != self.recipe.scan:
                with warnings_heard():
                    opened = open_scan(recipe.scan.frames, recipe.scan)
                if self.mask is not None and opened.mask.shape != self.mask.shape:
                    self.mask = None
                self._opened, self._scan_troubles = opened, []
            self.recipe = recipe
            self.revision += 1
            self._check()
            return recipe

    def section(self, name: str, values: Any) -> Params:
        """Parameters of one section as the page sent them, the draft being left alone. Raises `RecipeError`."""
        with self.lock:
            part = getattr(self._changed(name, values), name)
        if not isinstance(part, Params):
            raise RecipeError(name, rule="must be one table")
        return part

    def set_mask(self, mask: Mask | None) -> None:
        """Take an edited mask of bad pixels."""
        with self.lock:
            self.mask = mask
            self.revision += 1

    @property
    def segment_images(self) -> SegmentImages:
        """Images that [segment] names. Raises `FriedelError`s."""
        recipe, scan = self.recipe, self.scan
        return SegmentImages() if recipe is None or scan is None else read_segment_images(recipe.segment, scan)

    @property
    def at_work(self) -> bool:
        """Whether a run is at work in OUT, wherever it was started."""
        return bool(at_work(self.out))

    def finished(self, stage: str) -> bool:
        """Whether OUT holds the result of this stage, of the draft's parameters and this scan."""
        recipe, scan = self.recipe, self._opened
        if recipe is None or scan is None or self.mask is not None:
            return False
        return is_finished(stage, recipe, scan, self.results)

    @property
    def warnings(self) -> list[str]:
        """What reading the recipe and the run's stages warned of, each once."""
        record = self.results.record
        stages = record.stages.values() if record is not None else ()
        told = [*self._recipe_warnings, *self._check_warnings]
        return list(dict.fromkeys([*told, *(text for one in stages for text in one.warnings)]))

    @property
    def troubles(self) -> list[Trouble]:
        """All that is wrong now."""
        return [
            *self._recipe_troubles,
            *self._scan_troubles,
            *self._check_troubles,
            *self._folder_troubles(),
        ]

    def _check(self) -> None:
        """What a run of the draft would refuse before its first frame, and warn of; anew where the draft asks."""
        recipe, scan = self.recipe, self._opened
        if recipe is None or scan is None:
            self._checked, self._check_troubles, self._check_warnings = (), [], []
            return
        asks = (recipe.setup, recipe.phase, recipe.preprocess.beam, recipe.preprocess.margin,
                recipe.segment.noise, recipe.segment.exclude, scan.shape)  # fmt: skip
        if asks == self._checked:
            return
        self._checked, self._check_troubles = asks, []
        try:
            with warnings_heard() as self._check_warnings:
                check_recipe(recipe, scan, crystals_of(recipe))
        except (FriedelError, OSError) as error:
            self._check_troubles = [Trouble.of("recipe", error)]

    def _changed(self, section: str, values: Any) -> Recipe:
        allowed = frozenset(paths_in(self.saved)) if self.saved is not None else frozenset()
        with warnings_heard():
            return with_section(self.recipe or Recipe(), section, values, self.folder, allowed)

    def _read_recipe(self) -> Recipe | None:
        path = self.recipe_path
        try:
            if path is None or (self.of_folder and not path.exists() and not self.path.is_dir()):
                raise RecipeError(
                    str(self.path), rule="no such recipe or folder", way_out="`friedel init SCAN` writes a recipe"
                )
            self.text = read_text(path, kind=RecipeError) if path.is_file() else ""
            with warnings_heard() as heard:
                recipe = load_recipe(path)
            self._recipe_warnings = heard
            return recipe
        except (FriedelError, OSError) as error:
            self._recipe_troubles.append(Trouble.of("recipe", error))
        return self._what_of_it_is_right() or self._results.recipe

    def _what_of_it_is_right(self) -> Recipe | None:
        """The values of a wrong recipe that are right, with defaults in place of the others."""
        if self.recipe_path is None:
            return None
        try:
            with warnings_heard():
                recipe, wrong = load_usable(self.recipe_path)
        except RecipeError:
            return None
        for error in wrong:
            told = Trouble.of("recipe", error)
            self._recipe_troubles = [one for one in self._recipe_troubles if one.text != told.text]
            self._recipe_troubles.append(told)
        return recipe

    def _folder_troubles(self) -> list[Trouble]:
        results = self.results
        record = results.record
        _ = results.calibrated_setup  # which says where one cannot be read, and the recipe's stands in
        found = [Trouble("results", text) for text in results.troubles]
        if self.path == self.out and self.path.is_dir() and not results.stamp:
            found.append(Trouble("results", f"{self.out} is not an output folder", "`friedel run` makes one"))
        if record is None or results.recipe is None or self.at_work:
            return found
        changed = [name for name in results.changed if not any(name in one.text for one in found)]
        if changed:
            text = f"not as the run in {self.out} left them: {', '.join(changed)}"
            found.append(Trouble("results", text, "running again makes them anew"))
        wanted = [name for name in STAGES if results.recipe.has_grains or name not in GRAIN_STAGES]
        left = [name for name in wanted if name not in record.stages]
        if left:
            last = next(reversed(record.stages), None)
            ended = f"ended after {last}" if last else "finished no stage"
            text = f"the run in {self.out} {ended}: {', '.join(left)} {'is' if len(left) == 1 else 'are'} missing"
            found.append(Trouble("results", text, "running again goes on from there; log.txt says why it stopped"))
        return found


def _with_way_out(trouble: Trouble) -> Trouble:
    if trouble.way_out or "no such file" not in trouble.text:
        return trouble
    return replace(trouble, way_out="put it back, or correct `frames` in the section [scan] of the recipe")
