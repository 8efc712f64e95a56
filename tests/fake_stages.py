"""A tiny scan with all the pipeline's files: the pass over frames is real, the stages after it are quick stand-ins.

A stand-in's tables hold numbers that depend on its parameters and on every table that it was given, as a real
stage's do: what was made of the wrong input, or with the wrong parameters, is another number.
"""

import hashlib
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import friedel
from friedel.calibrator import Decision
from friedel.describe import describe
from friedel.errors import FriedelWarning
from friedel.model.setup import Detector, Setup
from friedel.model.shapes import GrainShape
from friedel.output_folder.files import RESULTS, STAGE_FILES, STAGES
from friedel.output_folder.record import read_run_record
from friedel.runner import grain_stages
from tests.grain_maps import AL, volume_of
from tests.unit.test_reporter_grains import some_pairs, tiny_map

RECIPE = """
[scan]
frames = "frames.npy"
dark = "dark.npy"
mask = "mask.npy"
omega = { start_deg = 0.0, step_deg = 9.0 }
[preprocess]
half_window = 5
half_step = 2
normalise = "none"
beam = "none"
[segment]
unit = "sigma"
noise = "noise.npy"
seed_threshold = 10.0
grow_min = 5.0
seed_min_voxels = 1
min_size = [1, 1, 1]
[setup]
energy_keV = 40.0
detector = { distance_um = 300.0, pixel_um = 3.5, centre_px = [11.5, 11.5] }
distortion = ["dx.npy", "dy.npy"]
sample = { mask = "sample.h5" }
absorption_per_mm = 2.0
[[phase]]
name = "Al"
cif = "al.cif"
[run]
threads = 1
"""
CIF = """data_Al
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Al Al 0 0 0
"""


def write_inputs(folder: Path) -> Path:
    """A scan of 40 frames with a dozen spots, and a recipe that names a file wherever it can; the recipe."""
    rng = np.random.default_rng(5)
    frames = rng.poisson(100, (40, 24, 24)).astype(np.uint16)
    for frame, row, col in rng.integers([2, 2, 2], [18, 20, 20], (6, 3)):
        for start in (frame, frame + 20):
            frames[start : start + 2, row : row + 3, col : col + 3] += 500
    np.save(folder / "frames.npy", frames)
    np.save(folder / "dark.npy", np.full((24, 24), 3, np.uint16))
    np.save(folder / "mask.npy", np.zeros((24, 24), np.uint8))
    for name in ("dx.npy", "dy.npy"):
        np.save(folder / name, np.full((24, 24), 0.25, np.float32))
    np.save(folder / "noise.npy", np.full((24, 24), 10, np.float32))
    friedel.io.store.write_volume(folder / "sample.h5", volume_of(np.ones((4, 4, 4)), 20.0, (-40.0, -40.0, -40.0)))
    (folder / "al.cif").write_text(CIF.format(a=4.05))
    (folder / "recipe.toml").write_text(RECIPE)
    return folder / "recipe.toml"


def number(*things: Any) -> float:
    """In [0, 1), another one for other things; tables count with all their arrays."""
    digest = hashlib.sha256()
    for thing in things:
        for part in thing if isinstance(thing, list) else [thing]:
            values = getattr(part, "columns", part)
            if is_dataclass(values):
                values = {one.name: getattr(part, one.name) for one in fields(part)}
            items = sorted(values.items()) if isinstance(values, dict) else [("", values)]
            for name, value in items:
                digest.update(name.encode())
                digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return int.from_bytes(digest.digest()[:4], "big") / 2**32


def moved(setup: Setup, by_um: float) -> Setup:
    """The same with the detector elsewhere."""
    plane = setup.detector
    return replace(setup, detector=Detector(plane.origin_um + np.array([by_um, 0.0, 0.0]), plane.u_um, plane.v_um))


def of_setup(setup: Setup) -> tuple[float, ...]:
    return (setup.beam.energy_keV, setup.axis.sign, *setup.detector.origin_um)


def choose_setup(blobs, request, *, setup=None, grains=None, index=None):
    """The detector moves a little when there are pairs, and again when there are grains with strain."""
    if grains is None:
        return Decision(moved(request.given, number(blobs)), ({"by": "pairs"},))
    if not grains.strain.size:
        return Decision(setup)
    return Decision(moved(setup, number(grains)), ({"by": "grains"},))


