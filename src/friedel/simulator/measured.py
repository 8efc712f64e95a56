"""Grains of a map in place of grown ones: cut, scaled, put on the axis and taken over into the sample's voxels."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from friedel.errors import FriedelWarning, SetupError
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal import Phase
from friedel.model.grain_map import GrainMap, MapPhase
from friedel.simulator.cells import Cells, VoxelGrid
from friedel.simulator.map_orientations import voxel_rotations
from friedel.simulator.params import SimulationParams
from friedel.simulator.sample import MOST_VOXELS, random_rotations

SAME_LENGTH, SAME_ANGLE_DEG = 0.02, 1.0
"""How far a cell of the map may be from that of the simulation before that is said."""

FAR_DEG = 3.0
"""Rotation of a voxel from which the first order errs by .13 px and .02 deg (3 mm, pixels of 3.5 um, 40 keV)."""


class _Placed(NamedTuple):
    """A map between two cuts: `label` [z,y,x] (0 = none), edges `voxel` (3) and lower `corner` (3) in um, x, y, z;
    `quaternion` [z,y,x,4] or None."""

    label: AnyArray
    voxel: Floats
    corner: Floats
    quaternion: AnyArray | None


def measured_cells(
    params: SimulationParams, grain_map: GrainMap, phases: Sequence[Phase], rng: np.random.Generator
) -> tuple[Cells, VoxelGrid, SimulationParams]:
    """The map's grains as cells on a grid, and the parameters with the sizes that the sample then has.

    Raises `SetupError` for a map that leaves no grain, whose voxel nobody knows, or whose phases are others.
    """
    kind = _phases(grain_map, params, phases)
    placed = _placed(grain_map, params)
    label, grid, take = _resampled(placed, params)
    label, kept = _kept(label, params.sample.map_min_voxels)
    where = np.argwhere(label.transpose(2, 1, 0) > 0)
    row = label.transpose(2, 1, 0)[tuple(where.T)] - 1
    points = grid.corner + (where + 0.5) * grid.voxel_um
    U, rotation = _orientations(params, grain_map, placed, (take, where, row, kept), (kind, phases), rng)
    cells = Cells(points, where, row, U, kind[kept], rotation)
    return cells, grid, _enclosing(params, points, grid.voxel_um)


def _phases(grain_map: GrainMap, params: SimulationParams, phases: Sequence[Phase]) -> Indices:
    """Row of the simulation's phases for each grain: by name, else in their order."""
    used = np.unique(grain_map.phase).tolist()
    theirs, ours = [grain_map.phases[row] for row in used], [phase.name for phase in phases]
    if all(phase.name in ours for phase in theirs):
        rows = [ours.index(phase.name) for phase in theirs]
    elif len(used) == len(ours):
        rows = list(range(len(ours)))
    else:
        names = "; ".join(map(str, theirs))
        rule = f"must be as many as those of the map, or have their names: {names}"
        raise SetupError("phase", rule=rule, got=", ".join(ours))
    for phase, row in zip(theirs, rows, strict=True):
        if not _alike(phase, phases[row]):
            cell = " ".join(f"{value:g}" for value in phases[row].lattice)
            text = f"sample.map: its phase {phase} is simulated as {ours[row]} ({cell})"
            warnings.warn(text, FriedelWarning, stacklevel=4)
    of_theirs = np.zeros(len(grain_map.phases), dtype=np.int64)
    of_theirs[used] = rows
    return of_theirs[grain_map.phase]


def _alike(theirs: MapPhase, ours: Phase) -> bool:
    if not theirs.lattice:
        return True
    off = np.abs(np.array(theirs.lattice) - ours.lattice)
    return bool((off[:3] < SAME_LENGTH * np.array(ours.lattice[:3])).all() and (off[3:] < SAME_ANGLE_DEG).all())


def _placed(grain_map: GrainMap, params: SimulationParams) -> _Placed:
    """The map cut to `map_crop` and to its grains, in its true size or scaled to the sample's, on the axis."""
    sample = params.sample
    voxel = _voxel(grain_map, params)
    inside, first = _cropped(grain_map, sample.map_crop)
    filled = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in (2, 1, 0)]
    low = np.array([line[0] for line in filled]) + first
    high = np.array([line[-1] + 1 for line in filled]) + first
    box = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    label = grain_map.grain_id[box]
    if sample.map_fit == "scale":
        voxel = voxel * _factor(label > 0, voxel, params)
    whole = sample.map_fit == "whole" and not any(sample.map_crop)
    if grain_map.origin_um is not None and whole and not sample.map_voxel_given:
        corner = np.asarray(grain_map.origin_um) + low * voxel
    else:
        # edges of voxels lie at whole multiples from the axis, as those of every map that is reconstructed
        corner = np.rint(-0.5 * voxel * (high - low) / params.voxel_um) * params.voxel_um
    return _Placed(label, voxel, corner, None if grain_map.quaternion is None else grain_map.quaternion[box])


