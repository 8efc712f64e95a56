"""Families without pairs though they should be brighter than others that have many: not those of the crystal.

A space group with too few absences, or other atoms, asks for spots that are not there: crystals would miss half of
what they should have, and look like chance. What pairs show is taken instead, and said. The test is ours.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.index.observations import Observations, PairLines
from friedel.index.phase_reflections import PhaseReflections
from friedel.kernels.index.blob_lookup import EXPECTED, predict_spots
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.reflections import representatives

ORIENTATIONS, SEED = 64, 411
LEAST_PAIRS = 15.0
"""So many should be on a ring before it is silent, and must be on one that is dimmer."""
SILENT = 0.15
"""The part of these that it does not reach."""
APART = np.radians(0.15)
"""Rings that are nearer to each other are not told apart by the pairs on them: of two phases they say nothing."""
NAMED = 3
LEAST_PAIRED = 0.25
"""Of the blobs, that must be in pairs: with a wrong energy or lattice some rings lie on others by chance, and their
pairs say nothing of the rest."""


def without_silent_families(observations: Observations, lines: PairLines) -> tuple[Observations, list[str]]:
    """The observations without reflections that pairs show not to be there, and what is to be said of them."""
    found: list[PhaseReflections] = list(observations.reflections)
    notes: list[str] = []
    if 2 * len(lines) < LEAST_PAIRED * len(observations.blobs):
        return observations, notes
    for row, reflections in enumerate(observations.reflections):
        others = [one.two_theta for other, one in enumerate(observations.reflections) if other != row]
        if not reflections.phase.knows_atoms:
            continue
        silent = _silent_reflections(observations, reflections, lines, np.concatenate([np.zeros(0), *others]))
        if silent.any() and not silent[reflections.in_use].all():
            notes += list(_note(reflections, silent))
            found[row] = _without(reflections, silent)
    return replace(observations, reflections=tuple(found)), notes


def _silent_reflections(
    observations: Observations, reflections: PhaseReflections, lines: PairLines, others: Floats
) -> Mask:
    """Reflections (n) on rings that hardly any pair is on; `others` are the rings of other phases (rad).

    Rings that lie close together are taken as one, as bright as the dimmest and the brightest of them.
    """
    rings = np.unique(np.round(reflections.two_theta, 6))
    group_of_ring = np.concatenate([[0], np.cumsum(np.diff(rings) > APART)])
    group = group_of_ring[np.abs(reflections.two_theta[:, None] - rings).argmin(axis=1)]
    count = int(group_of_ring[-1]) + 1
    own = np.ones(count, dtype=bool)
    own[group_of_ring[(np.abs(rings[:, None] - others) <= APART).any(axis=1)]] = False
    due = np.bincount(group, _expected_spots(observations, reflections), count) * own
    wide = np.bincount(group_of_ring, np.tan(rings), count)
    nearest = group_of_ring[np.abs(lines.two_theta[:, None] - rings).argmin(axis=1)]
    there = np.bincount(nearest, minlength=count)
    pairs = np.maximum(there - lines.by_chance * wide / wide.sum(), 0.0)
    dimmest, brightest = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(dimmest, group, reflections.f_squared)
    np.maximum.at(brightest, group, reflections.f_squared)
    rate = pairs / np.maximum(due, 1.0)
    silent = np.zeros(count, dtype=bool)
    for one in np.flatnonzero(due >= 1.0):
        dimmer = rate[(due >= 1.0) & (brightest < dimmest[one]) & (pairs >= LEAST_PAIRS)]
        if len(dimmer):
            should = float(np.median(dimmer)) * due[one]
            silent[one] = should >= LEAST_PAIRS and there[one] < SILENT * should
    return np.asarray(silent[group])


def _expected_spots(observations: Observations, reflections: PhaseReflections) -> Floats:
    """Spots (n) that crystals at random have on the detector, of the families in use: the mean."""
    total = np.zeros(len(reflections.hkl))
    for U in Rotation.random(ORIENTATIONS, rng=np.random.default_rng(SEED)).as_matrix():
        place, state = np.zeros((2 * len(total), 4)), np.zeros(2 * len(total), dtype=np.int64)
        g = reflections.hkl @ (U @ reflections.B).T
        predict_spots(
            g, np.zeros(3), observations.wavelength, observations.plane, tuple(observations.window), place, state
        )
        total += (state == EXPECTED).reshape(-1, 2).sum(axis=1)
    return np.where(reflections.in_use, total / ORIENTATIONS, 0.0)


def _note(reflections: PhaseReflections, silent: Mask) -> Iterator[str]:
    rotations = reflections.phase.space_group.rotations
    families: Indices = np.unique(
        representatives(reflections.hkl[silent & reflections.in_use].astype(np.int64), rotations), axis=0
    )
    size = np.abs(families).sum(axis=1)
    families = families[np.argsort(size, kind="stable")]
    names = ", ".join(f"{{{' '.join(map(str, hkl))}}}" for hkl in families[:NAMED].tolist())
    more = f" and {len(families) - NAMED} more" if len(families) > NAMED else ""
    yield (
        f"{reflections.phase.name}: intensities disagree with its atoms: {names}{more} should be brighter than "
        "families that have many pairs, and have none; they are not looked for; check space group and atoms"
    )


def _without(reflections: PhaseReflections, gone: Mask) -> PhaseReflections:
    """Without some rings: all reflections of one |g|, so that alternatives have their planes still."""
    keep = ~gone
    number = np.cumsum(keep) - 1
    return replace(
        reflections,
        hkl=np.ascontiguousarray(reflections.hkl[keep]),
        normal=np.ascontiguousarray(reflections.normal[keep]),
        g_length=reflections.g_length[keep],
        f_squared=reflections.f_squared[keep],
        two_theta=reflections.two_theta[keep],
        unique=reflections.unique[keep],
        in_use=reflections.in_use[keep],
        dark=reflections.dark[keep],
        row_of=number[reflections.row_of[:, keep]],
    )
