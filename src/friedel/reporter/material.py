"""What a report is made of: everything that an output folder still tells."""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from friedel.errors import FriedelError, InputError
from friedel.io import open_scan
from friedel.io.background_reader import Backgrounds
from friedel.io.images import read_images
from friedel.io.scan_params import ScanParams
from friedel.io.store import read_attributes, read_blobs, read_description, read_grains, read_pairs, read_volume
from friedel.model.arrays import AnyArray, Floats, Image
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.description import Description
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.pairs import PairTable
from friedel.model.scan import Box, Scan
from friedel.model.setup import Setup
from friedel.recipe import PhaseParams, SetupParams
from friedel.runner.geometry import load_setup

Part = TypeVar("Part")
Place = int | slice | AnyArray


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The parts of an output folder; what is not there is None or empty, and `missing` says why.

    `recipe` is recipe.toml, `run` run.json, `evaluation` evaluation.json, as plain values. `noise` [row, col] in
    counts is what values were divided by before they were compared with the thresholds, None where one number did.
    """

    folder: Path
    recipe: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    blobs: BlobTable | None = None
    backgrounds: Backgrounds | None = None
    scan: Scan | None = None
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    noise: Image | None = None
    pairs: PairTable | None = None
    grains: GrainTable | None = None
    description: Description | None = None
    volume: GrainVolume | None = None
    setup: Setup | None = None
    phases: Sequence[Phase] = ()
    missing: tuple[str, ...] = ()

    def setting(self, section: str, name: str, default: Any = None) -> Any:
        """One value of the recipe."""
        return self.recipe.get(section, {}).get(name, default)

    @property
    def stages(self) -> Mapping[str, Mapping[str, Any]]:
        """Records of the finished stages."""
        return dict(self.run.get("stages", {}))

    @property
    def measured(self) -> Mapping[str, Any]:
        """What preprocessing found out about the scan: levels, boxes, noise."""
        return dict(self.stages.get("preprocess", {}).get("measured", {}))

    @property
    def beam(self) -> Box | None:
        """The direct beam's box."""
        box = self.measured.get("beam")
        return Box(*box) if box else None

    @property
    def margins(self) -> tuple[Box, ...]:
        """The parts of the beam that the sample never shadows."""
        return tuple(Box(*box) for box in self.measured.get("margins", ()))

    @property
    def sigma(self) -> float:
        """Noise of a clean frame in counts, 0 where it was not recorded."""
        return float(self.measured.get("sigma", 0.0))

    @property
    def seed_threshold(self) -> float | None:
        """T in counts, where the noise is that of a typical pixel."""
        return self.in_counts(self.setting("segment", "seed_threshold"))

    def in_counts(self, threshold: float | None) -> float | None:
        """A threshold of the recipe in counts, where the noise is that of a typical pixel."""
        if threshold is None or self.setting("segment", "unit") != "sigma":
            return threshold
        return threshold * (self.sigma if self.noise is None else float(np.median(self.noise))) or None

    def in_counts_at(self, threshold: float | None, row: Place, col: Place) -> Floats | None:
        """The same at given pixels; `row` and `col` are as for an image [row, col]."""
        if threshold is None or self.noise is None:
            level = self.in_counts(threshold)
            return None if level is None else np.asarray(level, np.float64)
        return np.asarray(threshold * np.asarray(self.noise[row, col], np.float64))

    def grown_to(self, blob: int, row: Place, col: Place) -> Floats:
        """What a blob grew down to at given pixels, in counts."""
        level = float(self.blobs["threshold"][blob]) if self.blobs is not None else 0.0
        return np.asarray(level if self.noise is None else level * self.noise[row, col], np.float64)

    @property
    def warnings(self) -> list[str]:
        """Of all stages, in order, each once: stages that ran in one pass share theirs."""
        return list(dict.fromkeys(text for stage in self.stages.values() for text in stage.get("warnings", ())))


def load_material(folder: Path) -> Material:
    """Read what is there. Raises `InputError` when it is no output folder at all."""
    if not folder.is_dir():
        raise InputError(str(folder), rule="no such output folder", way_out="`friedel run` makes one")
    missing: list[str] = []

    def part(name: str, read: Callable[[Path], Part], absent: Part, *, needed: bool = True) -> Part:
        path = folder / name
        if not path.exists():
            missing.extend([f"{name} is not in the folder"] if needed else [])
            return absent
        try:
            return read(path)
        except (FriedelError, OSError, ValueError) as error:
            missing.append(f"{name} cannot be read: {error}")
            return absent

    nothing: dict[str, Any] = {}
    recipe = part("recipe.toml", _toml, nothing)
    run = part("run.json", _json, nothing)
    if not recipe and not run and not (folder / "blobs.h5").exists():
        raise InputError(str(folder), rule="is not an output folder", way_out="`friedel run` makes one")
    blobs = part("blobs.h5", read_blobs, None, needed=not run or "segment" in run.get("stages", {}))
    evaluation = part("evaluation.json", _json, nothing, needed=False)
    if blobs is not None and evaluation.get("blobs", {}).get("result", len(blobs)) != len(blobs):
        missing.append("evaluation.json is of another result; `friedel evaluate` makes a new one")
        evaluation = nothing
    material = Material(
        folder=folder,
        recipe=recipe,
        run=run,
        blobs=blobs,
        backgrounds=part("background.h5", Backgrounds.open, None, needed=_has_background(recipe)),
        scan=_scan(recipe, folder, missing),
        evaluation=evaluation,
        pairs=part("pairs.h5", read_pairs, None, needed=_got_to(folder, run, 0)),
        grains=part("grains.h5", read_grains, None, needed=_got_to(folder, run, 1)),
        description=part("grains.h5", read_description, None, needed=False),
        volume=part("volume.h5", read_volume, None, needed=_got_to(folder, run, 2)),
        setup=_setup(folder, recipe, missing),
        phases=_phases(recipe, missing),
    )
    material = _fitting(material, missing)
    noise = _noise(material, missing)
    return replace(material, noise=noise, missing=tuple(missing))


