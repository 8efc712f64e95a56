"""How sure orientation, position and strain of each grain are: from what its spots do, not from what they should.

Residuals of one plane's spots are alike: both Friedel mates fall into the same part of a frame, and see the same
outline. So each plane counts as one observation, and is left out once (the jackknife); since a grain has few
planes, how much larger that is than what independent spots would give is taken from all grains together. Few spots
may fit well by luck: no grain's are taken to scatter less than the median grain's.

What all spots of a grain have in common neither scatters nor averages out: its thin parts, and the point spread's
tails, end at the threshold in every view. How far the grain moves when as much is cut off again says how far it has
moved already: that is taken back.
"""

from typing import Any, NamedTuple

import numpy as np

from friedel.index.assignment import LEAST_SPOTS, RefinedGrains, fit_arrays
from friedel.index.observations import Observations
from friedel.kernels.index.fit_grain import CAUCHY_SCALE, spot_jacobian
from friedel.model.arrays import Floats, Indices
from friedel.model.clusters import cluster_sums, left_out_variance
from friedel.model.uncertainty import TAIL, cut_level, shift_of_rim, shift_of_threshold

FITTED, WITH_STRAIN = 6, 12
LEAST_PLANES = 2.0
"""Planes over numbers to be fitted, from which on a grain's own planes say how alike their spots err."""
PARTS = (0, 3), (3, 6), (6, 12)
"""Turns, lengths, strains."""
CLEARLY = 3.0
"""Standard deviations that a shift of all grains alike has to be beyond chance."""
UNSURE, UNSURE_RIM, UNSURE_TAIL = 0.6, 0.6, 0.2
"""Of how far a grain moves when the threshold doubles, of what was guessed to lie just below it, and of what a tail
does, how much is not known."""
UNSURE_TURN = 1.5
"""The second one, for the turn about z: spots of a lattice that bends about z all lose the same end."""
ABOUT, ALONG = 2, 5
"""Which of the numbers are the turn about z and the place along z."""
USUAL_SHIFT = 0.07
"""Of what is lost at the threshold, how far a grain is off along each axis: for tables of blobs without voxels."""
MOST_ALIKE = 16.0
"""Variances over those of independent spots, at most: four spots of a plane that err together make four."""


class GrainErrors(NamedTuple):
    """How sure grains are: covariances `orientation_deg2` (n,3,3) of a rotation about x, y, z of the sample and
    `position_um2` (n,3,3); `strain` (n,6) standard deviations xx yy zz yz xz xy, empty (0,6) where none was fitted,
    NaN for grains with too few spots. `moved` (6) is how far what thresholds cut off has turned (rad) and moved
    (um) all grains alike: it is still to be taken back."""

    orientation_deg2: Floats
    position_um2: Floats
    strain: Floats
    moved: Floats


class _Fit(NamedTuple):
    """One grain, or all (n) together: covariance (p,p) at unit weights, variances (p) by leaving planes out;
    residuals against the errors assumed (reduced chi square); how far (p) the grain moves when the threshold
    doubles, and the variances of that; how far (p) it was moved by what was guessed below the threshold."""

    covariance: Floats
    left_out: Floats
    scatter: Any
    shift: Floats
    unclear: Floats
    guessed: Floats


def errors_of_grains(observations: Observations, grains: RefinedGrains, *, strain: bool = False) -> GrainErrors:
    """Covariances of what was fitted to each grain."""
    blobs, lost = observations.blobs, _lost(observations, grains)
    moved = np.stack([_in_units(observations, shift) for shift in (shift_of_threshold(blobs), shift_of_rim(blobs))])

    def of(count: int) -> tuple[Floats, Floats]:
        fits = [_fit(observations, grains, i, moved, count) for i in range(len(grains))]
        return _covariances(fits, count, lost)

    errors, taken = of(FITTED)
    if not len(observations.blobs.voxels.intensity):
        errors[:, 3:, 3:] += (USUAL_SHIFT * lost[:, None, None]) ** 2 * np.eye(3)
    strained = np.zeros((0, WITH_STRAIN - FITTED))
    if strain:
        strained = np.sqrt(np.diagonal(of(WITH_STRAIN)[0], axis1=1, axis2=2)[:, FITTED:])
    return GrainErrors(np.degrees(np.degrees(errors[:, :3, :3])), errors[:, 3:, 3:], strained, taken)


def _in_units(observations: Observations, shift: Floats) -> Floats:
    """Shifts of centroids (b,3) as deg, px, px in rad, px, px."""
    setup = observations.setup
    turned = setup.lab_omega_rad(shift[:, 0]) - setup.lab_omega_rad(np.zeros(len(shift)))
    return np.column_stack([turned, shift[:, 1:]])


def _covariances(fits: list[_Fit], count: int, lost: Floats) -> tuple[Floats, Floats]:
    """Covariances (n,count,count) from all fits together, and how far (count) thresholds have moved all of them."""
    if not fits:
        return np.zeros((0, count, count)), np.zeros(count)
    every = _Fit(*(np.array(part) for part in zip(*fits, strict=True)))
    usual = float(np.nanmedian(every.scatter)) if np.isfinite(every.scatter).any() else 1.0
    variance = np.diagonal(every.covariance, axis1=1, axis2=2)
    alike = np.sqrt(_alike(every.left_out / np.maximum(variance, 1e-300) / np.maximum(usual, 1e-300)))
    own = every.covariance * np.maximum(every.scatter, usual)[:, None, None] * np.outer(alike, alike)
    common, taken = _common(every, lost)
    return np.asarray(own + common), taken


