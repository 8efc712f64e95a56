"""Grain maps of other programs, damaged or with something else in them, as samples of a simulation."""

import shutil
from pathlib import Path
from random import Random

import h5py
import numpy as np

from friedel.io.export import export_dream3d
from friedel.io.grain_maps import read_grain_map
from friedel.simulator import SimulationParams
from friedel.simulator.measured import measured_cells
from tests.fuzz.damage import damaged
from tests.fuzz.folders import put
from tests.fuzz.kind import told
from tests.grain_maps import AL, sample_map, tensor_map
from tests.unit.test_grain_maps import LABEL, TWO, dream3d_nx, grain_mapper, ours

PARAMS = SimulationParams.build({"sample": {"map": "map", "map_voxel_um": 5.0}, "rows": 64, "cols": 64})


class Maps:
    """Maps in every layout that is read."""

    name, share, patience_s = "map", 30, 20.0

    def prepare(self, folder: Path) -> None:
        """One of each."""
        self._folder = folder
        grain_mapper(folder / "mapper.h5")
        grains, volume, phases = sample_map()
        export_dream3d(folder / "simpl.dream3d", volume, grains, phases)
        dream3d_nx(folder / "nx.dream3d")
        ubis = np.linalg.inv(TWO.as_matrix() @ AL.B)
        cell = "4.05 4.05 4.05 90 90 90 F"
        tensor_map(folder / "tensor.h5", ubis, [("Al", cell), ("Ni", cell)])
        ours(folder)
        np.savez(folder / "a.npz", grain_id=LABEL, U=np.repeat(TWO.as_matrix(), [6, 1], axis=0), voxel_um=2.0)
        self._valid = {path.name: path.read_bytes() for path in folder.iterdir()}

    def one(self, rng: Random) -> str:
        """A damaged one, or one with another member; read, and taken for a sample."""
        name = rng.choice(sorted(self._valid))
        path = self._folder / name
        asked = self._folder / "volume.h5" if name == "grains.h5" else path
        try:
            if path.suffix == ".npz" or rng.random() < 0.3:
                path.write_bytes(damaged(self._valid[name], rng))
            else:
                with h5py.File(path, "r+") as file:
                    for _ in range(rng.choice((1, 1, 2))):
                        put(file, rng)
            return told(lambda: self._taken(asked, rng))
        finally:
            if path.is_dir():
                shutil.rmtree(path)
            path.write_bytes(self._valid[name])

    def _taken(self, path: Path, rng: Random) -> None:
        kind = rng.choice(("voxel", "voxel", "grain", "random"))
        found = read_grain_map(str(path), kind)
        params = PARAMS.replaced(sample={**PARAMS.sample.model_dump(), "map_orientations": kind})
        phases = (AL,) * len(set(found.phase.tolist()))
        measured_cells(params, found, phases, np.random.default_rng(1))
