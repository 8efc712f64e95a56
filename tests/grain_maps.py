"""Small tables and maps of grains for the tests."""

from dataclasses import replace

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume

AL = Phase.from_lattice("Al", [4.05] * 3 + [90] * 3, "F m -3 m")
FE = Phase.from_lattice("Fe", [2.87] * 3 + [90] * 3, "I m -3 m")
TI = Phase.from_lattice("Ti", [2.95, 2.95, 4.68, 90, 90, 120], "P 63/m m c")


def grains_of(U, phase=None, phases=(AL,)):
    U = np.asarray(U, float).reshape(-1, 3, 3)
    n = len(U)
    phase = np.zeros(n, np.int64) if phase is None else np.asarray(phase)
    B = np.array([phases[row].B for row in phase]).reshape(-1, 3, 3)
    zero = np.zeros(n)
    return GrainTable(
        U=U,
        UBI=np.linalg.inv(U @ B),
        position_um=np.zeros((n, 3)),
        completeness=np.ones(n),
        phase=phase,
        blob_pointer=np.zeros(n + 1, np.int64),
        blobs=np.zeros(0, np.int64),
        shared=np.zeros(0, bool),
        orientation_error_deg=zero,
        position_error_um=zero,
        volume_um3=zero,
        phases=tuple(p.name for p in phases),
    )


def volume_of(label, voxel=2.0, origin=(0.0, 0.0, 0.0)):
    label = np.asarray(label, np.int32)
    solid = (label > 0).astype(np.uint8)
    return GrainVolume(label, solid, solid.astype(np.float32), np.array(origin), voxel)


def sample_map(n=5, seed=0):
    """Random grains of two phases in a small volume that is not centred: (grains, volume, phases)."""
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(n, 4))
    U = Rotation.from_quat(q).as_matrix()
    phases = (AL, TI)
    grains = grains_of(U, np.arange(n) % 2, phases)
    owned = rng.integers(1, 5, n)
    grains = replace(
        grains,
        position_um=rng.normal(size=(n, 3)) * 50,
        completeness=rng.random(n),
        blob_pointer=np.concatenate([[0], np.cumsum(owned)]),
        blobs=rng.permutation(owned.sum()),
        shared=rng.random(owned.sum()) < 0.2,
    )
    label = rng.integers(0, n + 1, (4, 5, 6)).astype(np.int32)
    status = np.where(label > 0, rng.integers(1, 4, label.shape), 0).astype(np.uint8)
    volume = GrainVolume(
        label, status, rng.random(label.shape).astype(np.float32), np.array([-6.0, 1.5, 20.0]), 2.5
    )
    return grains, volume, phases


LABELS = np.array([[[-1, 0, 0], [3, 3, -1]]])
"""Of a map of ImageD11: grains 0 and 3."""


def tensor_map(path, ubis, phases, **changes):
    """A file in the layout of ImageD11's `TensorMap.to_h5`: UBI of the two grains, lines of name and cell."""
    ubi = np.full((*LABELS.shape, 3, 3), np.nan)
    for label, values in zip((0, 3), ubis, strict=True):
        ubi[label == LABELS] = values
    maps = {"labels": LABELS, "phase_ids": np.where(LABELS == 3, 1, np.where(LABELS == 0, 0, -1)), "UBI": ubi}
    with h5py.File(path, "w") as file:
        for name, values in {**maps, **changes}.items():
            if values is not None:
                file[f"TensorMap/maps/{name}"] = values
        for number, (name, cell) in enumerate(phases):
            file[f"TensorMap/phases/{number}"] = cell
            file[f"TensorMap/phases/{number}"].attrs["phase_name"] = name
        file["TensorMap/step"] = np.array([5.0, 2.0, 1.0])
    return path
