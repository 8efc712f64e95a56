"""Phases with nearly the same lattice: which one a grain is of, by how well its spots fit either.

The spots of one lie within the tolerances of the other, so that a grain is found as whichever a seed tried first.
Both are fitted to the same spots, and the likelier one is taken. The comparison is ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import NamedTuple

import numpy as np

from friedel.index.assignment import LEAST_SPOTS, RefinedGrains, assign_blobs, fit_arrays
from friedel.index.candidates import Candidate
from friedel.index.observations import Observations
from friedel.index.phase_reflections import PhaseReflections
from friedel.index.refinement import Rounds, refine
from friedel.kernels.index.fit_grain import gauss_newton, spot_residual
from friedel.model.arrays import Floats, Indices, Mask

NEARLY, ALIKE = 0.03, 0.02
"""Lattices whose scale differs by less than this, and whose shape by less, take spots of each other."""
SURE = np.log(100.0)
"""Odds from which on a phase is told."""
HEAVY = 3.0
"""Degrees of freedom of the distribution of residuals (Student's)."""


class PossibleCrystal(NamedTuple):
    """One way for a grain to be: its phase, orientation and place, and the logarithm of its likelihood."""

    phase: int
    U: Floats
    position: Floats
    likelihood: float


def with_likelier_phases(
    observations: Observations, candidates: Sequence[Candidate], grains: RefinedGrains, rounds: Rounds
) -> tuple[list[Candidate], RefinedGrains, list[str]]:
    """Each grain as the phase that fits its spots best; and what is to be said where that is not sure."""
    alike = _alike_phases(observations)
    if not alike.any():
        return list(candidates), grains, []
    phase, U, position = grains.phase.copy(), grains.U.copy(), grains.position.copy()
    sure = np.full(len(grains), np.inf)
    for i in np.flatnonzero(alike[grains.phase].any(axis=1)):
        own, *others = _standings(observations, grains, int(i), alike)
        if others:
            other = max(others, key=lambda one: one.likelihood)
            best = other if other.likelihood > own.likelihood else own
            phase[i], U[i], position[i] = best.phase, best.U, best.position
            sure[i] = abs(other.likelihood - own.likelihood)
    grains = replace(grains, phase=phase, U=U, position=position)
    grains = refine(observations, assign_blobs(observations, grains, rounds.tolerances, rounds.params))
    changed = [replace(one, phase=int(p)) for one, p in zip(candidates, phase, strict=True)]
    return changed, grains, list(_notes(observations, phase, alike, sure))


def _alike_phases(observations: Observations) -> Mask:
    """Which phases [of, with] have nearly the same lattice."""
    every = observations.reflections
    alike = np.zeros((len(every), len(every)), dtype=bool)
    for p, q in permutations(range(len(every)), 2):
        change = every[p].B @ np.linalg.inv(every[q].B)
        scale = abs(float(np.linalg.det(change))) ** (1 / 3)
        shape = np.abs(change / scale - np.eye(3)).max()
        alike[p, q] = abs(scale - 1.0) < NEARLY and shape < ALIKE
    return alike


def _standings(observations: Observations, grains: RefinedGrains, i: int, alike: Mask) -> Iterator[PossibleCrystal]:
    """The grain as it is, then as each phase that is alike, however this lies in the lattice."""
    hkl, centroid, errors = fit_arrays(observations, grains, i)
    if len(hkl) < LEAST_SPOTS:
        return
    errors = np.maximum(errors, observations.search_error)
    own = observations.reflections[grains.phase[i]]

    def standing(phase: int, U: Floats, indices: Floats) -> PossibleCrystal:
        B, wavelength, plane = observations.reflections[phase].B, observations.wavelength, observations.plane
        U, position, _ = gauss_newton(U, B, grains.position[i], indices, centroid, errors, wavelength, plane, 4)
        out, hit, total = np.zeros(3), np.zeros(2), 0.0
        for one, seen, error in zip(indices, centroid, errors, strict=True):
            if spot_residual(U @ B, position, one, seen, wavelength, plane, hit, out):
                total -= 0.5 * (HEAVY + 1.0) * float(np.log1p((out / error) ** 2 / HEAVY).sum())
        return PossibleCrystal(phase, U, position, total)

    yield standing(int(grains.phase[i]), grains.U[i], hkl)
    for phase in np.flatnonzero(alike[grains.phase[i]]):
        other = observations.reflections[phase]
        for turn in _turns(own, other):
            indices = np.ascontiguousarray(np.rint(hkl @ (np.linalg.inv(own.B) @ turn.T @ own.B).T))
            left, _, right = np.linalg.svd(grains.U[i] @ turn @ own.B @ np.linalg.inv(other.B))
            yield standing(int(phase), left @ right, indices)


def _turns(own: PhaseReflections, other: PhaseReflections) -> Iterator[Floats]:
    """Rotations of a lattice that are none of the other's: one of each way to lie in it."""
    seen: list[Floats] = []
    for turn in own.phase.lattice_symmetry:
        same = turn @ other.phase.lattice_symmetry
        if not any((np.abs(same - one).max(axis=(1, 2)) < 1e-6).any() for one in seen):
            seen.append(turn)
            yield turn


def _notes(observations: Observations, phase: Indices, alike: Mask, sure: Floats) -> Iterator[str]:
    names = [one.phase.name for one in observations.reflections]
    for p in range(len(names)):
        others = ", ".join(names[q] for q in np.flatnonzero(alike[p]))
        mine = phase == p
        unsure = int(np.count_nonzero(mine & (sure < SURE)))
        if unsure:
            yield (
                f"{names[p]}: its lattice is nearly that of {others}; {unsure} of {int(mine.sum())} grains may as "
                "well be of that: their spots do not tell"
            )
