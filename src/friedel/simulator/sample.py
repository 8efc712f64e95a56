"""Grains in a cylinder or a box: a Laguerre tessellation, with wavy boundaries and twins on request."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from friedel.errors import SetupError
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume, Status
from friedel.simulator.params import SimulationParams, SpecimenParams

MOST_VOXELS = 1_000_000_000
"""Of a sample; each takes tens of bytes."""
FEWEST_VOXELS = 20
"""Twins smaller than this are not made."""
LAMELLA = 0.3
"""Thickness of a twin, in diameters of its grain."""
WAVE_LENGTHS = 1.5
"""Length of the boundaries' waves, in grain diameters."""
MOST_TRIES = 30
TWIN_PLANES = {"cubic F": (1, 1, 1), "cubic I": (2, 1, 1), "hexagonal P": (1, 0, 2)}
"""K1 by crystal system and centring, (1,1,1) for others: a twin is its grain turned by 180° about the normal."""


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """Grains by voxels: those of grain i are [pointer[i], pointer[i+1]).

    `position_um` float32 (n,3) in the sample frame; `strain` float32 (n) runs from about -0.5 to 0.5 along the
    grain's lattice gradient, or jumps from one to the other between two sub-grains. The rotation vector (rad,
    sample frame) is `bend` (grains, 3) per unit of it.
    """

    grains: GrainTable
    volume: GrainVolume
    pointer: Indices
    position_um: AnyArray
    strain: AnyArray
    bend: Floats


class _Cells(NamedTuple):
    """The sample's voxels: centres `points` (n,3) in um, places `where` (n,3) as x, y, z, grain `label` (n); and
    the grains: orientation `U` (g,3,3) and phase `kind` (g)."""

    points: Floats
    where: Indices
    label: Indices
    U: Floats
    kind: Indices


def make_specimen(params: SimulationParams, phases: Sequence[Phase], rng: np.random.Generator) -> Specimen:
    """Grow the grains. Raises `SetupError` when the sample has fewer voxels than grains."""
    sample, voxel = params.sample, params.voxel_um
    inside, corner = _inside(sample, voxel)
    where = np.argwhere(inside)
    if len(where) < params.grains:
        raise SetupError("sample", rule=f"must have room for {params.grains} grains", got=f"{len(where)} voxels")
    points = corner + (where + 0.5) * voxel
    label = _tessellate(points, params.grains, sample, rng)
    _, label = np.unique(label, return_inverse=True)
    count = int(label.max()) + 1
    weights = np.array([phase.fraction for phase in params.phase])
    kind = rng.choice(len(phases), size=count, p=weights / weights.sum())
    cells = _Cells(points, where, label, random_rotations(count, rng), kind)
    if sample.twin_fraction > 0:
        cells = _twin(cells, phases, sample.twin_fraction, rng)
    return _specimen(cells, phases, params, (inside.shape, corner), rng)


def random_rotations(count: int, rng: np.random.Generator) -> Floats:
    """Uniform rotation matrices (count,3,3), from random unit quaternions."""
    q = rng.normal(size=(count, 4))
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _inside(sample: SpecimenParams, voxel: float) -> tuple[AnyArray, Floats]:
    """Voxels [x,y,z] whose centre is in the sample, and the lower corner of the first (um)."""
    size = (
        sample.size_um if sample.shape == "box" else (2 * sample.radius_um, 2 * sample.radius_um, sample.height_um)
    )
    counts = [max(1, round(edge / voxel)) for edge in size]
    if math.prod(counts) > MOST_VOXELS:
        rule = f"must have at most {MOST_VOXELS:.0e} voxels of {voxel:g} um"
        raise SetupError("sample", rule=rule, got=f"{math.prod(counts):.1e}")
    corner = -0.5 * voxel * np.array(counts, dtype=np.float64)
    inside = np.ones(counts, dtype=bool)
    if sample.shape == "cylinder":
        x, y = (corner[i] + (np.arange(counts[i]) + 0.5) * voxel for i in (0, 1))
        inside &= (np.hypot(x[:, None], y[None, :]) < sample.radius_um)[:, :, None]
    return inside, corner


def _tessellate(points: Floats, grains: int, sample: SpecimenParams, rng: np.random.Generator) -> Indices:
    """Laguerre cells: the power distance is a plain distance in four dimensions, which a k-d tree answers."""
    seeds = points[rng.choice(len(points), size=grains, replace=False)]
    diameter = float(np.ptp(points, axis=0).prod() / grains) ** (1 / 3)
    radii = 0.5 * diameter * np.exp(sample.size_spread * rng.normal(size=grains) - 0.5 * sample.size_spread**2)
    for _ in range(sample.lloyd_passes):
        label = _nearest(points, seeds, radii)
        sizes = np.bincount(label, minlength=grains)
        means = np.stack([np.bincount(label, points[:, i], grains) for i in range(3)], axis=1)
        seeds = np.where(sizes[:, None] > 0, means / np.maximum(sizes, 1)[:, None], seeds)
    points = _wavy(points, sample.waviness_um, WAVE_LENGTHS * diameter, rng)
    for _ in range(MOST_TRIES):
        label = _nearest(points, seeds, radii)
        if np.bincount(label, minlength=grains).all():
            break
        # a small grain beside a large one can end up with nothing: less spread lets it live
        radii = radii.mean() + 0.8 * (radii - radii.mean())
    return label


