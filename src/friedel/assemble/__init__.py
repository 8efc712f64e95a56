"""The 3D grain map: all grains in one volume, and for each voxel how it is known."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from friedel.assemble.boundary_places import MapLayers
from friedel.assemble.confidence import confidence_of
from friedel.assemble.finer import finer
from friedel.assemble.params import AssembleParams
from friedel.assemble.sample import SPURS, absorption_mask, beam_attenuation, convex_hull_mask, shape_mask
from friedel.errors import FriedelError, FriedelWarning
from friedel.model.arrays import AnyArray, Floats, Mask
from friedel.model.explained import HALF
from friedel.model.grains import GrainTable, GrainVolume, Status
from friedel.model.setup import SampleShape
from friedel.model.shapes import GrainShape, SampleMask
from friedel.model.stream import Watcher, watched

__all__ = ["AssembleParams", "absorption_mask", "assemble", "assemble_with_lead", "beam_attenuation"]

MOST_CUT = 0.05
"""Of what grains measure, outside of the sample: shapes err by less."""
LEAST = 0.25
"""A gap goes to the grain with the largest density there from this part of its threshold, else to the nearest."""


def assemble(
    shapes: Sequence[GrainShape],
    grains: GrainTable,
    params: AssembleParams,
    *,
    sample: SampleShape,
    mask: SampleMask | None = None,
    watcher: Watcher | None = None,
) -> GrainVolume:
    """Put the grains into one volume [z,y,x].

    A voxel that one grain reaches its threshold in is `MEASURED`; where several do, the largest density over
    threshold wins and it is `CONTESTED`; a voxel of the sample that none reaches goes to the largest density or the
    nearest grain and is `DILATED`, where grains measure most of the sample or `fill` says so. The sample is `mask`
    where it is given (from the recipe, then from absorption), else the convex hull of the measured voxels; never
    more than the cylinder or box in `sample`. Ties go to the smaller grain number, whatever the order of the
    shapes. With `finer` the map has so many voxels on each edge of one of the shapes'. Each voxel gets a confidence
    (`confidence.py`).
    """
    volume, lead = assemble_with_lead(shapes, grains, params, sample=sample, mask=mask, watcher=watcher)
    layers = MapLayers(volume.grain_id, volume.status, lead, params.finer)
    return replace(volume, confidence=confidence_of(layers, shapes, len(grains)))


def assemble_with_lead(
    shapes: Sequence[GrainShape],
    grains: GrainTable,
    params: AssembleParams,
    *,
    sample: SampleShape,
    mask: SampleMask | None = None,
    watcher: Watcher | None = None,
) -> tuple[GrainVolume, AnyArray]:
    """As `assemble`, without confidences; and by how much of a threshold, float32 [z,y,x], each voxel's grain is
    ahead of the next one there: what confidences are made of."""
    real = sorted((shape for shape in shapes if shape.density.size), key=lambda shape: shape.grain)
    if real and max(shape.grain for shape in real) >= len(grains):
        raise FriedelError("grain shapes", rule="must be of the grain table", got=real[-1].grain)
    origin, size, voxel = _extent(real, shapes, sample, mask, params.finer)
    told = watched(watcher, "map", real, len(real), "grains")
    fine = (finer(shape, params.finer) for shape in told)
    best, second, owner, density, rotation = _largest_densities(fine, origin, size, voxel)
    _tell_of_cut(real, sample)
    bound = shape_mask(sample, origin, size, voxel)
    if mask is not None:
        bound &= mask.on(origin, size, voxel)
    measured = (best >= 1.0) & bound
    inside = bound if mask is not None else bound & convex_hull_mask(measured, SPURS * params.finer)
    status = np.where(measured, Status.MEASURED, Status.EMPTY).astype(np.uint8)
    status[measured & (second >= 1.0)] = Status.CONTESTED
    grain_id = np.where(measured, owner, 0).astype(np.int32)
    if measured.any() and _fills(params, inside, measured):
        _fill(grain_id, status, inside, best, owner, params.fill_um / voxel, rotation)
    lead = np.where(grain_id == owner, best - second, np.float32(0.0))
    density[grain_id == 0] = 0.0
    if rotation is not None:
        rotation[grain_id == 0] = np.nan
    return GrainVolume(grain_id, status, density, origin, voxel, rotation), lead


def _extent(
    real: Sequence[GrainShape],
    shapes: Sequence[GrainShape],
    sample: SampleShape,
    mask: SampleMask | None,
    times: int,
) -> tuple[Floats, tuple[int, int, int], float]:
    """Lower corner (x,y,z), shape [z,y,x] and voxel of a volume that holds sample and grains, on their grid with
    `times` voxels on each edge of theirs."""
    voxel = shapes[0].voxel_um if shapes else mask.voxel_um if mask is not None else 1.0
    lows, highs = [], []
    for shape in real:
        lows.append(shape.origin_um)
        highs.append(shape.origin_um + shape.voxel_um * np.array(shape.density.shape[::-1]))
    if not real:
        return np.zeros(3), (1, 1, 1), voxel
    anchor, voxel = real[0].origin_um, voxel / times
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    if mask is not None:
        some = [np.flatnonzero(mask.inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in (2, 1, 0)]
        if all(len(one) for one in some):
            ends = np.array([(one[0], one[-1] + 1) for one in some]) * mask.voxel_um + mask.origin_um[:, None]
            low, high = np.minimum(low, ends[:, 0]), np.maximum(high, ends[:, 1])
    if sample.kind in ("cylinder", "box"):
        half = 0.5 * np.array(sample.size_um)
        low, high = -half, half
    start = np.floor((low - anchor) / voxel + 1e-6)
    stop = np.maximum(np.ceil((high - anchor) / voxel - 1e-6), start + 1)
    counts = (stop - start).astype(np.int64)
    return anchor + start * voxel, (int(counts[2]), int(counts[1]), int(counts[0])), voxel


def _largest_densities(
    real: Iterable[GrainShape], origin: Floats, size: tuple[int, int, int], voxel: float
) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray, AnyArray | None]:
    """Largest and second largest density over threshold, the owner (grain + 1) of the largest, its density there,
    and its lattice rotation [z,y,x,3] (None where no grain has any)."""
    rotation: AnyArray | None = None
    best, second, density = (np.zeros(size, dtype=np.float32) for _ in range(3))
    owner = np.zeros(size, dtype=np.int32)
    for shape in real:
        start = np.rint((shape.origin_um - origin) / voxel).astype(np.int64)[::-1]
        there, here = [], []
        for axis in range(3):
            low, high = max(start[axis], 0), min(start[axis] + shape.density.shape[axis], size[axis])
            there.append(slice(low, max(high, low)))
            here.append(slice(low - start[axis], max(high, low) - start[axis]))
        put, take = tuple(there), tuple(here)
        own = shape.density[take]
        value = own / np.float32(shape.threshold)
        wins = value > best[put]
        second[put] = np.where(wins, best[put], np.maximum(second[put], value))
        owner[put] = np.where(wins, shape.grain + 1, owner[put])
        density[put] = np.where(wins, own, density[put])
        if shape.rotation_deg.size and rotation is None:
            rotation = np.full((*size, 3), np.nan, dtype=np.float32)
        if rotation is not None:
            turned = shape.rotation_deg[take] if shape.rotation_deg.size else np.float32(np.nan)
            rotation[put] = np.where(wins[..., None], turned, rotation[put])
        best[put] = np.where(wins, value, best[put])
    return best, second, owner, density, rotation


def _tell_of_cut(real: Sequence[GrainShape], sample: SampleShape) -> None:
    """Say when the recipe's sample ends where grains go on."""
    if sample.kind not in ("cylinder", "box"):
        return
    whole, cut = 0, {"above": 0, "below": 0, "beside": 0}
    for shape in real:
        z = shape.origin_um[2] + (np.arange(shape.density.shape[0]) + 0.5) * shape.voxel_um
        half = 0.5 * sample.size_um[2]
        inside = shape.inside
        kept = inside & shape_mask(sample, shape.origin_um, shape.density.shape, shape.voxel_um)
        lost = {"above": np.count_nonzero(inside[z > half]), "below": np.count_nonzero(inside[z < -half])}
        lost["beside"] = np.count_nonzero(inside) - np.count_nonzero(kept) - sum(lost.values())
        whole += int(np.count_nonzero(inside))
        cut = {side: cut[side] + int(lost[side]) for side in cut}
    share = sum(cut.values()) / max(whole, 1)
    if share > MOST_CUT:
        side = max(cut, key=lambda one: cut[one])
        text = (
            f"assemble: {100 * share:.0f} % of what grains measure lies outside of the recipe's sample, most of "
            f"it {side}, and is cut off: see to setup.sample"
            + (" or the row of centre_px" if side != "beside" else "")
        )
        warnings.warn(text, FriedelWarning, stacklevel=4)


