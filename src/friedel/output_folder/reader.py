"""What an output folder holds, read part by part when somebody asks for it, and what of it is missing."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from friedel.errors import FriedelError, InputError, OutputError
from friedel.io.background_reader import Backgrounds
from friedel.io.foreign import parsing
from friedel.io.setup_record import load_setup
from friedel.io.shape_store import read_shapes
from friedel.io.store import (
    count_blobs,
    read_attributes,
    read_blobs,
    read_description,
    read_grains,
    read_pairs,
    read_volume,
)
from friedel.io.text import read_text
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.description import Description
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.model.shapes import GrainShape
from friedel.model.still_sample import of_still_sample
from friedel.output_folder.contents import Contents
from friedel.output_folder.files import (
    BACKGROUND,
    BLOBS,
    EVALUATION,
    GRAIN_STAGES,
    GRAINS,
    PAIRS,
    RECIPE,
    RECORD,
    RESULTS,
    SHAPES,
    STAGES,
    TABLES,
    VOLUME,
    stage_of,
    way_to,
)
from friedel.output_folder.record import Output, RunRecord, StageRecord, read_run_record
from friedel.recipe import Recipe
from friedel.recipe.usable import load_usable

Part = TypeVar("Part")
WATCHED = (RECORD, RECIPE, *TABLES, SHAPES, EVALUATION)
Stamp = tuple[tuple[str, int, int], ...]


class OutputFolder:
    """The files of an output folder as values, each read once, when it is first asked for.

    A part is None where its file is not there, or cannot be used; then `errors` [file] says why. No part raises:
    who cannot do without one asks `needed`, who can do without but not with a damaged one `undamaged`. Files are
    as they stood when the object was made; `renewed` gives another one when they have changed. With `checked` a
    file that does not hold what the run left in it cannot be used either: its hash is taken before it is read.
    Safe for several threads.
    """

    def __init__(self, path: Path, *, checked: bool = False) -> None:
        self.path = path
        self._checked = checked
        self._contents = Contents(path)
        self.stamp = _stamp(path)
        self.errors: dict[str, FriedelError] = {}
        self._notes: dict[str, str] = {}
        self._lock = threading.RLock()
        self._parts: dict[str, Any] = {}

    @classmethod
    def open(cls, path: Path, *, checked: bool = False) -> Self:
        """Of a folder that a run has made. Raises `InputError` for any other."""
        if not path.is_dir():
            raise InputError(str(path), rule="no such output folder", way_out="`friedel run` makes one")
        folder = cls(path, checked=checked)
        if not any(folder.has(file) for file in (RECIPE, RECORD, BLOBS)):
            raise InputError(str(path), rule="is not an output folder", way_out="`friedel run` makes one")
        return folder

    def renewed(self) -> Self:
        """This one while its files are as they were, else another."""
        return self if _stamp(self.path) == self.stamp else type(self)(self.path, checked=self._checked)

    def has(self, file: str) -> bool:
        """Whether a file was there."""
        return any(file == known for known, _, _ in self.stamp)

    def unchanged(self, file: str) -> bool:
        """Whether a file holds what the run left in it; one that `run.json` does not know counts as unchanged."""
        left = self.record.outputs.get(file) if self.record is not None else None
        return left is None or self._contents.surely_holds(file, left)

    def seems_unchanged(self, file: str, left: Output) -> bool:
        """Whether a file holds what the run left in it, at a glance; see `Contents`."""
        return self._contents.seems_to_hold(file, left)

    @property
    def changed(self) -> list[str]:
        """Files of the finished stages that are gone, or have changed since the run, at a glance."""
        outputs = self.record.outputs if self.record is not None else {}
        return [file for file, left in outputs.items() if not self.seems_unchanged(file, left)]

    def needed(self, part: Part | None, file: str) -> Part:
        """A part, for those who cannot do without. Raises the `FriedelError` that says what is wrong with its file.

        For one that is not there: an `InputError` with the stage that writes it.
        """
        found = self.undamaged(part, file)
        if found is None:
            raise InputError(str(self.path), rule=f"holds no {file}", way_out=way_to(file))
        return found

    def undamaged(self, part: Part | None, file: str) -> Part | None:
        """A part, None where it is not there. Raises the `FriedelError` of a file that cannot be used."""
        if file in self.errors:
            raise self.errors[file]
        return part

    @property
    def troubles(self) -> list[str]:
        """What could not be used of all that was asked for so far, one sentence a file."""
        with self._lock:
            return [
                *(_sentence(error, self.path / file) for file, error in self.errors.items()),
                *self._notes.values(),
            ]

    @property
    def missing(self) -> list[str]:
        """All that is not there though a run leaves it, or cannot be used, one sentence each. Reads everything."""
        _ = self.record, self.blobs, self.backgrounds, self.pairs, self.grains, self.description
        _ = self.volume, self.setup, self.phases, self.evaluation
        absent = [file for file in (RECIPE, RECORD, *TABLES) if self._expected(file) and not self.has(file)]
        return [*(f"{file} is not in the folder" for file in absent), *self.troubles]

    @property
    def record(self) -> RunRecord | None:
        """`run.json`."""
        return self._part("record", RECORD, lambda path: read_run_record(path.parent))

    @property
    def stages(self) -> Mapping[str, StageRecord]:
        """Records of the finished stages, in order."""
        return {} if self.record is None else self.record.stages

    @property
    def stages_left(self) -> list[str]:
        """Stages that the recipe allows, and the run has not finished."""
        done, recipe = self.stages, self.recipe
        blobs_alone = recipe is None or not recipe.has_grains
        if blobs_alone and not any(name in GRAIN_STAGES for name in done):
            return [name for name in STAGES if name not in GRAIN_STAGES and name not in done]
        return [name for name in STAGES if name not in done]

    @property
    def warnings(self) -> list[str]:
        """Of all stages, in order, each once: stages that ran in one pass share theirs."""
        return list(dict.fromkeys(text for stage in self.stages.values() for text in stage.warnings))

    @property
    def recipe(self) -> Recipe | None:
        """What ran; of a recipe that is wrong in parts, which `errors` tells, the parts that are right."""

        def read(path: Path) -> Recipe | None:
            recipe, wrong = load_usable(path)
            if wrong:
                wrong[0].others = tuple(wrong[1:])
                self.errors[RECIPE] = wrong[0]
            return recipe

        return self._part("recipe", RECIPE, read)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The crystals of the recipe."""
        recipe = self.recipe
        if recipe is None:
            return ()
        return self._part("phases", RECIPE, lambda _: tuple(phase.phase() for phase in recipe.phase)) or ()

    @property
    def setup(self) -> Setup | None:
        """The geometry in force: that of the grains, which calibration may have changed, else pairs, else
        recipe."""
        for file in (GRAINS, PAIRS):
            found = self.setup_of(file)
            if found is not None:
                return found
        return self._given_setup

    @property
    def calibrated_setup(self) -> Setup | None:
        """The geometry that `grains.h5` or `pairs.h5` says it was made with; None where neither does."""
        found = {file: self.setup_of(file) for file in (GRAINS, PAIRS)}
        unread = [file for file, setup in found.items() if setup is None and file in self.errors]
        stated = [setup for setup in found.values() if setup is not None and setup is not self._given_setup]
        if unread and not stated and self._given_setup is not None:
            self._notes["setup"] = (
                f"the set-up in {unread[0]} cannot be read: the recipe's stands in, not calibrated"
            )
        return stated[0] if stated else None

    def setup_of(self, file: str) -> Setup | None:
        """The geometry that `pairs.h5` or `grains.h5` was made with; of one that does not say so, the recipe's."""
        given = self._given_setup

        def read(path: Path) -> Setup | None:
            return load_setup(path, given) if given and "setup" in read_attributes(path) else given

        return self._part(f"setup of {file}", file, read)

    @property
    def _given_setup(self) -> Setup | None:
        recipe = self.recipe
        if recipe is None or recipe.setup is None:
            return None
        return self._part("setup", RECIPE, lambda _: recipe.setup.setup() if recipe.setup else None)

    @property
    def backgrounds(self) -> Backgrounds | None:
        """`background.h5`, image by image."""
        return self._part("backgrounds", BACKGROUND, Backgrounds.open)

    @property
    def found_blobs(self) -> BlobTable | None:
        """`blobs.h5`: what the segmentation found."""
        return self._part("found blobs", BLOBS, read_blobs)

    @property
    def blobs(self) -> BlobTable | None:
        """The blobs of `blobs.h5`; where the set-up has a motion, with `sc` and `fc` of a still sample."""
        found, setup = self.found_blobs, self.setup
        if found is None or setup is None or setup.motion is None:
            return found
        return self._part("blobs", BLOBS, lambda _: of_still_sample(found, setup))

    @property
    def pairs(self) -> PairTable | None:
        """`pairs.h5`, where its blobs are those of the folder."""

        def read(path: Path) -> PairTable:
            pairs, blobs = read_pairs(path), self._blob_count()
            tables, names = (pairs.columns, pairs.across.columns), ("blob_a", "blob_b")
            if blobs is not None and max(int(t[name].max(initial=-1)) for t in tables for name in names) >= blobs:
                raise InputError(str(path), rule="is of other blobs", way_out=way_to(PAIRS))
            return pairs

        return self._part("pairs", PAIRS, read)

    @property
    def grains(self) -> GrainTable | None:
        """`grains.h5`, where its blobs and phases are those of the folder."""

        def read(path: Path) -> GrainTable:
            grains, blobs, phases = read_grains(path), self._blob_count(), self.recipe.phase if self.recipe else ()
            other_blobs = blobs is not None and int(grains.blobs.max(initial=-1)) >= blobs
            if other_blobs or (phases and int(grains.phase.max(initial=0)) >= len(phases)):
                raise InputError(str(path), rule="is of other blobs or phases", way_out=way_to(GRAINS))
            return grains

        return self._part("grains", GRAINS, read)

    @property
    def description(self) -> Description | None:
        """What the map told about each grain."""
        return None if self.grains is None else self._part("description", GRAINS, read_description)

    @property
    def shapes(self) -> list[GrainShape] | None:
        """`shapes.h5`."""
        return self._part("shapes", SHAPES, read_shapes)

    @property
    def volume(self) -> GrainVolume | None:
        """`volume.h5`, where its grains are those of `grains.h5`."""

        def read(path: Path) -> GrainVolume:
            volume, grains = read_volume(path), self.grains
            if grains is not None and int(volume.grain_id.max(initial=0)) > len(grains):
                raise InputError(str(path), rule="is of other grains", way_out=way_to(VOLUME))
            return volume

        return self._part("volume", VOLUME, read)

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """`evaluation.json`, the parts that speak of what is in the folder; empty where there is none."""

        def read(path: Path) -> dict[str, Any]:
            values = json.loads(read_text(path))
            if not isinstance(values, dict):
                raise ValueError("is not a table")
            return self._of_this_result(values)

        return self._part("evaluation", EVALUATION, read) or {}

    def _of_this_result(self, values: dict[str, Any]) -> dict[str, Any]:
        again = f"of another result; {way_to(EVALUATION)}"
        if self.blobs is not None and values.get("blobs", {}).get("result", len(self.blobs)) != len(self.blobs):
            self._notes[EVALUATION] = f"{EVALUATION} is {again}"
            return {}
        for name, table in (("pairs", self.pairs), ("grains", self.grains)):
            if name in values and (table is None or values[name].get("result", len(table)) != len(table)):
                self._notes[f"{name} of {EVALUATION}"] = f"{name} of {EVALUATION} are {again}"
                values = {part: numbers for part, numbers in values.items() if part != name}
        return values

    def _blob_count(self) -> int | None:
        """How many blobs there are, without reading them."""
        return self._part("blob count", BLOBS, count_blobs)

    def _expected(self, file: str) -> bool:
        """Whether a run has left this file: its stage or a later one was done, or has left one of its own."""
        stage = stage_of(file)
        if stage is None:
            return True
        if file == BACKGROUND and self.recipe is not None and self.recipe.preprocess.background == "none":
            return False
        later = STAGES[STAGES.index(stage) :]
        if any(name in later for name in self.stages) or (self.record is None and stage in STAGES[:2]):
            return True
        return any(self.has(other) and stage_of(other) in later for other in RESULTS)

    def _part(self, name: str, file: str, read: Callable[[Path], Part | None]) -> Part | None:
        with self._lock:
            if name not in self._parts:
                self._parts[name] = self._read(file, read)
            part: Part | None = self._parts[name]
            return part

    def _read(self, file: str, read: Callable[[Path], Part | None]) -> Part | None:
        if not self.has(file):
            return None
        path = self.path / file
        if self._checked and file != RECORD and not self.unchanged(file):
            way_out = f"`friedel run {self.path / RECIPE} -o {self.path}` makes it anew"
            self.errors.setdefault(file, OutputError(str(path), rule="has changed since the run", way_out=way_out))
            return None
        try:
            with parsing(path, InputError, rule="cannot be used"):
                return read(path)
        except FriedelError as error:
            self.errors.setdefault(file, error)
        return None


def _stamp(path: Path) -> Stamp:
    """Changes when a run or an evaluation changes the folder."""
    found = []
    for name in WATCHED:
        try:
            state = (path / name).stat()
        except OSError:
            continue
        found.append((name, state.st_mtime_ns, state.st_size))
    return tuple(found)


def _sentence(error: FriedelError, path: Path) -> str:
    """What is wrong with a file, which is known by its name."""
    if error.what != str(path):
        return f"{path.name} cannot be used: {' and '.join(str(error).splitlines())}"
    return str(FriedelError(f"{path.name} {error.rule}", got=error.got, way_out=error.way_out))