def match(blobs, setup, phases, params, *, seed=0, watcher=None):
    pairs = some_pairs(len(blobs))
    mark = number(blobs.columns, of_setup(setup), phases[0].lattice, params, seed)
    columns = {**pairs.columns, "residual": np.full(len(pairs), mark)}
    return replace(pairs, columns=columns, null_pairs=mark)


def of_absorption(absorption):
    return "" if absorption is None else (absorption.per_um, absorption.body.inside.tobytes())


def index(blobs, pairs, setup, phases, params, *, absorption, executor, watcher=None):
    grains, _, _ = tiny_map(len(blobs))
    n, mark = len(grains), number(blobs.columns, pairs, of_setup(setup), params, of_absorption(absorption))
    strain = np.full((n, 6), mark) if params.strain else np.zeros((0, 6))
    return replace(grains, completeness=np.full(n, mark), volume_um3=np.arange(n) + mark, strain=strain)


def reconstruct(blobs, grains, setup, phases, params, *, absorption, executor, mask, watcher=None, frames=None):
    known = [grains.completeness, grains.U, grains.blobs, grains.strain, of_absorption(absorption)]
    blocks = frames.blocks(np.ones(frames.count, bool)) if frames is not None else ()
    seen = [block.frames for block in blocks] + ([frames.noise] if frames is not None else [])
    mark = number(
        blobs.columns, *known, of_setup(setup), params, mask.inside, np.array([one.sum() for one in seen])
    )
    cubes = (np.full((2, 2, 2), i + mark, np.float32) for i in range(len(grains)))
    return [GrainShape(i, cube, np.zeros(3), 1.0, 0.5, mark, 3, *[np.zeros(0)] * 3) for i, cube in enumerate(cubes)]


def assemble(shapes, grains, params, *, sample, mask, watcher=None):
    _, volume, _ = tiny_map(4)
    mark = number(
        [np.append(one.density, one.residual) for one in shapes], grains.completeness, params, mask.inside
    )
    return replace(volume, density=np.full(volume.grain_id.shape, mark, np.float32))


STAND_INS: dict[str, Callable[..., Any]] = {
    "choose_setup": choose_setup,
    "match": match,
    "index": index,
    "absorption_of_spots": lambda *_: (np.nan, np.nan),
    "reconstruct": reconstruct,
    "assemble": assemble,
    "describe_map": lambda grains, volume, phases: describe(grains, volume, [AL]),
}


@contextmanager
def standing_in() -> Iterator[pytest.MonkeyPatch]:
    """The stand-ins are in the stages' places."""
    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in STAND_INS.items():
            patch.setattr(grain_stages, name, stand_in)
        patch.setattr("friedel.io.atomic._flush", lambda *_: None)  # a busy disk takes longer than all the rest
        yield patch


def run(recipe: Path, out: Path, settings: Any = (), **options: Any) -> Path:
    """A run without report, whose warnings are nobody's business here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FriedelWarning)
        return friedel.run(recipe, out, settings=settings, report=False, **options)


def contents(out: Path, stages: tuple[str, ...] = STAGES) -> dict[str, dict[str, Any]]:
    """All datasets of the results that these stages leave, by file and name; also what its attributes say."""
    found: dict[str, dict[str, Any]] = {}
    for file in (file for stage in stages for file in STAGE_FILES[stage] if (out / file).exists()):
        values = found.setdefault(file, {})

        def take(name: str, item: Any, values: dict[str, Any] = values) -> None:
            if isinstance(item, h5py.Dataset):
                values[name] = (item.dtype.str, item.shape, np.asarray(item[()]).tobytes())

        with h5py.File(out / file, "r") as opened:
            opened.visititems(take)
            values["set-up"] = str(opened.attrs.get("setup"))
    return found


def sound(out: Path) -> bool:
    """Whether `run.json` and the files say the same: none is damaged, and none is there that it does not know."""
    record = read_run_record(out)
    there = {file for file in RESULTS if (out / file).exists()}
    return record is not None and not [*record.damaged(out)] and there == {*record.outputs}


def copied(folder: Path, target: Path) -> Path:
    """A copy of an output folder, in place of what stood there."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(folder, target))


def hashes(folder: Path) -> dict[str, str]:
    """Of the results in a folder, by name."""
    return {
        file: hashlib.sha256((folder / file).read_bytes()).hexdigest()
        for file in RESULTS
        if (folder / file).exists()
    }
