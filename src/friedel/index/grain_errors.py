"""How sure orientation, position and strain of each grain are: from what its spots do, not from what they should.

Residuals of one plane's spots are alike: both Friedel mates fall into the same part of a frame, and see the same
outline. So each plane counts as one observation, and is left out once (the jackknife); since a grain has few
planes, how much larger that is than what independent spots would give is taken from all grains together. Few spots
may fit well by luck: no grain's are taken to scatter less than the median grain's.

What all spots of a grain have in common neither scatters nor averages out: its thin parts, and the point spread's
tails, end at the threshold in every view. How far the grain moves when as much is cut off again says how far it has
moved already.
"""

from typing import Any, NamedTuple

import numpy as np

from friedel.index.assignment import LEAST_SPOTS, RefinedGrains, fit_arrays
from friedel.index.observations import Observations
from friedel.kernels.index.fit_grain import CAUCHY_SCALE, spot_jacobian
from friedel.model.arrays import Floats, Indices
from friedel.model.clusters import cluster_sums, left_out_variance
from friedel.model.uncertainty import TAIL, cut_level, shift_of_threshold

FITTED, WITH_STRAIN = 6, 12
LEAST_PLANES = 2.0
"""Planes over numbers to be fitted, from which on a grain's own planes say how alike their spots err."""
PARTS = (0, 3), (3, 6), (6, 12)
"""Turns, lengths, strains."""
CLEARLY = 2.0
"""Standard deviations that a shift of all grains alike has to be beyond chance."""
USUAL_SHIFT = 0.07
"""Of what is lost at the threshold, how far a grain is off along each axis: for tables of blobs without voxels."""
MOST_ALIKE = 16.0
"""Variances over those of independent spots, at most: four spots of a plane that err together make four."""


class GrainErrors(NamedTuple):
    """Standard deviations: `orientation_deg` (n,3) of a rotation about x, y, z of the sample, `position_um` (n,3),
    `strain` (n,6) xx yy zz yz xz xy, empty (0,6) where none was fitted; NaN for grains with too few spots."""

    orientation_deg: Floats
    position_um: Floats
    strain: Floats


class _Fit(NamedTuple):
    """One grain, or all (n) together: variances (p) at unit weights and by leaving planes out; residuals against
    the errors assumed (reduced chi square); how far (p) the grain moves when the threshold doubles, and the
    variances of that."""

    variance: Floats
    left_out: Floats
    scatter: Any
    shift: Floats
    unclear: Floats


def errors_of_grains(observations: Observations, grains: RefinedGrains, *, strain: bool = False) -> GrainErrors:
    """Standard deviations of what was fitted to each grain."""
    moved, lost = _moved_centroids(observations), _lost(observations, grains)

    def of(count: int) -> Floats:
        return _errors([_fit(observations, grains, i, moved, count) for i in range(len(grains))], count, lost)

    errors = of(FITTED)
    if not len(observations.blobs.voxels.intensity):
        errors[:, 3:] = np.hypot(errors[:, 3:], USUAL_SHIFT * lost[:, None])
    strained = of(WITH_STRAIN)[:, FITTED:] if strain else np.zeros((0, WITH_STRAIN - FITTED))
    return GrainErrors(np.degrees(errors[:, :3]), errors[:, 3:], strained)


def _moved_centroids(observations: Observations) -> Floats:
    """By how much all centroids (b,3) rad, px, px move when their blobs' thresholds double."""
    setup = observations.setup
    shift = shift_of_threshold(observations.blobs)
    turned = setup.lab_omega_rad(shift[:, 0]) - setup.lab_omega_rad(np.zeros(len(shift)))
    return np.column_stack([turned, shift[:, 1:]])


def _errors(fits: list[_Fit], count: int, lost: Floats) -> Floats:
    """Standard deviations (n,count) from all fits together."""
    if not fits:
        return np.zeros((0, count))
    every = _Fit(*(np.array(part) for part in zip(*fits, strict=True)))
    usual = float(np.nanmedian(every.scatter)) if np.isfinite(every.scatter).any() else 1.0
    alike = _alike(every.left_out / np.maximum(every.variance, 1e-300) / np.maximum(usual, 1e-300))
    own = every.variance * np.maximum(every.scatter, usual)[:, None] * alike
    return np.asarray(np.sqrt(own + _common(every, lost)))


def _alike(ratio: Floats) -> Floats:
    """How much larger variances (p) are than those of independent spots: the median of all grains that tell."""
    out = np.ones(ratio.shape[1])
    for q, values in enumerate(ratio.T):
        told = values[np.isfinite(values)]
        if len(told):
            out[q] = float(np.clip(np.median(told), 1.0, MOST_ALIKE))
    return out


