"""Simulated scans as files: the raw frames, the truth, and a recipe that is ready to run."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from friedel.errors import FriedelWarning, InputError
from friedel.io import open_scan
from friedel.io.atomic import replace_text
from friedel.io.grain_maps import read_grain_map
from friedel.io.store import RawWriter, write_truth
from friedel.model.arrays import AnyArray
from friedel.model.crystal import Phase
from friedel.model.grain_map import GrainMap
from friedel.model.stream import Executor
from friedel.output_folder.files import VOLUME
from friedel.recipe import PhaseParams, Recipe, dump, relative_to
from friedel.runner.progress import Progress, log, shown
from friedel.runner.stage_hashes import digest_of
from friedel.simulator import Simulation, SimulationParams, simulate
from friedel.survey import guess


@dataclass(frozen=True, slots=True)
class SimulatedFiles:
    """Where the three files are."""

    scan: Path
    truth: Path
    recipe: Path


def simulation_files(out: Path) -> SimulatedFiles:
    """Names that go with `OUT.h5`. Raises `InputError` for another suffix."""
    if out.suffix not in {".h5", ".hdf5"}:
        raise InputError(str(out), rule="must end in .h5")
    return SimulatedFiles(out, out.with_suffix(".truth.h5"), out.with_suffix(".toml"))


def write_simulation(params: SimulationParams, out: Path, executor: Executor, progress: Progress) -> SimulatedFiles:
    """Simulate a scan into `out`, its truth and a recipe beside it. Each file is whole or not there."""
    files = simulation_files(out)
    phases, grain_map = _phases(params), _grain_map(params)
    grown = f"growing {params.grains}" if grain_map is None else f"taking {len(grain_map.number)}"
    log.info(f"{grown} grains and letting them diffract")
    simulation = simulate(params, executor=executor, phases=phases, grain_map=grain_map)
    blobs = simulation.truth.blobs
    log.info(f"{len(blobs)} spots reach the detector")
    count = simulation.stored_shape[0]
    writer = RawWriter(
        files.scan,
        simulation.stored_shape,
        dark=_stored_dark(simulation),
        omega_start_deg=simulation.omega_start_deg,
        omega_step_deg=simulation.omega_step_deg,
        saturation=float(params.camera.saturation),
        attributes={"title": f"simulated by friedel, seed {params.seed}"},
    )
    with writer, shown(progress, "simulate", count) as bar:
        for start, block in simulation.blocks(executor):
            writer.append(block, executor)
            bar.reach(start + len(block))
    marks = {"scan_fingerprint": open_scan(files.scan).fingerprint, **_inputs(params)}
    write_truth(files.truth, simulation.truth, marks)
    recipe, notes = _recipe(simulation, files, executor)
    text = dump(relative_to(recipe, out.absolute().parent), notes, head=f"A recipe for {files.scan.name}.")
    kept = replace_text(files.recipe, text)
    if kept is not None:
        log.warning(f"{files.recipe} was already there and is now {kept}")
    return files


def _recipe(simulation: Simulation, files: SimulatedFiles, executor: Executor) -> tuple[Recipe, dict[str, str]]:
    """What `friedel init` would guess, and the geometry and crystals that the simulation knows."""
    known = simulation.recipe()
    scan: Mapping[str, Any] = {"frames": str(files.scan.absolute()), **known["scan"]}
    # what a CIF says of symmetry, occupancies and thermal motion has no other words in a recipe
    phases = [
        {"name": given.name, "cif": given.cif} if given.cif else made
        for given, made in zip(simulation.params.phase, known["phase"], strict=True)
    ]
    return guess({**known, "scan": scan, "phase": phases}, executor)


def _phases(params: SimulationParams) -> tuple[Phase, ...] | None:
    """Crystals, where some come from CIF files; None where the parameters say all."""
    if not any(phase.cif for phase in params.phase):
        return None
    phases = []
    for phase in params.phase:
        values = phase.model_dump(include={"name", "lattice", "spacegroup", "atoms"})
        if phase.cif:
            values = {"name": phase.name, "cif": phase.cif}
        phases.append(PhaseParams.build(values, "phase").phase())
        for text in phases[-1].oddities():
            warnings.warn(text, FriedelWarning, stacklevel=3)
    return tuple(phases)


def _grain_map(params: SimulationParams) -> GrainMap | None:
    """What is in the map that the parameters name, if they do."""
    if not params.sample.map:
        return None
    found = read_grain_map(params.sample.map, params.sample.map_orientations)
    if found.oddities and params.sample.map_voxel_given:
        log.info(f"{found.name}: {'; '.join(found.oddities)}")
    return found


def _inputs(params: SimulationParams) -> dict[str, Any]:
    """For the truth's attributes: the files that the parameters name, and hashes of what was in them."""
    given = {"sample.map": params.sample.map, **{f"phase.cif of {one.name}": one.cif for one in params.phase}}
    read = {key: digest_of(_read_of(text)) for key, text in given.items() if text}
    return {"simulated_from": read} if read else {}


def _read_of(text: str) -> str:
    """The file that is hashed for an input: of an output folder its map."""
    return str(Path(text) / VOLUME) if Path(text).is_dir() else text


def _stored_dark(simulation: Simulation) -> AnyArray:
    """Dark images of the shape of the stored ones, which may hold several frames."""
    rows, cols = simulation.stored_shape[1:]
    down, across = rows // simulation.dark.shape[1], cols // simulation.dark.shape[2]
    return np.tile(simulation.dark, (1, down, across))
