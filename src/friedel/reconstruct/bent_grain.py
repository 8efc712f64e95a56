"""One grain: whether its lattice bends, how, and its shape again with every voxel's own beams."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.reconstruct.bent_rays import OmegaImages, turn_rates
from friedel.reconstruct.density import Data, Fitted, fit_density
from friedel.reconstruct.lattice_field import EXPLAINED, FOLDS, BentVoxels, Fit, SpotViews, fit_field
from friedel.reconstruct.projections import Projections
from friedel.reconstruct.rays import Rays, sines_of_eta
from friedel.reconstruct.shared_inputs import SharedInputs
from friedel.reconstruct.sirt import BentSolver
from friedel.reconstruct.voxel_field import fit_voxels

FEWEST_SPOTS = 8
"""Spots that are longer than a frame: with fewer of them nothing is asked."""
FEWEST_VOXELS = 30
OVER_NULL = 0.2
"""A field must foretell so much more than with the frames shuffled."""
SHUFFLES = 4
MOST_SPLATS, FEWEST_ASKED = 250_000, 20
"""Voxels times spots of a projection: large grains have many pixels in each spot, and ask fewer of them."""
OWN_BEAMS_PX = 0.4
"""Where beams go astray by more than this, the shape is reconstructed again."""
NEARLY, MARGIN = 0.5, 3
"""It may grow so many voxels beyond where the first one reaches this part of its threshold."""


class GrainSpots(NamedTuple):
    """A grain's spots: rays, projections, which (n) tell omega, what its density is fitted to; its UB and
    centre."""

    rays: Rays
    spots: Projections
    whole: Mask
    data: Data
    UB: Floats
    centre_um: Floats


class Bend(NamedTuple):
    """Rotation vectors `turn` (rad) [x,y,z,3] of the box's voxels, None where the spots do not tell; what the field
    explains of left-out spots, and what chance does."""

    turn: Floats | None
    explained: float
    null: float


NO_BEND = Bend(None, np.nan, np.nan)


def see_bend(grain: GrainSpots, inputs: SharedInputs, straight: Fitted, seed: int) -> tuple[Fitted, Bend]:
    """The grain's density and how its lattice bends; the density as it was where no field is believed.

    `seed` is that of the shuffled frames.
    """
    reader = OmegaImages(grain.rays, inputs.blobs, inputs.diffraction.setup, grain.spots)
    views = _views(grain, inputs, straight, reader)
    long = (reader.frames > 1) & (views.weight.sum(axis=(1, 2)) > 0)
    voxels = int(np.count_nonzero(_inside(straight)))
    if np.count_nonzero(long) < FEWEST_SPOTS or voxels < FEWEST_VOXELS:
        return straight, NO_BEND
    asked = _asked(long, voxels)

    @cache
    def shuffled() -> list[AnyArray]:
        rng = np.random.default_rng(seed)
        return [reader.read(rng)[asked] for _ in range(SHUFFLES)]

    fit = fit_field(_voxels(straight), views.take(asked), shuffled)
    if not (fit.explained >= EXPLAINED and fit.explained >= fit.null + OVER_NULL):
        return straight, Bend(None, fit.explained, fit.null)
    fitted, turn = straight, _everywhere(_smooth(fit, straight), straight)
    if _astray(views.matrix, turn[_inside(straight)]) > OWN_BEAMS_PX:
        again = _own_beams(grain.data, straight, inputs, views, turn)
        if again is not None and again.residual <= straight.residual:
            seen = _views(grain, inputs, again, reader).take(asked)
            second = fit_field(_voxels(again), seen, shuffled, fit.field)
            if second.explained >= fit.explained - OVER_NULL:
                fitted, fit, turn = again, second, _everywhere(_smooth(second, again), again)
    own = fit_voxels(_voxels(fitted), _views(grain, inputs, fitted, reader).take(asked), fit)
    if own is None:
        return fitted, Bend(turn, fit.explained, fit.null)
    turn = _everywhere(own.turn, fitted)
    again = _own_beams(grain.data, straight, inputs, views, turn)
    better = again if again is not None and again.residual <= fitted.residual else fitted
    return better, Bend(turn, own.explained, fit.null)


def _asked(long: Mask, voxels: int) -> Indices:
    """Spots that the field is fitted to: of those with an omega all, or as many as `MOST_SPLATS` allows, evenly."""
    spots = np.flatnonzero(long)
    most = max(MOST_SPLATS // voxels, FEWEST_ASKED)
    return spots if len(spots) <= most else spots[np.linspace(0, len(spots) - 1, most).astype(np.int64)]


def _views(grain: GrainSpots, inputs: SharedInputs, fitted: Fitted, reader: OmegaImages) -> SpotViews:
    """What the spots see. Omega is known within a width that grows with 1 / |sin eta|: weights are its square."""
    spots, rays = grain.spots, grain.rays
    rates = turn_rates(inputs.diffraction, rays, grain.UB, grain.centre_um)
    matrix = np.zeros((len(rays.k), 2, 7))
    matrix[:, :, :2], matrix[:, 1, 2], matrix[:, :, 3] = spots.slope, 1.0, spots.offset
    matrix[:, :, 4:] = np.where(rates.known[:, None, None], rates.place / inputs.grid.voxel_um, 0.0)
    light = spots.image * spots.known
    mass = np.maximum(light.sum(axis=(1, 2)), 1e-30)
    trust = np.where(rates.known & grain.whole, fitted.weight * sines_of_eta(rays) ** 2, 0.0) / mass
    omega_rates = np.where(rates.known[:, None], rates.omega, 0.0)
    weight = light * trust[:, None, None].astype(np.float32)
    return SpotViews(matrix, omega_rates, reader.read(), weight, _folds(rays.hkl))


def _folds(hkl: Indices) -> Indices:
    """A fold for each spot (n), one for all of a plane: h and -h see the grain from the same sides."""
    first = np.argmax(hkl != 0, axis=1)
    plane = hkl * np.sign(hkl[np.arange(len(hkl)), first])[:, None]
    return np.asarray(np.unique(plane, axis=0, return_inverse=True)[1].ravel() % FOLDS, dtype=np.int64)


def _inside(fitted: Fitted) -> Mask:
    return np.asarray(fitted.density >= fitted.threshold)


def _voxels(fitted: Fitted) -> BentVoxels:
    inside = _inside(fitted)
    place = np.argwhere(inside).astype(np.float64)
    return BentVoxels(place, fitted.density[inside].astype(np.float64), np.zeros_like(place))


def _smooth(fit: Fit, fitted: Fitted) -> Floats:
    """The smooth field at the voxels (n,3) inside the grain."""
    return fit.field.at(np.argwhere(_inside(fitted)).astype(np.float64))


def _everywhere(own: Floats, fitted: Fitted) -> Floats:
    """Rotations [x,y,z,3]: `own` (n,3) inside the grain, and outside that of the nearest voxel inside."""
    inside = _inside(fitted)
    turn = np.zeros((*inside.shape, 3))
    turn[inside] = own
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return np.asarray(turn[tuple(nearest)])


def _astray(matrix: Floats, turn: Floats) -> float:
    """How far most voxels' own beams are from the grain's, in pixels, in most of the spots."""
    largest = np.quantile(np.linalg.norm(turn, axis=1), 0.9)
    return float(largest * np.median(np.linalg.norm(matrix[:, :, 4:], axis=(1, 2))))


def _own_beams(data: Data, straight: Fitted, inputs: SharedInputs, views: SpotViews, turn: Floats) -> Fitted | None:
    """The shape again, with the beams of every voxel's own rotation [x,y,z,3]."""
    pixels = data.measured.shape

    def solver_on(support: Mask) -> BentSolver:
        return BentSolver(views.matrix, turn, support, pixels, inputs.blur)

    near = ndimage.binary_dilation(straight.density >= NEARLY * straight.threshold, iterations=MARGIN)
    return fit_density(data._replace(support=data.support & near), inputs.params, solver_on)
