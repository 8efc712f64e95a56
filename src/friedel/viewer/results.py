"""What an output folder holds, read part by part when somebody looks at it."""

import json
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from friedel.errors import FriedelError
from friedel.io.background_reader import Backgrounds
from friedel.io.store import read_attributes, read_blobs, read_description, read_grains, read_pairs, read_volume
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.description import Description
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.recipe import Recipe, build_recipe
from friedel.runner.geometry import load_setup
from friedel.runner.provenance import RECORD, RunRecord, read_record

Part = TypeVar("Part")
FILES = (RECORD, "recipe.toml", "background.h5", "blobs.h5", "pairs.h5", "grains.h5", "volume.h5")


def stamp_of(out: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes when a run changes the folder."""
    found = []
    for name in FILES:
        try:
            state = (out / name).stat()
        except OSError:
            continue
        found.append((name, state.st_mtime_ns, state.st_size))
    return tuple(found)


class Results:
    """The parts of an output folder as they stood when it was made; what is not there is None.

    Nothing raises: what cannot be read is None too, and `missing` says why. Safe for several threads.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.stamp = stamp_of(out)
        self.missing: dict[str, str] = {}
        self._lock = threading.RLock()
        self._parts: dict[str, Any] = {}

    def has(self, name: str) -> bool:
        """Whether a file was there."""
        return any(name == known for known, _, _ in self.stamp)

    @property
    def record(self) -> RunRecord | None:
        """`run.json`."""
        return self._part("record", RECORD, lambda path: read_record(path.parent))

    @property
    def recipe(self) -> Recipe | None:
        """`recipe.toml`: what ran."""

        def read(path: Path) -> Recipe:
            return build_recipe(tomllib.loads(path.read_text(encoding="utf-8")))

        return self._part("recipe", "recipe.toml", read)

    @property
    def backgrounds(self) -> Backgrounds | None:
        """`background.h5`, image by image."""
        return self._part("backgrounds", "background.h5", Backgrounds.open)

    @property
    def blobs(self) -> BlobTable | None:
        """`blobs.h5`."""
        return self._part("blobs", "blobs.h5", read_blobs)

    @property
    def pairs(self) -> PairTable | None:
        """`pairs.h5`, where its blobs are those of `blobs.h5`."""
        return self._part("pairs", "pairs.h5", read_pairs)

    @property
    def grains(self) -> GrainTable | None:
        """`grains.h5`, where its blobs are those of `blobs.h5`."""

        def read(path: Path) -> GrainTable:
            grains, blobs = read_grains(path), self.blobs
            if blobs is not None and int(grains.blobs.max(initial=-1)) >= len(blobs):
                raise ValueError("it is of other blobs")
            return grains

        return self._part("grains", "grains.h5", read)

    @property
    def description(self) -> Description | None:
        """What the map told about each grain."""
        return None if self.grains is None else self._part("description", "grains.h5", read_description)

    @property
    def volume(self) -> GrainVolume | None:
        """`volume.h5`."""

        def read(path: Path) -> GrainVolume:
            volume, grains = read_volume(path), self.grains
            if grains is not None and int(volume.grain_id.max(initial=0)) > len(grains.position_um):
                raise ValueError("it is of other grains")
            return volume

        return self._part("volume", "volume.h5", read)

    @property
    def setup(self) -> Setup | None:
        """The geometry that the grains were found with, which calibration may have changed."""
        recipe = self.recipe
        if recipe is None or recipe.setup is None:
            return None
        given = recipe.setup

        def read(path: Path) -> Setup:
            setup = given.setup()
            stored = path.suffix == ".h5" and "setup" in read_attributes(path)
            return load_setup(path, setup) if stored else setup

        for used in ("grains.h5", "pairs.h5", "recipe.toml"):
            found = self._part(f"setup of {used}", used, read) if self.has(used) else None
            if found is not None:
                return found
        return None

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The crystals of the recipe that ran."""
        recipe = self.recipe
        if recipe is None or not recipe.phase:
            return ()
        given = recipe.phase
        return self._part("phases", "recipe.toml", lambda _: tuple(one.phase() for one in given)) or ()

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """`evaluation.json`, where `friedel evaluate` left one."""
        if not (self.out / "evaluation.json").is_file():
            return None
        return self._part("evaluation", RECORD, _evaluation)

    def _part(self, name: str, file: str, read: Callable[[Path], Part | None]) -> Part | None:
        with self._lock:
            if name not in self._parts:
                self._parts[name] = self._read(name, file, read)
            part: Part | None = self._parts[name]
            return part

    def _read(self, name: str, file: str, read: Callable[[Path], Part | None]) -> Part | None:
        if not self.has(file):
            return None
        try:
            return read(self.out / file)
        except (FriedelError, OSError, ValueError, KeyError) as error:
            self.missing[name] = f"{file} cannot be used: {error}"
            return None


def _evaluation(record: Path) -> dict[str, Any]:
    values = json.loads((record.parent / "evaluation.json").read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError("evaluation.json is not a table")
    return values
