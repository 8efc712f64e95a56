"""Strengths of the families of a phase whose atoms are not known, from the blobs of its grains."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from friedel.model.blobs import BlobTable, Flag
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.reflections import representatives
from friedel.model.setup import Setup
from friedel.model.strengths import family_log_strengths
from friedel.reconstruct.rays import DiffractionModel

CUT = Flag.EDGE | Flag.EXCLUDED | Flag.SCAN_END | Flag.SATURATED | Flag.TOUCHES


def fit_strengths(blobs: BlobTable, grains: GrainTable, setup: Setup, phases: Sequence[Phase]) -> tuple[Phase, ...]:
    """The phases, those without atoms with a strength (1 is the median one) for each family that was seen."""
    if all(phase.knows_atoms for phase in phases):
        return tuple(phases)
    plain = [phase if phase.knows_atoms else replace(phase, strengths={}) for phase in phases]
    model = DiffractionModel(setup, plain, blobs.shape)
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