def _voxel(grain_map: GrainMap, params: SimulationParams) -> Floats:
    """Edges (3) of the map's voxels in um, as the parameters say, else the map."""
    given = params.sample.map_voxel_um
    edges = np.array(given if isinstance(given, tuple) else (given,) * 3, dtype=np.float64)
    if params.sample.map_voxel_given:
        return edges
    if grain_map.voxel_um is None:
        why = "; ".join(grain_map.oddities) or "the file does not say it"
        way_out = "in um, one number or x, y, z"
        raise SetupError("sample.map_voxel_um", rule=f"must be given for {grain_map.name}: {why}", way_out=way_out)
    return np.asarray(grain_map.voxel_um, dtype=np.float64)


def _cropped(grain_map: GrainMap, crop: tuple[int, ...]) -> tuple[AnyArray, Indices]:
    """Where there is a grain in the box [x0, y0, z0, x1, y1, z1) of voxels, and the box's first voxel."""
    size = grain_map.grain_id.shape[::-1]
    low, high = np.array(crop[:3]), np.array(crop[3:])
    if not any(crop):
        low, high = np.zeros(3, dtype=np.int64), np.array(size)
    if not ((low >= 0).all() and (low < high).all() and (high <= size).all()):
        rule = f"must be x0, y0, z0, x1, y1, z1 within the map's {' × '.join(map(str, size))} voxels"
        raise SetupError("sample.map_crop", rule=rule, got=list(crop))
    box = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    inside = grain_map.grain_id[box] > 0
    if not inside.any():
        raise SetupError("sample.map_crop", rule="must leave a grain", got=list(crop))
    return inside, low


def _factor(inside: AnyArray, voxel: Floats, params: SimulationParams) -> float:
    """By how much a map that is trimmed to its grains grows until it just fits into the sample's shape."""
    sample, extent = params.sample, voxel * inside.shape[::-1]
    if sample.shape == "box":
        return float((np.array(sample.size_um) / extent).min())
    y, x = np.nonzero(inside.any(axis=0))
    away = np.hypot((x + 0.5) * voxel[0] - extent[0] / 2, (y + 0.5) * voxel[1] - extent[1] / 2).max()
    radius = away + 0.5 * max(voxel[:2])
    return float(min(sample.radius_um / radius, sample.height_um / extent[2]))


def _resampled(placed: _Placed, params: SimulationParams) -> tuple[AnyArray, VoxelGrid, tuple[AnyArray, ...]]:
    """Labels [z,y,x] on the sample's grid, each of the map's voxel that its centre lies in; the grid; which voxels
    of the map those are, along z, y, x."""
    sample, edge = params.sample, params.voxel_um
    size = np.array(placed.label.shape[::-1])
    counts = np.maximum(np.ceil(size * placed.voxel / edge - 1e-6), 1).astype(np.int64)
    if float(counts.prod()) > MOST_VOXELS:
        rule = f"must have at most {MOST_VOXELS:.0e} voxels of {edge:g} um"
        raise SetupError("sample.map", rule=rule, got=f"{float(counts.prod()):.1e}", way_out="sample.map_crop")
    corner = placed.corner
    centres = [corner[axis] + (np.arange(counts[axis]) + 0.5) * edge for axis in range(3)]
    at = [
        np.clip(np.floor((line - placed.corner[axis]) / placed.voxel[axis]), 0, size[axis] - 1).astype(np.int64)
        for axis, line in enumerate(centres)
    ]
    take = np.ix_(*at[::-1])
    label = placed.label[take].copy()
    if sample.map_fit == "cut":
        label[~_in_shape(centres, params)] = 0
    if not label.any():
        raise SetupError("sample.map", rule="must leave a grain in the sample", way_out="sample.map_voxel_um")
    return label, VoxelGrid(tuple(counts.tolist()), corner, edge), take


