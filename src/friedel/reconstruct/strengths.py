"""Strengths of the families of a phase whose atoms are not known, from the blobs of its grains."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from friedel.model.absorption import Absorption
from friedel.model.blobs import BlobTable, Flag
from friedel.model.clusters import cluster_sums, left_out_variance
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.reflections import representatives
from friedel.model.setup import Setup
from friedel.model.strengths import family_log_strengths
from friedel.reconstruct.rays import DiffractionModel

LEAST_SPOTS, LEAST_GRAINS = 6, 4
"""Grains, and spots of one, from which on they say something of absorption."""
ROUNDS, TUNING = 10, 3.0
CUT = Flag.EDGE | Flag.EXCLUDED | Flag.SCAN_END | Flag.SATURATED | Flag.TOUCHES


def fit_strengths(
    blobs: BlobTable,
    grains: GrainTable,
    setup: Setup,
    phases: Sequence[Phase],
    absorption: Absorption | None = None,
) -> tuple[Phase, ...]:
    """The phases, those without atoms with a strength (1 is the median one) for each family that was seen."""
    if all(phase.knows_atoms for phase in phases):
        return tuple(phases)
    plain = [phase if phase.knows_atoms else replace(phase, strengths={}) for phase in phases]
    model = DiffractionModel(setup, plain, blobs.shape, absorption)
    spots = [model.rays(grains, grain, blobs) for grain in range(len(grains))]
    whole = [~one.shared & ((blobs["flags"][one.blob] & CUT) == 0) for one in spots]
    fitted = []
    for number, phase in enumerate(plain):
        mine = [row for row in range(len(grains)) if grains.phase[row] == number]
        if phase.knows_atoms or not mine:
            fitted.append(phase)
            continue
        used = [spots[row].take(whole[row]) for row in mine]
        names = representatives(np.concatenate([one.hkl for one in used]), phase.space_group.rotations)
        unique, family = np.unique(names, axis=0, return_inverse=True)
        counts = [np.log(np.maximum(blobs["sum_intensity"][one.blob], 1e-12) / one.strength) for one in used]
        grain = np.repeat(np.arange(len(used)), [len(one.blob) for one in used])
        log_strength = family_log_strengths(np.concatenate(counts), grain, family.ravel(), len(unique))
        strengths = {
            tuple(hkl): float(value) for hkl, value in zip(unique.tolist(), np.exp(log_strength), strict=True)
        }
        fitted.append(replace(phase, strengths=strengths))
    return tuple(fitted)


def absorption_of_spots(
    blobs: BlobTable, grains: GrainTable, setup: Setup, phases: Sequence[Phase], absorption: Absorption
) -> tuple[float, float]:
    """Coefficient (1/um) that the grains' own spots show, and its standard deviation; NaN where too few say.

    Of each grain the counts over |F|^2, Lorentz and polarisation fall with the length of the way through the
    sample's body: one slope for all, by least squares with Cauchy's weights, its error by leaving grains out.
    """
    phases = fit_strengths(blobs, grains, setup, phases, absorption)
    model, way = DiffractionModel(setup, phases, blobs.shape), replace(absorption, per_um=1.0)
    lengths, counts, owner = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    for grain in range(len(grains)):
        rays = model.rays(grains, grain, blobs)
        rays = rays.take(~rays.shared & ((blobs["flags"][rays.blob] & CUT) == 0))
        if len(rays.blob) < LEAST_SPOTS:
            continue
        length = -way.log_transmission(grains.position_um[grain], rays.omega, rays.k)
        bare = np.log(np.maximum(blobs["sum_intensity"][rays.blob], 1e-12) / rays.strength)
        lengths.append(length - length.mean())
        counts.append(bare - np.median(bare))
        owner.append(np.full(len(length), grain))
    x, y, names = np.concatenate(lengths), np.concatenate(counts), np.concatenate(owner)
    if len(np.unique(names)) < LEAST_GRAINS or not (x**2).sum() > 0:
        return np.nan, np.nan
    slope, weight = 0.0, np.ones(len(x))
    for _ in range(ROUNDS):
        slope = float((weight * x * y).sum() / (weight * x**2).sum())
        off = y - slope * x
        weight = 1.0 / (1.0 + (off / max(TUNING * float(np.median(np.abs(off))), 1e-9)) ** 2)
    score = cluster_sums((weight * x * (y - slope * x))[:, None], names)
    curvature = cluster_sums((weight * x**2)[:, None, None], names)
    return -slope, float(np.sqrt(left_out_variance(score, curvature)[0, 0]))
