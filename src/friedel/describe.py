"""What the map is for: sizes and shapes of grains, their neighbours and boundaries, slip under a load."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from friedel.errors import InputError
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal import Phase
from friedel.model.description import Description
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.slip import slip_systems
from friedel.params import Params, parameter

DIRECTION_WEIGHTS = {1: 0.0915557824, 2: 0.0739612557, 3: 0.0703912796}
"""Part of the sphere that is nearest to each of the 13 directions, by how many of its steps are not 0."""
AROUND = tuple((z, y, x) for z, y, x in product((-1, 0, 1), repeat=3) if (z, y, x) > (0, 0, 0))
"""Steps (z, y, x) to half of the 26 neighbours."""


class DescribeParams(Params):
    """What to say about the finished map."""

    load_axis: tuple[float, float, float] = parameter(
        (0.0, 0.0, 1.0), "Direction of the load for Schmid factors, sample frame (z is the rotation axis)."
    )


def describe(
    grains: GrainTable, volume: GrainVolume, phases: Sequence[Phase], params: DescribeParams | None = None
) -> Description:
    """Measure every grain of the map and every boundary between two of them.

    Lengths are in micrometres, vectors in the sample frame. A grain without a voxel has zeros. Raises `InputError`
    when the volume names a grain that the table does not have, or the table a phase that is not there.
    """
    params = params or DescribeParams()
    n = len(grains)
    if int(volume.grain_id.max(initial=0)) > n:
        raise InputError("grain_id", rule=f"must be among the {n} grains", got=int(volume.grain_id.max()))
    if n and int(np.max(grains.phase)) >= len(phases):
        raise InputError("phases", rule="must have every phase of the grains", got=[p.name for p in phases])
    boundaries = _boundaries(grains, volume, phases)
    sizes = _sizes_and_shapes(volume, n)
    ends = np.concatenate([boundaries["grain_id_a"], boundaries["grain_id_b"]]) - 1
    sizes["neighbours"] = np.bincount(ends, minlength=n)
    sizes["boundary_area_um2"] = np.bincount(ends, np.tile(boundaries["area_um2"], 2), minlength=n)
    sizes["on_surface"] = _on_surface(volume.grain_id, n)
    return Description({**sizes, **_slip(grains, phases, params.load_axis)}, boundaries, params.load_axis)


def _sizes_and_shapes(volume: GrainVolume, n: int) -> dict[str, AnyArray]:
    """Voxels, equivalent diameter, centre, and the ellipsoid of the same second moments (each voxel a cube)."""
    place = np.nonzero(volume.grain_id)
    label = volume.grain_id[place].astype(np.int64) - 1
    count = np.bincount(label, minlength=n)
    some = np.maximum(count, 1)
    xyz = [volume.origin_um[i] + (place[2 - i] + 0.5) * volume.voxel_um for i in range(3)]
    centre = np.stack([np.bincount(label, part, minlength=n) / some for part in xyz], axis=1)
    away = [part - centre[label, i] for i, part in enumerate(xyz)]
    moments = np.empty((n, 3, 3))
    for i, j in product(range(3), repeat=2):
        moments[:, i, j] = np.bincount(label, away[i] * away[j], minlength=n) / some
    moments += (count > 0)[:, None, None] * np.eye(3) * volume.voxel_um**2 / 12.0
    values, vectors = np.linalg.eigh(moments)
    half = np.sqrt(5.0 * np.maximum(values[:, ::-1], 0.0))
    axes = np.swapaxes(vectors, -1, -2)[:, ::-1].copy()
    # an axis has no sign: its largest part is made positive
    top = np.take_along_axis(axes, np.abs(axes).argmax(axis=2)[..., None], axis=2)
    axes *= np.sign(top)
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    longest = np.where(half[:, :1] > 0, half[:, :1], 1.0)
    return {
        "n_voxels": count,
        "diameter_um": np.cbrt(6.0 / np.pi * count) * volume.voxel_um,
        "centre_um": centre,
        "semi_axes_um": half,
        "axes": axes,
        "aspect_ratio": half[:, 1:] / longest,
    }


def _on_surface(label: AnyArray, n: int) -> Indices:
    """1 for grains with a voxel whose face is open: to no grain, or to the end of the volume."""
    padded = np.pad(label, 1)
    inner = (slice(1, -1),) * 3
    found = np.zeros(n + 1, dtype=np.int64)
    for axis in range(3):
        for step in (-1, 1):
            beside = np.roll(padded, step, axis)[inner]
            found[label[beside == 0]] = 1
    return found[1:]


def _boundaries(grains: GrainTable, volume: GrainVolume, phases: Sequence[Phase]) -> dict[str, AnyArray]:
    """One row for each two grains that share a face, ordered by their numbers.

    Areas by the Crofton formula: 2 * sum over 13 directions of weight * crossings * area of a line (Lehmann
    & Legland 2012). A plane's area comes out within about 8 %, and right on average over its directions: faces of
    voxels alone would count up to 1.7 times too much.
    """
    n = max(len(grains), 1)
    pieces = [_crossings(volume, n, step) for step in AROUND]
    keys, owner = np.unique(np.concatenate([key for key, _ in pieces]), return_inverse=True)
    sums = np.zeros((len(keys), 5))
    np.add.at(sums, owner, np.concatenate([values for _, values in pieces]))
    shared = sums[:, 1] > 0
    keys, sums = keys[shared], sums[shared]
    a, b = keys // n, keys % n
    length = np.linalg.norm(sums[:, 2:], axis=1, keepdims=True)
    return {
        "grain_id_a": a + 1,
        "grain_id_b": b + 1,
        "misorientation_deg": _misorientations(grains, phases, a, b),
        "area_um2": sums[:, 0],
        "faces": sums[:, 1].astype(np.int64),
        "normal": sums[:, 2:] / np.where(length > 0, length, 1.0),
    }


def _crossings(volume: GrainVolume, n: int, step: tuple[int, int, int]) -> tuple[Indices, Floats]:
    """Where lines along `step` pass from one grain into another: keys a * n + b (a < b) of the two grains, and for
    each its part of the area (um^2), its faces, and the sum of its faces' normals from a to b (x, y, z)."""
    first, second = _neighbours(volume.grain_id, step)
    differ = (first != second) & (first > 0) & (second > 0)
    a, b = first[differ].astype(np.int64) - 1, second[differ].astype(np.int64) - 1
    keys, owner = np.unique(np.minimum(a, b) * n + np.maximum(a, b), return_inverse=True)
    crossings = np.bincount(owner, minlength=len(keys))
    steps = sum(map(abs, step))
    values = np.zeros((len(keys), 5))
    values[:, 0] = 2.0 * DIRECTION_WEIGHTS[steps] * crossings * volume.voxel_um**2 / np.sqrt(steps)
    if steps == 1:
        values[:, 1] = crossings
        ahead = np.bincount(owner, np.where(a < b, 1.0, -1.0), minlength=len(keys))
        values[:, 2:] = ahead[:, None] * np.array(step[::-1], dtype=np.float64)
    return keys, values


