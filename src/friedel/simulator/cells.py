"""A sample as its voxels: which grain each is of, and how its lattice stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume, Status


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """Grains by voxels: those of grain i are [pointer[i], pointer[i+1]).

    `position_um` float32 (n,3) in the sample frame; `rotation` float32 (n,3) is how the lattice of each voxel is
    turned against its grain's `U`, a rotation vector (rad, sample frame).
    """

    grains: GrainTable
    volume: GrainVolume
    pointer: Indices
    position_um: AnyArray
    rotation: AnyArray


class Cells(NamedTuple):
    """The sample's voxels: centres `points` (n,3) in um, places `where` (n,3) as x, y, z, grain `label` (n); and
    the grains: orientation `U` (g,3,3) and phase `kind` (g). `rotation` (n,3) is how each voxel is turned against
    its grain, in rad; None where that is yet to be made up."""

    points: Floats
    where: Indices
    label: Indices
    U: Floats
    kind: Indices
    rotation: Floats | None = None


class VoxelGrid(NamedTuple):
    """Voxels of the sample's box: `counts` along x, y, z, lower `corner` (3) of the first and edge in um."""

    counts: tuple[int, ...]
    corner: Floats
    voxel_um: float


class Bends(NamedTuple):
    """How lattices turn from one end of their grains to the other: by rotation vectors `turn` (g,3) rad in the
    directions `along` (g,3), evenly or, where `stepped` (g), at once in the middle."""

    turn: Floats
    along: Floats
    stepped: AnyArray


def specimen_of(cells: Cells, phases: Sequence[Phase], grid: VoxelGrid, bends: Bends) -> Specimen:
    """Sort the voxels by grain and measure the grains; `bends` count where the cells tell no rotations."""
    n, voxel = len(cells.U), grid.voxel_um
    order = np.argsort(cells.label, kind="stable")
    pointer = np.searchsorted(cells.label[order], np.arange(n + 1)).astype(np.int64)
    position = cells.points[order]
    centre = np.add.reduceat(position, pointer[:-1], axis=0) / np.diff(pointer)[:, None]
    if cells.rotation is None:
        rotation = _gradient(position, centre, pointer, bends, voxel)
    else:
        rotation = cells.rotation[order]
    grain_id = np.zeros(grid.counts, dtype=np.int32)
    grain_id[tuple(cells.where.T)] = cells.label + 1
    grain_id = np.ascontiguousarray(grain_id.transpose(2, 1, 0))
    solid = grain_id > 0
    table = _grain_table(cells, phases, centre, np.diff(pointer) * voxel**3)
    status = np.where(solid, Status.MEASURED, Status.EMPTY).astype(np.uint8)
    turned = np.full((*grid.counts, 3), np.nan, dtype=np.float32)
    turned[tuple(cells.where[order].T)] = np.degrees(rotation)
    turned = np.ascontiguousarray(turned.transpose(2, 1, 0, 3))
    volume = GrainVolume(grain_id, status, solid.astype(np.float32), grid.corner, voxel, turned)
    return Specimen(table, volume, pointer, position.astype(np.float32), rotation.astype(np.float32))


def _gradient(position: Floats, centre: Floats, pointer: Indices, bends: Bends, voxel: float) -> Floats:
    """Rotation vectors (n,3) of voxels that are sorted by grain."""
    sizes = np.diff(pointer)
    away = position - np.repeat(centre, sizes, axis=0)
    strain = np.einsum("ij,ij->i", away, np.repeat(bends.along, sizes, axis=0))
    length = np.maximum.reduceat(strain, pointer[:-1]) - np.minimum.reduceat(strain, pointer[:-1])
    strain /= np.repeat(np.maximum(length, voxel), sizes)
    strain = np.where(np.repeat(bends.stepped, sizes), np.copysign(0.5, strain), strain)
    return np.asarray(strain[:, None] * np.repeat(bends.turn, sizes, axis=0))


def _grain_table(cells: Cells, phases: Sequence[Phase], centre: Floats, volume_um3: Floats) -> GrainTable:
    """The true grains, without their blobs."""
    n = len(cells.U)
    B = np.array([phase.B for phase in phases])
    return GrainTable(
        U=cells.U,
        UBI=np.linalg.inv(cells.U @ B[cells.kind]),
        position_um=centre,
        completeness=np.ones(n),
        phase=np.asarray(cells.kind, dtype=np.int64),
        blob_pointer=np.zeros(n + 1, dtype=np.int64),
        blobs=np.zeros(0, dtype=np.int64),
        shared=np.zeros(0, dtype=bool),
        orientation_error_deg=np.zeros(n),
        position_error_um=np.zeros(n),
        volume_um3=volume_um3,
        phases=tuple(phase.name for phase in phases),
    )