def _in_shape(centres: Sequence[Floats], params: SimulationParams) -> AnyArray:
    """Whether each place [z,y,x] is in the cylinder or box of the parameters."""
    x, y, z = centres
    half = 0.5 * np.array(params.sample.extent_um)
    if params.sample.shape == "cylinder":
        across = np.hypot(x[None, :], y[:, None]) < half[0]
    else:
        across = (np.abs(x) < half[0])[None, :] & (np.abs(y) < half[1])[:, None]
    return np.asarray(across[None] & (np.abs(z) < half[2])[:, None, None])


def _kept(label: AnyArray, fewest: int) -> tuple[AnyArray, Indices]:
    """Labels from 1 of the grains that have so many voxels, and the rows of these grains in the map."""
    sizes = np.bincount(label.ravel())
    sizes[0] = 0
    kept = np.flatnonzero(sizes >= max(fewest, 1))
    if not len(kept):
        rule = f"must leave a grain: the largest has {sizes.max()} voxels"
        raise SetupError("sample.map_min_voxels", rule=rule, got=fewest)
    new = np.zeros(len(sizes), dtype=np.int32)
    new[kept] = np.arange(1, len(kept) + 1)
    return new[label], kept - 1


def _orientations(
    params: SimulationParams,
    grain_map: GrainMap,
    placed: _Placed,
    voxels: tuple[tuple[AnyArray, ...], Indices, Indices, Indices],
    crystals: tuple[Indices, Sequence[Phase]],
    rng: np.random.Generator,
) -> tuple[Floats, Floats | None]:
    """U (g,3,3) of the grains that are left, and how each voxel is turned against it (n,3), None if none is."""
    take, where, row, kept = voxels
    kind, phases = crystals
    if params.sample.map_orientations == "random":
        return random_rotations(len(kept), rng), None
    if placed.quaternion is None:
        if grain_map.U is None:
            raise SetupError("sample.map_orientations", rule='must be "random": the map tells none')
        return np.asarray(grain_map.U)[kept], None
    at = tuple(np.broadcast_to(index, _shape(take))[tuple(where.T[::-1])] for index in take)
    symmetry = [phases[number].symmetry for number in kind[kept].tolist()]
    U, rotation = voxel_rotations(placed.quaternion[at], row, symmetry)
    if params.sample.map_orientations != "voxel" or rotation is None:
        return U, None
    _warn_of_far(row, rotation)
    return U, rotation


def _warn_of_far(row: Indices, rotation: Floats) -> None:
    """Say where voxels are turned so far that their spots are not where they would be."""
    angle = np.degrees(np.linalg.norm(rotation, axis=1))
    if angle.max() > FAR_DEG:
        grains = len(np.unique(row[angle > FAR_DEG]))
        text = (
            f"sample.map: voxels of {grains} grains are turned by up to {angle.max():.1f} deg against their grain; "
            f"beyond {FAR_DEG:g} deg a voxel's light errs by more than a tenth of a pixel (split such grains)"
        )
        warnings.warn(text, FriedelWarning, stacklevel=6)


def _shape(take: tuple[AnyArray, ...]) -> tuple[int, ...]:
    return tuple(index.size for index in take)


def _enclosing(params: SimulationParams, points: Floats, voxel: float) -> SimulationParams:
    """The parameters with the sizes of the smallest shape about the axis that holds all voxels."""
    sample = params.sample
    reach = 2 * np.abs(points).max(axis=0) + voxel
    x, y, height = (float(round(edge, 6)) for edge in reach)
    radius = float(round(np.hypot(points[:, 0], points[:, 1]).max() + 0.5 * voxel, 6))
    if sample.shape == "cylinder":
        sample = sample.replaced(radius_um=radius, height_um=height)
    else:
        sample = sample.replaced(size_um=(x, y, height))
    _check_seen(params, radius, 0.5 * height)
    return params.replaced(sample=sample.model_dump())


def _check_seen(params: SimulationParams, radius: float, half_height: float) -> None:
    """Raise `SetupError` for a sample that is wider or higher than what the detector sees of the direct beam."""
    col, row = params.centre
    seen = [
        params.pixel_um * (min(at, size - 1 - at) + 0.5) for at, size in ((col, params.cols), (row, params.rows))
    ]
    if radius > seen[0] or half_height > seen[1]:
        rule = f"must be at most {2 * seen[0]:.4g} um wide and {2 * seen[1]:.4g} um high, to fit on the detector"
        got = f"{2 * radius:.4g} and {2 * half_height:.4g}"
        way_out = "sample.map_crop, sample.map_voxel_um, or sample.map_fit = 'cut' or 'scale'"
        raise SetupError("sample.map", rule=rule, got=got, way_out=way_out)