MAP_FILES = (("pairs.h5", "match"), ("grains.h5", "index"), ("volume.h5", "assemble"))


def _got_to(folder: Path, run: Mapping[str, Any], number: int) -> bool:
    """Whether the file that this stage writes is to be expected: it ran, or what comes after it is there."""
    return any(stage in run.get("stages", {}) or (folder / name).exists() for name, stage in MAP_FILES[number:])


def _fitting(material: Material, missing: list[str]) -> Material:
    """Without parts that speak of grains, blobs or phases which are not there: they are of another result."""
    blobs, grains, volume = material.blobs, material.grains, material.volume
    if grains is not None and (
        (blobs is not None and int(grains.blobs.max(initial=-1)) >= len(blobs))
        or (material.phases and int(grains.phase.max(initial=0)) >= len(material.phases))
    ):
        missing.append("grains.h5 is of other blobs or phases")
        grains = None
    if volume is not None and grains is not None and int(volume.grain_id.max(initial=0)) > len(grains):
        missing.append("volume.h5 is of other grains")
        volume = None
    description = material.description if grains is not None else None
    evaluation = dict(material.evaluation)
    for name, table in (("pairs", material.pairs), ("grains", grains)):
        if name in evaluation and (table is None or evaluation[name].get("result", len(table)) != len(table)):
            del evaluation[name]
            missing.append(f"{name} of evaluation.json are of another result; `friedel evaluate` makes a new one")
    return replace(material, grains=grains, description=description, volume=volume, evaluation=evaluation)


def _setup(folder: Path, recipe: Mapping[str, Any], missing: list[str]) -> Setup | None:
    """The geometry that the grains were found with, which calibration may have changed, else the recipe's."""
    if "setup" not in recipe:
        return None
    try:
        given = SetupParams.build(recipe["setup"], "setup").setup()
        used = next((folder / name for name in ("grains.h5", "pairs.h5") if (folder / name).exists()), None)
        return given if used is None or "setup" not in read_attributes(used) else load_setup(used, given)
    except FriedelError as error:
        missing.append(f"[setup] of the recipe cannot be used: {error}")
        return None


def _phases(recipe: Mapping[str, Any], missing: list[str]) -> tuple[Phase, ...]:
    try:
        return tuple(PhaseParams.build(section, "phase").phase() for section in recipe.get("phase", ()))
    except FriedelError as error:
        missing.append(f"[[phase]] of the recipe cannot be used: {error}")
        return ()


def _noise(material: Material, missing: list[str]) -> Image | None:
    """The noise per pixel, where thresholds are in units of it; where it has gone, the scan's in its place."""
    name = material.setting("segment", "noise", "scan")
    if material.setting("segment", "unit") != "sigma" or name == "scan" or material.blobs is None:
        return None
    stored = material.backgrounds.noise if material.backgrounds is not None else None
    try:
        image = stored if name == "local" else np.asarray(read_images(str(name), Path.cwd()), np.float32)
    except (FriedelError, OSError) as error:
        missing.append(f"the image of the noise cannot be read any more: {error}")
        image = None
    shape = material.blobs.shape[1:]
    if image is not None and image.shape == shape:
        return image
    missing.append("the noise per pixel is not in the folder: thresholds are drawn for that of the whole scan")
    return np.full(shape, material.sigma, np.float32)


def _scan(recipe: Mapping[str, Any], folder: Path, missing: list[str]) -> Scan | None:
    section = recipe.get("scan")
    if not section:
        return None
    try:
        return open_scan(str(section["frames"]), ScanParams.build(section, "scan"), folder)
    except (FriedelError, OSError, KeyError) as error:
        missing.append(f"the scan cannot be opened any more ({error}), so there are no pictures of frames")
        return None


def _has_background(recipe: Mapping[str, Any]) -> bool:
    return bool(recipe.get("preprocess", {}).get("background", "moving_median") != "none")


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _json(path: Path) -> dict[str, Any]:
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError("is not a table")
    return values
