"""Grains in a cylinder or a box: a Laguerre tessellation, with wavy boundaries and twins on request."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from friedel.errors import SetupError
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal import Phase
from friedel.simulator.cells import Bends, Cells, Specimen, VoxelGrid, specimen_of
from friedel.simulator.map_orientations import centred
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


def make_specimen(
    params: SimulationParams,
    phases: Sequence[Phase],
    rng: np.random.Generator,
    measured: tuple[Cells, VoxelGrid] | None = None,
) -> Specimen:
    """Grow the grains, or take `measured` ones, and twin and bend them as the parameters say.

    Raises `SetupError` when the sample has fewer voxels than grains.
    """
    sample = params.sample
    cells, grid = _grow(params, rng) if measured is None else measured
    if sample.twin_fraction > 0:
        cells = _twin(cells, phases, sample.twin_fraction, rng)
        if cells.rotation is not None:
            U, rotation = centred(cells.U, cells.label, cells.rotation)
            cells = cells._replace(U=U, rotation=rotation)
    directions = random_rotations(len(cells.U), rng)
    turn, stepped = np.radians(sample.gradient_deg) * directions[:, 1], np.zeros(len(cells.U), dtype=bool)
    if sample.sub_grain_fraction > 0:
        stepped[rng.permutation(len(stepped))[: round(sample.sub_grain_fraction * len(stepped))]] = True
    return specimen_of(cells, phases, grid, Bends(turn, directions[:, 0], stepped))


def _grow(params: SimulationParams, rng: np.random.Generator) -> tuple[Cells, VoxelGrid]:
    """Laguerre cells in the sample's shape."""
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
    kind = rng.choice(len(weights), size=count, p=weights / weights.sum())
    cells = Cells(points, where, label, random_rotations(count, rng), kind)
    return cells, VoxelGrid(inside.shape, corner, voxel)


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


def _twin(cells: Cells, phases: Sequence[Phase], fraction: float, rng: np.random.Generator) -> Cells:
    """Cut a lamella along the twin plane through some of the grains and give it the twin's orientation."""
    points, label, U, kind = cells.points, cells.label, cells.U, cells.kind
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