def _common(fits: _Fit, lost: Floats) -> Floats:
    """Variances (n,p) of what a threshold does to all spots of a grain alike: from how far grains move, less what
    moves by chance.

    What differs from grain to grain (outlines) has no direction of its own, and is larger where more is `lost` (n);
    what all grains have in common has one (a point spread's tail).
    """
    known = np.isfinite(fits.shift).all(axis=1) & np.isfinite(fits.unclear).all(axis=1) & (lost > 0)
    out = np.zeros(fits.shift.shape)
    if not known.any():
        return out
    shift, noise = fits.shift[known], fits.unclear[known]
    mean = shift.mean(axis=0)
    share = lost**2 / (lost[known] ** 2).mean()
    for first, stop in PARTS:
        if first < len(mean):
            part = slice(first, stop)
            apart = ((shift - mean)[:, part] ** 2 - noise[:, part]).sum() / max(len(shift) - 1, 1)
            out[:, part] = (share * max(float(apart), 0.0) / (stop - first))[:, None]
    return np.asarray(out + TAIL**2 * np.maximum(mean**2 - CLEARLY**2 * noise.mean(axis=0) / len(shift), 0.0))


def _lost(observations: Observations, grains: RefinedGrains) -> Floats:
    """How much (n) of each grain's spots a threshold cuts off: the part that it is of the brightest voxel, times
    the spot's width in um; the median of its own spots, 0 where it has none."""
    width = np.sqrt(observations.blobs["sigs"] * observations.blobs["sigf"])
    lost = cut_level(observations.blobs) * width * observations.pixel_um
    out = np.zeros(len(grains))
    for i in range(len(grains)):
        mine = grains.blob[(grains.grain == i) & ~grains.shared]
        out[i] = float(np.median(lost[mine])) if len(mine) else 0.0
    return out


def _fit(observations: Observations, grains: RefinedGrains, i: int, moved: Floats, count: int) -> _Fit:
    """What grain i's spots say about `count` numbers fitted to it."""
    hkl, centroid, errors = fit_arrays(observations, grains, i)
    unknown = np.full(count, np.nan)
    if len(hkl) < LEAST_SPOTS * count // FITTED:
        return _Fit(unknown, unknown, np.nan, unknown, unknown)
    UB, position = grains.U[i] @ observations.reflections[grains.phase[i]].B, grains.position[i]
    wavelength, plane, hit = observations.wavelength, observations.plane, np.zeros(2)
    off, slope = np.zeros((len(hkl), 3)), np.zeros((len(hkl), 3, count))
    for spot in range(len(hkl)):
        if not spot_jacobian(
            UB, position, hkl[spot], centroid[spot], wavelength, plane, hit, off[spot], slope[spot]
        ):
            slope[spot] = off[spot] = 0.0
    square = (off / errors / CAUCHY_SCALE) ** 2
    weight = 1.0 / (1.0 + square) / errors**2
    # weights fall as residuals grow: the fit gives way more easily than weighted squares would
    yields = (1.0 - square) / (1.0 + square) ** 2 / errors**2
    if np.linalg.eigvalsh(np.einsum("sap,sa,saq->pq", slope, yields, slope)).min() <= 0:
        yields = weight  # where most residuals are large there is no such way to give
    curvature = np.einsum("sap,sa,saq->spq", slope, yields, slope)
    score = np.einsum("sap,sa,sa->sp", slope, weight, off)
    covariance = np.linalg.pinv(curvature.sum(axis=0), hermitian=True)
    seen = moved[grains.blob[(grains.grain == i) & ~grains.overlapped]]
    seen[:, 0] *= _sines(UB, hkl, centroid[:, 0], wavelength)
    shift = covariance @ np.einsum("sap,sa,sa->p", slope, yields, seen)
    planes = _planes(hkl)
    left_out = unclear = unknown
    if planes.max() + 1 >= LEAST_PLANES * count:
        curvatures = cluster_sums(curvature, planes)
        left_out = np.diag(left_out_variance(cluster_sums(score, planes), curvatures))
        strays = np.einsum("sap,sa,sa->sp", slope, yields, seen - slope @ shift)
        unclear = np.diag(left_out_variance(cluster_sums(strays, planes), curvatures))
    scatter = float((weight * off**2).sum() / (3 * len(hkl) - count))
    left_out = np.where(np.isfinite(left_out), left_out, np.nan)
    return _Fit(
        np.diag(covariance).copy(), left_out, scatter, shift, np.where(np.isfinite(unclear), unclear, np.nan)
    )


def _sines(UB: Floats, hkl: Floats, omega: Floats, wavelength: float) -> Floats:
    """|sin eta| of spots (n) at angles (n) rad."""
    g = hkl @ UB.T
    y = np.sin(omega) * g[:, 0] + np.cos(omega) * g[:, 1]
    return np.asarray(np.abs(y) / np.maximum(np.hypot(y, g[:, 2]), 1e-12))


def _planes(hkl: Floats) -> Indices:
    """The same number (n) for reflections h and -h (n,3)."""
    first = hkl[np.arange(len(hkl)), np.argmax(hkl != 0, axis=1)]
    return np.asarray(np.unique(hkl * np.sign(first)[:, None], axis=0, return_inverse=True)[1]).reshape(-1)