def _neighbours(label: AnyArray, step: tuple[int, int, int]) -> tuple[AnyArray, AnyArray]:
    """The volume, and the volume moved by a step, where both are."""
    here = tuple(slice(max(-s, 0), size - max(s, 0)) for s, size in zip(step, label.shape, strict=True))
    there = tuple(slice(max(s, 0), size - max(-s, 0)) for s, size in zip(step, label.shape, strict=True))
    return label[here], label[there]


def _misorientations(grains: GrainTable, phases: Sequence[Phase], a: Indices, b: Indices) -> Floats:
    angle = np.full(len(a), np.nan)
    for row, phase in enumerate(phases):
        both = (grains.phase[a] == row) & (grains.phase[b] == row)
        angle[both] = phase.misorientation_deg(grains.U[a[both]], grains.U[b[both]])
    return angle


def _slip(grains: GrainTable, phases: Sequence[Phase], load_axis: Sequence[float]) -> dict[str, AnyArray]:
    """The slip system with the largest Schmid factor of every grain."""
    n = len(grains)
    factor = np.full(n, np.nan)
    plane, direction = np.zeros((n, 3), np.int64), np.zeros((n, 3), np.int64)
    normal, vector = np.full((n, 3), np.nan), np.full((n, 3), np.nan)
    for row, phase in enumerate(phases):
        systems = slip_systems(phase)
        mine = np.flatnonzero(grains.phase == row)
        if not len(systems) or not len(mine):
            continue
        factors = systems.schmid_factors(grains.U[mine], load_axis)
        best = factors.argmax(axis=1)
        factor[mine] = factors[np.arange(len(mine)), best]
        plane[mine], direction[mine] = systems.plane[best], systems.direction[best]
        normal[mine] = np.einsum("gij,gj->gi", grains.U[mine], systems.normal[best])
        vector[mine] = np.einsum("gij,gj->gi", grains.U[mine], systems.vector[best])
    return {
        "schmid_factor": factor,
        "slip_plane": plane,
        "slip_direction": direction,
        "slip_normal": normal,
        "slip_vector": vector,
    }
