"""Intensities of a phase whose atoms are not known: one strength for each family, fitted to the grains' blobs."""

from dataclasses import replace

import numpy as np

from friedel.index.assignment import RefinedGrains, counts_of, predict
from friedel.index.observations import Observations
from friedel.index.phase_reflections import PhaseReflections
from friedel.model.arrays import Floats, Indices
from friedel.model.reflections import representatives
from friedel.model.strengths import family_log_strengths, medians


def with_fitted_strengths(observations: Observations, grains: RefinedGrains) -> tuple[Observations, RefinedGrains]:
    """Observations with the strengths that the grains' blobs say, and grains with the volumes that follow.

    Phases of known atoms are left as they are.
    """
    unknown = [row for row, one in enumerate(observations.reflections) if not one.phase.knows_atoms]
    if not unknown or not len(grains.grain):
        return observations, grains
    phase_of_spot = grains.phase[grains.grain]
    counts = _bare_counts(observations, grains)
    whole = observations.whole[grains.blob] & ~grains.shared
    found = list(observations.reflections)
    for row in unknown:
        mine = whole & (phase_of_spot == row)
        found[row] = _fitted(found[row], counts[mine], grains.grain[mine], grains.reflection[mine])
    bare = np.zeros(len(counts))
    for row, one in enumerate(found):
        mine = phase_of_spot == row
        bare[mine] = counts[mine] - np.log(one.f_squared[grains.reflection[mine]])
    volume = medians(bare[whole], grains.grain[whole], len(grains))
    known = ~np.isin(grains.phase, unknown)
    volume[known] = grains.log_volume[known]
    return replace(observations, reflections=tuple(found)), replace(grains, log_volume=volume)


def _bare_counts(observations: Observations, grains: RefinedGrains) -> Floats:
    """Of each spot that has a blob the logarithm of its counts without Lorentz and polarisation."""
    spots = predict(observations, grains)
    first = np.searchsorted(spots.grain, np.arange(len(grains)))
    row = first[grains.grain] + 2 * grains.reflection + grains.solution
    f_squared = np.concatenate([observations.reflections[phase].f_squared.repeat(2) for phase in grains.phase])
    return np.asarray(np.log(counts_of(observations, grains.blob) / spots.strength[row] * f_squared[row]))


def _fitted(reflections: PhaseReflections, counts: Floats, grain: Indices, reflection: Indices) -> PhaseReflections:
    rotations = reflections.phase.space_group.rotations
    names = representatives(reflections.hkl.astype(np.int64), rotations)
    unique, family = np.unique(names, axis=0, return_inverse=True)
    family = family.ravel()
    strength = np.exp(family_log_strengths(counts, grain, family[reflection], len(unique)))
    return replace(reflections, f_squared=strength[family])