def _nearest(points: Floats, seeds: Floats, radii: Floats) -> Indices:
    """The seed of the smallest power distance |x - seed|^2 - radius^2 for each point."""
    height = np.sqrt((radii**2).max() - radii**2)
    lifted = np.column_stack([points, np.zeros(len(points))])
    return np.asarray(cKDTree(np.column_stack([seeds, height])).query(lifted)[1], dtype=np.int64)


def _wavy(points: Floats, amplitude: float, length: float, rng: np.random.Generator) -> Floats:
    if amplitude == 0:
        return points
    moved = points.copy()
    for _ in range(6):
        wave = random_rotations(1, rng)[0]
        phase = rng.uniform(0, 2 * np.pi)
        moved += (
            amplitude / np.sqrt(3.0) * np.sin(points @ wave[0] * (2 * np.pi / length) + phase)[:, None] * wave[1]
        )
    return moved


def _twin(cells: _Cells, phases: Sequence[Phase], fraction: float, rng: np.random.Generator) -> _Cells:
    """Cut a lamella along the twin plane through some of the grains and give it the twin's orientation."""
    points, _, label, U, kind = cells
    label = label.copy()
    new_U, new_kind = list(U), list(kind)
    for grain in rng.permutation(len(U))[: round(fraction * len(U))]:
        phase = phases[kind[grain]]
        system = f"{phase.crystal_system} {phase.centring}"
        members = np.flatnonzero(label == grain)
        planes = phase.B @ np.array(TWIN_PLANES.get(system, (1, 1, 1)), dtype=np.float64)
        normal = U[grain] @ (phase.symmetry[rng.integers(len(phase.symmetry))] @ planes)
        normal /= np.linalg.norm(normal)
        along = points[members] @ normal
        middle = np.quantile(along, rng.uniform(0.3, 0.7))
        lamella = members[np.abs(along - middle) < 0.5 * LAMELLA * np.ptp(along)]
        if min(len(lamella), len(members) - len(lamella)) < FEWEST_VOXELS:
            continue
        label[lamella] = len(new_U)
        new_U.append((2 * np.outer(normal, normal) - np.eye(3)) @ U[grain])
        new_kind.append(kind[grain])
    return cells._replace(label=label, U=np.array(new_U), kind=np.array(new_kind))


def _specimen(
    cells: _Cells,
    phases: Sequence[Phase],
    params: SimulationParams,
    grid: tuple[tuple[int, ...], Floats],
    rng: np.random.Generator,
) -> Specimen:
    """Sort the voxels by grain and measure the grains; `grid` is the volume's shape (x, y, z) and lower corner."""
    points, where, label, U, _ = cells
    counts, corner = grid
    n = len(U)
    order = np.argsort(label, kind="stable")
    pointer = np.searchsorted(label[order], np.arange(n + 1))
    position = points[order]
    centre = np.add.reduceat(position, pointer[:-1], axis=0) / np.diff(pointer)[:, None]
    away = position - np.repeat(centre, np.diff(pointer), axis=0)
    directions = random_rotations(n, rng)
    strain = np.einsum("ij,ij->i", away, np.repeat(directions[:, 0], np.diff(pointer), axis=0))
    length = np.maximum.reduceat(strain, pointer[:-1]) - np.minimum.reduceat(strain, pointer[:-1])
    strain /= np.repeat(np.maximum(length, params.voxel_um), np.diff(pointer))
    if params.sample.sub_grain_fraction > 0:
        parted = rng.permutation(n) < round(params.sample.sub_grain_fraction * n)
        strain = np.where(np.repeat(parted, np.diff(pointer)), np.copysign(0.5, strain), strain)
    grain_id = np.zeros(counts, dtype=np.int32)
    grain_id[tuple(where.T)] = label + 1
    grain_id = np.ascontiguousarray(grain_id.transpose(2, 1, 0))
    solid = grain_id > 0
    table = _grain_table(cells, phases, centre, np.diff(pointer) * params.voxel_um**3)
    status = np.where(solid, Status.MEASURED, Status.EMPTY).astype(np.uint8)
    bend = np.radians(params.sample.gradient_deg) * directions[:, 1]
    turned = np.full((*counts, 3), np.nan, dtype=np.float32)
    turned[tuple(where[order].T)] = np.degrees(strain[:, None] * np.repeat(bend, np.diff(pointer), axis=0))
    rotation = np.ascontiguousarray(turned.transpose(2, 1, 0, 3))
    volume = GrainVolume(grain_id, status, solid.astype(np.float32), corner, params.voxel_um, rotation)
    return Specimen(table, volume, pointer, position.astype(np.float32), strain.astype(np.float32), bend)


def _grain_table(cells: _Cells, phases: Sequence[Phase], centre: Floats, volume_um3: Floats) -> GrainTable:
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