def _alike(ratio: Floats) -> Floats:
    """How much larger variances (p) are than those of independent spots: the median of all grains that tell."""
    out = np.ones(ratio.shape[1])
    for q, values in enumerate(ratio.T):
        told = values[np.isfinite(values)]
        if len(told):
            out[q] = float(np.clip(np.median(told), 1.0, MOST_ALIKE))
    return out


def _common(fits: _Fit, lost: Floats) -> tuple[Floats, Floats]:
    """What a threshold does to all spots of a grain alike, from how far grains move when it doubles: covariances
    (n,p,p) of what stays unknown, and how far (p) all are off.

    What differs from grain to grain (outlines) has no direction of its own, and is larger where more is `lost` (n).
    What all grains have in common, a point spread's tail, is along z: the sample turns, and the detector does not.
    """
    n, p = fits.shift.shape
    known = np.isfinite(fits.shift).all(axis=1) & np.isfinite(fits.unclear).all(axis=1) & (lost > 0)
    tail, out = np.zeros(p), np.zeros((n, p, p))
    if not known.any():
        return out, tail
    shift, noise = fits.shift[known], fits.unclear[known]
    mean = shift.mean(axis=0)
    by_chance = float(shift[:, ALONG].var()) / max(len(shift) - 1, 1)
    if mean[ALONG] ** 2 > CLEARLY**2 * by_chance:
        tail[ALONG] = TAIL * mean[ALONG]
        unclear = float(noise[:, ALONG].mean()) / len(shift)
        out[:, ALONG, ALONG] = TAIL**2 * unclear + (UNSURE_TAIL * tail[ALONG]) ** 2
    share = lost**2 / (lost[known] ** 2).mean()
    for first, stop in PARTS:
        if first < p:
            part = slice(first, stop)
            apart = ((shift - mean)[:, part] ** 2 - noise[:, part]).sum() / max(len(shift) - 1, 1)
            seen = max(float(apart), 0.0) / (stop - first)
            guessed = float(np.mean(fits.guessed[known][:, part] ** 2))
            each = share * (UNSURE**2 * seen + UNSURE_RIM**2 * guessed)
            out[:, np.arange(first, stop), np.arange(first, stop)] += each[:, None]
            if first <= ABOUT < stop:
                out[:, ABOUT, ABOUT] += share * (UNSURE_TURN**2 - UNSURE_RIM**2) * guessed
    return out, tail


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
    hkl, centroid, errors, blob = _spots_of(observations, grains, i)
    unknown = np.full(count, np.nan)
    if len(hkl) < LEAST_SPOTS * count // FITTED:
        return _Fit(np.full((count, count), np.nan), unknown, np.nan, unknown, unknown, unknown)
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
    both = moved[:, blob]
    both[:, :, 0] *= _sines(UB, hkl, centroid[:, 0], wavelength)
    shift, guessed = np.einsum("sap,sa,msa->mp", slope, yields, both) @ covariance
    seen = both[0]
    planes = _planes(hkl)
    left_out = unclear = unknown
    if planes.max() + 1 >= LEAST_PLANES * count:
        curvatures = cluster_sums(curvature, planes)
        left_out = np.diag(left_out_variance(cluster_sums(score, planes), curvatures))
        strays = np.einsum("sap,sa,sa->sp", slope, yields, seen - slope @ shift)
        unclear = np.diag(left_out_variance(cluster_sums(strays, planes), curvatures))
    scatter = float((weight * off**2).sum() / max(3 * len(hkl) - count, 1))
    left_out = np.where(np.isfinite(left_out), left_out, np.nan)
    unclear = np.where(np.isfinite(unclear), unclear, np.nan)
    return _Fit(covariance, left_out, scatter, shift, unclear, guessed)


def _spots_of(observations: Observations, grains: RefinedGrains, i: int) -> tuple[Floats, Floats, Floats, Indices]:
    """As `fit_arrays`, and the blobs (m); of a grain with hardly a spot that is not overlapped, these too, each as
    unsure as its blob is wide."""
    mine = np.flatnonzero((grains.grain == i) & ~grains.overlapped)
    if len(mine) >= LEAST_SPOTS:
        return *fit_arrays(observations, grains, i), grains.blob[mine]
    mine = np.flatnonzero(grains.grain == i)
    blob, reflections = grains.blob[mine], observations.reflections[grains.phase[i]]
    wide = observations.overlap_lookup.extra_error[blob] * grains.overlapped[mine][:, None]
    errors = np.sqrt(observations.fit_error**2 + np.maximum(wide, observations.lookup.extra_error[blob]) ** 2)
    return reflections.hkl[grains.reflection[mine]], grains.centroid[mine], errors, blob


def _sines(UB: Floats, hkl: Floats, omega: Floats, wavelength: float) -> Floats:
    """|sin eta| of spots (n) at angles (n) rad."""
    g = hkl @ UB.T
    y = np.sin(omega) * g[:, 0] + np.cos(omega) * g[:, 1]
    return np.asarray(np.abs(y) / np.maximum(np.hypot(y, g[:, 2]), 1e-12))


def _planes(hkl: Floats) -> Indices:
    """The same number (n) for reflections h and -h (n,3)."""
    first = hkl[np.arange(len(hkl)), np.argmax(hkl != 0, axis=1)]
    return np.asarray(np.unique(hkl * np.sign(first)[:, None], axis=0, return_inverse=True)[1]).reshape(-1)
