"""All grains refined together: blobs assigned, each grain fitted to its own, errors from the residuals; repeated.

Refinement of a grain against its assigned spots, again and again with better tolerances, is usual (ImageD11's
makemap; Oddershede et al., J. Appl. Cryst. 43 (2010) 539). That assignment and errors are those of all grains
together is ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from friedel.index.alternatives import with_best_alternatives
from friedel.index.assignment import LEAST_SPOTS, RefinedGrains, assign_blobs, fit_arrays
from friedel.index.candidates import Candidate
from friedel.index.observations import Observations
from friedel.index.params import IndexParams
from friedel.index.strengths import with_fitted_strengths
from friedel.index.sub_grains import group_sub_grains, missing_parents
from friedel.index.tolerances import FLOOR_PX, FLOOR_STEPS, NORMAL, IndexTolerances
from friedel.kernels.index.fit_grain import gauss_newton, spot_residual
from friedel.model.arrays import Floats
from friedel.model.stream import Watcher, watched

LEAST_ERROR = 0.002
"""Steps and pixels: no fit relies on blobs being better than this."""


class Rounds(NamedTuple):
    """How blobs are assigned and grains refined, round by round, and who is told how far it is."""

    tolerances: IndexTolerances
    params: IndexParams
    watcher: Watcher | None = None


def assign_and_refine(
    observations: Observations, candidates: Sequence[Candidate], rounds: Rounds, times: int = 3
) -> tuple[RefinedGrains, Observations]:
    """Grains with the blobs that are theirs, fitted to these; the observations with the errors found on the way."""
    parent, U = group_sub_grains(observations, candidates)
    grains = RefinedGrains.without_blobs(
        np.array([candidate.phase for candidate in candidates], dtype=np.int64),
        parent,
        U,
        np.array([candidate.position for candidate in candidates]).reshape(-1, 3),
        np.array([candidate.search for candidate in candidates], dtype=np.int64),
    )
    tolerances, params, watcher = rounds
    for _ in watched(watcher, "refinement", range(times), times, "rounds"):
        grains = refine(observations, assign_blobs(observations, grains, tolerances, params))
        grains = with_best_alternatives(observations, grains)
        observations, grains = with_fitted_strengths(observations, grains)
        observations = observations.with_errors(*_measured_errors(observations, grains))
    return assign_blobs(observations, grains, tolerances, params), observations


def refine_with_parents(
    observations: Observations, candidates: Sequence[Candidate], rounds: Rounds
) -> tuple[list[Candidate], RefinedGrains, Observations]:
    """As `assign_and_refine`, and again with the parents of sub-grains where these were not found themselves.

    First the candidates, with those that were added.
    """
    grains, observations = assign_and_refine(observations, candidates, rounds)
    if parents := missing_parents(observations, grains, candidates, rounds.params):
        candidates = [*candidates, *parents]
        grains, observations = assign_and_refine(observations, candidates, rounds)
    return list(candidates), grains, observations


def refine(observations: Observations, grains: RefinedGrains) -> RefinedGrains:
    """Each grain fitted to its spots; the residuals of all of these."""
    U, position = grains.U.copy(), grains.position.copy()
    wavelength, plane = observations.wavelength, observations.plane
    for i in range(len(grains)):
        hkl, centroid, errors = fit_arrays(observations, grains, i)
        if len(hkl) >= LEAST_SPOTS:
            B = observations.reflections[grains.phase[i]].B
            U[i], position[i], _ = gauss_newton(U[i], B, position[i], hkl, centroid, errors, wavelength, plane, 4)
    residual, out, hit = grains.residual.copy(), np.zeros(3), np.zeros(2)
    for spot, i in enumerate(grains.grain):
        reflections, seen = observations.reflections[grains.phase[i]], grains.centroid[spot]
        hkl = reflections.hkl[grains.reflection[spot]]
        if spot_residual(U[i] @ reflections.B, position[i], hkl, seen, wavelength, plane, hit, out):
            residual[spot] = out
    return replace(grains, U=U, position=position, residual=residual)


def _measured_errors(observations: Observations, grains: RefinedGrains) -> tuple[Floats, Floats]:
    """Robust standard deviation of the residuals of whole blobs alone, each axis; as before where there are few.

    As blobs are searched for, which is not taken too small, and as they are weighted in a fit.
    """
    alone = observations.lookup.extra_error[grains.blob].max(axis=1, initial=0.0) == 0
    alone &= ~grains.overlapped
    if alone.sum() < 5 * LEAST_SPOTS:
        return observations.search_error, observations.fit_error
    scatter = NORMAL * np.median(np.abs(grains.residual[alone]), axis=0)
    unit = np.array([np.radians(abs(observations.blobs.omega_step_deg)), 1.0, 1.0])
    floor = np.array([FLOOR_STEPS, FLOOR_PX, FLOOR_PX])
    return np.maximum(scatter, floor * unit), np.maximum(scatter, LEAST_ERROR * unit)
