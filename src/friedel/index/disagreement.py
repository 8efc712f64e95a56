"""Intensities that are not those of the atoms: a wrong space group, or other atoms, in the right lattice."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from friedel.index.alternatives import crystals_of
from friedel.index.assignment import RefinedGrains
from friedel.index.intensities import LEAST_CLEAN, log_volumes
from friedel.index.observations import Observations
from friedel.index.phase_reflections import PhaseReflections
from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.reflections import representatives

LEAST_SPOTS = 10
"""Of a family, before anything is said about it."""
OFF = 0.3
"""Logarithms of families' counts are off by this much (root mean square): up to 0.11 in simulated scans with the
right atoms, 0.4 to 1.8 with wrong ones."""
UNSEEN = 0.5
"""A family is missing if its spots are found more rarely, by this much, than those of one that should be dimmer."""
NAMED = 3


class _Families(NamedTuple):
    """Families in use (f): `name` (f,3), logarithm of the counts expected (f), by how much those seen are more (f),
    how many of these there are (f), and the part of the spots that is found (f)."""

    name: Indices
    level: Floats
    off: Floats
    spots: Indices
    found: Floats


def notes_about_intensities(observations: Observations, grains: RefinedGrains) -> Iterator[str]:
    """What is to be said of phases whose spots are not as bright as their atoms make them."""
    for phase, reflections in enumerate(observations.reflections):
        rows = np.flatnonzero(grains.phase == phase)
        if not len(rows) or not reflections.phase.knows_atoms:
            continue
        families = _families(observations, grains, rows, reflections)
        known = families.spots >= LEAST_SPOTS
        off = np.sqrt(np.average(families.off[known] ** 2, weights=families.spots[known])) if known.any() else 0.0
        missing = families.name[_missing(families)]
        kind, check = (
            f"{reflections.phase.name}: intensities disagree with its atoms",
            "check space group and atoms",
        )
        if len(missing):
            names = ", ".join(f"{{{' '.join(map(str, hkl))}}}" for hkl in missing[:NAMED].tolist())
            yield f"{kind}: {names} should be brighter than families that are seen, and are not; {check}"
        elif off > OFF:
            yield f"{kind}: families are off by a factor of {np.exp(off):.1f} on average; {check}"


def _missing(families: _Families) -> Mask:
    dimmer = families.level[None, :] < families.level[:, None]
    more = families.found[None, :] - families.found[:, None]
    return np.asarray((dimmer & (more > UNSEEN)).any(axis=1))


def _families(
    observations: Observations, grains: RefinedGrains, rows: Indices, reflections: PhaseReflections
) -> _Families:
    names = representatives(reflections.hkl.astype(np.int64), reflections.phase.space_group.rotations)
    unique, number = np.unique(names[reflections.in_use], axis=0, return_inverse=True)
    family = np.full(len(names), -1)
    family[reflections.in_use] = number.ravel()
    parts: list[list[AnyArray]] = [[] for _ in range(5)]
    for crystal in crystals_of(observations, grains, rows):
        sightings, own = crystal.sightings, family[crystal.rows]
        if sightings.clean.sum() < LEAST_CLEAN:
            continue
        expected = crystal.log_f2[0] + log_volumes(sightings, crystal.log_f2[:1], crystal.dark[:1])[0]
        columns = own, expected + sightings.factor, sightings.counts - expected, sightings.clean, sightings.found
        for part, column in zip(parts, columns, strict=True):
            part.append(column[own >= 0])
    if not parts[0]:
        nothing = np.zeros(0)
        return _Families(unique[:0], nothing, nothing, unique[:0, 0], nothing)
    own, level, off, clean, found = (np.concatenate(part) for part in parts)
    seen = np.unique(own)
    return _Families(
        unique[seen],
        np.array([np.median(level[own == one]) for one in seen]),
        np.array([np.median(off[(own == one) & clean]) if clean[own == one].any() else 0.0 for one in seen]),
        np.array([np.count_nonzero(clean[own == one]) for one in seen], dtype=np.int64),
        np.array([found[own == one].mean() for one in seen]),
    )
