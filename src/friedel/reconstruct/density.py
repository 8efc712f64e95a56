"""The density that explains a grain's spots: reconstruct, weigh the spots by how well they fit, again,
threshold."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.model.arrays import AnyArray, Floats, Mask
from friedel.reconstruct.params import ReconstructParams
from friedel.reconstruct.sirt import SirtSolver, visual_hull

AGREE = 0.8
"""Part of the projections that must see a voxel as lit for it to be in the support."""
MASS_SPREAD = 0.35
"""Spots whose integrated intensity is off by more than this (natural logarithm) lose weight."""
TUNING = 2.0
"""Spots whose residual is more than this many times the median's lose weight."""
LEVELS = np.linspace(0.2, 0.8, 25)
AT_EDGES = 0.3
"""Weight of dark pixels next to lit ones: 0.15 to 0.5 give the same maps, 1 makes grains too small (a sixth more
wrong voxels), since a blob ends at a threshold and not where the light does."""
SMOOTH = 5
"""Levels that are averaged before the best threshold is read."""


class Fitted(NamedTuple):
    """Density [x,y,z] that is 1 inside on average, its threshold and residual; weights and residuals by spot."""

    density: AnyArray
    threshold: float
    residual: float
    weight: Floats
    blob_residual: Floats


class Data(NamedTuple):
    """What a density is fitted to: `measured` float32 (n,u,v) of mass 1 each, `known` float32 (n,u,v) 0 to 1, the
    spots' `weight` (n), and the `support` bool [x,y,z] at most."""

    measured: AnyArray
    known: AnyArray
    weight: Floats
    support: Mask


def fit_density(data: Data, params: ReconstructParams, solver_on: Callable[[Mask], SirtSolver]) -> Fitted | None:
    """The density of a grain, None where nothing is in the support; `solver_on` makes the projector on a
    support."""
    measured, known, weight, support = data
    solver = solver_on(support)
    lit = (measured > 0).astype(np.float32)
    known = known * np.where(_edges(measured), np.float32(AT_EDGES), np.float32(1.0))
    trusted = (known * weight[:, None, None]).astype(np.float32)
    support = visual_hull(solver, lit, trusted, AGREE)
    if not support.any():
        return None
    solver = solver_on(support)
    # masses are 1: give them the volume of the support, so that densities are of order 1
    measured = measured * np.float32(np.count_nonzero(support))
    first = params.iterations // 3
    x = solver.iterate(support * np.float32(0.5), measured, trusted, first)
    footprint = _footprint(solver, x, params.footprint_px)
    model = solver.forward(x)
    pixels = known * np.where(footprint | (measured == 0), 1.0, 0.0).astype(np.float32)
    measured, weight, _ = _reweigh(model, measured, weight, pixels * footprint)
    pixels = pixels * weight[:, None, None].astype(np.float32)
    x = solver.iterate(x, measured, pixels, params.iterations - first)
    return _threshold(solver, x, measured, pixels, weight)


def _edges(measured: AnyArray) -> Mask:
    """Dark pixels next to lit ones (n,u,v): a blob ends there at a threshold, not the light."""
    lit = measured > 0
    return np.asarray(ndimage.maximum_filter(lit, size=(1, 3, 3)) & ~lit)


def _footprint(solver: SirtSolver, x: AnyArray, margin: int) -> AnyArray:
    """Pixels that the grain as it looks now can light, with a margin."""
    level = 0.5 * _plateau(x)
    seen = solver.forward((x >= level).astype(np.float32)) > 0.01
    if margin == 0:
        return seen
    square = np.ones((1, 2 * margin + 1, 2 * margin + 1), dtype=bool)
    return np.asarray(ndimage.maximum_filter(seen, footprint=square))


def _plateau(x: AnyArray) -> float:
    """The density of the inside: the mean of what is above half of it, by repetition from the mean by mass."""
    total = float(x.sum(dtype=np.float64))
    level = 0.5 * float((x.astype(np.float64) ** 2).sum()) / total if total > 0 else 0.0
    for _ in range(20):
        inside = x[x >= level]
        if not inside.size:
            break
        level = 0.5 * float(inside.mean())
    return max(2 * level, 1e-12)


def _reweigh(
    model: AnyArray, measured: AnyArray, weight: Floats, pixels: AnyArray
) -> tuple[AnyArray, Floats, Floats]:
    """One scale for each projection, and weights by how badly they fit after it."""
    both = (pixels * model * measured).sum(axis=(1, 2), dtype=np.float64)
    own = (pixels * measured**2).sum(axis=(1, 2), dtype=np.float64)
    ideal = (pixels * model**2).sum(axis=(1, 2), dtype=np.float64)
    fine = (own > 0) & (ideal > 0) & (both > 0)
    scale = np.where(fine, both / np.where(fine, own, 1.0), 0.0)
    blob_residual = np.sqrt(np.maximum(1.0 - both**2 / np.where(fine, own * ideal, 1.0), 0.0))
    blob_residual = np.where(fine, blob_residual, 1.0)
    typical = np.median(blob_residual[fine]) if fine.any() else 1.0
    left = 1.0 / (1.0 + (blob_residual / (TUNING * max(typical, 1e-6))) ** 4)
    shift = np.log(np.where(fine, scale, 1.0))
    left *= 1.0 / (1.0 + (shift / MASS_SPREAD) ** 2)
    return measured * scale[:, None, None].astype(np.float32), np.where(fine, weight * left, 0.0), blob_residual


def _threshold(solver: SirtSolver, x: AnyArray, measured: AnyArray, pixels: AnyArray, weight: Floats) -> Fitted:
    """The level whose solid shape reproduces the projections best."""
    plateau = _plateau(x)
    x = x / np.float32(plateau)
    total = float((pixels * measured**2).sum(dtype=np.float64))
    misses = []
    for level in LEVELS:
        model = solver.forward((x >= level).astype(np.float32))
        ideal = float((pixels * model**2).sum(dtype=np.float64))
        both = float((pixels * model * measured).sum(dtype=np.float64))
        misses.append(1.0 - both**2 / (ideal * total) if ideal > 0 and total > 0 else 1.0)
    # single levels can fit by accident: a grain of 700 voxels got 0.375 where its neighbours' best was 0.55
    best = int(np.argmin(ndimage.uniform_filter1d(misses, SMOOTH, mode="nearest")))
    _, _, blob_residual = _reweigh(solver.forward(x), measured, weight, (pixels > 0).astype(np.float32))
    return Fitted(
        x.astype(np.float32), float(LEVELS[best]), float(np.sqrt(max(misses[best], 0.0))), weight, blob_residual
    )