def _fills(params: AssembleParams, inside: Mask, measured: Mask) -> bool:
    """Whether gaps are given to grains: where these measure but a small part of the sample, most of it is none of
    theirs."""
    if params.fill != "auto" or params.fill_um > 0:  # who says how far wants it
        return params.fill != "none"
    share = float(np.count_nonzero(measured & inside)) / max(int(np.count_nonzero(inside)), 1)
    if share < HALF:
        text = (
            f"assemble: grains measure {100 * share:.0f} % of the sample; the rest is left empty, since it is not "
            'likely theirs (assemble.fill = "mask" fills it)'
        )
        warnings.warn(text, FriedelWarning, stacklevel=3)
    return share >= HALF


def _fill(
    grain_id: AnyArray,
    status: AnyArray,
    inside: Mask,
    best: AnyArray,
    owner: AnyArray,
    reach: float,
    rotation: AnyArray | None,
) -> None:
    """Give the empty voxels of the sample to the likeliest grain, in place; `reach` in voxels, 0 = any."""
    gap = inside & (grain_id == 0)
    away, nearest = ndimage.distance_transform_edt(grain_id == 0, return_indices=True)
    if reach > 0:
        gap &= away <= reach
    likely = gap & (best >= LEAST)
    rest = gap & ~likely
    filled = grain_id[tuple(part[rest] for part in nearest)]
    grain_id[likely] = owner[likely]
    grain_id[rest] = filled
    if rotation is not None:
        rotation[rest] = rotation[tuple(part[rest] for part in nearest)]
    status[gap] = Status.DILATED
